"""Measures of a reconstruction and of a code; no TensorFlow needed."""

from collections.abc import Mapping

import numpy as np
from scipy.linalg import subspace_angles
from sklearn.neighbors import KNeighborsClassifier

from aelib.data import check_images


def squared_error(x: np.ndarray, x_hat: np.ndarray) -> float:
    """E: squared error summed over an image's pixels, averaged over the images.

    The unit of Hinton & Salakhutdinov (2006), with pixels in [0, 1]. E divided by the number
    of values in an image is the mean squared error that Keras prints.

    Args:
        x: images (n, height, width, channels) in [0, 1].
        x_hat: their reconstructions, of the same shape; not clipped.

    Raises:
        ValueError: not images, or shapes that differ.
    """
    return float(image_errors(x, x_hat).mean())


def image_errors(x: np.ndarray, x_hat: np.ndarray) -> np.ndarray:
    """Squared error of each image, summed over its pixels; shape (n,). See `squared_error`."""
    x, x_hat = check_images(x), np.asarray(x_hat)
    if x.shape != x_hat.shape:
        raise ValueError(f"images of shape {x.shape}, but reconstructions of {x_hat.shape}")
    return np.square(x.astype("float64") - x_hat).reshape(len(x), -1).sum(axis=1)


def encode(ae, x: np.ndarray) -> np.ndarray:
    """Codes (n, code_size) of images (n, height, width, channels)."""
    return ae.encoder.predict(check_images(x), batch_size=250, verbose=0)


def reconstruct(ae, x: np.ndarray) -> np.ndarray:
    """Images (n, height, width, channels) through encoder and decoder; not clipped."""
    return ae.model.predict(check_images(x), batch_size=250, verbose=0)


def knn_accuracy(
    train: np.ndarray, y_train: np.ndarray, test: np.ndarray, y_test: np.ndarray, k: int = 5
) -> float:
    """Fraction of `test` that the k nearest neighbours among `train` classify correctly.

    Args:
        train, test: codes, or images, of shape (n, ...); flattened.
        y_train, y_test: labels (n,).
        k: number of neighbours, each with one vote; Euclidean distance.
    """
    knn = KNeighborsClassifier(k)
    knn.fit(np.reshape(train, (len(train), -1)), y_train)
    return float(knn.score(np.reshape(test, (len(test), -1)), y_test))


def report_claims(claims: Mapping[str, bool | None]) -> None:
    """Print a line a claim: "holds", "does not hold", or "not tested here" for None."""
    for claim, truth in claims.items():
        verdict = "not tested here" if truth is None else "holds" if truth else "does not hold"
        print(f"{verdict}: {claim}")


def principal_angles(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Principal angles, in degrees and descending, between the column spaces of two matrices.

    Args:
        a, b: (n_pixels, k) matrices of full column rank.

    Source: Björck & Golub 1973, as implemented in scipy.linalg.subspace_angles.
    """
    return np.degrees(subspace_angles(np.asarray(a, "float64"), np.asarray(b, "float64")))
