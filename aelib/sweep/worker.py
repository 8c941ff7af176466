"""One run on a worker: the notebook executed, a kernel that did not start tried again."""

import logging
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat

from aelib.sweep.folder import recorded
from aelib.sweep.plan import one_line
from aelib.threads import share

ATTEMPTS = 3  # to start a kernel: two that start at once may take each other's ports


def execute(text: str, folder: str, given: Mapping[str, Any], names: Sequence[str]) -> str:
    """Execute a notebook, and return it with its outputs and with what became of it.

    Args:
        text: the notebook.
        folder: where it runs; a folder for the moment if this machine has none of that name.
        given: the parameters to set.
        names: all its parameters.

    Returns:
        The executed notebook. Its metadata have "aelib_sweep": "seconds", "status" ("done" or
        "failed") and "error".
    """
    _set_environment()
    start = time.perf_counter()
    # Only a kernel that did not start is tried again: what a cell did may not be done twice.
    for _ in range(ATTEMPTS):
        executed, error = _execute_once(text, folder, given)
        started = _started_cells(executed)
        if started or not error:
            break
    twice = sorted(recorded(executed).keys() & {*names})
    if error and started:
        error = f"cell {started[-1]}: {error}"
    elif twice and not error:
        error = f"aelib.record got {twice[0]!r}, the name of a parameter: take another name"
    executed.metadata["aelib_sweep"] = {
        "seconds": round(time.perf_counter() - start, 1),
        "status": "failed" if error else "done",
        "error": one_line(error),
    }
    return nbformat.writes(executed)


def _set_environment():
    """For the kernels that this worker starts: its share of the cores."""
    from distributed import get_worker

    for name, value in share(get_worker().state.nthreads).items():
        os.environ.setdefault(name, value)  # a local cluster has set them already
    logging.getLogger("papermill").setLevel(logging.ERROR)  # the sweep's bar has the terminal


def _execute_once(text, folder, given):
    """The executed notebook, and what was raised: an error of the kernel, of a cell, or ""."""
    import papermill
    from traitlets.config import Config

    with tempfile.TemporaryDirectory() as scratch:
        source, path = Path(scratch) / "source.ipynb", Path(scratch) / "executed.ipynb"
        source.write_text(text, encoding="utf-8")
        path.write_text(text, encoding="utf-8")  # papermill may fail before it writes
        place = {"metadata": {"path": folder if Path(folder).is_dir() else scratch}}
        error = ""
        try:
            papermill.execute_notebook(
                source,
                path,
                given,
                progress_bar=False,
                resources=place,
                extra_arguments=["--log-level=CRITICAL"],
                config=Config(KernelManager={"transport_encryption": "auto"}),  # or it warns
            )
        except papermill.PapermillExecutionError as problem:
            error = f"{problem.ename}: {problem.evalue}"
        except Exception as problem:
            error = f"{type(problem).__name__}: {problem}"
        return nbformat.read(path, as_version=4), error


def _started_cells(executed):
    """The numbers of the code cells that were started, from 1, as the notebook's author counts."""
    # An executed notebook has two more code cells than its author wrote: papermill's note on a
    # failure, which never ran, and the cell of parameters that papermill puts below the author's.
    code = [cell for cell in executed.cells if cell.cell_type == "code"]
    code = [c for c in code if "injected-parameters" not in c.metadata.get("tags", [])]
    code = [c for c in code if "papermill" in c.metadata]
    return [n for n, c in enumerate(code, 1) if c.metadata.papermill.start_time]
