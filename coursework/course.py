"""Release the assignments, and grade a folder of submissions, with nbgrader.

python coursework/course.py release build/assignments
python coursework/course.py grade SUBMISSIONS --folder grading
"""

import argparse
import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import psutil

from aelib.data import check_counts
from aelib.sweep import THREADS

COURSE = Path(__file__).resolve().parent
ASSIGNMENTS = sorted(path.stem for path in COURSE.glob("source/*/*.ipynb"))
COLUMNS = (
    *("student", "assignment", "number", "status", "auto", "auto_max"),
    *("by_hand", "by_hand_max", "total", "total_max", "note"),
)
PATIENCE = 300  # seconds a submission
LARGEST = 50_000_000  # bytes of a notebook that is handed in
LONGEST = 2_000_000  # characters of a cell's outputs
# What another try mends: two kernels that took the same port, two writers at one time.
PASSING = ("Kernel didn't respond", "Kernel died before", "database is locked")
SERIOUS = ("CellTimeoutError", "SyntaxError", "IndentationError", "TabError")


def release(folder: Path) -> None:
    """Write the student versions and a zip a week into `folder`.

    Raises:
        ValueError: the folder holds anything but an earlier release.
    """
    archives = {name: f"week{week}_{name}.zip" for week, name in enumerate(ASSIGNMENTS, 1)}
    _require(folder, {*archives, *archives.values()})
    with tempfile.TemporaryDirectory() as scratch:
        _prepare(Path(scratch), ASSIGNMENTS)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(Path(scratch) / "release", folder)
    for name, archive in archives.items():
        with zipfile.ZipFile(folder / archive, "w", zipfile.ZIP_DEFLATED) as file:
            file.write(folder / name / f"{name}.ipynb", f"{name}/{name}.ipynb")
        print(folder / archive)


def grade(submissions: Path, folder: Path, jobs: int = 2) -> list[dict]:
    """Grade a folder of submissions; write grades.csv and the feedback pages.

    A submission that has not changed since the last call keeps its points, those given by hand
    among them.

    Args:
        submissions: a folder a student, named as the student, with the notebooks in it.
        folder: nbgrader's course folder, with the results; made if need be.
        jobs: submissions graded at a time.

    Returns:
        A row for each student and each assignment that anyone handed in. grades.csv has them, and
        those of earlier calls for other assignments.

    Raises:
        ValueError: no folder of submissions, or none in it; `folder` holds something else.
    """
    check_counts(jobs=jobs)
    found = {student: _collect(path) for student, path in _students(submissions).items()}
    handed_in = [name for name in ASSIGNMENTS if any(name in files for files in found.values())]
    if not handed_in:
        raise ValueError(f"no notebook of {', '.join(ASSIGNMENTS)} in the folders in {submissions}")
    if not (folder / "gradebook.db").exists():
        _require(folder, set())
    _prepare(folder, handed_in)

    def one(task):
        try:
            row = _grade_one(folder, *task, found[task[0]], jobs)
        except Exception as error:  # whatever one submission does, the others are graded
            row = dict(zip(COLUMNS, task, strict=False), status="not graded")
            row["note"] = f"{type(error).__name__}: {str(error)[:200]}"
        print(f"{row['student']}  {row['assignment']}  {_summary(row)}", flush=True)
        return row

    with ThreadPoolExecutor(jobs) as pool:
        rows = list(pool.map(one, [(s, name) for name in handed_in for s in found]))
    numbers = Counter((row["assignment"], row.get("number")) for row in rows)
    for row in rows:
        shared = numbers[row["assignment"], row.get("number")]
        if row.get("number", "0") != "0" and shared > 1:
            note = f"{shared} students have the number {row['number']}"
            row["note"] = "; ".join(filter(None, [row["note"], note]))
    for name in handed_in:
        _nbgrader(folder, "generate_feedback", name, "--force")
    table, part = folder / "grades.csv", folder / "grades.csv.part"
    others = []
    if table.exists():
        with table.open(newline="", encoding="utf-8") as file:
            others = [row for row in csv.DictReader(file) if row["assignment"] not in handed_in]
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(sorted([*others, *rows], key=lambda row: row["assignment"]))
    os.replace(part, table)
    return rows


