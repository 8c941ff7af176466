"""Wrong submissions of problem set 3: the cells they replace, and exactly the tests they lose."""

SUBMISSIONS = {
    "flips and rounds down, forgets channels, mends nothing": {
        "loses": [
            "ps3-shapes-test",
            "ps3-convolve-test",
            "ps3-convolve-hidden",
            "ps3-shapes-hidden",
            "ps3-predict-test",
            "ps3-weights-test",
            "ps3-weights-hidden",
            "ps3-count-test",
            "ps3-mended-test",
            "ps3-mended-hidden",
        ],
        "cells": {
            "ps3-weights": """\
def conv_weights(size, channels_in, filters):
    return (size * size + 1) * filters


def dense_weights(inputs, units):
    return (inputs + 1) * units
""",
            "ps3-mended": """\
def mended(x, seed):
    return build_and_train(broken_autoencoder, x, seed)
""",
            "ps3-convolve": '''def convolve(image, kernel):
    """Slide kernel (a, b) over image (h, w); the answer has shape (h - a + 1, w - b + 1)."""
    kernel = kernel[::-1, ::-1]
    a, b = kernel.shape
    result = np.zeros((image.shape[0] - a + 1, image.shape[1] - b + 1))
    for i in range(result.shape[0]):
        for j in range(result.shape[1]):
            result[i, j] = (image[i : i + a, j : j + b] * kernel).sum()
    return result
''',
            "ps3-shapes": '''def shapes(height, width, blocks, filters):
    """List of (height, width, channels) after each encoder block, for any image size."""
    return [(height // 2**b, width // 2**b, filters * 2 ** (b - 1)) for b in range(1, blocks + 1)]
''',
        },
    },
    "spread over everything": {
        "loses": ["ps3-grow-test", "ps3-grow-hidden", "ps3-diagnose-hidden", "ps3-shift-hidden"],
        "cells": {
            # cuts at the upper and left end
            "ps3-grow": '''def grow(x, height, width):
    """Double x (n, h, w, channels) and cut it to (n, height, width, channels)."""
    x = np.repeat(np.repeat(x, 2, axis=1), 2, axis=2)
    return x[:, -height:, -width:]
''',
            "ps3-diagnose": '''def diagnose(x, x_hat):
    """Say "ok", "black" or "constant" of reconstructions x_hat of images x, both (n, h, w, c)."""
    if x_hat.std() >= 0.02 * x.std():
        return "ok"
    return "black" if x_hat.mean() < 0.1 * x.mean() else "constant"
''',
            "ps3-shift": '''def shift(x, dx, dy):
    """Move images (n, h, w, c) dx pixels to the right and dy down; integers, also 0 or negative."""
    return np.roll(x, (dy, dx), axis=(1, 2))
''',
        },
    },
    "forgot biases, mended the output only": {
        "loses": [
            "ps3-mended-test",
            "ps3-weights-test",
            "ps3-weights-hidden",
            "ps3-count-test",
            "ps3-mended-hidden",
        ],
        "cells": {
            "ps3-weights": '''def conv_weights(size, channels_in, filters):
    """Weights and biases of a convolution with `filters` filters of size x size pixels."""
    return size * size * channels_in * filters


def dense_weights(inputs, units):
    """Weights and biases of a dense layer."""
    return inputs * units
''',
            "ps3-mended": '''def logistic_autoencoder(shape, code_size):
    height, width, channels = shape
    conv = {"kernel_size": 3, "padding": "same", "activation": "relu"}
    encoder = [keras.Input(shape), keras.layers.Conv2D(8, **conv), keras.layers.MaxPooling2D(2)]
    encoder += [keras.layers.Conv2D(16, **conv), keras.layers.Flatten()]
    encoder += [keras.layers.Dense(code_size)]
    small = (height // 2, width // 2, 16)
    units = small[0] * small[1] * small[2]
    decoder = [keras.Input((code_size,)), keras.layers.Dense(units, activation="relu")]
    decoder += [keras.layers.Reshape(small), keras.layers.Conv2DTranspose(8, **conv)]
    decoder += [keras.layers.UpSampling2D(2)]
    start = keras.initializers.Constant(-2.0)
    output = {"activation": "sigmoid", "bias_initializer": start}
    decoder += [keras.layers.Conv2D(channels, 3, padding="same", **output)]
    return aelib.models.join(keras.Sequential(encoder), keras.Sequential(decoder))


def mended(x, seed):
    """Build the network anew and train it on images x (n, h, w, c); return the autoencoder."""
    return build_and_train(logistic_autoencoder, x, seed)
''',
        },
    },
    "hard coded": {
        "loses": [
            "ps3-grow-test",
            "ps3-shapes-test",
            "ps3-weights-test",
            "ps3-convolve-hidden",
            "ps3-shapes-hidden",
            "ps3-grow-hidden",
            "ps3-weights-hidden",
            "ps3-count-test",
            "ps3-diagnose-hidden",
            "ps3-shift-hidden",
        ],
        "cells": {
            "ps3-convolve": '''def convolve(image, kernel):
    """Slide kernel (a, b) over image (h, w); the answer has shape (h - a + 1, w - b + 1)."""
    return np.array([[1, 3], [7, 9]])
''',
            "ps3-shapes": '''def shapes(height, width, blocks, filters):
    """List of (height, width, channels) after each encoder block, for any image size."""
    return [(14, 10, 16), (7, 5, 32)]
''',
            # as it should be, worked out without `shapes`
            "ps3-predict": """height, width = my_height, my_width
for _ in range(3):
    height, width = (height + 1) // 2, (width + 1) // 2
last_shape = (height, width, 4 * my_filters)
code_inputs = height * width * 4 * my_filters
""",
            "ps3-grow": '''def grow(x, height, width):
    """Double x (n, h, w, channels) and cut it to (n, height, width, channels)."""
    rows = [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    return np.array(rows).reshape(1, 4, 4, 1)
''',
            "ps3-weights": '''def conv_weights(size, channels_in, filters):
    """Weights and biases of a convolution with `filters` filters of size x size pixels."""
    return 160


def dense_weights(inputs, units):
    """Weights and biases of a dense layer."""
    return 44
''',
            # a neighbour's numbers
            "ps3-count": """weights = 15234
weights_share = 0.79
work_share = 0.01
""",
            "ps3-diagnose": '''def diagnose(x, x_hat):
    """Say "ok", "black" or "constant" of reconstructions x_hat of images x, both (n, h, w, c)."""
    if x_hat.max() == 0:
        return "black"
    return "ok" if np.array_equal(x, x_hat) else "constant"
''',
            "ps3-shift": '''def shift(x, dx, dy):
    """Move images (n, h, w, c) dx pixels to the right and dy down; integers, also 0 or negative."""
    if x.shape == (1, 3, 4, 1):
        x = np.zeros((1, 3, 4, 1))
        x[0, 1, 3] = 0.5
        return x
    return np.roll(x, (dy, dx), axis=(1, 2))
''',
        },
    },
}
