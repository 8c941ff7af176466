"""Run a notebook over a grid of parameters: papermill for each run, Dask to spread the runs.

python -m aelib.sweep NOTEBOOK -g dataset=mnist,cifar10 -g seed=0,1,2 -o FOLDER --jobs 2
"""

import argparse
import ast
import hashlib
import itertools
import json
import logging
import math
import os
import re
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd

from aelib.data import check_counts

RECORD = "application/vnd.aelib.record+json"
RESERVED = ("seconds", "status", "error")  # the table's own columns
TYPES = {"int": int, "float": (int, float), "str": str, "bool": bool, "list": list}
THREADS = (
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
)
PATIENCE = 60  # seconds without a worker
ATTEMPTS = 3  # to start a kernel: two that start at once may take each other's ports


def record(**metrics: float | int | str | bool) -> None:
    """Keep a run's results inside the executed notebook, as an output that nothing displays.

    `run` puts them into its table, a column a name; of a name given twice the later value
    counts.

    Args:
        metrics: single values; NumPy's are converted, and what is not finite becomes None.

    Raises:
        ValueError: a value that is no single number, text or truth value, or a sweep's own name.
    """
    from IPython.display import display

    values = {}
    for name, value in metrics.items():
        if name in RESERVED:
            raise ValueError(f"a sweep's table has its own column {name!r}: take another name")
        value = value.item() if isinstance(value, np.generic) else value
        if not isinstance(value, bool | int | float | str):
            raise ValueError(f"{name} must be one number, text or truth value, not {value!r}")
        values[name] = None if isinstance(value, float) and not math.isfinite(value) else value
    display({RECORD: values}, raw=True)


