"""What students handed in: found, read and mended here. Nothing in this file runs it."""

import re
import warnings
from pathlib import Path

import nbformat
from nbformat import NotebookNode

LARGEST = 50_000_000  # bytes of a notebook that is handed in


def student_folders(submissions: Path) -> dict[str, Path]:
    """The folders in `submissions`, by student: a folder's name, with _ for odd characters.

    Raises:
        ValueError: no folder `submissions`, none in it, or two with the same name for nbgrader.
    """
    if not submissions.is_dir():
        raise ValueError(f"there is no folder {submissions}")
    students = {}
    folders = [path for path in submissions.iterdir() if path.is_dir()]
    for path in sorted(path for path in folders if not path.name.startswith(".")):
        student = re.sub(r"[^\w.-]+", "_", path.name)
        if student in students:
            raise ValueError(f"{students[student].name} and {path.name} would both be {student}")
        students[student] = path
    if not students:
        raise ValueError(f"{submissions} has no folders; it needs one a student")
    return students


def find_notebooks(folder: Path, assignments: list[str]) -> dict[str, list[Path]]:
    """The notebooks in a student's folder, assignment -> files; by name, or else by their cells."""
    # A link could lead to anything on this computer; checkpoints are Jupyter's copies.
    files = [file for file in sorted(folder.rglob("*.ipynb")) if not file.is_symlink()]
    files = [file for file in files if ".ipynb_checkpoints" not in file.parts]
    found = {name: [file for file in files if file.stem == name] for name in assignments}
    # Browsers and learning platforms rename files. The ids of an assignment's cells begin with
    # the same letters as its name (ps1-error, ps1_motivation_pca); so a file of another name is
    # recognised by them, but it counts only where no file has the right name.
    for file in (file for file in files if file.stem not in assignments):
        try:
            cells = read_notebook(file).cells
        except ValueError:  # with this name, nothing says that it was meant as an answer
            continue
        prefixes = {grade_id(cell).split("-")[0] for cell in cells}
        for name in assignments:
            if name.split("_")[0] in prefixes and not any(f.stem == name for f in found[name]):
                found[name].append(file)
    return {name: files for name, files in found.items() if files}


def read_notebook(file: Path) -> NotebookNode:
    """Read a notebook of any format.

    Raises:
        ValueError: it is too large, or no notebook; one line for the teacher.
    """
    size = file.stat().st_size
    if size > LARGEST:
        raise ValueError(
            f"{file.name} has {size / 1e6:.0f} MB: clear its outputs and hand it in again"
        )
    try:
        with warnings.catch_warnings(action="ignore"):
            notebook = nbformat.read(file, as_version=4)
            nbformat.validate(notebook)
    except Exception as error:  # a damaged file makes nbformat raise all sorts
        reason = f"{type(error).__name__}: {str(error)[:100]}"
        raise ValueError(f"cannot read {file.name}: {reason}") from error
    return notebook


def mend_cells(notebook: NotebookNode, original: NotebookNode) -> list[str]:
    """Give `notebook` each of the assignment's cells once; return a line for each oddity.

    Args:
        notebook: a student's; changed in place.
        original: the student version as it was released.
    """
    # nbgrader knows cells by their ids, so each cell of the original is looked for by its id. A
    # deleted test would cost its points although the answer may be right: it goes back behind the
    # cell that was before it. Of several with the same id only the last keeps it, for cells below
    # see what it did. Changed test cells are only noted: nbgrader puts their original source back.
    notes, position = [], 0
    for cell in (cell for cell in original.cells if grade_id(cell)):
        name = grade_id(cell)
        places = [i for i, other in enumerate(notebook.cells) if grade_id(other) == name]
        if not places:
            notebook.cells.insert(position, cell)
            notes.append(f"{name} was deleted, put back without an answer")
            places = [position]
        for i in places[:-1]:
            del notebook.cells[i].metadata["nbgrader"]
        if len(places) > 1:
            notes.append(f"{name} is there {len(places)} times, the last one counts")
        changed = any(notebook.cells[i].source != cell.source for i in places)
        if cell.metadata.nbgrader.locked and changed:
            notes.append(f"{name} was changed, the original is used")
        position = places[-1] + 1
    return notes


def student_number(notebook: NotebookNode) -> str:
    """The number that a notebook's first `student = ...` gives, as it is written there, or ""."""
    for cell in notebook.cells:
        given = re.search(r"^student\s*=\s*(\w+)", cell.source, re.MULTILINE)
        if cell.cell_type == "code" and given:
            return given[1]
    return ""


def grade_id(cell: NotebookNode) -> str:
    """nbgrader's name of a cell; "" where it has none."""
    settings = cell.metadata.get("nbgrader")  # a student's file can hold anything here
    return str(settings.get("grade_id") or "") if isinstance(settings, dict) else ""
