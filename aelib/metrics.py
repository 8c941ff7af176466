"""Measures of a reconstruction and of a code; no TensorFlow needed."""

import numpy as np
from scipy.linalg import subspace_angles
from sklearn.neighbors import KNeighborsClassifier

from aelib.checks import check_count, check_finite, check_images


def squared_error(x: np.ndarray, x_hat: np.ndarray) -> float:
    """E: squared error summed over an image's pixels, averaged over the images.

    The unit of Hinton & Salakhutdinov (2006), with pixels in [0, 1]. E divided by the number
    of values in an image is the mean squared error that Keras prints.

    >>> squared_error(np.zeros((1, 28, 28, 1)), np.full((1, 28, 28, 1), 0.5))  # 784 × 0.25
    196.0

    Args:
        x: images (n, height, width, channels) in [0, 1].
        x_hat: their reconstructions, of the same shape; not clipped.

    Raises:
        ValueError: not images, shapes that differ, or reconstructions that are not finite.
    """
    return float(image_errors(x, x_hat).mean())


def image_errors(x: np.ndarray, x_hat: np.ndarray) -> np.ndarray:
    """Squared error of each image, summed over its pixels; shape (n,). See `squared_error`."""
    x = check_images(x)
    x_hat = check_finite(x_hat, "reconstructions", x.shape)
    return np.square(x.astype("float64") - x_hat).reshape(len(x), -1).sum(axis=1)


def knn_accuracy(
    train: np.ndarray, y_train: np.ndarray, test: np.ndarray, y_test: np.ndarray, k: int = 5
) -> float:
    """Fraction of `test` that the k nearest neighbours among `train` classify correctly.

    Args:
        train, test: codes, or images, of shape (n, ...); flattened.
        y_train, y_test: labels (n,).
        k: number of neighbours, each with one vote; Euclidean distance.

    Raises:
        ValueError: codes that are not finite or not of one size, labels of another length, or more
            neighbours than training images.
    """
    k = check_count(k, "k")
    train, y_train = _check_labelled(train, y_train, "training")
    test, y_test = _check_labelled(test, y_test, "test")
    if train.shape[1] != test.shape[1]:
        raise ValueError(
            f"training codes of {train.shape[1]} numbers, test codes of {test.shape[1]}"
        )
    if k > len(train):
        raise ValueError(f"k must be at most {len(train)}, the number of training images, not {k}")
    knn = KNeighborsClassifier(k)
    knn.fit(train, y_train)
    return float(knn.score(test, y_test))


def principal_angles(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Principal angles, in degrees and descending, between the column spaces of two matrices.

    >>> principal_angles([[1], [0]], [[1], [1]]).round(3)
    array([45.])

    Args:
        a, b: (n_pixels, k) matrices of full column rank.

    Raises:
        ValueError: no matrices of finite numbers, different numbers of rows, or dependent columns.

    Source: Björck & Golub 1973, as implemented in scipy.linalg.subspace_angles.
    """
    a = check_finite(a, "a", ("n_pixels", "k"))
    b = check_finite(b, "b", (len(a), "k"))
    angles = np.degrees(subspace_angles(a.astype("float64"), b.astype("float64")))
    if len(angles) < min(a.shape[1], b.shape[1]):
        raise ValueError("the columns of a and of b must be linearly independent")
    return angles


def _check_labelled(x, y, part):
    """Codes or images as rows (n, ...) -> (n, numbers), and their labels."""
    axes = [f"axis {i}" for i in range(1, np.ndim(x))]
    x = check_finite(x, f"{part} codes", ("n", *axes))
    y = np.asarray(y)
    if y.shape != (len(x),):
        raise ValueError(f"{len(x)} {part} codes or images, but labels of shape {y.shape}")
    return x.reshape(len(x), -1), y
