"""Run a notebook over a grid or a plan: papermill for each run, Dask to spread the runs.

python -m aelib.sweep NOTEBOOK -g dataset=mnist,cifar10 -g seed=0,1,2 -o FOLDER --jobs 2
python -m aelib.sweep NOTEBOOK --plan PLAN.csv -o FOLDER --jobs 2
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd

from aelib import provenance
from aelib.checks import check_counts
from aelib.sweep import folder as files
from aelib.sweep.plan import list_runs, one_line, read_notebook
from aelib.sweep.worker import execute


def run(
    notebook: str | Path,
    grid: Mapping[str, Sequence] | None = None,
    output: str | Path | None = None,
    jobs: int = 2,
    scheduler: str | None = None,
    progress: bool = False,
    plan: str | Path | Sequence[Mapping[str, Any]] | None = None,
) -> pd.DataFrame:
    """Run a notebook once for every combination of a grid, or once for every row of a plan.

    Each run leaves its executed notebook in `output`, and the sweep a table, `results.csv`, and
    `machine.json`, which says where and when it ran. A run that fails is a row of the table; the
    others go on. What is in the folder already is not run again: the same call goes on where it
    was stopped, and a longer grid or plan adds its runs. A file appears whole or not at all.
    The workers are new processes: in a script, call it below `if __name__ == "__main__":`.

    Args:
        notebook: path of a notebook with a cell tagged "parameters".
        grid: parameter name -> the values that it takes.
        output: folder; new, empty, or with runs of the same notebook, code and data.
        jobs: runs at a time on this machine; each gets its share of the cores.
        scheduler: address of an existing Dask scheduler, "tcp://HOST:PORT", in place of `jobs`
            local workers. aelib and the data must be there for its workers.
        progress: show a bar with runs done, runs failed and time left.
        plan: in place of `grid`: path of a CSV file, a row a run and a column a parameter, where an
            empty cell is the notebook's default; or a list of mappings, parameter name -> value.

    Returns:
        A row a run of this call: every parameter, defaults too; its metrics (see `aelib.record`);
        "seconds", "status" ("done" or "failed") and "error" (the cell, and what it raised).

    Raises:
        ValueError: an unreadable notebook or plan, an unknown parameter, a value of the wrong type,
            an empty grid or plan, a run that is there twice; a folder of something else, of other
            code or data, or of a sweep at work; no scheduler or no worker.
    """
    check_counts(jobs=jobs)
    if output is None:
        raise ValueError("output is missing: a folder for the notebooks and the table")
    notebook, output = Path(notebook), Path(output)
    source, known = read_notebook(notebook)
    runs = list_runs(notebook.name, known, grid, plan)
    with files.claim(output, files.identity(notebook, source, runs)):
        rows = {}
        for i, a_run in enumerate(runs):
            row = files.finished_row(files.notebook_path(output, a_run))
            if row:
                rows[i] = row
        if len(rows) < len(runs):
            # Dask is slow to import: a command that is refused does without it.
            from aelib.sweep import cluster

            place = {"jobs": jobs} if scheduler is None else {"scheduler": scheduler}
            call = {**provenance.machine(), **place, "runs": len(runs) - len(rows)}
            with cluster.connect(jobs, scheduler) as client, files.noted_call(output, call):
                _run_missing(client, source, notebook.parent, output, runs, rows, progress)
        return files.write_table(output, runs, rows)


def _run_missing(client, source, place, output, runs, rows, progress):
    """Hand the runs that `rows` lacks to the workers, and fill it, the folder and the table.

    A loop over what is at work, in place of Dask's own queue, for three reasons: a worker that dies
    is blamed for all that it holds, so no more runs are handed out than there are threads; the
    table is written after each run, so that a kill loses nothing; and a cluster whose workers are
    all gone is given up after a while, where Dask would wait for ever.
    """
    from distributed import Future, wait
    from tqdm import tqdm

    from aelib.sweep.cluster import PATIENCE

    text, names = nbformat.writes(source), [*runs[0].parameters]
    waiting = [i for i in reversed(range(len(runs))) if i not in rows]
    running: dict[Future, int] = {}
    last_seen, failed = time.monotonic(), 0
    bar = tqdm(
        total=len(runs), initial=len(rows), disable=not progress,
        bar_format="{n}/{total} runs{postfix} |{bar}| {elapsed} gone, {remaining} left",
    )  # fmt: skip
    with bar:
        while waiting or running:
            threads = sum(client.nthreads().values())
            while waiting and len(running) < threads:
                i = waiting.pop()
                task = (text, str(place.resolve()), runs[i].given, names)
                running[client.submit(execute, *task, pure=False)] = i
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
                    files.write(files.notebook_path(output, runs[i]), executed)
                    rows[i] = files.row_of(nbformat.reads(executed, as_version=4))
                else:
                    rows[i] = {"status": "failed", "error": _why_lost(future)}
                future.release()
                failed += rows[i]["status"] == "failed"
                files.write_table(output, runs, rows)
                bar.set_postfix_str(f"{failed} failed" if failed else "", refresh=False)
                bar.update()


def _why_lost(future):
    """What became of a run that sent no notebook back."""
    from distributed import KilledWorker

    problem = None if future.cancelled() else future.exception()
    if isinstance(problem, KilledWorker):
        return "its worker died, at every attempt (out of memory?)"
    return one_line(f"the worker failed: {type(problem).__name__}: {problem}")
