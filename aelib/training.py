"""The training recipe that the series starts from."""

from tqdm.keras import TqdmCallback

from aelib._quiet import keras, watched
from aelib.checks import check_count, check_rate, check_seed, short
from aelib.data import Dataset, check_dataset
from aelib.models import Autoencoder, check_fits


def train(
    ae: Autoencoder,
    data: Dataset,
    epochs: int = 15,
    batch_size: int | None = None,
    seed: int | None = 0,
    learning_rate: float = 4e-3,
    weight_decay: float = 0.05,
    loss: str = "mse",
    shift: int = 1,
    mirror: bool = False,
    track_test: bool = False,
    verbose: bool = True,
) -> keras.callbacks.History:
    """Train an autoencoder to reconstruct `data.x_train`.

    AdamW; the learning rate rises linearly over the first 5 % of the steps and then falls to
    zero along a cosine. Each time an image is seen it is moved a little, at random, against
    overfitting. Dense models are compiled with XLA, which measured faster for them and slower for
    convolutions.

    Args:
        ae: the autoencoder; its weights are replaced.
        data: data set whose images have the shape that `ae` takes.
        epochs: passes over the training images, in whole batches: what is left over waits for
            another epoch, whose order is another.
        batch_size: images in a step; None for 64 with convolutions and 256 without, or fewer, down
            to 16, where an epoch of them would have less than 40 steps.
        seed: draws new first weights, and fixes the order of the images and how they are moved;
            None trains on from the weights that are there.
        learning_rate: its peak.
        weight_decay: AdamW's, relative to the learning rate; biases are left out.
        loss: Keras loss; "binary_crossentropy" needs a "sigmoid" output.
        shift: pixels by which an image is moved at most, each way, up to its smaller side; 0 leaves
            all in place.
        mirror: also mirror half of the images left to right.
        track_test: measure the test error after each epoch.
        verbose: show a progress bar with loss, squared error and time left, where somebody watches.

    Returns:
        Keras's History; `.history` has "loss" and "E" for each epoch, "E" being the squared
        error per image over the epoch, while weights change and images move, and "val_E", that of
        the test images, with `track_test`.

    Raises:
        ValueError: no data set, images of another shape than the autoencoder's, or a wrong number,
            seed or loss.
    """
    epochs = check_count(epochs, "epochs")
    batch_size = None if batch_size is None else check_count(batch_size, "batch_size")
    shift = check_count(shift, "shift", least=0)
    if not isinstance(mirror, bool):
        raise ValueError(f"mirror must be True or False, not {short(mirror)}")
    check_rate(learning_rate=learning_rate)
    check_rate(zero=True, weight_decay=weight_decay)
    seed = None if seed is None else check_seed(seed)
    check_dataset(data)
    x, x_test = check_fits(ae, data.x_train, "x_train"), check_fits(ae, data.x_test, "x_test")
    _check_loss(loss, ae.decoder)

    if shift > min(x.shape[1:3]):
        raise ValueError(
            f"shift must be at most {min(x.shape[1:3])}, the smaller side of an image, not {shift}"
        )

    convolutional = _has_convolution(ae.model)
    if batch_size is None:
        batch_size = min(64 if convolutional else 256, max(16, len(x) // 40))
    batch_size = min(len(x), batch_size)
    if seed is not None:
        keras.utils.set_random_seed(seed)
        # A clone draws new weights from the layers' own initializers.
        for part in (ae.encoder, ae.decoder):
            part.set_weights(keras.models.clone_model(part).get_weights())
    steps = epochs * (len(x) // batch_size)
    warmup = max(1, steps // 20)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warmup), warmup_target=learning_rate, warmup_steps=warmup
    )
    optimizer = keras.optimizers.AdamW(rate, beta_2=0.99, weight_decay=weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    ae.model.compile(optimizer, loss, metrics=["mse"], **_compilation(convolutional))
    history = ae.model.fit(
        _batches(x, batch_size, shift, mirror),
        epochs=epochs,
        shuffle=False,
        validation_data=(x_test, x_test) if track_test else None,
        validation_batch_size=500,
        verbose=0,
        callbacks=[TqdmCallback(verbose=0, leave=False)] if verbose and watched() else [],
    )
    pixels = x[0].size
    for prefix in ("", "val_") if track_test else ("",):
        errors = history.history.pop(prefix + "mse")
        history.history[prefix + "E"] = [pixels * error for error in errors]
    return history


def _batches(x, batch_size, shift, mirror):
    """A tf.data pipeline of batches, each paired with itself as what it is to become."""
    import tensorflow as tf

    n, height, width, channels = x.shape
    pixels = tf.constant(x.reshape(-1, channels))

    # A moved or mirrored image is the same pixels in another order, so one `gather` copies them from
    # where they are. Past the edge stands the edge: the index is held in range.
    def moved(images):
        count = tf.shape(images)[0]
        by = tf.random.uniform([2, count, 1], -shift, shift + 1, tf.int64)
        rows = tf.clip_by_value(tf.range(height, dtype=tf.int64) + by[0], 0, height - 1)
        columns = tf.clip_by_value(tf.range(width, dtype=tf.int64) + by[1], 0, width - 1)
        if mirror:
            columns = tf.where(tf.random.uniform([count, 1]) < 0.5, width - 1 - columns, columns)
        first = width * (height * images[:, None, None] + rows[:, :, None])
        batch = tf.gather(pixels, first + columns[:, None, :])
        return batch, batch

    # With its tuning, about half of the epochs took 40 % longer on two cores.
    options = tf.data.Options()
    options.autotune.enabled = False
    # A last, smaller batch would be compiled a second time; other images miss each epoch.
    batches = tf.data.Dataset.range(n).shuffle(n).batch(batch_size, drop_remainder=True)
    return batches.map(moved).with_options(options)


def _check_loss(loss, decoder):
    """Refuse an unknown loss, and cross-entropy of outputs that may lie outside [0, 1]."""
    try:
        known = keras.losses.get(loss)
    except (ValueError, TypeError):
        known = None
    if known is None:
        raise ValueError(f"loss must be the name of a Keras loss, such as 'mse', not {short(loss)}")
    outputs = [layer.activation for layer in decoder.layers if hasattr(layer, "activation")]
    name = getattr(known, "name", getattr(known, "__name__", ""))
    if name == "binary_crossentropy" and outputs and outputs[-1] is not keras.activations.sigmoid:
        raise ValueError("binary_crossentropy needs an autoencoder with a 'sigmoid' output")


def _compilation(convolutional):
    """TensorFlow gains by XLA where there are no convolutions; other backends know what to do."""
    if keras.backend.backend() != "tensorflow":
        return {}
    return {
        "jit_compile": not convolutional,
        "steps_per_execution": 1 if convolutional else 16,
    }


def _has_convolution(layer):
    return "conv" in layer.name or any(map(_has_convolution, getattr(layer, "layers", [])))
