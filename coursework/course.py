"""Release the assignments, and grade a folder of submissions, with nbgrader.

python coursework/course.py release build/assignments
python coursework/course.py grade SUBMISSIONS --folder grading
"""

import argparse
import csv
import os
import shutil
import sys
import tempfile
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

import nbformat

import grader
from aelib.checks import check_counts
from sandbox import submission
from submissions import find_notebooks, mend_cells, read_notebook, student_folders, student_number

# The project comes last.
ASSIGNMENTS = sorted(
    (path.stem for path in grader.COURSE.glob("source/*/*.ipynb")),
    key=lambda name: (name == "project", name),
)
NO_SANDBOX = (
    "no sandbox: each submission runs with your rights. It can read, change and delete your files and "
    "the gradebook, and use the network."
)
COLUMNS = (
    *("student", "assignment", "number", "status", "auto", "auto_max"),
    *("by_hand", "by_hand_max", "total", "total_max", "note"),
)


def release(folder: Path) -> None:
    """Write the student versions and a zip a week into `folder`.

    Raises:
        ValueError: the folder holds anything but an earlier release.
    """
    archives = {name: f"week{week}_{name}.zip" for week, name in enumerate(ASSIGNMENTS, 1)}
    _refuse_foreign_files(folder, {*archives, *archives.values()})
    with tempfile.TemporaryDirectory() as scratch:
        grader.prepare(Path(scratch), ASSIGNMENTS)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(Path(scratch) / "release", folder)
    for name, archive in archives.items():
        with zipfile.ZipFile(folder / archive, "w", zipfile.ZIP_DEFLATED) as file:
            file.write(folder / name / f"{name}.ipynb", f"{name}/{name}.ipynb")
        print(folder / archive)


def grade(
    submissions: Path, folder: Path, jobs: int = 2, sandbox: str = "bubblewrap"
) -> list[dict]:
    """Grade a folder of submissions; write grades.csv and the feedback pages.

    A submission that has not changed since the last call keeps its points, those given by hand
    among them.

    Args:
        submissions: a folder a student, named as the student, with the notebooks in it.
        folder: nbgrader's course folder, with the results; made if need be.
        jobs: submissions graded at a time.
        sandbox: in which each runs: "bubblewrap"; or "none", where it can do what the caller can.

    Returns:
        A row for each student and each assignment that anyone handed in. grades.csv has them, and
        those of earlier calls for other assignments.

    Raises:
        ValueError: no folder of submissions, or none in it; `folder` holds something else; the
            sandbox cannot work here. Nothing has run then.
    """
    check_counts(jobs=jobs)
    submission.check(sandbox)
    students = student_folders(submissions)
    found = {student: find_notebooks(path, ASSIGNMENTS) for student, path in students.items()}
    handed_in = [name for name in ASSIGNMENTS if any(name in files for files in found.values())]
    if not handed_in:
        raise ValueError(f"no notebook of {', '.join(ASSIGNMENTS)} in the folders in {submissions}")
    if not (folder / "gradebook.db").exists():
        _refuse_foreign_files(folder, set())
    grader.keep_gradebook(folder)
    grader.prepare(folder, handed_in, sandbox)

    def row_of(task):
        student, name = task
        try:
            row = _grade_one(folder, student, name, found[student].get(name, []), jobs)
        except Exception as error:  # whatever one submission does, the others are graded
            row = {"student": student, "assignment": name, "status": "not graded"}
            row["note"] = f"{type(error).__name__}: {str(error)[:200]}"
        print(f"{student}  {name}  {_summary(row)}", flush=True)
        return row

    with ThreadPoolExecutor(jobs) as pool:  # threads are enough: they wait for nbgrader
        rows = list(pool.map(row_of, [(student, name) for name in handed_in for student in found]))
        list(pool.map(grader.write_feedback, repeat(folder), handed_in))
    _note_numbers(rows)
    _write_table(folder / "grades.csv", rows, handed_in)
    return rows


def _refuse_foreign_files(folder, ours):
    """Raise a ValueError if `folder` holds anything but files with the names `ours`."""
    if folder.exists() and not {path.name for path in folder.iterdir()} <= ours:
        raise ValueError(f"{folder} has files of something else; give a new or empty folder")


def _grade_one(folder, student, name, files, jobs):
    """The row of a student and an assignment, for which `files` were handed in."""
    row = {"student": student, "assignment": name, "status": "not graded"}
    if len(files) != 1:
        listed = " and ".join(file.name for file in files)
        return row | {"note": f"two notebooks, {listed}" if files else f"no {name}.ipynb"}
    try:
        notebook = read_notebook(files[0])
    except ValueError as error:
        return row | {"note": str(error)}
    notes = [f"the file was called {files[0].name}"] if files[0].stem != name else []
    notes += mend_cells(notebook, nbformat.read(grader.student_version(folder, name), as_version=4))
    row["number"] = student_number(notebook)
    problem = grader.autograde(folder, student, name, notebook, jobs)
    if problem:
        return row | {"note": "; ".join([problem, *notes])}
    notes += grader.trim_outputs(grader.autograded(folder, student, name))
    return row | grader.points(folder, student, name) | {"note": "; ".join(notes)[:500]}


def _note_numbers(rows):
    """Say it in the notes where students of an assignment share a number, or one left it at 0.

    Where all have 0, the class does without numbers, and nothing is said.
    """
    numbers = Counter((row["assignment"], row.get("number")) for row in rows)
    for row in rows:
        name, number = row["assignment"], row.get("number")
        note = ""
        if number == "0" and any(n not in (None, "0") for other, n in numbers if other == name):
            note = "the student number was left at 0"
        elif number not in (None, "0") and numbers[name, number] > 1:
            note = f"{numbers[name, number]} students have the number {number}"
        row["note"] = "; ".join(filter(None, [row["note"], note]))


def _write_table(table, rows, handed_in):
    """Put `rows` into the file `table`, in place of its rows of the assignments `handed_in`."""
    # Weeks add up: what the file says of other assignments stays. It is replaced in one step,
    # so that a teacher who stops the program has the old table or the new one.
    others = []
    if table.exists():
        with table.open(newline="", encoding="utf-8") as file:
            others = [row for row in csv.DictReader(file) if row["assignment"] not in handed_in]
    part = table.with_suffix(".csv.part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(sorted([*others, *rows], key=lambda row: row["assignment"]))
    os.replace(part, table)


def _summary(row):
    """A row's status, points and note, as they are printed."""
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
    command.add_argument(
        "--sandbox",
        default="bubblewrap",
        help="bubblewrap, or none: for submissions that you trust",
    )
    given = parser.parse_args()
    try:
        if given.command == "release":
            release(given.folder)
            return 0
        if given.sandbox == "none":
            print(NO_SANDBOX, file=sys.stderr)
        rows = grade(given.submissions, given.folder, given.jobs, given.sandbox)
    except (ValueError, OSError) as error:
        print(f"course.py: {error}", file=sys.stderr)
        return 2
    failed = sum(row["status"] == "not graded" for row in rows)
    print(f"{len(rows) - failed} graded, {failed} not: {given.folder / 'grades.csv'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
