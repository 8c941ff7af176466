"""The folder of a sweep: its lock, what its runs rest on, and its files, each whole or not at all."""

import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
from filelock import FileLock, Timeout

from aelib import provenance
from aelib.notebook import RECORD, RESERVED
from aelib.sweep.plan import Run, one_line

LOCK, IDENTITY, TABLE, MACHINE = "sweep.lock", "sweep.json", "results.csv", "machine.json"


def identity(notebook: Path, source: nbformat.NotebookNode, runs: Sequence[Run]) -> dict[str, Any]:
    """What the table rests on: the notebook's name, digests of its code and of the data sets.

    The data sets are the values of the parameter `dataset`. One that is not here is left out: its
    runs fail, and may be run again when it has come.

    Raises:
        ValueError: a code cell that is no Python.
    """
    try:
        code = provenance.code_digests(source, notebook.parent)
    except SyntaxError as error:
        raise ValueError(f"{notebook} has a cell that is no Python: {one_line(error)}") from None
    # What is drawn changes no number of the table, and a sweep may take days.
    code.pop("aelib.plots", None)
    names = {run.parameters.get("dataset") for run in runs}
    digests = {name: provenance.data_digest(name) for name in names if isinstance(name, str)}
    data = {name: digest for name, digest in sorted(digests.items()) if digest != "not here"}
    return {"notebook": notebook.name, "code": code, "data": data}


@contextmanager
def claim(folder: Path, now: dict[str, Any]) -> Iterator[None]:
    """Hold `folder` for one sweep with the identity `now`, or refuse before anything changes.

    Raises:
        ValueError: a folder of something else, of another notebook, of other code or data, in use
            by another sweep, or without permission to write.
    """
    # The order matters. A folder of something else must not get so much as a lock file. The lock
    # comes before the rest, since whoever holds it may be writing just now: what looks like a
    # leftover may be his. The system releases it when its process ends, however it ends.
    try:
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"{folder} is a file; give a new folder")
        there = {path.name for path in folder.iterdir()} if folder.exists() else set()
        if IDENTITY not in there and there - {LOCK, IDENTITY + ".part"}:
            raise ValueError(f"{folder} has files that are no sweep's; give a new folder")
        folder.mkdir(parents=True, exist_ok=True)
        held = FileLock(folder / LOCK, timeout=0).acquire()
    except Timeout:
        raise ValueError(f"another sweep is at work in {folder}; give another folder") from None
    except OSError as error:
        raise ValueError(f"cannot write into {folder}: {error.strerror}") from None
    with held:
        _compare_identity(folder, now)
        for part in folder.glob("*.part"):
            part.unlink()
        yield


def notebook_path(folder: Path, run: Run) -> Path:
    """Where the executed notebook of a run lies, or will lie.

    Its name is words for people, then the digest by which the run is found again, whatever else
    its plan or grid names.

    >>> notebook_path(Path("out"), Run({"seed": 1}, {"seed": 1, "units": [500, 250]})).name
    'seed-1_fa5b75da.ipynb'
    """
    found = sorted(folder.glob(f"*_{run.digest}.ipynb"))
    if found:
        return found[0]
    words = "_".join(f"{name}-{value}" for name, value in run.given.items()) or "defaults"
    return folder / f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', words)[:100]}_{run.digest}.ipynb"


def finished_row(path: Path) -> dict[str, Any] | None:
    """The metrics, seconds, status and error of a run that is done, or None."""
    try:
        row = row_of(nbformat.read(path, as_version=4))
    except Exception:  # none there, or damaged: nbformat raises whatever it stumbles over
        return None
    return row if row["status"] == "done" else None


def row_of(executed: nbformat.NotebookNode) -> dict[str, Any]:
    """The metrics that an executed notebook recorded, and what became of it."""
    note = executed.metadata["aelib_sweep"]
    return {**recorded(executed), **{key: note[key] for key in RESERVED}}


def recorded(executed: nbformat.NotebookNode) -> dict[str, Any]:
    """What a notebook gave to `aelib.record`; of a name given twice the later value."""
    metrics: dict[str, Any] = {}
    for cell in executed.cells:
        for output in cell.get("outputs", []):
            metrics |= output.get("data", {}).get(RECORD, {})
    return metrics


def write_table(
    folder: Path, runs: Sequence[Run], rows: Mapping[int, dict[str, Any]]
) -> pd.DataFrame:
    """Write results.csv: of each of the `rows`, by its place in `runs`, every parameter first."""
    table = pd.DataFrame([{**rows[i], **runs[i].parameters} for i in sorted(rows)])
    first, last = [*runs[0].parameters], [*RESERVED]
    metrics = [name for name in table if name not in (*first, *last)]
    table = table.reindex(columns=[*first, *metrics, *last])
    write(folder / TABLE, table.to_csv(index=False))
    return table


@contextmanager
def noted_call(folder: Path, call: dict[str, Any]) -> Iterator[None]:
    """Add `call` to machine.json: now, and once more with its seconds if it ends by itself."""
    path = folder / MACHINE
    earlier = _read_json(path) if path.exists() else []
    start = time.monotonic()
    write(path, json.dumps([*earlier, call], indent=1))
    yield
    call = {**call, "seconds": round(time.monotonic() - start, 1)}
    write(path, json.dumps([*earlier, call], indent=1))


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def _compare_identity(folder, now):
    """Refuse a folder whose runs rest on something else; else note the data sets that are new."""
    path = folder / IDENTITY
    before = _read_json(path) if path.exists() else {**now, "data": {}}
    try:
        if before["notebook"] != now["notebook"]:
            raise ValueError(f"{folder} holds runs of {before['notebook']}; give a new folder")
        both = before["data"].keys() & now["data"].keys()
        old, new = ({name: side["data"][name] for name in both} for side in (before, now))
        changed = provenance.changes(before["code"], now["code"])
        changed += [f"the data set {name}" for name in provenance.changes(old, new)]
    except (KeyError, TypeError, AttributeError):
        raise ValueError(f"{folder} holds a sweep of another aelib; give a new folder") from None
    if changed:
        raise ValueError(
            f"{folder} holds runs made before a change of {', '.join(changed)}; "
            "they stay as they are: give a new folder"
        )
    now = {**now, "data": before["data"] | now["data"]}
    if not path.exists() or before != now:
        write(path, json.dumps(now, indent=1))


def _read_json(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise ValueError(f"{path} is damaged; give a new folder") from None
