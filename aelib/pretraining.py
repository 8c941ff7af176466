"""Greedy layer-by-layer pretraining with restricted Boltzmann machines, as in the 2006 paper.

Source of method and settings: Hinton & Salakhutdinov, Science 313 (2006) 504-507, and its
supporting material. Written with `keras.ops` alone; on TensorFlow the step is compiled.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from tqdm.auto import tqdm

from aelib._quiet import keras, watched
from aelib.checks import (
    check_array,
    check_count,
    check_images,
    check_list,
    check_parts,
    check_rate,
    check_seed,
)
from aelib.models import Autoencoder

ops = keras.ops

INITIAL_SCALE = 0.1  # standard deviation of the first weights
WEIGHT_COST = 0.0002
MOMENTUM = (0.5, 0.9)  # in the first epochs, and after them


class RBM(NamedTuple):
    """Weights of a restricted Boltzmann machine, or a change of each of them."""

    kernel: Any  # (visible units, hidden units)
    visible_bias: Any  # (visible units,)
    hidden_bias: Any  # (hidden units,)


def hidden(rbm: RBM, v, linear: bool = False):
    """Probabilities (n, hidden units) that hidden units are on; their means if `linear`."""
    total = ops.matmul(v, rbm.kernel) + rbm.hidden_bias
    return total if linear else ops.sigmoid(total)


def visible(rbm: RBM, h):
    """Probabilities (n, visible units) that visible units are on."""
    return ops.sigmoid(ops.matmul(h, ops.transpose(rbm.kernel)) + rbm.visible_bias)


def cd1(rbm: RBM, v, noise, linear: bool = False) -> tuple[RBM, Any]:
    """One step of contrastive divergence: <v h> of the data less <v h> of its reconstruction.

    Args:
        rbm: the weights.
        v: batch (n, visible units) in [0, 1], taken as probabilities.
        noise: (n, hidden units), uniform in [0, 1); standard normal if `linear`.
        linear: hidden units are linear with unit variance instead of binary.

    Returns:
        The direction in which each weight should grow, averaged over the batch, and the
        reconstructions (n, visible units).

    Source: Hinton, Neural Computation 14 (2002) 1771-1800. Only the hidden units that drive
    the reconstruction are drawn; elsewhere probabilities stand for states, as in the paper.
    """
    h = hidden(rbm, v, linear)
    states = h + noise if linear else ops.cast(noise < h, "float32")
    v1 = visible(rbm, states)
    h1 = hidden(rbm, v1, linear)
    up, down = ops.matmul(ops.transpose(v), h), ops.matmul(ops.transpose(v1), h1)
    return RBM((up - down) / len(v), ops.mean(v - v1, axis=0), ops.mean(h - h1, axis=0)), v1


def train_rbm(
    v: np.ndarray,
    units: int,
    linear: bool = False,
    epochs: int = 6,
    slow_epochs: int = 5,
    learning_rate: float | None = None,
    batch_size: int = 100,
    seed: int = 0,
    progress=None,
) -> tuple[RBM, list[float]]:
    """Train a restricted Boltzmann machine with CD-1 and momentum.

    Args:
        v: data (n, visible units) in [0, 1].
        units: number of hidden units.
        linear: hidden units are linear with unit variance instead of binary.
        epochs: passes over the data.
        slow_epochs: the momentum is 0.5 in so many epochs, then 0.9.
        learning_rate: None for the paper's, 0.1, or 0.001 if `linear`.
        batch_size: rows in a step.
        seed: first weights, order of the rows, and the hidden units' draws.
        progress: a tqdm bar to move on by one each epoch.

    Returns:
        The weights as NumPy arrays, and the squared error of the reconstructions for each
        epoch, summed over visible units and averaged over the rows.

    Raises:
        ValueError: wrong data, units, epochs, batch size, learning rate or seed.
    """
    units, batch_size = check_count(units, "units"), check_count(batch_size, "batch_size")
    epochs, slow_epochs = _check_epochs(epochs, slow_epochs)
    rate = (0.001 if linear else 0.1) if learning_rate is None else learning_rate
    check_rate(learning_rate=rate)
    seed = check_seed(seed)
    v = check_array(v, "v", ("n", "visible units")).astype("float32", copy=False)
    if not (v.min() >= 0 and v.max() <= 1):
        raise ValueError(f"v must be in [0, 1]; it runs from {v.min():g} to {v.max():g}")
    rng = np.random.default_rng(seed)
    kernel = INITIAL_SCALE * rng.standard_normal((v.shape[1], units), "float32")
    rbm = RBM(kernel, np.zeros(v.shape[1], "float32"), np.zeros(units, "float32"))
    rbm = RBM(*map(ops.convert_to_tensor, rbm))
    speed = RBM(*map(ops.zeros_like, rbm))
    draw = rng.standard_normal if linear else rng.random
    step = _compiled(_update)
    errors = []
    for epoch in range(epochs):
        momentum = np.float32(MOMENTUM[epoch >= slow_epochs])
        order, total = rng.permutation(len(v)), 0.0
        for i in range(0, len(v), batch_size):
            batch = v[order[i : i + batch_size]]
            noise = draw((len(batch), units), "float32")
            rbm, speed, error = step(rbm, speed, batch, noise, np.float32(rate), momentum, linear)
            total += float(error)
        errors.append(total / len(v))
        if progress is not None:
            progress.set_postfix(units=units, E=f"{errors[-1]:.2f}")
            progress.update()
    return RBM(*map(ops.convert_to_numpy, rbm)), errors


def pretrain(
    x: np.ndarray,
    units: Sequence[int],
    epochs: int = 6,
    slow_epochs: int = 5,
    seed: int = 0,
    verbose: bool = True,
) -> tuple[list[RBM], list[list[float]]]:
    """Train a stack of RBMs, each on the hidden probabilities of the one below.

    Args:
        x: training images (n, height, width, channels) in [0, 1].
        units: hidden units of each RBM, `[*hidden_units, code_size]`; the last one is linear.
        epochs, slow_epochs, seed: see `train_rbm`.
        verbose: show a progress bar, where somebody watches.

    Returns:
        One RBM for each entry of `units`, and for each the errors of `train_rbm`.

    Raises:
        ValueError: not images, no units, or wrong epochs or seed.
    """
    units = check_list(units, "units")
    if not units:
        raise ValueError("units must name at least one layer, the code")
    epochs, slow_epochs = _check_epochs(epochs, slow_epochs)
    check_seed(seed)
    v = check_images(x, "training images").reshape(len(x), -1)
    rbms, errors = [], []
    with tqdm(total=epochs * len(units), leave=False, disable=not (verbose and watched())) as bar:
        for depth, n in enumerate(units):
            linear = depth == len(units) - 1
            rbm, history = train_rbm(v, n, linear, epochs, slow_epochs, seed=seed, progress=bar)
            rbms.append(rbm)
            errors.append(history)
            if not linear:
                v = ops.convert_to_numpy(hidden(rbm, v))
    return rbms, errors


def unroll(rbms: Sequence[RBM], ae: Autoencoder) -> None:
    """Make RBMs the weights of an autoencoder: upwards the encoder, transposed the decoder.

    Args:
        rbms: from the pixels to the code, as `pretrain` returns them.
        ae: a dense autoencoder with as many layers on each side and "sigmoid" activations;
            its weights are replaced.

    Raises:
        ValueError: layer sizes that do not match, or other activations.
    """
    check_parts(ae, *Autoencoder._fields)
    if not isinstance(rbms, list | tuple) or not all(isinstance(rbm, RBM) for rbm in rbms):
        raise ValueError("rbms must be a list of RBMs, the first of the two that pretrain returns")
    up = [weights for rbm in rbms for weights in (rbm.kernel, rbm.hidden_bias)]
    down = [weights for rbm in rbms[::-1] for weights in (rbm.kernel.T, rbm.visible_bias)]
    sizes = [rbm.kernel.shape for rbm in rbms]
    if [w.shape for w in up] != [tuple(w.shape) for w in ae.encoder.weights]:
        raise ValueError(f"the encoder's layers do not match RBMs of sizes {sizes}")
    layers = [*ae.encoder.layers[:-1], *ae.decoder.layers]
    units = [layer.get_config().get("activation") for layer in layers]
    if set(units) - {"sigmoid", None}:
        raise ValueError(f"RBMs have sigmoid units, the autoencoder's layers are {units}")
    ae.encoder.set_weights(up)
    ae.decoder.set_weights(down)


def _update(rbm, speed, v, noise, rate, momentum, linear):
    # Momentum keeps a share of the last change; the weight cost pulls the kernel, not the biases, to 0.
    gradient, v1 = cd1(rbm, v, noise, linear)
    decayed = gradient._replace(kernel=gradient.kernel - WEIGHT_COST * rbm.kernel)
    speed = RBM(*(momentum * s + rate * g for s, g in zip(speed, decayed, strict=True)))
    rbm = RBM(*(w + s for w, s in zip(rbm, speed, strict=True)))
    return rbm, speed, ops.sum(ops.square(v - v1))


def _check_epochs(epochs, slow_epochs):
    return check_count(epochs, "epochs"), check_count(slow_epochs, "slow_epochs", least=0)


def _compiled(step):
    if keras.backend.backend() != "tensorflow":
        return step
    import tensorflow as tf

    return tf.function(step)
