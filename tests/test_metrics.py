import numpy as np
import pytest

import aelib


def test_squared_error_is_summed_over_pixels_and_averaged_over_images():
    x = np.zeros((2, 2, 2, 1))
    x_hat = np.zeros((2, 2, 2, 1))
    x_hat[0] = 0.5
    x_hat[1, 0, 0, 0] = -2
    assert aelib.image_errors(x, x_hat).tolist() == [1, 4]
    assert aelib.squared_error(x, x_hat) == 2.5


X = np.zeros((2, 2, 2, 1))


@pytest.mark.parametrize(
    ("x", "x_hat", "message"),
    [
        (X, np.zeros((2, 2, 2, 3)), r"reconstructions must have shape \(2, 2, 2, 1\), not "),
        (X[0], X[0], r"images must have shape \(n, height, width, channels\), not \(2, 2, 1\)"),
        (X, X * np.nan, "reconstructions contain NaN or infinite values"),
        (X, X + np.inf, "reconstructions contain NaN or infinite values"),
        (X * np.nan, X, "images contain NaN"),
        (X, X.astype(str), "reconstructions must be numbers"),
        (X, None, r"reconstructions must have shape .* not \(\)"),
        (X, [[1], [1, 2]], "reconstructions must be one array of numbers"),
    ],
)
def test_only_images_of_one_shape_have_an_error(x, x_hat, message, refused):
    with refused(message):
        aelib.squared_error(x, x_hat)


def test_pca_has_the_error_of_the_discarded_variance(tiny):
    ae = aelib.fit_pca(tiny.x_train, 5)
    flat = tiny.x_train.reshape(200, -1).astype("float64")
    centred = flat - flat.mean(axis=0)
    lost = (np.linalg.svd(centred, compute_uv=False)[5:] ** 2).sum() / 200
    e = aelib.reconstruction_error(ae, tiny.x_train)
    assert e == pytest.approx(lost, rel=1e-4)
    np.testing.assert_allclose(aelib.encode(ae, tiny.x_train).mean(axis=0), 0, atol=1e-4)


def test_one_fit_of_pca_has_the_errors_of_all_smaller_ones(tiny):
    errors = aelib.pca_errors(aelib.fit_pca(tiny.x_train, 5), tiny.x_test)
    mean = np.broadcast_to(tiny.x_train.mean(axis=0), tiny.x_test.shape)
    fitted = [aelib.squared_error(tiny.x_test, mean)]
    for size in range(1, 6):
        smaller = aelib.fit_pca(tiny.x_train, size)
        fitted.append(aelib.reconstruction_error(smaller, tiny.x_test))
    assert errors == pytest.approx(fitted, rel=1e-5)


def test_pca_of_colour_images_keeps_their_shape():
    x = np.random.default_rng(0).random((40, 4, 3, 3), dtype="float32")
    assert aelib.reconstruct(aelib.fit_pca(x, 36), x) == pytest.approx(x, abs=1e-4)


@pytest.mark.parametrize(
    ("n", "code_size", "message"),
    [
        (10, 11, "10 images give at most 10 components, not 11"),
        (20, 17, "code_size must be at most 16"),
        (10, 0, "code_size must be an integer of 1 or more, not 0"),
        (10, [2], r"code_size must be an integer of 1 or more, not \[2\]"),
        (0, 2, "training images must have shape"),
    ],
)
def test_pca_refuses_what_cannot_be(n, code_size, message, refused):
    with refused(message):
        aelib.fit_pca(np.random.default_rng(0).random((n, 4, 4, 1)), code_size)


def test_pca_takes_numpys_integers(tiny):
    assert aelib.fit_pca(tiny.x_train, np.uint8(3)).encoder.output_shape == (None, 3)


def test_knn_accuracy_counts_the_votes_of_k_neighbours():
    train = np.array([[0.0], [0.1], [0.2], [5.0], [5.1]])
    labels = np.array([0, 0, 0, 1, 1])
    test, truth = np.array([[0.05], [5.05], [5.2]]), np.array([0, 1, 1])
    assert aelib.knn_accuracy(train, labels, test, truth, k=1) == 1
    assert aelib.knn_accuracy(train, labels, test, truth, k=5) == pytest.approx(1 / 3)


CODES = np.arange(8.0).reshape(4, 2)
LABELS = np.array([0, 0, 1, 1])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"train": CODES * np.nan}, "training codes contain NaN or infinite values"),
        ({"test": CODES + np.inf}, "test codes contain NaN or infinite values"),
        ({"test": CODES[:0]}, "test codes must have shape"),
        ({"train": None}, r"training codes must have shape .* not \(\)"),
        ({"train": CODES.astype(str)}, "training codes must be numbers"),
        ({"test": CODES[:, :1]}, "training codes of 2 numbers, test codes of 1"),
        ({"y_train": LABELS[:3]}, r"4 training codes or images, but labels of shape \(3,\)"),
        ({"y_test": LABELS[:, None]}, r"4 test codes or images, but labels of shape \(4, 1\)"),
        ({"y_test": None}, r"4 test codes or images, but labels of shape \(\)"),
        ({"k": 5}, "k must be at most 4, the number of training images, not 5"),
        ({"k": 0}, "k must be an integer of 1 or more, not 0"),
    ],
)
def test_neighbours_of_what_is_no_code_are_refused(wrong, message, refused):
    right = {"train": CODES, "y_train": LABELS, "test": CODES, "y_test": LABELS, "k": 1}
    assert aelib.knn_accuracy(**right) == 1
    with refused(message):
        aelib.knn_accuracy(**{**right, **wrong})


def test_principal_angles_of_known_planes():
    a = np.eye(3)[:, :2]
    turned = np.array([[1, 0], [0, np.cos(0.3)], [0, np.sin(0.3)]])
    np.testing.assert_allclose(
        aelib.principal_angles(a, 2 * turned), [np.degrees(0.3), 0], atol=1e-6
    )
    np.testing.assert_allclose(aelib.principal_angles(a, a @ [[1, 2], [3, 4]]), [0, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("b", "message"),
    [
        (np.eye(4)[:, :2], r"b must have shape \(3, k\), not \(4, 2\)"),
        (np.ones(3), r"b must have shape \(3, k\), not \(3,\)"),
        (np.full((3, 2), np.nan), "b contain NaN or infinite values"),
        (np.ones((3, 2)), "columns of a and of b must be linearly independent"),
        (np.zeros((3, 1)), "columns of a and of b must be linearly independent"),
        ("text", "b must have shape"),
    ],
)
def test_angles_of_what_spans_no_space_are_refused(b, message, refused):
    with refused(message):
        aelib.principal_angles(np.eye(3)[:, :2], b)
