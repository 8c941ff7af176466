"""What each part of our recipe gains by itself: python -m benchmarks.parts --output FOLDER.

One change at a time, each in a process of its own, and the seconds of an epoch as a ratio to those of
the recipe in the same round.
"""

import argparse
import importlib.util
import json
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from tqdm import tqdm

import aelib
from benchmarks.__main__ import alone, conditions, exit_status, row_of, write
from benchmarks.one import _train_ours
from benchmarks.plan import CONV, Ours, Run
from benchmarks.report import spread

EPOCHS = 4  # the first holds the compilation
TITLES = {
    "dense": "Dense, 784-1000-500-250-30",
    "conv": "Convolutional, two blocks of 16 and 32 filters",
}
IMAGES = {"dense": 20_480, "conv": 5_120}  # whole batches of all sizes below


def _compiled(**changed: Any) -> Callable[[], None]:
    """Compile in another way than `aelib.train` does."""

    def change():
        compilation = aelib.training._compilation
        aelib.training._compilation = lambda conv: {**compilation(conv), **changed}

    return change


def _tuned():
    """Let TensorFlow tune the pipeline of images while it runs."""
    batches = aelib.training._batches

    def tuned(*arguments):
        import tensorflow as tf

        options = tf.data.Options()
        options.autotune.enabled = True
        return batches(*arguments).with_options(options)

    aelib.training._batches = tuned


def _plain_descent():
    """Gradient descent without momentum, to see what AdamW's passes over the weights take."""
    keras = aelib.keras

    class Plain(keras.optimizers.SGD):
        def __init__(self, rate, **_):
            super().__init__(rate)

    keras.optimizers.AdamW = Plain


def _half():
    """Products in bfloat16, weights in float32."""
    aelib.keras.config.set_dtype_policy("mixed_bfloat16")


class Part(NamedTuple):
    """A change to the recipe."""

    title: str
    models: Sequence[str] = ("dense", "conv")
    settings: Mapping[str, Any] = {}  # of the builder
    training: Mapping[str, Any] = {}  # of `aelib.train`
    environment: Mapping[str, str] = {}
    change: Callable[[], None] | None = None  # in the process, before the network is built


ONE = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
PARTS = {
    "recipe": Part("the recipe as it is"),
    "without-xla": Part("without XLA", ("dense",), change=_compiled(jit_compile=False)),
    "with-xla": Part("with XLA", ("conv",), change=_compiled(jit_compile=True)),
    "single-steps": Part(
        "1 step a call of TensorFlow, not 16", ("dense",), change=_compiled(steps_per_execution=1)
    ),
    "many-steps": Part(
        "16 steps a call of TensorFlow, not 1", ("conv",), change=_compiled(steps_per_execution=16)
    ),
    "tuned": Part("TensorFlow tunes the pipeline", change=_tuned),
    "still": Part("images stay in place", training={"shift": 0}),
    "plain-descent": Part("plain gradient descent, not AdamW", change=_plain_descent),
    "batch-64": Part("batches of 64, not 256", ("dense",), training={"batch_size": 64}),
    "batch-128": Part("batches of 128, not 256", ("dense",), training={"batch_size": 128}),
    "batch-512": Part("batches of 512, not 256", ("dense",), training={"batch_size": 512}),
    "batch-32": Part("batches of 32, not 64", ("conv",), training={"batch_size": 32}),
    "batch-128-conv": Part("batches of 128, not 64", ("conv",), training={"batch_size": 128}),
    "batch-256": Part("batches of 256, not 64", ("conv",), training={"batch_size": 256}),
    "relu": Part("ReLU, not SiLU", settings={"activation": "relu"}),
    "elu": Part("ELU, not SiLU", settings={"activation": "elu"}),
    "8-filters": Part("8 filters, not 16", ("conv",), settings={"base_filters": 8}),
    "32-filters": Part("32 filters, not 16", ("conv",), settings={"base_filters": 32}),
    "paired": Part("the paired decoder", ("conv",), settings={"decoder": "paired"}),
    "half": Part("products in bfloat16", change=_half),
    "without-onednn": Part("without oneDNN", environment={"TF_ENABLE_ONEDNN_OPTS": "0"}),
    "one-thread": Part("one thread", environment=ONE),
    "jax": Part("JAX, not TensorFlow", ("dense",), environment={"KERAS_BACKEND": "jax"}),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns its exit status: 0, 1 for a failed run, 2 for a wrong call."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parts", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help=", ".join(PARTS))
    parser.add_argument("--output", default="build/benchmark", help="folder (default: %(default)s)")
    given = parser.parse_args(arguments)
    folder = Path(given.output)

    def work():
        runs, rows = order(given.rounds, given.only), []
        with alone():
            folder.mkdir(parents=True, exist_ok=True)
            for run in tqdm(runs, unit="run", disable=None):
                rows.append(conditions() | run_alone(*run))
                write(folder / "parts.csv", pd.DataFrame(rows).to_csv(index=False))
        write(folder / "parts.md", report(pd.DataFrame(rows)))
        print(f"{len(runs)} runs done: {folder / 'parts.md'}")

    return exit_status(work, "benchmarks.parts", "interrupted; the same command starts anew")


