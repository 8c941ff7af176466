"""Other people's recipes, written anew from their published settings; sources are in README.md.

Each function trains on `data.x_train`, images (n, height, width, channels) in [0, 1], and returns
a `Result`. Its clock starts before the first layer is built and stops after the last step:
compilation counts; imports, loading and evaluation do not. Keras and PyTorch are imported inside
the functions, so that a recipe of one does not pay for the other.
"""

import time
import warnings
from itertools import pairwise
from typing import NamedTuple

import numpy as np


class Result(NamedTuple):
    """What a recipe gives back."""

    x_hat: np.ndarray  # reconstructions of the test images, of their shape, not clipped
    weights: int  # numbers that the recipe learns
    seconds: float  # from the first layer built to the last step
    epoch_seconds: list[float]  # of each epoch; the first may hold the compilation


def keras_blog_dense(data, seed: int) -> Result:
    """784-128-64-32 and back, ReLU, logistic output, cross-entropy, Adam, 100 epochs."""
    from aelib import keras

    dense, start = keras.layers.Dense, _start_keras(seed)
    hidden = [dense(units, "relu") for units in (128, 64, 32, 64, 128)]
    model = keras.Sequential([keras.Input((784,)), *hidden, dense(784, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    return _fit(model, data, start, epochs=100, batch_size=256)


def keras_blog_conv(data, seed: int) -> Result:
    """Convolutions of 16, 8 and 8 filters, a code of 4x4x8, cross-entropy, Adam, 50 epochs."""
    from aelib import keras

    layers, start = keras.layers, _start_keras(seed)

    def conv(filters, padding="same"):
        return layers.Conv2D(filters, 3, padding=padding, activation="relu")

    model = keras.Sequential([keras.Input((28, 28, 1))])
    for filters in (16, 8, 8):  # 28 -> 14 -> 7 -> 4
        model.add(conv(filters))
        model.add(layers.MaxPooling2D(2, padding="same"))
    # The last convolution before an upsampling has no padding: 4 -> 8 -> 16 -> 14 -> 28.
    for filters, padding in ((8, "same"), (8, "same"), (16, "valid")):
        model.add(conv(filters, padding))
        model.add(layers.UpSampling2D(2))
    model.add(layers.Conv2D(1, 3, padding="same", activation="sigmoid"))
    model.compile("adam", "binary_crossentropy")
    return _fit(model, data, start, epochs=50, batch_size=128)


def geron(data, seed: int) -> Result:
    """784-100-30 and back, ReLU, linear output, squared error, Nadam, 20 epochs."""
    from aelib import keras

    dense, start = keras.layers.Dense, _start_keras(seed)
    hidden = [dense(units, "relu") for units in (100, 30, 100)]
    model = keras.Sequential([keras.Input((784,)), *hidden, dense(784)])
    model.compile("nadam", "mse")
    return _fit(model, data, start, epochs=20, batch_size=32)


def tensorflow_tutorial(data, seed: int) -> Result:
    """784-64-784, ReLU, logistic output, squared error, Adam, 10 epochs."""
    from aelib import keras

    dense, start = keras.layers.Dense, _start_keras(seed)
    model = keras.Sequential([keras.Input((784,)), dense(64, "relu"), dense(784, "sigmoid")])
    model.compile("adam", "mse")
    return _fit(model, data, start, epochs=10, batch_size=32)


def pytorch(data, seed: int) -> Result:
    """The network of Hinton & Salakhutdinov 2006 as people write it in PyTorch, 15 epochs.

    ReLU in place of their logistic units, a linear code, a logistic output, squared error, Adam.
    """
    import torch
    from torch import nn

    torch.manual_seed(seed)
    x = torch.from_numpy(data.x_train.reshape(len(data.x_train), -1))
    clock = [time.perf_counter()]
    layers = []
    for n_in, n_out in pairwise((784, 1000, 500, 250, 30, 250, 500, 1000, 784)):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    layers[7], layers[-1] = nn.Identity(), nn.Sigmoid()  # the code is linear
    model = nn.Sequential(*layers)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    dataset = torch.utils.data.TensorDataset(x)
    loader = torch.utils.data.DataLoader(dataset, batch_size=128, shuffle=True)
    for _ in range(15):
        _torch_epoch(model, loader, optimizer, nn.functional.mse_loss)
        clock.append(time.perf_counter())
    x_hat = _torch_outputs(model, torch.from_numpy(data.x_test.reshape(len(data.x_test), -1)))
    return Result(
        x_hat.reshape(data.x_test.shape),
        sum(p.numel() for p in model.parameters()),
        clock[-1] - clock[0],
        np.diff(clock).tolist(),
    )


def uva_course(data, seed: int, x_valid: np.ndarray, seconds: float) -> Result:
    """Strided convolutions of 32 and 64 filters, GELU, a code of 64, Adam; pixels in [-1, 1].

    The course trains for up to 500 epochs on a GPU. Here it trains whole epochs until `seconds`
    are used. As in the course, the rate falls to a fifth when the error of the held-out images
    `x_valid` has not improved for 20 epochs. Measuring that error is not counted.
    """
    import torch
    from torch import nn

    torch.manual_seed(seed)
    x, x_valid, x_test = (
        torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2) * 2 - 1))
        for images in (data.x_train, x_valid, data.x_test)
    )
    start = time.perf_counter()

    def down(n_in, n_out, stride):
        return [nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1), nn.GELU()]

    def up(n_in, n_out):
        return [nn.ConvTranspose2d(n_in, n_out, 3, 2, padding=1, output_padding=1), nn.GELU()]

    model = nn.Sequential(
        *(*down(3, 32, 2), *down(32, 32, 1), *down(32, 64, 2), *down(64, 64, 1), *down(64, 64, 2)),
        *(nn.Flatten(), nn.Linear(64 * 16, 64), nn.Linear(64, 64 * 16), nn.GELU()),
        *(nn.Unflatten(1, (64, 4, 4)), *up(64, 64), *down(64, 64, 1), *up(64, 32)),
        *(*down(32, 32, 1), up(32, 3)[0], nn.Tanh()),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.2, patience=20, min_lr=5e-5
    )
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(x), batch_size=256, shuffle=True, drop_last=True
    )
    used, epoch_seconds = time.perf_counter() - start, []
    while used < seconds:
        start = time.perf_counter()
        _torch_epoch(model, loader, optimizer, _error_per_image)
        epoch_seconds.append(time.perf_counter() - start)
        used += epoch_seconds[-1]
        x_hat = torch.from_numpy(_torch_outputs(model, x_valid))
        scheduler.step(float(_error_per_image(x_hat, x_valid)))
    x_hat = _torch_outputs(model, x_test)
    return Result(
        (x_hat.transpose(0, 2, 3, 1) + 1) / 2,
        sum(p.numel() for p in model.parameters()),
        used,
        epoch_seconds,
    )


