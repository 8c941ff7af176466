"""Dense and convolutional autoencoders as plain functions on Keras layers."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from aelib._quiet import keras
from aelib.checks import check_count, check_finite, check_images, check_list, check_parts, short
from aelib.metrics import squared_error

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
    kernel_initializer: "str | keras.initializers.Initializer | None" = None,
) -> Autoencoder:
    """Build an autoencoder of dense layers; the decoder mirrors the encoder.

    >>> ae = dense_autoencoder((28, 28, 1), hidden_units=[500, 250], code_size=30)
    >>> [layer.units for layer in ae.decoder.layers if hasattr(layer, "units")]
    [250, 500, 784]

    With `hidden_units=[]` there is one layer on each side of the code: a "linear" output with
    squared error then spans the PCA subspace (Baldi & Hornik 1989), and a "sigmoid" output
    with cross-entropy is logistic PCA as in Hinton & Salakhutdinov (2006).

    Args:
        input_shape: shape of one image, (height, width, channels).
        hidden_units: layer sizes of the encoder between the pixels and the code.
        code_size: numbers in the code, 1 to height * width * channels. The code is linear.
        activation: of the hidden layers.
        output_activation: of the pixels: "sigmoid", "linear", or another that Keras knows by name.
        kernel_initializer: Keras initializer of the weights of all layers, each of which gets a copy;
            None for He's of the hidden layers and Glorot's of the code and the pixels.

    Returns:
        Autoencoder; encoder (n, height, width, channels) -> (n, code_size), decoder back.

    Raises:
        ValueError: an impossible shape, layer size or code size, or an unknown activation.
    """
    shape = _check_shape(input_shape)
    hidden = check_list(hidden_units, "hidden_units")
    code_size = _check_code_size(code_size, shape)
    _check_activations(activation=activation, output_activation=output_activation)

    def first(usual):
        # An initializer draws the same numbers each time, so each layer needs one of its own.
        own = kernel_initializer or usual
        return own.clone() if hasattr(own, "clone") else own

    encoder = [keras.Input(shape), layers.Flatten()]
    encoder += [_dense(units, activation, first("he_normal")) for units in hidden]
    encoder += [layers.Dense(code_size, name="code", kernel_initializer=first("glorot_uniform"))]
    decoder = [keras.Input((code_size,))]
    decoder += [_dense(units, activation, first("he_normal")) for units in reversed(hidden)]
    last, output = first("glorot_uniform"), _output(output_activation)
    decoder += [layers.Dense(math.prod(shape), kernel_initializer=last, **output)]
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
    hidden_units: Sequence[int] = (),
) -> Autoencoder:
    """Build an autoencoder of convolutional blocks around a dense code layer.

    An encoder block is two 3x3 convolutions and a pooling that halves height and width,
    rounding up (7 -> 4). A decoder block is two 3x3 transposed convolutions and an upsampling
    that doubles them, cut back to the encoder's size where that was odd (4 -> 8 -> 7).

    >>> ae = conv_autoencoder((28, 28, 1), num_blocks=2, code_size=30, base_filters=8)
    >>> [layer.output.shape[1:] for layer in ae.encoder.layers if "pool" in layer.name]
    [(14, 14, 8), (7, 7, 16)]

    Args:
        input_shape: shape of one image, (height, width, channels).
        num_blocks: blocks on each side; each must halve a side of 2 pixels or more.
        code_size: numbers in the code, 1 to height * width * channels. The code is linear.
        base_filters: filters of the first block; they double with each block.
        decoder: "paired" (both transposed convolutions, then upsampling) or "sandwich"
            (transposed convolution, upsampling, transposed convolution).
        activation: of the convolutions and the hidden layers.
        output_activation: of the pixels: "sigmoid", "linear", or another that Keras knows by name.
        hidden_units: sizes of dense layers between the last block and the code, mirrored in
            the decoder.

    Returns:
        Autoencoder; encoder (n, height, width, channels) -> (n, code_size), decoder back.

    Raises:
        ValueError: an impossible shape, number of blocks or filters, layer size or code size, or an
            unknown decoder or activation.
    """
    shape = _check_shape(input_shape)
    hidden = check_list(hidden_units, "hidden_units")
    height, width, channels = shape
    most = (min(height, width) - 1).bit_length()
    num_blocks = check_count(num_blocks, "num_blocks")
    base_filters = check_count(base_filters, "base_filters")
    if num_blocks > most:
        raise ValueError(
            f"num_blocks must be at most {most} for images of {height}x{width} pixels, "
            f"not {num_blocks}"
        )
    if decoder not in ("paired", "sandwich"):
        raise ValueError(f"decoder must be 'paired' or 'sandwich', not {short(decoder)}")
    code_size = _check_code_size(code_size, shape)
    _check_activations(activation=activation, output_activation=output_activation)

    filters = [base_filters * 2**block for block in range(num_blocks)]
    # Height and width after each block of the encoder. The decoder goes back through the same list,
    # so that an odd size is met again: 7 -> 4 down, 4 -> 8 -> 7 up.
    sizes = [(height, width)]
    for _ in filters:
        sizes.append(tuple(math.ceil(side / 2) for side in sizes[-1]))

    down = [keras.Input(shape)]
    for f in filters:
        down += [_conv(layers.Conv2D, f, activation), _conv(layers.Conv2D, f, activation)]
        down += [layers.MaxPooling2D(2, padding="same")]
    down += [layers.Flatten(), *(_dense(units, activation) for units in hidden)]
    down += [layers.Dense(code_size, name="code")]

    small = (*sizes[-1], filters[-1])
    up = [keras.Input((code_size,)), *(_dense(units, activation) for units in reversed(hidden))]
    up += [_dense(math.prod(small), activation), layers.Reshape(small)]
    for block in reversed(range(num_blocks)):
        first, second = (
            _conv(layers.Conv2DTranspose, filters[block], activation) for _ in range(2)
        )
        grow = [layers.UpSampling2D(2), *_crop(sizes[block + 1], sizes[block])]
        up += [first, second, *grow] if decoder == "paired" else [first, *grow, second]
    up += [layers.Conv2D(channels, 3, padding="same", **_output(output_activation))]
    return join(keras.Sequential(down, name="encoder"), keras.Sequential(up, name="decoder"))


def join(encoder: keras.Model, decoder: keras.Model) -> Autoencoder:
    """Put an encoder and a decoder in a row.

    Raises:
        ValueError: no models of known shapes, or shapes that do not match.
    """
    for part in (encoder, decoder):
        if not isinstance(part, keras.Model) or not hasattr(part, "input_shape"):
            raise ValueError("encoder and decoder must be Keras models that begin with keras.Input")
    for what, given, taken in (
        ("codes", encoder.output_shape, decoder.input_shape),
        ("images", decoder.output_shape, encoder.input_shape),
    ):
        if given[1:] != taken[1:]:
            raise ValueError(f"{what} go out with shape {given[1:]}, but come in with {taken[1:]}")
    return Autoencoder(encoder, decoder, keras.Sequential([encoder, decoder], name="autoencoder"))


def encode(ae: Autoencoder, x: np.ndarray) -> np.ndarray:
    """Codes (n, code_size) of images (n, height, width, channels) in [0, 1].

    Raises:
        ValueError: not images, or of another shape than the autoencoder's.
    """
    x = check_fits(ae, x)
    return ae.encoder.predict(x, batch_size=250, verbose=0)


def decode(ae: Autoencoder, codes: np.ndarray) -> np.ndarray:
    """Images (n, height, width, channels) of codes (n, code_size); not clipped.

    Raises:
        ValueError: no autoencoder, codes of another size than its own, or not finite.
    """
    check_parts(ae, *Autoencoder._fields)
    codes = check_finite(codes, "codes", ("n", *ae.decoder.input_shape[1:]))
    return ae.decoder.predict(codes, batch_size=250, verbose=0)


def reconstruct(ae: Autoencoder, x: np.ndarray) -> np.ndarray:
    """Images (n, height, width, channels) through encoder and decoder; not clipped.

    Raises:
        ValueError: not images, or of another shape than the autoencoder's.
    """
    x = check_fits(ae, x)
    return ae.model.predict(x, batch_size=250, verbose=0)


def reconstruction_error(ae: Autoencoder, x: np.ndarray) -> float:
    """E of images (n, height, width, channels) and their reconstructions, see `squared_error`.

    NaN where a training has gone so far astray that some reconstruction is not a finite number.

    Raises:
        ValueError: not images, or of another shape than the autoencoder's.
    """
    x_hat = reconstruct(ae, x)
    return squared_error(x, x_hat) if np.isfinite(x_hat).all() else float("nan")


def check_fits(ae: Autoencoder, x: np.ndarray, what: str = "images") -> np.ndarray:
    """Return `x` as an array if it holds images that the autoencoder takes.

    Args:
        ae: the autoencoder.
        x: images (n, height, width, channels) in [0, 1].
        what: how the message calls the images.

    Raises:
        ValueError: no autoencoder, no images, or images of another shape.
    """
    check_parts(ae, *Autoencoder._fields)
    x = check_images(x, what)
    taken = tuple(ae.encoder.input_shape[1:])
    if x.shape[1:] != taken:
        raise ValueError(
            f"the autoencoder takes images of shape {taken}, but {what} have {x.shape[1:]}"
        )
    return x


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
    """What cuts twice the `small` size back to the `large` one: a cropping layer, or none."""
    extra = [2 * s - g for s, g in zip(small, large, strict=True)]
    return [layers.Cropping2D([(0, e) for e in extra])] if any(extra) else []


def _check_shape(input_shape):
    shape = tuple(check_list(input_shape, "input_shape"))
    if len(shape) != 3:
        raise ValueError(f"input_shape must be (height, width, channels), not {shape}")
    return shape


def _check_code_size(code_size, shape):
    code_size = check_count(code_size, "code_size")
    if code_size > math.prod(shape):
        raise ValueError(
            f"code_size must be at most {math.prod(shape)}, the numbers in an image of shape "
            f"{shape}, not {code_size}"
        )
    return code_size


def _check_activations(**activations):
    for name, activation in activations.items():
        try:
            keras.activations.get(activation)
        except (ValueError, TypeError):
            raise ValueError(
                f"{name} must be the name of a Keras activation, such as 'relu', "
                f"not {short(activation)}"
            ) from None
