"""From a notebook and a grid or a plan to a list of complete runs, and every refusal on the way."""

import ast
import csv
import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import nbformat

from aelib.checks import check_mapping, short
from aelib.notebook import RESERVED

TYPES: dict[str, Any] = {"int": int, "float": (int, float), "str": str, "bool": bool, "list": list}
NO_LITERAL = object()  # the default of a parameter that the notebook computes


class Parameter(NamedTuple):
    """What a notebook says of one of its parameters."""

    kind: str  # a name of TYPES, or "any"
    default: Any


class Run(NamedTuple):
    """One run: what the grid or the plan says of it, and every parameter, in the notebook's order."""

    given: dict[str, Any]
    parameters: dict[str, Any]

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits that tell this run from others of its notebook."""
        text = json.dumps(self.parameters, default=repr)
        return hashlib.sha256(text.encode()).hexdigest()[:8]


def read_notebook(path: Path) -> tuple[nbformat.NotebookNode, dict[str, Parameter]]:
    """A notebook without its outputs, and the parameters in its cell tagged "parameters".

    Raises:
        ValueError: no notebook, no such cell, no kernel, or a parameter with a name of the table's.
    """
    try:
        source = nbformat.read(path, as_version=4)
        nbformat.validate(source)
    except Exception as error:  # nbformat raises whatever it stumbles over
        raise ValueError(f"cannot read the notebook {path}: {one_line(error)}") from None
    known = _read_parameters(path, source)
    kernel = source.metadata.get("kernelspec", {})
    language = source.metadata.get("language_info", {}).get("name") or kernel.get("language")
    if not kernel.get("name") or not language:
        raise ValueError(f"{path} names no kernel: open it in Jupyter, choose one and save it")
    for cell in source.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return source, known


def list_runs(
    notebook: str,
    known: Mapping[str, Parameter],
    grid: Mapping[str, Sequence] | None,
    plan: str | Path | Sequence[Mapping[str, Any]] | None,
) -> list[Run]:
    """The runs of a grid or of a plan, one of which must be None; no run is there twice.

    >>> known = {"seed": Parameter("int", 0), "rate": Parameter("float", 0.1)}
    >>> [run.parameters for run in list_runs("one.ipynb", known, {"seed": [1, 2]}, None)]
    [{'seed': 1, 'rate': 0.1}, {'seed': 2, 'rate': 0.1}]
    >>> list_runs("one.ipynb", known, None, [{"seed": 1}, {"rate": "high"}])
    Traceback (most recent call last):
    ValueError: the plan, row 2: rate takes values of type float, not 'high'

    Args:
        notebook: its name, for messages.
        known: its parameters.
        grid: parameter -> its values; every combination is a run.
        plan: the path of a CSV file or a list of mappings, parameter -> value; a row is a run.

    Raises:
        ValueError: an unknown parameter, a value of the wrong type, a run that is there twice, an
            empty grid or plan, an unreadable file.
    """
    if grid is not None and plan is not None:
        raise ValueError("give a grid or a plan, not both")
    if plan is not None:
        return _runs_of_plan(notebook, known, plan)
    if not grid:
        raise ValueError(f"no grid and no plan; {notebook} has {_listing(known)}")
    check_mapping(grid, "grid")
    return _runs_of_grid(notebook, known, grid)


def parse_grid(texts: Sequence[str], known: Mapping[str, Parameter]) -> dict[str, list]:
    """The grid that the command line spells out, its values read by the parameters' types.

    >>> known = {"units": Parameter("list", []), "label": Parameter("str", "")}
    >>> parse_grid(["units=[500, 250],[]", "label=1,b"], known)
    {'units': [[500, 250], []], 'label': ['1', 'b']}
    """
    grid: dict[str, list] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        if not equals or name in grid:
            problem = "is given twice" if equals else "must be NAME=VALUE,VALUE"
            raise ValueError(f"-g {text}: {problem}")
        outside_brackets = r",(?![^\[]*\])"
        parts = re.split(outside_brackets, values) if values else []
        grid[name] = [_parse(part, known.get(name)) for part in parts]
    return grid


def one_line(text: object) -> str:
    """A text, or the text of an error, without line breaks and not too long for a message."""
    return " ".join(str(text).split())[:300]


def _read_parameters(path, source):
    """Name -> Parameter, from assignments in the cell of parameters.

    Read from the syntax tree: papermill's own list, made line by line, leaves out `a: int | None = 1`
    and any text with "=" in it, and cuts texts at "#".
    """
    cells = [c for c in source.cells if c.cell_type == "code"]
    cells = [c for c in cells if "parameters" in c.metadata.get("tags", [])]
    try:
        statements = ast.parse(cells[0].source).body if cells else []
    except SyntaxError as error:
        raise ValueError(f"cannot read the parameters of {path}: {one_line(error)}") from None
    known = {}
    for statement in statements:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            annotation = ast.unparse(statement.annotation).strip("'\"")
            known[statement.target.id] = _parameter(annotation, statement.value)
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            known[statement.targets[0].id] = _parameter("", statement.value)
    if not known:
        raise ValueError(f"{path} has no cell tagged 'parameters', so there is nothing to vary")
    for name in RESERVED:
        if name in known:
            raise ValueError(f"{path}: a sweep's table has its own column {name!r}: rename it")
    return known


def _parameter(annotation, value):
    """Its type is the one it is annotated with, or else that of its default."""
    try:
        default = ast.literal_eval(value) if value is not None else NO_LITERAL
    except ValueError:
        default = NO_LITERAL
    named = [annotation.split("[")[0], type(default).__name__]
    kind = next((name for name in named if name in TYPES), "any")
    if kind == "float" and type(default) is int:
        default = float(default)
    return Parameter(kind, default)


def _runs_of_grid(notebook, known, grid):
    axes = {}
    for name, values in grid.items():
        _check_name(notebook, known, name)
        if isinstance(values, str) or not isinstance(values, Iterable) or not [*values]:
            raise ValueError(f"{name} needs a list of one or more {known[name].kind} values")
        axes[name] = [_check_value(name, known[name].kind, value) for value in values]
        for i, value in enumerate(axes[name]):
            if value in axes[name][:i]:
                raise ValueError(f"{name} has the value {short(value)} twice")
    combinations = itertools.product(*axes.values())
    return [_complete(notebook, known, dict(zip(axes, c, strict=True))) for c in combinations]


def _runs_of_plan(notebook, known, plan):
    if isinstance(plan, str | Path):
        name, rows = str(plan), _rows_of_file(notebook, known, Path(plan))
    elif isinstance(plan, Sequence) and all(isinstance(row, Mapping) for row in plan):
        name, rows = "the plan", enumerate(plan, 1)
    else:
        raise ValueError("a plan is the path of a CSV file, or a list with a mapping for each run")
    runs: list[Run] = []
    first_row: dict[str, int] = {}
    for number, row in rows:
        try:
            for column in row:
                _check_name(notebook, known, column)
            given = {k: _check_value(k, known[k].kind, value) for k, value in row.items()}
            run = _complete(notebook, known, given)
        except ValueError as error:
            raise ValueError(f"{name}, row {number}: {error}") from None
        if run.digest in first_row:
            raise ValueError(f"{name}, row {number}: the run of row {first_row[run.digest]} again")
        first_row[run.digest] = number
        runs.append(run)
    if not runs:
        raise ValueError(f"{name} has no runs; {notebook} has {_listing(known)}")
    return runs


def _rows_of_file(notebook, known, path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a plan with their numbers in the file, where the column names are row 1.

    Blank lines do not count, nor does the mark that some spreadsheets put first. An empty cell is
    left out of its row.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, skipinitialspace=True, strict=True)
            lines = [(reader.line_num, [cell.strip() for cell in line]) for line in reader]
    except (OSError, ValueError, csv.Error) as error:
        raise ValueError(f"cannot read the plan {path}: {one_line(error)}") from None
    lines = [(number, cells) for number, cells in lines if cells not in ([], [""])]
    if not lines:
        return
    number, columns = lines[0]
    for column in columns:
        if columns.count(column) > 1:
            raise ValueError(f"{path}, row {number}: the column {column!r} is there twice")
        try:
            _check_name(notebook, known, column)
        except ValueError as error:
            raise ValueError(f"{path}, row {number}: {error}") from None
    for number, cells in lines[1:]:
        if len(cells) != len(columns):
            raise ValueError(
                f"{path}, row {number}: {len(cells)} cells for {len(columns)} columns; "
                'a list is quoted: "[500, 250]"'
            )
        pairs = zip(columns, cells, strict=True)
        yield number, {name: _parse(cell, known[name]) for name, cell in pairs if cell}


def _check_name(notebook, known, name):
    if name not in known:
        raise ValueError(f"{notebook} has no parameter {name!r}; it has {_listing(known)}")


def _check_value(name, kind, value):
    """The value as plain Python: NumPy's numbers and arrays, tuples, and whole rates converted."""
    try:
        plain = json.loads(json.dumps(value, allow_nan=False, default=lambda v: v.tolist()))
        plain = float(plain) if kind == "float" and type(plain) is int else plain
    except (TypeError, ValueError, AttributeError, OverflowError):  # NaN among them
        plain = NO_LITERAL
    wrong = not isinstance(plain, TYPES.get(kind, object))
    if plain is NO_LITERAL or wrong or (kind in ("int", "float") and isinstance(plain, bool)):
        wanted = f"values of type {kind}" if kind in TYPES else "numbers, texts and lists of them"
        raise ValueError(f"{name} takes {wanted}, not {short(value)}")
    return plain


def _complete(notebook, known, given):
    parameters = {name: given.get(name, known[name].default) for name in known}
    for name, value in parameters.items():
        if value is NO_LITERAL:
            raise ValueError(f"{notebook} has no plain value for {name}, so it must be given")
    return Run(given, parameters)


def _parse(text, parameter):
    """A text as it is for a parameter of type str, else the literal that it spells, if any."""
    if parameter and parameter.kind == "str":
        return text
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _listing(known):
    """The parameters of a notebook, for messages."""
    return "the parameters " + ", ".join(f"{name} ({p.kind})" for name, p in known.items())
