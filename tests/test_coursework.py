"""Assignments graded as a teacher does: solutions, untouched, wrong and broken submissions."""

import copy
import csv
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import psutil
import pytest
from nbgrader.api import Gradebook

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "coursework"))
course = importlib.import_module("course")


def _grade_id(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def _master(name):
    return nbformat.read(ROOT / "coursework" / "source" / name / f"{name}.ipynb", as_version=4)


def _tests(name):
    """Autograded cells of an assignment: name -> points."""
    cells = [cell for cell in _master(name).cells if _grade_id(cell) and cell.cell_type == "code"]
    settings = [cell.metadata.nbgrader for cell in cells]
    return {s.grade_id: s.points for s in settings if s.grade}


@pytest.fixture(scope="session")
def released(tmp_path_factory):
    folder = tmp_path_factory.mktemp("released") / "assignments"
    course.release(folder)
    return folder


def _answered(released, name, number=0, cells=None):
    """The student version with the solution's answers, but for `cells`: grade_id -> source."""
    answers = {
        _grade_id(cell): cell.source
        for cell in _master(name).cells
        if cell.metadata.get("nbgrader", {}).get("solution")
    }
    assert set(cells or {}) <= set(answers)
    notebook = nbformat.read(released / name / f"{name}.ipynb", as_version=4)
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = cell.source.replace("student = 0", f"student = {number}")
        if _grade_id(cell) in answers:
            cell.source = (cells or {}).get(_grade_id(cell), answers[_grade_id(cell)])
    return notebook


def _hand_in(notebook, folder, name):
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{name}.ipynb")


def _lost(folder, student, name):
    with Gradebook(f"sqlite:///{folder}/gradebook.db") as gradebook:
        found = gradebook.find_submission(name, student)
        grades = found.notebooks[0].grades
        return {g.name for g in grades if g.cell.cell_type == "code" and g.auto_score == 0}


@pytest.mark.parametrize("name", course.ASSIGNMENTS)
def test_master_is_executed_and_clean(name):
    code = [cell for cell in _master(name).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert {output.get("name", output.output_type) for output in outputs} == {"stdout"}


@pytest.mark.parametrize("name", course.ASSIGNMENTS)
def test_no_answer_and_no_hidden_test_is_released(released, name):
    text = (released / name / f"{name}.ipynb").read_text()
    for mark in ("SOLUTION", "HIDDEN TESTS", "Rubric"):
        assert f"### BEGIN {mark}" not in text
        assert f"*{mark}" not in text
    cells = nbformat.reads(text, as_version=4).cells
    assert not any(cell.get("outputs") for cell in cells)
    public = {cell.source for cell in cells}
    for cell in _master(name).cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            assert cell.source not in public
        for part in ("SOLUTION", "HIDDEN TESTS"):
            for block in cell.source.split(f"### BEGIN {part}\n")[1:]:
                secret = block.split(f"### END {part}")[0].strip()
                assert secret
                assert secret not in "\n".join(public)
    with zipfile.ZipFile(next(released.glob(f"week*_{name}.zip"))) as archive:
        assert archive.read(f"{name}/{name}.ipynb").decode() == text


@pytest.mark.parametrize("name", course.ASSIGNMENTS)
def test_each_submission_loses_just_what_it_should(released, name, tmp_path):
    spec = importlib.util.spec_from_file_location(
        name, ROOT / "tests" / "submissions" / f"{name}.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    wrong = module.SUBMISSIONS
    assert len(wrong) == 4

    _hand_in(_answered(released, name, 500), tmp_path / "in" / "solution", name)
    untouched = nbformat.read(released / name / f"{name}.ipynb", as_version=4)
    _hand_in(untouched, tmp_path / "in" / "untouched", name)
    for label, entry in wrong.items():
        answered = _answered(released, name, 7, entry["cells"])
        _hand_in(answered, tmp_path / "in" / label, name)
    rows = course.grade(tmp_path / "in", tmp_path / "out")
    assert len(rows) == 6

    points = _tests(name)
    expected = {"solution": set(), "untouched": set(points)}
    expected |= {re.sub(r"\W+", "_", label): {*entry["loses"]} for label, entry in wrong.items()}
    for row in rows:
        lost = _lost(tmp_path / "out", row["student"], name)
        assert lost == expected[row["student"]], row["student"]
        assert row["auto"] == sum(points[test] for test in set(points) - lost)
        assert row["auto_max"] == sum(points.values())
        assert 0 < row["by_hand_max"] < row["auto_max"]
    hidden = {test for test in points if test.endswith("-hidden")}
    assert len(expected["hard_coded"] & hidden) >= 2
    pages = {path.parts[-3] for path in (tmp_path / "out" / "feedback").rglob("*.html")}
    assert pages == set(expected)


def _cheat(_, cells):
    cells["ps1-error"].source = "def squared_error(x, x_hat):\n    return 0"
    cells["ps1-error-test"].source = "pass"


def test_a_class_of_twelve_is_graded_in_one_command(released, tmp_path):
    name = "ps1_motivation_pca"
    solution = _answered(released, name)

    def changed(change):
        notebook = copy.deepcopy(solution)
        cells = {_grade_id(cell): cell for cell in notebook.cells}
        change(notebook.cells, cells)
        return notebook

    def source(grade_id, text):
        return changed(lambda _, by_id: by_id[grade_id].update(source=text))

    notebooks = {
        "ada": _answered(released, name, 1),
        "ben": _answered(released, name, 2),
        "cem": _answered(released, name, 3, {"ps1-budget": "def largest_code(*_):\n    return 4"}),
        "crash": source("ps1-error", "import os\nos._exit(1)"),
        "endless": source("ps1-error", "while True:\n    pass"),
        "deleted": changed(lambda cells, by_id: cells.remove(by_id["ps1-error-test"])),
        "twice": changed(lambda cells, by_id: cells.append(copy.deepcopy(by_id["ps1-error-test"]))),
        "syntax": source("ps1-error", "def squared_error(x, x_hat)\n    return 0"),
        "changed": changed(_cheat),
        "missing": None,
        "renamed": solution,
        "huge": source("ps1-error", "print('x' * 200_000_000)"),
    }
    for student, notebook in notebooks.items():
        (tmp_path / "in" / student).mkdir(parents=True)
        file = "homework (1)" if student == "renamed" else name
        if notebook:
            nbformat.write(notebook, tmp_path / "in" / student / f"{file}.ipynb")
    (tmp_path / "in" / "missing" / "notes.txt").touch()
    command = [sys.executable, ROOT / "coursework" / "course.py", "grade", tmp_path / "in"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, "--folder", tmp_path / "out"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    with (tmp_path / "out" / "grades.csv").open(newline="") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert set(rows) == set(notebooks)

    all_points = sum(_tests(name).values())
    lost = {"cem": 4, "endless": 3, "syntax": 3, "changed": 3, "huge": 3}
    for student, row in rows.items():
        if student in ("missing", "crash"):
            assert row["status"] == "not graded"
            continue
        assert float(row["auto"]) == all_points - lost.get(student, 0), student
    notes = {
        "endless": "ps1-error: CellTimeoutError",
        "deleted": "ps1-error-test was deleted",
        "twice": "ps1-error-test is there 2 times",
        "syntax": "ps1-error: SyntaxError",
        "changed": "ps1-error-test was changed",
        "missing": "no ps1_motivation_pca.ipynb",
        "renamed": "the file was called homework (1).ipynb",
        "huge": "ps1-error printed 200 MB",
        "crash": "DeadKernelError",
    }
    for student, note in notes.items():
        assert note in rows[student]["note"]
        assert student in done.stdout
    for student in ("ada", "ben", "cem"):
        assert rows[student]["note"] == ""
    pages = list((tmp_path / "out" / "feedback").rglob("*.html"))
    assert len(pages) == 10
    assert max(page.stat().st_size for page in pages) < 5_000_000

    graded = tmp_path / "out" / "autograded" / "ada" / name / f"{name}.ipynb"
    first = graded.stat().st_mtime_ns
    with Gradebook(f"sqlite:///{tmp_path}/out/gradebook.db") as gradebook:
        words = gradebook.find_grade("ps1-limits", name, name, "ada")
        words.manual_score, words.needs_manual_grade = 2.5, False
        gradebook.db.commit()
    only_ada = tmp_path / "again" / "ada"
    only_ada.mkdir(parents=True)
    (tmp_path / "in" / "ada" / f"{name}.ipynb").rename(only_ada / f"{name}.ipynb")
    (row,) = course.grade(tmp_path / "again", tmp_path / "out")
    assert (row["auto"], row["by_hand"], row["status"]) == (24, 2.5, "to grade by hand")
    assert graded.stat().st_mtime_ns == first


def test_what_cannot_be_interrupted_is_killed_and_graded_anew(released, tmp_path, monkeypatch):
    name = "ps1_motivation_pca"
    notebook = _answered(released, name)
    stubborn = nbformat.v4.new_code_cell(
        "import os, pathlib, signal, time\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))\n"
        "time.sleep(600)"
    )
    notebook.cells.insert(0, stubborn)
    _hand_in(notebook, tmp_path / "in" / "ada", name)
    monkeypatch.setattr(course, "PATIENCE", 40)
    (row,) = course.grade(tmp_path / "in", tmp_path / "out")
    assert (row["status"], row["note"]) == ("not graded", "not done after 40 s, stopped")
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))
    graded = tmp_path / "out" / "autograded" / "ada" / name / f"{name}.ipynb"
    assert not graded.exists()

    graded.parent.mkdir(parents=True)
    draft = tmp_path / "out" / "submitted" / "ada" / name / f"{name}.ipynb"
    shutil.copy(draft, graded)  # as a grading that was cut off leaves it
    monkeypatch.setattr(course, "_nbgrader", lambda *_, **__: "called")
    (row,) = course.grade(tmp_path / "in", tmp_path / "out")
    assert row["note"] == "called"


def test_a_later_week_is_added_and_foreign_folders_are_refused(tmp_path, monkeypatch):
    def grade_one(folder, student, name, files, jobs):
        return {"student": student, "assignment": name, "status": "not graded", "note": str(jobs)}

    monkeypatch.setattr(course, "ASSIGNMENTS", ["ps1_motivation_pca", "ps2_dense"])
    monkeypatch.setattr(course, "_grade_one", grade_one)
    monkeypatch.setattr(course, "_prepare", lambda folder, _: (folder / "gradebook.db").touch())
    monkeypatch.setattr(course, "_nbgrader", lambda *_: "")
    folder = tmp_path / "out"
    folder.mkdir()
    for jobs, name in enumerate(["ps2_dense", "ps1_motivation_pca", "ps2_dense"], 1):
        handed_in = tmp_path / str(jobs) / "ada" / f"{name}.ipynb"
        handed_in.parent.mkdir(parents=True)
        handed_in.touch()
        (tmp_path / str(jobs) / ".ipynb_checkpoints").mkdir()
        course.grade(tmp_path / str(jobs), folder, jobs)
    with (folder / "grades.csv").open(newline="") as file:
        rows = [(row["assignment"], row["note"]) for row in csv.DictReader(file)]
    assert rows == [("ps1_motivation_pca", "2"), ("ps2_dense", "3")]

    (tmp_path / "3" / "thesis.txt").touch()
    for call in (lambda: course.release(tmp_path), lambda: course.grade(tmp_path / "3", tmp_path)):
        with pytest.raises(ValueError, match="files of something else"):
            call()
    assert (tmp_path / "3" / "thesis.txt").exists()
    with pytest.raises(ValueError, match="no folder"):
        course.grade(tmp_path / "4", folder)
    with pytest.raises(ValueError, match="jobs"):
        course.grade(tmp_path / "3", folder, 0)
