"""One training recipe for every autoencoder of the series."""

from tqdm.keras import TqdmCallback

from aelib._quiet import keras
from aelib.data import Dataset, check_counts, check_images
from aelib.models import Autoencoder


def train(
    ae: Autoencoder,
    data: Dataset,
    epochs: int = 15,
    batch_size: int = 128,
    seed: int | None = 0,
    learning_rate: float = 3e-3,
    weight_decay: float = 0.15,
    loss: str = "mse",
    track_test: bool = False,
    verbose: bool = True,
) -> keras.callbacks.History:
    """Train an autoencoder to reconstruct `data.x_train`.

    AdamW; the learning rate rises linearly over the first 5 % of the steps and then falls to
    zero along a cosine. Dense models are compiled with XLA, which measured faster for them and
    slower for convolutions.

    Args:
        ae: the autoencoder; its weights are replaced.
        data: data set whose images have the shape that `ae` takes.
        epochs: passes over the training images.
        batch_size: images in a step.
        seed: draws new initial weights and fixes the order of the images; None trains on from
            the weights that are there.
        learning_rate: its peak.
        weight_decay: AdamW's, relative to the learning rate; biases are left out.
        loss: Keras loss; "binary_crossentropy" needs a "sigmoid" output.
        track_test: measure the test error after each epoch.
        verbose: show a progress bar with loss, squared error and time left.

    Returns:
        Keras's History; `.history` has "loss" and "E" for each epoch, "E" being the squared
        error per image over the epoch, and "val_E", that of the test images, with `track_test`.

    Raises:
        ValueError: wrong images, epochs, batch size or learning rate.
    """
    check_counts(epochs=epochs, batch_size=batch_size)
    if not learning_rate > 0:
        raise ValueError(f"learning_rate must be above 0, not {learning_rate!r}")
    x, x_test = check_images(data.x_train, "x_train"), check_images(data.x_test, "x_test")
    if x.shape[1:] != ae.model.input_shape[1:]:
        raise ValueError(
            f"the autoencoder takes images of shape {ae.model.input_shape[1:]}, "
            f"{data.title} has {x.shape[1:]}"
        )

    if seed is not None:
        keras.utils.set_random_seed(seed)
        for part in (ae.encoder, ae.decoder):
            part.set_weights(keras.models.clone_model(part).get_weights())
    steps = epochs * -(-len(x) // batch_size)
    warmup = max(1, steps // 20)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warmup), warmup_target=learning_rate, warmup_steps=warmup
    )
    optimizer = keras.optimizers.AdamW(rate, beta_2=0.99, weight_decay=weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    ae.model.compile(optimizer, loss, metrics=["mse"], jit_compile=_jit(ae.model))
    history = ae.model.fit(
        x,
        x,
        epochs=epochs,
        batch_size=batch_size,
        validation_data=(x_test, x_test) if track_test else None,
        validation_batch_size=500,
        verbose=0,
        callbacks=[TqdmCallback(verbose=0, leave=False)] if verbose else [],
    )
    pixels = x[0].size
    for prefix in ("", "val_") if track_test else ("",):
        errors = history.history.pop(prefix + "mse")
        history.history[prefix + "E"] = [pixels * error for error in errors]
    return history


def _jit(model):
    return keras.backend.backend() == "tensorflow" and not _has_convolution(model)


def _has_convolution(layer):
    return "conv" in layer.name or any(map(_has_convolution, getattr(layer, "layers", [])))