def order(rounds: int, only: Sequence[str] = ()) -> list[tuple[int, str, str]]:
    """All runs as (round, part, model); the recipe as it is comes first in each round.

    >>> order(1, ["relu"])
    [(1, 'recipe', 'dense'), (1, 'relu', 'dense'), (1, 'recipe', 'conv'), (1, 'relu', 'conv')]

    Args:
        rounds: how often everything is run.
        only: names of parts; none for all that can run here.

    Raises:
        ValueError: no part of that name, no rounds, or a part that is named and cannot run here.
    """
    aelib.check_counts(rounds=rounds)
    unknown = [name for name in only if name not in PARTS]
    if unknown:
        raise ValueError(f"no part {unknown[0]!r}: choose from {', '.join(PARTS)}")
    missing = [] if importlib.util.find_spec("jax") else ["jax"]
    if "jax" in missing and "jax" in only:
        raise ValueError('JAX is missing: pip install -e ".[jax]"')
    chosen = [name for name in PARTS if name == "recipe" or name in (only or PARTS)]
    chosen = [name for name in chosen if name not in missing]
    return [
        (number, name, model)
        for number in range(1, rounds + 1)
        for model in IMAGES
        for name in chosen
        if model in PARTS[name].models
    ]


def run_alone(number: int, name: str, model: str) -> dict:
    """The row of a run, from a fresh process with the part's environment.

    Raises:
        RuntimeError: it failed.
    """
    environment = {"KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"}
    call = f"from benchmarks.parts import measure; measure({number}, {name!r}, {model!r})"
    environment |= PARTS[name].environment
    return row_of(["-c", call], environment, f"{name}, {model}, in round {number}")


def measure(number: int, name: str, model: str) -> None:
    """Train a few epochs on a part of MNIST and print the row, in JSON."""
    part, data = PARTS[name], aelib.load_dataset("mnist", test_size=100)
    n = IMAGES[model]
    data = data._replace(x_train=data.x_train[:n], y_train=data.y_train[:n])
    if part.change:
        part.change()
    settings = {**(CONV if model == "conv" else {}), **part.settings}
    ours = Ours([], model, settings, (EPOCHS,), part.training)
    result, flops = _train_ours(ours, 30, data, Run(number, name, EPOCHS))
    seconds = statistics.median(result.epoch_seconds[1:])
    row = {"round": number, "part": name, "model": model, "seconds": seconds, "flops": flops}
    print("\n" + json.dumps(row))


def report(rows: pd.DataFrame) -> str:
    """Two tables in Markdown, a line a part: seconds as ratios to the recipe's in the same round.

    They are seconds for the same number of operations, so that networks of other sizes compare.
    """
    lines = [
        "# What each part of the recipe gains",
        f"{rows.processor.iloc[0]}, {rows.cores.iloc[0]} cores, {rows.date.iloc[0].split()[0]}. Before each run: "
        f"a matrix product {spread([*rows.gflops])} GFLOP/s, other programs {spread([*rows.load_percent])} % of "
        f"the processor. Rounds: {rows['round'].nunique()}; the median, in brackets the smallest and the largest.",
    ]
    for model, own in rows.groupby("model", sort=False):
        base = own[own.part == "recipe"].set_index("round")
        table = []
        for name, runs in own.groupby("part", sort=False):
            runs = runs.set_index("round")
            ratio = (runs.seconds / runs.flops) / (base.seconds / base.flops)
            limit = runs.flops / 1e9 / runs.gflops
            table.append(
                {
                    "change": PARTS[name].title,
                    "time an operation, the recipe's being 1": spread([*ratio.dropna()], digits=2),
                    "beside a matrix product": spread([*(runs.seconds / limit)], digits=2),
                }
            )
        lines += [
            f"## {TITLES[model]}",
            pd.DataFrame(table).to_markdown(index=False, disable_numparse=True),
        ]
    return "\n\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