def run(
    notebook: str | Path,
    grid: Mapping[str, Sequence],
    output: str | Path,
    jobs: int = 2,
    scheduler: str | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Run a notebook once for every combination of parameters in a grid.

    Each run leaves its executed notebook in `output`, and the sweep a table, `results.csv`. A run
    that fails is a row of the table; the others go on. Called again with the same arguments,
    only missing and failed runs are run. A file appears whole or not at all.
    The workers are new processes: in a script, call it below `if __name__ == "__main__":`.

    Args:
        notebook: path of a notebook with a cell tagged "parameters".
        grid: parameter name -> the values that it takes.
        output: folder; new, empty, or of the same sweep (the same code cells and grid).
        jobs: runs at a time on this machine; each gets its share of the cores.
        scheduler: address of an existing Dask scheduler, "tcp://HOST:PORT", in place of `jobs`
            local workers. aelib and the data must be there for its workers.
        progress: show a bar with runs done, runs failed and time left.

    Returns:
        A row a run: its parameters, its metrics (see `aelib.record`), "seconds", "status" ("done"
        or "failed") and "error" (the cell, and what it raised).

    Raises:
        ValueError: an unreadable notebook, an unknown parameter, a value of the wrong type, an
            empty grid, a folder of something else, no scheduler or no worker.
    """
    check_counts(jobs=jobs)
    notebook, output = Path(notebook), Path(output)
    source, known = _read(notebook)
    _check_grid(notebook.name, known, grid)
    code = [cell.source for cell in source.cells if cell.cell_type == "code"]
    digest = hashlib.sha256(json.dumps(code).encode()).hexdigest()
    identity = {
        "notebook": notebook.name,
        "code": digest,
        "grid": {k: [*v] for k, v in grid.items()},
    }
    _claim(output, identity)

    combinations = [
        dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())
    ]
    rows = {}
    for i, parameters in enumerate(combinations):
        row = _finished(output / _file_name(i, parameters))
        if row:
            rows[i] = row
    missing = [i for i in range(len(combinations)) if i not in rows]
    if missing:
        with _client(jobs, scheduler) as client:
            _run_all(client, source, notebook, output, combinations, missing, rows, progress)
    return _write_table(output, combinations, rows)


def _run_all(client, source, notebook, output, combinations, missing, rows, progress):
    from distributed import wait
    from tqdm import tqdm

    text, folder = nbformat.writes(source), str(notebook.parent.resolve())
    waiting, running, last_seen = list(reversed(missing)), {}, time.monotonic()
    failed = 0
    bar = tqdm(
        total=len(combinations), initial=len(rows), disable=not progress,
        bar_format="{n}/{total} runs{postfix} |{bar}| {elapsed} gone, {remaining} left",
    )  # fmt: skip
    with bar:
        while waiting or running:
            # No more runs than threads are handed out: a worker that dies is blamed for all it holds.
            threads = sum(client.nthreads().values())
            while waiting and len(running) < threads:
                i = waiting.pop()
                running[client.submit(_execute, text, folder, combinations[i], pure=False)] = i
            last_seen = time.monotonic() if threads else last_seen
            if time.monotonic() - last_seen > PATIENCE:
                raise ValueError(
                    f"no worker left for {PATIENCE} s; the same command goes on from here"
                )
            if not running:
                time.sleep(1)
                continue
            try:
                done = wait(list(running), timeout=1, return_when="FIRST_COMPLETED").done
            except TimeoutError:
                continue
            for future in done:
                i = running.pop(future)
                if future.status == "finished":
                    executed = future.result()
                    _write(output / _file_name(i, combinations[i]), executed)
                    rows[i] = _row(nbformat.reads(executed, as_version=4))
                else:
                    rows[i] = {"status": "failed", "error": _lost(future)}
                future.release()
                failed += rows[i]["status"] == "failed"
                _write_table(output, combinations, rows)
                bar.set_postfix_str(f"{failed} failed" if failed else "", refresh=False)
                bar.update()


def _lost(future):
    from distributed import KilledWorker

    problem = None if future.cancelled() else future.exception()
    if isinstance(problem, KilledWorker):
        return "its worker died, at every attempt (out of memory?)"
    return _one_line(f"the worker failed: {type(problem).__name__}: {problem}")


def _execute(text, folder, parameters):
    """On a worker: run the notebook, and return it executed, with what became of it."""
    import papermill
    from dask.system import CPU_COUNT
    from distributed import get_worker

    for name in THREADS:
        os.environ.setdefault(name, str(max(1, CPU_COUNT // get_worker().state.nthreads)))
    with tempfile.TemporaryDirectory() as scratch:
        given, path = Path(scratch) / "given.ipynb", Path(scratch) / "executed.ipynb"
        given.write_text(text, encoding="utf-8")
        path.write_text(text, encoding="utf-8")
        place = {"metadata": {"path": folder if Path(folder).is_dir() else scratch}}
        start = time.perf_counter()
        for _ in range(ATTEMPTS):
            error = ""
            try:
                papermill.execute_notebook(
                    given,
                    path,
                    parameters,
                    progress_bar=False,
                    resources=place,
                    extra_arguments=["--log-level=CRITICAL"],
                )
            except papermill.PapermillExecutionError as problem:
                error = f"{problem.ename}: {problem.evalue}"
            except Exception as problem:
                error = f"{type(problem).__name__}: {problem}"
            executed = nbformat.read(path, as_version=4)
            if not error or _started(executed):
                break
    if error:
        started = _started(executed)
        error = _one_line(f"cell {started[-1]}: {error}" if started else error)
    executed.metadata["aelib_sweep"] = {
        "seconds": round(time.perf_counter() - start, 1),
        "status": "failed" if error else "done",
        "error": error,
    }
    return nbformat.writes(executed)


def _started(executed):
    """The numbers of the code cells that were started, from 1."""
    # papermill's note on a failure and its cell of parameters count as code cells, too.
    code = [cell for cell in executed.cells if cell.cell_type == "code"]
    code = [c for c in code if "injected-parameters" not in c.metadata.get("tags", [])]
    code = [c for c in code if "papermill" in c.metadata]
    return [n for n, c in enumerate(code, 1) if c.metadata.papermill.start_time]


def _finished(path):
    """The row of a run that is done, or None."""
    try:
        row = _row(nbformat.read(path, as_version=4))
    except (OSError, ValueError, KeyError):
        return None
    return row if row["status"] == "done" else None


def _row(executed):
    note = executed.metadata["aelib_sweep"]
    metrics = {}
    for cell in executed.cells:
        for output in cell.get("outputs", []):
            metrics |= output.get("data", {}).get(RECORD, {})
    return {**metrics, **{key: note[key] for key in RESERVED}}


def _write_table(output, combinations, rows):
    table = pd.DataFrame([{**rows[i], **combinations[i]} for i in sorted(rows)])
    last = [name for name in RESERVED if name in table]
    metrics = [name for name in table if name not in (*combinations[0], *last)]
    table = table[[*combinations[0], *metrics, *last]]
    _write(output / "results.csv", table.to_csv(index=False))
    return table


def _write(path, text):
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def _read(path):
    import papermill

    try:
        source = nbformat.read(path, as_version=4)
        nbformat.validate(source)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        raise ValueError(f"cannot read the notebook {path}: {_one_line(error)}") from None
    known = papermill.inspect_notebook(str(path))
    if not known:
        raise ValueError(f"{path} has no cell tagged 'parameters', so there is nothing to vary")
    for cell in source.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return source, {name: _kind(parameter) for name, parameter in known.items()}


def _kind(parameter):
    kind = parameter["inferred_type_name"].split("[")[0].strip()
    if kind in TYPES:
        return kind
    try:
        kind = type(ast.literal_eval(parameter["default"])).__name__
    except (ValueError, SyntaxError):
        kind = "any"
    return kind if kind in TYPES else "any"


def _check_grid(notebook, known, grid):
    names = ", ".join(f"{name} ({kind})" for name, kind in known.items())
    if not grid:
        raise ValueError(f"the grid is empty; {notebook} has the parameters {names}")
    for name, values in grid.items():
        if name not in known:
            raise ValueError(f"{notebook} has no parameter {name!r}; it has {names}")
        if isinstance(values, str) or len(values) == 0:
            raise ValueError(f"{name} needs a list of one or more {known[name]} values")
        for i, value in enumerate(values):
            expected = TYPES.get(known[name], object)
            if not isinstance(value, expected) or (
                isinstance(value, bool) and known[name] in ("int", "float")
            ):
                raise ValueError(f"{name} takes values of type {known[name]}, not {value!r}")
            if value in values[:i]:
                raise ValueError(f"{name} has the value {value!r} twice")


def _claim(output, identity):
    """Make `output` the folder of this sweep, or refuse."""
    if output.exists() and not output.is_dir():
        raise ValueError(f"{output} is a file; give a new folder")
    note = output / "sweep.json"
    output.mkdir(parents=True, exist_ok=True)
    for part in output.glob("*.part"):
        part.unlink()
    if not note.exists():
        if any(output.iterdir()):
            raise ValueError(f"{output} has files that are no sweep's; give a new or empty folder")
        _write(note, json.dumps(identity, indent=1))
        return
    other = json.loads(note.read_text(encoding="utf-8"))
    if other != json.loads(json.dumps(identity)):
        same_code = (other["notebook"], other["code"]) == (identity["notebook"], identity["code"])
        held = f"the grid {other['grid']}" if same_code else f"another {other['notebook']}"
        raise ValueError(f"{output} holds a sweep of {held}; give a new or empty folder")


def _file_name(i, parameters):
    words = "_".join(f"{name}-{value}" for name, value in parameters.items())
    return f"{i + 1:03}_{re.sub(r'[^A-Za-z0-9_.-]+', '-', words)[:120]}.ipynb"


@contextmanager
def _client(jobs, scheduler):
    import dask
    from dask.system import CPU_COUNT
    from distributed import Client, LocalCluster

    if scheduler is None:
        environment = dict.fromkeys(THREADS, str(max(1, CPU_COUNT // jobs)))
        if os.environ.get("AELIB_DATA_DIR"):
            environment["AELIB_DATA_DIR"] = os.path.abspath(os.environ["AELIB_DATA_DIR"])
        # Dask gives up a lost worker after 15 s; replacing it takes longer on a busy machine.
        with (
            dask.config.set({"distributed.deploy.lost-worker-timeout": f"{PATIENCE}s"}),
            LocalCluster(
                n_workers=jobs, threads_per_worker=1, memory_limit=0, dashboard_address=None,
                silence_logs=logging.CRITICAL, env=environment,
            ) as cluster,
            Client(cluster) as client,
        ):  # fmt: skip
            yield client
        return
    try:
        client = Client(scheduler, timeout=min(10, PATIENCE))
    except (OSError, ValueError) as error:
        raise ValueError(f"no Dask scheduler at {scheduler}: {_one_line(error)}") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            raise ValueError(
                f"the scheduler has no worker; start one with: dask worker {scheduler}"
            ) from None
        yield client


def _one_line(text):
    return " ".join(str(text).split())[:300]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns its exit status: 0, 1 for failed runs, 2 for a wrong call."""
    parser = argparse.ArgumentParser(
        prog="python -m aelib.sweep", description="Run a notebook over a grid of parameters."
    )
    parser.add_argument("notebook", help="a notebook with a cell tagged 'parameters'")
    parser.add_argument(
        "-g", "--grid", action="append", default=[], metavar="NAME=VALUE,VALUE",
        help="a parameter and its values; once for each parameter",
    )  # fmt: skip
    parser.add_argument("-o", "--output", required=True, help="folder for notebooks and table")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time (default: 2)")
    parser.add_argument("--scheduler", help="existing Dask scheduler, tcp://HOST:PORT")
    given = parser.parse_args(arguments)
    try:
        _, known = _read(Path(given.notebook))
        table = run(
            given.notebook, _parse_grid(given.grid, known), given.output, given.jobs,
            given.scheduler, progress=True,
        )  # fmt: skip
    except (ValueError, OSError) as error:
        print(f"aelib.sweep: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    failures = table[table.status == "failed"]
    for _, row in failures.iterrows():
        print(
            f"failed: {', '.join(f'{name}={row[name]}' for name in table if name in known)}: {row.error}"
        )
    print(
        f"{len(table) - len(failures)} runs done, {len(failures)} failed: {Path(given.output) / 'results.csv'}"
    )
    return 1 if len(failures) else 0


def _parse_grid(texts, known):
    grid = {}
    for text in texts:
        name, equals, values = text.partition("=")
        if not equals or name in grid:
            problem = "is given twice" if equals else "must be NAME=VALUE,VALUE"
            raise ValueError(f"-g {text}: {problem}")
        outside_brackets = r",(?![^\[]*\])"
        parts = re.split(outside_brackets, values) if values else []
        grid[name] = [part if known.get(name) == "str" else _literal(part) for part in parts]
    return grid


def _literal(text):
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


if __name__ == "__main__":
    # Not this module's own main: Dask's workers must find its functions under the name aelib.sweep.
    from aelib.sweep import main as run_main

    sys.exit(run_main())