def _require(folder, names):
    """Refuse a folder that holds anything but `names`."""
    if folder.exists() and not {path.name for path in folder.iterdir()} <= names:
        raise ValueError(f"{folder} has files of something else; give a new or empty folder")


def _prepare(folder, names):
    """Make `folder` an nbgrader course with today's version of the assignments `names`."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(COURSE / "nbgrader_config.py", folder)
    for name in names:
        path = Path("source", name, f"{name}.ipynb")
        text = (COURSE / path).read_text(encoding="utf-8")
        if _original(folder, name).exists() and (folder / path).read_text(encoding="utf-8") == text:
            continue
        for graded in folder.glob(f"autograded/*/{name}"):
            shutil.rmtree(graded)
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
        problem = _nbgrader(folder, "generate_assignment", name, "--force")
        if problem:
            raise ValueError(f"nbgrader cannot release {name}: {problem}")


def _original(folder, name):
    return folder / "release" / name / f"{name}.ipynb"


def _students(submissions):
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


def _collect(path):
    """The files in a student's folder, assignment -> list; by name, or else by their cells."""
    files = [file for file in sorted(path.rglob("*.ipynb")) if not file.is_symlink()]
    files = [file for file in files if ".ipynb_checkpoints" not in file.parts]
    found = {name: [file for file in files if file.stem == name] for name in ASSIGNMENTS}
    for file in (file for file in files if file.stem not in ASSIGNMENTS):
        notebook = _read(file)
        ids = [] if isinstance(notebook, str) else filter(None, map(_id, notebook.cells))
        prefixes = {grade_id.split("-")[0] for grade_id in ids}
        for name in ASSIGNMENTS:
            if name.split("_")[0] in prefixes and not any(f.stem == name for f in found[name]):
                found[name].append(file)
    return {name: files for name, files in found.items() if files}


def _read(file):
    """A notebook, or a line that says why it cannot be read."""
    size = file.stat().st_size
    if size > LARGEST:
        return f"{file.name} has {size / 1e6:.0f} MB: clear its outputs and hand it in again"
    try:
        with warnings.catch_warnings(action="ignore"):
            notebook = nbformat.read(file, as_version=4)
            nbformat.validate(notebook)
    except Exception as error:  # a damaged file makes nbformat raise all sorts
        return f"cannot read {file.name}: {type(error).__name__}: {str(error)[:100]}"
    return notebook