def sklearn_pca(data, seed: int) -> Result:
    """PCA with 30 components."""
    from sklearn.decomposition import PCA

    x, x_test = _rows(data.x_train), _rows(data.x_test)
    start = time.perf_counter()
    pca = PCA(30, random_state=seed).fit(x)
    seconds = time.perf_counter() - start
    x_hat = pca.inverse_transform(pca.transform(x_test)).reshape(data.x_test.shape)
    return Result(x_hat, pca.components_.size + pca.mean_.size, seconds, [])


def sklearn_mlp(data, seed: int) -> Result:
    """MLPRegressor with hidden layers 500-300-30-300-500, tanh, Adam, rate 1e-4, 20 epochs."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    x, x_test = _rows(data.x_train), _rows(data.x_test)
    start = time.perf_counter()
    model = MLPRegressor(
        hidden_layer_sizes=(500, 300, 30, 300, 500), activation="tanh", learning_rate_init=1e-4,
        max_iter=20, tol=1e-7, random_state=seed,
    )  # fmt: skip
    with warnings.catch_warnings():
        # It says that 20 epochs are few; they are the recipe's.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(x, x)
    seconds = time.perf_counter() - start
    weights = sum(w.size for w in (*model.coefs_, *model.intercepts_))
    epochs = [seconds / model.n_iter_] * model.n_iter_  # it tells no more than their number
    return Result(model.predict(x_test).reshape(data.x_test.shape), weights, seconds, epochs)


def _start_keras(seed):
    """Seed Keras; returns the time at which the recipe starts."""
    from aelib import keras

    keras.utils.set_random_seed(seed)
    return time.perf_counter()


def _fit(model, data, start, **settings):
    """Train a compiled Keras model to reconstruct its input."""
    from aelib import keras

    clock = [time.perf_counter()]
    stamp = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: clock.append(time.perf_counter())
    )
    shape = model.input_shape[1:]
    x = data.x_train.reshape(-1, *shape)
    model.fit(x, x, verbose=0, callbacks=[stamp], **settings)
    seconds = time.perf_counter() - start
    x_hat = model.predict(data.x_test.reshape(-1, *shape), batch_size=250, verbose=0)
    epochs = np.diff(clock).tolist()
    return Result(x_hat.reshape(data.x_test.shape), model.count_params(), seconds, epochs)


def _torch_epoch(model, loader, optimizer, loss):
    for (batch,) in loader:
        optimizer.zero_grad()
        loss(model(batch), batch).backward()
        optimizer.step()


def _torch_outputs(model, x):
    import torch

    with torch.no_grad():
        return torch.cat([model(batch) for batch in x.split(250)]).numpy()


def _error_per_image(x_hat, x):
    """The course's loss: squared error summed over an image, averaged over the images."""
    return (x_hat - x).square().sum(dim=(1, 2, 3)).mean()


def _rows(x):
    return x.reshape(len(x), -1)
