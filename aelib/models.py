"""Dense and convolutional autoencoders as plain functions on Keras layers."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from aelib._quiet import keras
from aelib.data import check_counts

layers = keras.layers


class Autoencoder(NamedTuple):
    """An encoder, a decoder, and the two in a row; all three share their weights."""

    encoder: keras.Model
    decoder: keras.Model
    model: keras.Model


def dense_autoencoder(
    input_shape: Sequence[int],
    hidden_units: Sequence[int] = (1000, 500, 250),
    code_size: int = 30,
    activation: str = "silu",
    output_activation: str = "sigmoid",
    kernel_initializer=None,
) -> Autoencoder:
    """Build an autoencoder of dense layers; the decoder mirrors the encoder.

    With `hidden_units=[]` there is one layer on each side of the code: a "linear" output with
    squared error then spans the PCA subspace (Baldi & Hornik 1989), and a "sigmoid" output
    with cross-entropy is logistic PCA as in Hinton & Salakhutdinov (2006).

    Args:
        input_shape: shape of one image, (height, width, channels).
        hidden_units: layer sizes of the encoder between the pixels and the code.
        code_size: numbers in the code, 1 to height * width * channels. The code is linear.
        activation: of the hidden layers.
        output_activation: of the pixels; "linear" or "sigmoid".
        kernel_initializer: Keras initializer of the weights of all layers; None for He's of
            the hidden layers and Glorot's of the code and the pixels.

    Returns:
        Autoencoder; encoder (n, height, width, channels) -> (n, code_size), decoder back.

    Raises:
        ValueError: an impossible shape, layer size or code size.
    """
    shape = _check_shape(input_shape)
    hidden = list(hidden_units)
    check_counts(**{f"hidden_units[{i}]": units for i, units in enumerate(hidden)})
    _check_code_size(code_size, shape)

    inner, outer = kernel_initializer or "he_normal", kernel_initializer or "glorot_uniform"

    encoder = [keras.Input(shape), layers.Flatten()]
    encoder += [_dense(units, activation, inner) for units in hidden]
    encoder += [layers.Dense(code_size, name="code", kernel_initializer=outer)]
    decoder = [keras.Input((code_size,))]
    decoder += [_dense(units, activation, inner) for units in reversed(hidden)]
    output = _output(output_activation)
    decoder += [layers.Dense(math.prod(shape), kernel_initializer=outer, **output)]
    decoder += [layers.Reshape(shape)]
    return join(
        keras.Sequential(encoder, name="encoder"), keras.Sequential(decoder, name="decoder")
    )


def conv_autoencoder(
    input_shape: Sequence[int],
    num_blocks: int = 2,
    code_size: int = 30,
    base_filters: int = 32,
    decoder: str = "paired",
    activation: str = "silu",
    output_activation: str = "sigmoid",
) -> Autoencoder:
    """Build an autoencoder of convolutional blocks around a dense code layer.

    An encoder block is two 3x3 convolutions and a pooling that halves height and width,
    rounding up (7 -> 4). A decoder block is two 3x3 transposed convolutions and an upsampling
    that doubles them, cut back to the encoder's size where that was odd (4 -> 8 -> 7).

    Args:
        input_shape: shape of one image, (height, width, channels).
        num_blocks: blocks on each side; each must halve a side of 2 pixels or more.
        code_size: numbers in the code, 1 to height * width * channels. The code is linear.
        base_filters: filters of the first block; they double with each block.
        decoder: "paired" (both transposed convolutions, then upsampling) or "sandwich"
            (transposed convolution, upsampling, transposed convolution).
        activation: of the convolutions.
        output_activation: of the pixels; "linear" or "sigmoid".

    Returns:
        Autoencoder; encoder (n, height, width, channels) -> (n, code_size), decoder back.

    Raises:
        ValueError: an impossible shape, number of blocks or filters, code size, or decoder.
    """
    shape = _check_shape(input_shape)
    height, width, channels = shape
    most = (min(height, width) - 1).bit_length()
    check_counts(num_blocks=num_blocks, base_filters=base_filters)
    if num_blocks > most:
        raise ValueError(
            f"num_blocks must be at most {most} for images of {height}x{width} pixels, "
            f"not {num_blocks}"
        )
    if decoder not in ("paired", "sandwich"):
        raise ValueError(f"decoder must be 'paired' or 'sandwich', not {decoder!r}")
    _check_code_size(code_size, shape)

    filters = [base_filters * 2**block for block in range(num_blocks)]
    sizes = [(height, width)]
    for _ in filters:
        sizes.append(tuple(math.ceil(side / 2) for side in sizes[-1]))

    down = [keras.Input(shape)]
    for f in filters:
        down += [_conv(layers.Conv2D, f, activation), _conv(layers.Conv2D, f, activation)]
        down += [layers.MaxPooling2D(2, padding="same")]
    down += [layers.Flatten(), layers.Dense(code_size, name="code")]

    small = (*sizes[-1], filters[-1])
    up = [keras.Input((code_size,)), _dense(math.prod(small), activation), layers.Reshape(small)]
    for block in reversed(range(num_blocks)):
        first, second = (
            _conv(layers.Conv2DTranspose, filters[block], activation) for _ in range(2)
        )
        grow = [layers.UpSampling2D(2), *_crop(sizes[block + 1], sizes[block])]
        up += [first, second, *grow] if decoder == "paired" else [first, *grow, second]
    up += [layers.Conv2D(channels, 3, padding="same", **_output(output_activation))]
    return join(keras.Sequential(down, name="encoder"), keras.Sequential(up, name="decoder"))


def join(encoder: keras.Model, decoder: keras.Model) -> Autoencoder:
    """Put an encoder and a decoder of matching code shapes in a row."""
    return Autoencoder(encoder, decoder, keras.Sequential([encoder, decoder], name="autoencoder"))


def _dense(units, activation, initializer="he_normal"):
    return layers.Dense(units, activation, kernel_initializer=initializer)


def _conv(layer, filters, activation):
    return layer(filters, 3, padding="same", activation=activation, kernel_initializer="he_normal")


def _output(activation):
    # Logistic pixels start at sigmoid(-2) = 0.12, MNIST's mean. From 0.5, where zero bias puts them,
    # the first steps overshoot: convolutional networks then saturate at black and stay there.
    bias = keras.initializers.Constant(-2.0 if activation == "sigmoid" else 0.0)
    return {"activation": activation, "bias_initializer": bias}


def _crop(small, large):
    extra = [2 * s - g for s, g in zip(small, large, strict=True)]
    return [layers.Cropping2D([(0, e) for e in extra])] if any(extra) else []


def _check_shape(input_shape):
    shape = tuple(input_shape)
    if len(shape) != 3:
        raise ValueError(f"input_shape must be (height, width, channels), not {shape}")
    check_counts(**dict(zip(("height", "width", "channels"), shape, strict=True)))
    return shape


def _check_code_size(code_size, shape):
    check_counts(code_size=code_size)
    if code_size > math.prod(shape):
        raise ValueError(
            f"code_size must be at most {math.prod(shape)}, the numbers in an image of shape "
            f"{shape}, not {code_size}"
        )
