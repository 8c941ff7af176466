"""PCA in the form of an autoencoder, so that the same metrics and plots serve both."""

import numpy as np
from sklearn.decomposition import PCA

from aelib.checks import check_count, check_images
from aelib.metrics import squared_error
from aelib.models import Autoencoder, dense_autoencoder, encode, reconstruct


def fit_pca(x: np.ndarray, code_size: int = 30) -> Autoencoder:
    """Fit scikit-learn's PCA and put it into the weights of a linear autoencoder.

    Args:
        x: training images (n, height, width, channels) in [0, 1].
        code_size: number of principal components, 1 to min(n, height * width * channels).

    Returns:
        Autoencoder whose encoder subtracts the mean image and projects onto the components,
        and whose decoder goes back.

    Raises:
        ValueError: not images, or more components than images or pixels.
    """
    x = check_images(x, "training images")
    code_size = check_count(code_size, "code_size")
    if code_size > len(x):
        raise ValueError(f"{len(x)} images give at most {len(x)} components, not {code_size}")
    ae = dense_autoencoder(
        x.shape[1:], hidden_units=[], code_size=code_size, output_activation="linear"
    )
    rows = x.reshape(len(x), -1)
    # The eigenvectors of the covariance are fastest, but with fewer images than pixels that matrix is
    # larger than the data.
    solver = "covariance_eigh" if rows.shape[0] > rows.shape[1] else "full"
    pca = PCA(code_size, svd_solver=solver).fit(rows)
    ae.encoder.set_weights([pca.components_.T, -pca.components_ @ pca.mean_])
    ae.decoder.set_weights([pca.components_, pca.mean_])
    return ae


def pca_errors(pca: Autoencoder, x: np.ndarray) -> np.ndarray:
    """E of PCA with 0, 1, 2, ... of its components: one fit has all of them.

    The components are orthonormal, so leaving one out adds its number's mean square to the error.

    Args:
        pca: from `fit_pca`.
        x: images (n, height, width, channels) in [0, 1].

    Returns:
        (code_size + 1,), from no component, which answers with the mean image, to all of them.

    Raises:
        ValueError: not images, or of another shape.
    """
    left_out = np.square(encode(pca, x), dtype="float64").mean(axis=0)
    error = squared_error(x, reconstruct(pca, x))
    return error + np.append(left_out[::-1].cumsum()[::-1], 0)
