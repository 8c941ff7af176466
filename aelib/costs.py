"""What a network costs to run."""

import math

from aelib.models import Autoencoder


def multiply_adds(ae: Autoencoder) -> int:
    """Multiplications with a weight that one image needs on its way through encoder and decoder.

    A dense layer uses each of its weights once. A convolution uses its kernel once for each pixel that
    comes out; a transposed one, which spreads each pixel with its kernel, once for each that goes in.
    Biases, activations and pooling are not counted.

    >>> from aelib import dense_autoencoder
    >>> multiply_adds(dense_autoencoder((28, 28, 1), hidden_units=[500], code_size=30))
    814000
    >>> 2 * (784 * 500 + 500 * 30)
    814000

    Args:
        ae: an autoencoder of Dense, Conv2D and Conv2DTranspose layers; others are taken to have no
            multiplications with weights.
    """
    return _count(ae.encoder) + _count(ae.decoder)


def _count(layer):
    if hasattr(layer, "layers"):
        return sum(map(_count, layer.layers))
    kind = type(layer).__name__
    if kind not in ("Dense", "Conv2D", "Conv2DTranspose"):
        return 0
    shape = layer.input.shape if kind == "Conv2DTranspose" else layer.output.shape
    return math.prod(layer.kernel.shape) * math.prod(shape[1:-1])
