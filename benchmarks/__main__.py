"""The command: python -m benchmarks --output FOLDER. It goes on where an earlier call stopped."""

import argparse
import getpass
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
from filelock import FileLock, Timeout
from tqdm import tqdm

from aelib import provenance
from benchmarks.plan import OURS, PEERS, Run, order
from benchmarks.report import write_report

HERE = Path(__file__).parent
TABLE, IDENTITY = "results.csv", "identity.json"
TORCH = ("pytorch", "uva")  # peers that need PyTorch


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns its exit status: 0, 1 for a failed run, 2 for a wrong call."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Other people's recipes and ours in turn, each in a process of its own.",
    )
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help=", ".join(PEERS))
    parser.add_argument("--output", default="build/benchmark", help="folder (default: %(default)s)")
    given = parser.parse_args(arguments)

    def work():
        runs = order(given.rounds, given.only)
        check_torch(runs)
        with alone():
            run_all(runs, Path(given.output))
        print(f"{len(runs)} runs done: {Path(given.output) / 'table.md'}")

    return exit_status(work, "benchmarks", "interrupted; the same command goes on from here")


def exit_status(work: Callable[[], None], program: str, interrupted: str) -> int:
    """Do the work; 0, 1 for a failed run, 2 for a wrong call, 130 for Ctrl-C, each with its line."""
    try:
        work()
    except (ValueError, OSError, RuntimeError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 1 if isinstance(error, RuntimeError) else 2
    except KeyboardInterrupt:
        print(interrupted, file=sys.stderr)
        return 130
    return 0


def run_all(runs: Sequence[Run], folder: Path) -> None:
    """Run what results.csv in `folder` has not got yet, then write the table and the figure.

    Raises:
        ValueError: the folder holds runs of other code or data, or of another machine.
        RuntimeError: a run failed; what was finished before is kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    check_identity(folder / IDENTITY, identity(runs))
    path = folder / TABLE
    rows = pd.read_csv(path).to_dict("records") if path.exists() else []
    done = {Run(row["round"], row["name"], row["epochs"]) for row in rows}
    for run in tqdm([run for run in runs if run not in done], unit="run", disable=None):
        check_identity(folder / IDENTITY, identity(runs))  # it may change within these hours
        rows.append(conditions() | run_alone(run, time_of_ours(run, rows)))
        write(path, pd.DataFrame(rows).to_csv(index=False))
    write_report(pd.DataFrame(rows), json.loads((folder / IDENTITY).read_text()), folder)


def run_alone(run: Run, seconds: float) -> dict:
    """The row of `run`, from a fresh process, so that memory and imports are its own."""
    words = map(str, (*run, seconds))
    # A GPU that only some recipes would use takes no part, nor does another backend of Keras.
    environment = {"CUDA_VISIBLE_DEVICES": "-1", "KERAS_BACKEND": "tensorflow"}
    words = ["-m", "benchmarks.one", *words]
    return row_of(words, environment, f"{run.name} in round {run.round}")


def row_of(words: Sequence[str], environment: Mapping[str, str], what: str) -> dict:
    """The row that Python, called with `words` in a fresh process, prints as its last line.

    Raises:
        RuntimeError: it failed; says `what`.
    """
    child = subprocess.run(
        [sys.executable, *words], cwd=HERE.parent, env={**os.environ, **environment},
        capture_output=True, text=True,
    )  # fmt: skip
    if child.returncode:
        last = (child.stderr.strip() or f"exit status {child.returncode}").splitlines()[-1]
        raise RuntimeError(f"{what} failed: {last}")
    return json.loads(child.stdout.splitlines()[-1])


def time_of_ours(run: Run, rows: Sequence[dict]) -> float:
    """Seconds of our longest run of this round against a peer that lasts as long as ours, or 0."""
    against = [name for name, ours in OURS.items() if run.name in ours.peers]
    same = [row for row in rows if row["round"] == run.round and row["name"] in against]
    return max((row["seconds"] for row in same), default=0.0)


def conditions() -> dict:
    """Date, machine, load and the speed of a matrix product, just before a run."""
    now = provenance.machine()
    return {
        **{name: now[name] for name in ("date", "processor", "cores", "load_percent")},
        "load_average": round(os.getloadavg()[0], 2),
        "gflops": round(matrix_product_speed()),
    }


def matrix_product_speed(size: int = 2048, times: int = 5) -> float:
    """GFLOP/s of the fastest of a few products of float32 matrices in NumPy."""
    a = np.random.default_rng(0).random((size, size), dtype="float32")
    a @ a  # the first starts the threads
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / min(seconds) / 1e9


def identity(runs: Sequence[Run]) -> dict:
    """What the rows rest on: digests of code and data, the machine, and versions of packages."""
    sources = [(HERE / name).read_text(encoding="utf-8") for name in ("recipes.py", "one.py")]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    settings = {name: f"{p.data} {p.code_size} {p.held_out}" for name, p in PEERS.items()}
    for name, ours in OURS.items():
        settings[name] = f"{ours.model} {dict(ours.settings)} {dict(ours.training)} {[*ours.peers]}"
        # Of the epochs only those that set a peer's time: else a longer list leaves the runs as they are.
        if any(PEERS[peer].as_long_as_ours for peer in ours.peers):
            settings[name] += f" {[*ours.epochs]}"
    peers = {OURS[run.name].peers[0] if run.name in OURS else run.name for run in runs}
    names = sorted({PEERS[peer].data for peer in peers})
    machine = provenance.machine()
    versions = machine["versions"]
    # It comes as one of two packages; a change from one to the other is a change.
    for package in ("tensorflow-cpu", "tensorflow"):
        if package in versions:
            versions["TensorFlow"] = f"{package} {versions.pop(package)}"
    if importlib.util.find_spec("torch"):
        versions["torch"] = version("torch")
    kept = ("processor", "cores", "memory_gb", "system")
    return {
        "code": provenance.code_digests(nbformat.v4.new_notebook(cells=cells), HERE),
        "settings": settings,
        "data": {name: provenance.data_digest(name) for name in names},
        "machine": {name: machine[name] for name in kept},
        "versions": {"Python": machine["python"], **versions},
    }


def check_identity(path: Path, now: dict) -> None:
    """Note what the rows of this folder rest on, or refuse to mix them with others.

    Data sets may be added to those that are noted, and so may PyTorch.

    Raises:
        ValueError: says what has changed.
    """
    if path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        changed = []
        for part, entries in now.items():
            old, new = before[part], entries
            if part in ("data", "versions"):
                old, new = ({k: x[k] for k in old.keys() & entries.keys()} for x in (old, entries))
            changed += provenance.changes(old, new)
            now[part] = {**before[part], **entries}
        if changed:
            raise ValueError(
                f"{path.parent} holds runs made with another {', '.join(changed)}; "
                "they stay as they are: give a new folder with --output"
            )
    write(path, json.dumps(now, indent=1))


def check_torch(runs: Sequence[Run]) -> None:
    """Raises ValueError: a run needs PyTorch, and it is not there."""
    if any(run.name in TORCH for run in runs) and not importlib.util.find_spec("torch"):
        raise ValueError('PyTorch is missing: pip install -e ".[benchmark]"')


@contextmanager
def alone() -> Iterator[None]:
    """Hold this machine: two benchmarks at once would measure each other.

    Raises:
        ValueError: another benchmark is at work.
    """
    path = Path(tempfile.gettempdir()) / f"aelib-benchmark-{getpass.getuser()}.lock"
    try:
        lock = FileLock(path, timeout=0).acquire()
    except Timeout:
        raise ValueError("another benchmark is at work on this machine: wait for its end") from None
    with lock:
        yield


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


if __name__ == "__main__":
    sys.exit(main())
