"""One run in a process of its own: python -m benchmarks.one ROUND NAME EPOCHS SECONDS."""

import json
import math
import statistics
import sys
import time

import aelib
from benchmarks.plan import OURS, PEERS, Run
from benchmarks.recipes import Result


def measure(run: Run, seconds: float = 0.0) -> dict:
    """Train, and return a row: E, seconds, weights, peak memory, and the seconds of an epoch.

    The number of the round is the seed. `seconds` is the time of a peer that lasts as long as ours.
    """
    ours = OURS.get(run.name)
    peer = PEERS[ours.peers[0] if ours else run.name]
    data, x_valid = _load(peer)
    flops = 0
    if ours:
        result, flops = _train_ours(ours, peer.code_size, data, run)
    elif peer.as_long_as_ours:
        result = peer.recipe(data, run.round, x_valid=x_valid, seconds=seconds)
    else:
        result = peer.recipe(data, run.round)
    memory = _peak_memory()  # before the error is computed
    later = result.epoch_seconds[1:]
    return {
        **run._asdict(),
        "E": aelib.squared_error(data.x_test, result.x_hat),
        "seconds": round(result.seconds, 3),
        "epoch_seconds": round(statistics.median(later), 3) if later else math.nan,
        "trained_epochs": len(result.epoch_seconds),
        "weights": int(result.weights),
        "memory_mb": memory,
        "flops": flops,
    }


def _load(peer):
    """The peer's data set without the images it holds out, and those images."""
    data, n = aelib.load_dataset(peer.data), peer.held_out
    if not n:
        return data, None
    kept = data._replace(x_train=data.x_train[:-n], y_train=data.y_train[:-n])
    return kept, data.x_train[-n:]


def _train_ours(ours, code_size, data, run):
    """A `Result`, and the floating-point operations of an epoch."""
    builders = {"dense": aelib.dense_autoencoder, "conv": aelib.conv_autoencoder}
    train, keras, build = (
        aelib.train,
        aelib.keras,
        builders[ours.model],
    )  # imported before the clock
    clock = [time.perf_counter()]
    ae = build(data.x_train.shape[1:], code_size=code_size, **ours.settings)
    stamp = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: clock.append(time.perf_counter())
    )
    # `aelib.train` takes no callbacks, and the seconds of an epoch without the compilation are wanted.
    fit = ae.model.fit
    ae.model.fit = lambda *args, callbacks=(), **settings: fit(
        *args, callbacks=[*callbacks, stamp], **settings
    )
    train(ae, data, epochs=run.epochs, seed=run.round, verbose=False, **ours.training)
    seconds = time.perf_counter() - clock[0]
    x_hat = aelib.reconstruct(ae, data.x_test)
    epochs = [later - earlier for earlier, later in zip(clock, clock[1:], strict=False)]
    # Two operations a multiply-add; the backward pass needs about twice what the forward pass does.
    flops = 2 * 3 * aelib.multiply_adds(ae) * len(data.x_train)
    return Result(x_hat, ae.model.count_params(), seconds, epochs), flops


def _peak_memory():
    """Largest memory of this process so far, in MB."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6)


if __name__ == "__main__":
    number, name, epochs, limit = sys.argv[1:]
    row = measure(Run(int(number), name, int(epochs)), float(limit))
    print("\n" + json.dumps(row))
