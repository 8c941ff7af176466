"""What a result rests on: code, data, versions and machine, in a form that can be compared."""

import ast
import hashlib
import json
import os
import platform
import re
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

from aelib import _HOME, _SUBMODULES
from aelib.data import KNOWN, file_in_folder

PACKAGE = Path(__file__).parent
# TensorFlow comes as one of the first two.
PACKAGES = (
    *("tensorflow", "tensorflow-cpu", "keras", "numpy", "scipy"),
    *("scikit-learn", "matplotlib", "pandas"),
)


def code_digests(notebook: nbformat.NotebookNode, folder: Path) -> dict[str, str]:
    """A digest of each piece of code that a notebook's outputs rest on.

    The pieces are its code cells; each module of `aelib` that it uses, itself or through another
    module, with the scripts and styles beside it; and what the cells name by its path: a notebook that
    they run, a folder of tables that they read. Of a module only the syntax tree counts, so comments,
    docstrings and layout may change.

    Args:
        notebook: the notebook, executed or not.
        folder: the one that its relative paths start from.

    Returns:
        Name of the piece -> 12 hexadecimal digits.
    """
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    pieces: dict[str, Any] = {"code cells": cells}
    # Magics such as %time are no Python before IPython has turned them into calls.
    trees = [ast.parse(TransformerManager().transform_cell(cell)) for cell in cells]
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                pieces |= _named_by_path(node.value, folder)
    modules: set[Path] = set()
    waiting = {module for tree in trees for module in _modules_used(tree)}
    while waiting:
        path = waiting.pop()
        modules.add(path)
        waiting |= _modules_used(ast.parse(path.read_text(encoding="utf-8"))) - modules
    for path in sorted(modules):
        name = ".".join(("aelib", *path.relative_to(PACKAGE).with_suffix("").parts))
        pieces[name] = _plain(ast.parse(path.read_text(encoding="utf-8")))
        for file in sorted(path.parent.glob("*.[cj]s*")) if path.parent != PACKAGE else ():
            pieces[f"aelib.{path.parent.name}, {file.name}"] = file.read_text(encoding="utf-8")
    return {name: _digest(json.dumps(piece).encode()) for name, piece in pieces.items()}


def changes(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """Names whose digests differ, or that only one side has; in alphabetical order.

    >>> changes({"code cells": "1", "aelib.pca": "2"}, {"code cells": "1", "aelib.pca": "3"})
    ['aelib.pca']
    """
    return sorted(name for name in {*before, *now} if before.get(name) != now.get(name))


def data_digest(name: str) -> str:
    """A text that changes when the data set `name` does.

    It is the digest of its file in `$AELIB_DATA_DIR`, or else says where `load_dataset` would turn.
    Keras checks the sums of what it downloads, and "curves" follows from the code.
    """
    path = file_in_folder(name)
    if path:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:12]
    if name == "curves" or name not in KNOWN:
        return "drawn" if name == "curves" else "not here"
    return "offline" if os.environ.get("AELIB_OFFLINE") == "1" else "Keras"


def machine() -> dict[str, Any]:
    """Processor, cores, memory in GB, system, Python, versions of packages, date, and load.

    The load is the share of the processor that other programs take, in per cent, measured for a
    second.
    """
    import psutil

    load = psutil.cpu_percent(interval=1.0)
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _processor(),
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "system": platform.system(),
        "load_percent": load,
        "python": platform.python_version(),
        "versions": _versions(),
    }


def _versions():
    found = {}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _processor():
    """The processor's name as its maker gives it, where the system tells."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _modules_used(tree):
    """Files of the modules of aelib that a program names: imported, or as `aelib.train`."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "aelib":
                names.add(node.attr)
        elif isinstance(node, ast.ImportFrom) and node.module == "aelib":
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("aelib."):
            names.add((node.module or "").split(".")[1])
        elif isinstance(node, ast.Import):
            parts = [alias.name.split(".") for alias in node.names]
            names |= {part[1] for part in parts if part[0] == "aelib" and len(part) > 1}
    files: set[Path] = set()
    for name in names:
        module = _HOME.get(name, name)
        if module in _SUBMODULES or module.startswith("_"):
            folder = PACKAGE / module
            files |= set(folder.glob("*.py")) if folder.is_dir() else {PACKAGE / f"{module}.py"}
    return {file for file in files if file.exists()}


def _named_by_path(text, folder):
    """The code cells of a notebook, or the tables in a folder, if `text` is the path of one."""
    if len(text) > 100 or not re.fullmatch(r"[\w./-]*\w[\w./-]*", text):
        return {}
    path = folder / text
    if path.suffix == ".ipynb" and path.is_file():
        other = nbformat.read(path, as_version=4)
        return {text: [cell.source for cell in other.cells if cell.cell_type == "code"]}
    tables = sorted(path.glob("*.csv")) if "/" in text and path.is_dir() else []
    return {f"{text}/*.csv": [t.read_text(encoding="utf-8") for t in tables]} if tables else {}


def _plain(node):
    """A syntax tree as nested lists, without positions and docstrings, alike in all Pythons.

    Empty fields are left out, since later versions of Python add some.
    """
    if isinstance(node, list):
        return [_plain(entry) for entry in node if not _is_bare_text(entry)]
    if isinstance(node, ast.AST):
        fields = [(name, _plain(value)) for name, value in ast.iter_fields(node)]
        return [type(node).__name__, *(field for field in fields if field[1] not in (None, []))]
    return node if isinstance(node, str | int | float | bool | None) else repr(node)


def _is_bare_text(node):
    """Whether a statement is nothing but a text, as a docstring is."""
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _digest(text):
    return hashlib.sha256(text).hexdigest()[:12]