def _id(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def _grade_one(folder, student, name, files, jobs):
    row = {"student": student, "assignment": name, "status": "not graded"}
    files = files.get(name, [])
    if len(files) != 1:
        listed = " and ".join(file.name for file in files)
        return row | {"note": f"two notebooks, {listed}" if files else f"no {name}.ipynb"}
    notebook = _read(files[0])
    if isinstance(notebook, str):
        return row | {"note": notebook}
    renamed = [f"the file was called {files[0].name}"] if files[0].stem != name else []
    original = nbformat.read(_original(folder, name), as_version=4)
    notes = renamed + _mend(notebook, original)
    row["number"] = _number(notebook)

    text = nbformat.writes(notebook)
    submitted, graded = (
        folder / step / student / name / f"{name}.ipynb" for step in ("submitted", "autograded")
    )
    same = submitted.exists() and submitted.read_text(encoding="utf-8") == text
    if not (same and _executed(graded)):
        submitted.parent.mkdir(parents=True, exist_ok=True)
        submitted.write_text(text, encoding="utf-8")
        arguments = ("autograde", name, "--student", student, "--force")
        for _ in range(3):
            problem = _nbgrader(folder, *arguments, jobs=jobs, patience=PATIENCE)
            if not any(text in problem for text in PASSING):
                break
        if problem:
            shutil.rmtree(graded.parent, ignore_errors=True)  # a killed nbgrader's draft
            return row | {"note": "; ".join([problem, *notes])}
    notes += _look_at(graded)
    return row | _points(folder, student, name) | {"note": "; ".join(notes)[:500]}


def _mend(notebook, original):
    """Put deleted cells back; return what was wrong with the cells."""
    notes, position = [], 0
    for cell in original.cells:
        if not _id(cell):
            continue
        places = [i for i, other in enumerate(notebook.cells) if _id(other) == _id(cell)]
        if not places:
            notebook.cells.insert(position, cell)
            notes.append(f"{_id(cell)} was deleted, put back without an answer")
            places = [position]
        for i in places[:-1]:
            del notebook.cells[i].metadata["nbgrader"]
        if len(places) > 1:
            notes.append(f"{_id(cell)} is there {len(places)} times, the last one counts")
        changed = any(notebook.cells[i].source != cell.source for i in places)
        if cell.metadata.nbgrader.locked and changed:
            notes.append(f"{_id(cell)} was changed, the original is used")
        position = places[-1] + 1
    return notes


def _number(notebook):
    for cell in notebook.cells:
        given = re.search(r"^student\s*=\s*(\w+)", cell.source, re.MULTILINE)
        if cell.cell_type == "code" and given:
            return given[1]
    return ""


def _nbgrader(folder, *arguments, jobs=1, patience=None):
    """Run nbgrader in `folder`; return "" or, in a line, what went wrong."""
    threads = str(max(1, (os.cpu_count() or 1) // jobs))
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    process = subprocess.Popen(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=folder,
        env={**os.environ, **dict.fromkeys(THREADS, threads), "PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        log, _ = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        for child in [*psutil.Process(process.pid).children(recursive=True), process]:
            child.kill()
        process.communicate()
        return f"not done after {patience} s, stopped"
    if process.returncode == 0:
        return ""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    raised = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b", line)]
    return (raised or lines or ["nbgrader failed"])[-1][:300]


def _executed(graded):
    """Whether nbgrader came to its end: before, there is a draft without outputs, or nothing."""
    if not graded.exists():
        return False
    notebook = nbformat.read(graded, as_version=4)
    return any(cell.get("execution_count") for cell in notebook.cells)


def _look_at(graded):
    """Leave out the huge outputs of an autograded notebook; return what stopped its cells."""
    notebook = nbformat.read(graded, as_version=4)
    notes, huge = [], False
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        name = _id(cell) or "a cell of one's own"
        settings = cell.metadata.get("nbgrader", {})
        errors = [output.ename for output in cell.outputs if output.output_type == "error"]
        given = settings.get("locked") and not settings.get("grade")
        notes += [f"{name}: {error}" for error in errors if given or error in SERIOUS]
        size = len(str(cell.outputs))
        if size > LONGEST:
            line = f"(an output of {size / 1e6:.0f} MB is left out)"
            cell.outputs = [nbformat.v4.new_output("stream", text=line)]
            notes.append(f"{name} printed {size / 1e6:.0f} MB")
            huge = True
    if huge:
        part = graded.with_suffix(".part")
        nbformat.write(notebook, part)
        os.replace(part, graded)
    return notes


def _points(folder, student, name):
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{folder.resolve()}/gradebook.db?timeout=60") as gradebook:
        found = gradebook.find_submission(name, student)
        return {
            "status": "to grade by hand" if found.needs_manual_grade else "graded",
            "auto": found.code_score,
            "auto_max": found.max_code_score,
            "by_hand": found.written_score,
            "by_hand_max": found.max_written_score,
            "total": found.score,
            "total_max": found.max_score,
        }


def _summary(row):
    points = ""
    if row["status"] != "not graded":
        points = f"  {row['auto']:g}/{row['auto_max']:g}"
        points += f" and {row['by_hand']:g}/{row['by_hand_max']:g} by hand"
    return f"{row['status']}{points}{'  ' * bool(row['note'])}{row['note']}"


def main() -> int:
    """The command line; returns its exit status: 0, or 2 for a wrong call."""
    parser = argparse.ArgumentParser(
        prog="python coursework/course.py", description=__doc__.splitlines()[0]
    )
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("release", help="write the student versions")
    command.add_argument("folder", type=Path)
    command = commands.add_parser("grade", help="grade a folder of submissions")
    command.add_argument("submissions", type=Path, help="a folder a student, with the notebooks")
    command.add_argument("--folder", type=Path, default=Path("grading"), help="for the results")
    command.add_argument("--jobs", type=int, default=2, help="submissions at a time")
    given = parser.parse_args()
    try:
        if given.command == "release":
            release(given.folder)
            return 0
        rows = grade(given.submissions, given.folder, given.jobs)
    except (ValueError, OSError) as error:
        print(f"course.py: {error}", file=sys.stderr)
        return 2
    failed = sum(row["status"] == "not graded" for row in rows)
    print(f"{len(rows) - failed} graded, {failed} not: {given.folder / 'grades.csv'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
