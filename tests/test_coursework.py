"""Assignments graded as a teacher does: solutions, untouched, wrong and broken submissions."""

import contextlib
import copy
import csv
import itertools
import os
import re
import runpy
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbgrader.api import Gradebook

import course
import grader
from submissions import (
    LARGEST,
    find_notebooks,
    mend_cells,
    read_notebook,
    student_folders,
    student_number,
)

ROOT = Path(__file__).parents[1]
PS1 = "ps1_motivation_pca"


def _grade_id(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def _master(name):
    return nbformat.read(ROOT / "coursework" / "source" / name / f"{name}.ipynb", as_version=4)


def _points(name):
    """Autograded cells of an assignment: name -> points."""
    cells = [cell for cell in _master(name).cells if _grade_id(cell) and cell.cell_type == "code"]
    settings = [cell.metadata.nbgrader for cell in cells]
    return {s.grade_id: s.points for s in settings if s.grade}


def _wrong_submissions(name):
    return runpy.run_path(ROOT / "tests" / "submissions" / f"{name}.py")["SUBMISSIONS"]


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
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, folder / f"{name}.ipynb")


def _failed_tests(folder, student, name):
    with Gradebook(f"sqlite:///{folder}/gradebook.db") as gradebook:
        found = gradebook.find_submission(name, student)
        grades = found.notebooks[0].grades
        return {g.name for g in grades if g.cell.cell_type == "code" and g.auto_score == 0}


@pytest.fixture(scope="session")
def released(tmp_path_factory):
    """The release that students get. A copy of the course folder that it came from stays too."""
    base = tmp_path_factory.mktemp("released")
    prepare = grader.prepare

    def prepare_and_copy(folder, names):
        prepare(folder, names)
        shutil.copytree(folder, base / "prepared")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grader, "prepare", prepare_and_copy)
        course.release(base / "assignments")
    return base / "assignments"


@pytest.fixture(scope="session")
def prepared(released):
    """A course folder with all assignments; tests grade in copies, as in a later week."""
    return released.parent / "prepared"


@pytest.fixture(scope="session")
def number(pytestconfig):
    """The personal number of the wrong submissions. Each night others are tried, see nightly.yml."""
    return pytestconfig.getoption("student")


@pytest.fixture(scope="session")
def graded(released, prepared, tmp_path_factory, sandbox, number):
    """Six submissions of each assignment, graded in one call: its rows, and the course folder."""
    base = tmp_path_factory.mktemp("graded")
    for name in course.ASSIGNMENTS:
        _hand_in(_answered(released, name, 500 + number), base / "in" / "solution", name)
        untouched = nbformat.read(released / name / f"{name}.ipynb", as_version=4)
        _hand_in(untouched, base / "in" / "untouched", name)
        for label, entry in _wrong_submissions(name).items():
            answered = _answered(released, name, number, entry["cells"])
            _hand_in(answered, base / "in" / label, name)
    shutil.copytree(prepared, base / "out")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grader, "CELL_LIMIT", 300)  # however busy the machine is
        return course.grade(base / "in", base / "out", sandbox=sandbox), base / "out"


@pytest.mark.parametrize("name", course.ASSIGNMENTS)
def test_master_is_executed_and_clean(name):
    code = [cell for cell in _master(name).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    kinds = {output.get("name", output.output_type) for output in outputs}
    assert {"stdout"} <= kinds <= {"stdout", "execute_result"}
    for output in outputs:
        if output.output_type == "execute_result":  # a picture, and what it shows in words
            assert set(output.data) == {"image/png", "text/plain"}
            assert output.metadata["image/png"]["alt"]


def test_budgets_of_problem_set_1_tell_neighbours_and_a_forgotten_mean_apart():
    (cell,) = (cell for cell in _master(PS1).cells if _grade_id(cell) == "ps1-my-budget")
    sizes = []
    for student in range(40):
        names = {"student": student}
        exec(cell.source.partition("print")[0], names)
        sizes.append((names["budget"] - 4 * 784) // (1000 + 4 * 784))
        assert sizes[-1] != names["budget"] // (1000 + 4 * 784)
    assert all(a != b for a, b in itertools.pairwise(sizes))


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("name", course.ASSIGNMENTS)
def test_each_submission_loses_just_what_it_should(graded, name, number):
    rows, folder = graded
    wrong = _wrong_submissions(name)
    assert len(wrong) == 4
    points = _points(name)
    expected = {"solution": set(), "untouched": set(points)}
    expected |= {re.sub(r"\W+", "_", label): {*entry["loses"]} for label, entry in wrong.items()}
    rows = {row["student"]: row for row in rows if row["assignment"] == name}
    for student in set(rows) - set(expected):  # submissions of other assignments only
        assert rows[student]["note"] == f"no {name}.ipynb"
    for student, tests in expected.items():
        row = rows[student]
        assert row["status"] != "not graded", row["note"]
        lost = _failed_tests(folder, student, name)
        assert lost == tests, student
        assert row["auto"] == sum(points[test] for test in set(points) - lost)
        assert row["auto_max"] == sum(points.values())
        assert row["by_hand_max"] > 0
        assert (row["by_hand_max"] < row["auto_max"]) == (name != "project")
        same_number = f"4 students have the number {number}" in row["note"]
        assert same_number == (student not in ("solution", "untouched"))
    hidden = {test for test in points if test.endswith("-hidden")}  # the project has none
    assert len(expected["hard_coded"] & hidden) >= min(2, len(hidden))
    pages = {path.parts[-3] for path in (folder / "feedback").glob(f"*/{name}/*.html")}
    assert pages == set(expected)


def _cheat(_, cells):
    cells["ps1-error"].source = "def squared_error(x, x_hat):\n    return 0"
    cells["ps1-error-test"].source = "pass"


def _double(cells, by_id):
    again = copy.deepcopy(by_id["ps1-error-test"])
    again.id = "again"
    cells.append(again)


@pytest.mark.slow
def test_a_class_of_twelve_is_graded_in_one_command(
    released, tmp_path, monkeypatch, capsys, sandbox
):
    solution = _answered(released, PS1)

    def changed(change):
        notebook = copy.deepcopy(solution)
        cells = {_grade_id(cell): cell for cell in notebook.cells}
        change(notebook.cells, cells)
        return notebook

    def source(grade_id, text):
        return changed(lambda _, by_id: by_id[grade_id].update(source=text))

    notebooks = {
        "ada": _answered(released, PS1, 1),
        "ben": _answered(released, PS1, 2),
        "cem": _answered(released, PS1, 3, {"ps1-budget": "def largest_code(*_):\n    return 4"}),
        "crash": source("ps1-error", "import os\nos._exit(1)"),
        "endless": source("ps1-error", "while True:\n    pass"),
        "deleted": changed(lambda cells, by_id: cells.remove(by_id["ps1-error-test"])),
        "twice": changed(_double),
        "syntax": source("ps1-error", "def squared_error(x, x_hat)\n    return 0"),
        "changed": changed(_cheat),
        "missing": None,
        "renamed": solution,
        "huge": source("ps1-error", "print('x' * 50_000_000)"),
    }
    for student, notebook in notebooks.items():
        (tmp_path / "in" / student).mkdir(parents=True)
        file = "homework (1)" if student == "renamed" else PS1
        if notebook:
            nbformat.write(notebook, tmp_path / "in" / student / f"{file}.ipynb")
    (tmp_path / "in" / "missing" / "notes.txt").touch()
    monkeypatch.setattr(grader, "CELL_LIMIT", 30)  # honest cells take 2 s, on a busy machine 15
    command = ["course.py", "grade", str(tmp_path / "in"), "--folder", str(tmp_path / "out")]
    command += ["--sandbox", sandbox]
    monkeypatch.setattr(sys, "argv", command)
    assert course.main() == 0
    printed = capsys.readouterr().out
    assert printed.endswith(f"10 graded, 2 not: {tmp_path / 'out' / 'grades.csv'}\n")
    assert f"cem  {PS1}  to grade by hand  19/24 and 0/5 by hand\n" in printed
    with (tmp_path / "out" / "grades.csv").open(newline="") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert set(rows) == set(notebooks)

    all_points = sum(_points(PS1).values())
    lost = {"cem": 5, "endless": 3, "syntax": 3, "changed": 3, "huge": 3}
    for student, row in rows.items():
        if student in ("missing", "crash"):
            assert row["status"] == "not graded"
            continue
        assert float(row["auto"]) == all_points - lost.get(student, 0), f"{student}: {row['note']}"
    notes = {
        "endless": "ps1-error: CellTimeoutError",
        "deleted": "ps1-error-test was deleted",
        "twice": "ps1-error-test is there 2 times",
        "syntax": "ps1-error: SyntaxError",
        "changed": "ps1-error-test was changed",
        "missing": f"no {PS1}.ipynb",
        "renamed": "the file was called homework (1).ipynb",
        "huge": "ps1-error printed 50 MB",
        "crash": "it ended its own process",
    }
    for student, note in notes.items():
        assert note in rows[student]["note"]
        assert student in printed
    for student in ("ada", "ben", "cem"):
        assert rows[student]["note"] == ""
    pages = list((tmp_path / "out" / "feedback").rglob("*.html"))
    assert len(pages) == 10
    assert max(page.stat().st_size for page in pages) < 5_000_000

    executed = grader.autograded(tmp_path / "out", "ada", PS1)
    first = executed.stat().st_mtime_ns
    with Gradebook(f"sqlite:///{tmp_path}/out/gradebook.db") as gradebook:
        words = gradebook.find_grade("ps1-limits", PS1, PS1, "ada")
        words.manual_score, words.needs_manual_grade = 2.5, False
        gradebook.db.commit()
    only_ada = tmp_path / "again" / "ada"
    only_ada.mkdir(parents=True)
    (tmp_path / "in" / "ada" / f"{PS1}.ipynb").rename(only_ada / f"{PS1}.ipynb")
    monkeypatch.setattr(grader, "write_feedback", lambda *_: None)
    (row,) = course.grade(tmp_path / "again", tmp_path / "out", sandbox=sandbox)
    assert (row["auto"], row["by_hand"], row["status"]) == (24, 2.5, "to grade by hand")
    assert executed.stat().st_mtime_ns == first


@pytest.mark.slow
def test_what_cannot_be_interrupted_is_killed_and_graded_anew(
    released, prepared, tmp_path, monkeypatch, sandbox
):
    notebook = _answered(released, PS1)
    stubborn = "import signal, time\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\ntime.sleep(600)"
    notebook.cells.insert(0, new_code_cell(stubborn))
    _hand_in(notebook, tmp_path / "in" / "ada", PS1)
    shutil.copytree(prepared, tmp_path / "out")
    monkeypatch.setattr(grader, "write_feedback", lambda *_: None)
    for limits, note in (
        ({"CELL_LIMIT": 2}, "a cell did not end in 2 s and could not be stopped"),
        ({"CELL_LIMIT": 300, "PATIENCE": 8}, "not done after 8 s, stopped"),
    ):
        for name, seconds in limits.items():
            monkeypatch.setattr(grader, name, seconds)
        (row,) = course.grade(tmp_path / "in", tmp_path / "out", sandbox=sandbox)
        assert (row["status"], row["note"]) == ("not graded", note)
    left = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            left += [process.pid] if "worker.py" in " ".join(process.cmdline()) else []
    assert not left
    executed = grader.autograded(tmp_path / "out", "ada", PS1)
    assert not executed.exists()

    executed.parent.mkdir(parents=True)
    draft = tmp_path / "out" / "submitted" / "ada" / PS1 / f"{PS1}.ipynb"
    shutil.copy(draft, executed)  # as a grading that was cut off leaves it
    monkeypatch.setattr(grader, "run_nbgrader", lambda *_, **__: "called")
    (row,) = course.grade(tmp_path / "in", tmp_path / "out", sandbox=sandbox)
    assert row["note"] == "called"


# What a submission does, and the line that it gets. These end before they come to their tests.
STOPPED = {
    "exit": ("import os\nos._exit(0)", "it ended its own process"),
    "answers": ("import os, sys\nos.write(int(sys.argv[3]), b'x' * 64)", "it sent "),
    "output": ("print('x' * 300_000_000)", "it sent a message of 300 MB"),
    "processes": (
        "import os, time\nfor _ in range(400):\n    if not os.fork():\n        time.sleep(60)\n"
        "time.sleep(60)",
        "it started more than 100 processes",
    ),
    "memory": (
        "import numpy as np, time\nkept = []\nfor _ in range(24):\n"
        "    kept.append(np.ones(500_000_000, 'uint8'))\ntime.sleep(60)",
        "it took more than 4 GB of memory",
    ),
}
# These are graded, and their first function is wrong all the same.
WRONG = {
    "equals": "class All:\n    __eq__ = __add__ = __abs__ = lambda *_: All()\n"
    "    __lt__ = __bool__ = lambda *_: True\ndef squared_error(x, x_hat):\n    return All()",
    "replaces": "import builtins, numpy as np, aelib\nnp.testing.assert_allclose = print\n"
    "np.allclose = aelib.squared_error = builtins.print = lambda *_, **__: True\n"
    "isinstance = abs = lambda *_: True\ndef squared_error(x, x_hat):\n    return 0.0",
    "grader": "import plain, sys\nplain.encode = lambda *_: ['value', True]\n"
    "sys.modules['__main__'].encode = lambda *_: ['value', True]\n"
    "def squared_error(x, x_hat):\n    return 0.0",
}


def _beside(notebooks, honest):
    """Add the hostile notebooks that leave the answers as they are, and try more than that."""
    for student in ("kernel", "script", "outside", "leftover"):
        notebooks[student] = copy.deepcopy(honest)
    notebooks["kernel"].metadata.kernelspec = {"name": "evil", "display_name": "", "language": "C"}
    text = "<script>alert(1)</script><img src=x onerror=alert(2)> words"
    show = f"from IPython.display import HTML\nHTML({text!r})"
    notebooks["script"].cells.insert(0, new_markdown_cell(text))
    notebooks["script"].cells.append(new_code_cell(show))
    start = "import subprocess\nsubprocess.Popen(['sleep', '98765'], start_new_session=True)"
    notebooks["leftover"].cells.append(new_code_cell(start))


def _outside(folder, port):
    """A cell that prints what it could do outside of its sandbox."""
    other, gradebook = folder / "in" / "honest" / f"{PS1}.ipynb", folder / "out" / "gradebook.db"
    attempts = [
        "open('/etc/passwd').read()",
        "import os; os.symlink('/etc/passwd', 'link'); open('link').read()",
        "import aelib; open(aelib.__file__, 'a')",
        f"open({str(ROOT / 'coursework' / 'grader.py')!r})",
        f"open({str(other)!r}).read()",
        f"open({str(other)!r}, 'w')",
        f"open({str(gradebook)!r}, 'ab').write(b'x')",
        f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)",
        "import socket; socket.create_connection(('192.0.2.1', 80), 2)",
    ]
    lines = [f"for attempt in {attempts!r}:", "    try:", "        exec(attempt)"]
    lines += ["    except Exception:", "        print('refused')"]
    lines += ["    else:", "        print('done:', attempt)"]
    return "\n".join(lines), "refused\n" * len(attempts)


@pytest.mark.slow
def test_hostile_notebooks_beside_an_honest_one(released, prepared, tmp_path, sandbox):
    if sandbox == "none":
        pytest.skip("needs bubblewrap and user namespaces")
    notebooks = {"honest": _answered(released, PS1)}
    for student, (source, _) in STOPPED.items():
        notebooks[student] = _answered(released, PS1, cells={"ps1-error": source})
    for student, source in WRONG.items():
        notebooks[student] = _answered(released, PS1, cells={"ps1-error": source})
    _beside(notebooks, notebooks["honest"])
    server = socket.create_server(("127.0.0.1", 0))
    attempts, refused = _outside(tmp_path, server.getsockname()[1])
    notebooks["outside"].cells.append(new_code_cell(attempts))
    for student, notebook in notebooks.items():
        _hand_in(notebook, tmp_path / "in" / student, PS1)
    before = (tmp_path / "in" / "honest" / f"{PS1}.ipynb").read_bytes()
    shutil.copytree(prepared, tmp_path / "out")
    found = course.grade(tmp_path / "in", tmp_path / "out", sandbox=sandbox)
    server.close()

    rows = {row["student"]: row for row in found}
    for student, (_, told) in STOPPED.items():
        assert rows[student]["status"] == "not graded", student
        assert re.match(told, rows[student]["note"]), rows[student]["note"]
    full = sum(_points(PS1).values())
    for student in WRONG:
        assert rows[student]["auto"] <= full - _points(PS1)["ps1-error-test"], student
        assert "ps1-error-test" in _failed_tests(tmp_path / "out", student, PS1)
    for student in ("honest", "kernel", "script", "outside", "leftover"):
        assert (rows[student]["auto"], rows[student]["note"]) == (full, ""), student

    executed = grader.autograded(tmp_path / "out", "outside", PS1)
    said = nbformat.read(executed, as_version=4).cells[-1].outputs
    assert "".join(output.text for output in said) == refused
    assert (tmp_path / "in" / "honest" / f"{PS1}.ipynb").read_bytes() == before
    for process in psutil.process_iter():  # what is left is nobody's child by now
        with contextlib.suppress(psutil.Error):
            assert not {"98765", "worker.py"} & {Path(word).name for word in process.cmdline()}
    (page,) = (tmp_path / "out" / "feedback" / "script").rglob("*.html")
    text = page.read_text(encoding="utf-8")
    assert "words" in text
    assert "<script>alert" not in text
    assert 'onerror="alert' not in text
    assert text.index("script-src 'none'") < text.index("<title>")


@pytest.mark.slow
def test_points_survive_a_kill(released, prepared, tmp_path, sandbox):
    """Killed while it writes points: the table is the old one, the gradebook sound, and kept."""
    folder = tmp_path / "out"
    shutil.copytree(prepared, folder)
    for student in ("ada", "ben"):
        _hand_in(_answered(released, PS1), tmp_path / "in" / student, PS1)
    course.grade(tmp_path / "in", folder, sandbox=sandbox)
    table = (folder / "grades.csv").read_bytes()
    assert table.count(b",24.0,24.0,") == 2

    worse = {"ps1-error": "def squared_error(x, x_hat):\n    return 0.0"}
    for student in ("ada", "ben"):
        _hand_in(_answered(released, PS1, 1, worse), tmp_path / "in" / student, PS1)
    command = [sys.executable, ROOT / "coursework" / "course.py", "grade", tmp_path / "in"]
    command += ["--folder", folder, "--sandbox", sandbox]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        changed = grader.autograded(folder, "ada", PS1)
        first = changed.stat().st_mtime_ns
        while not changed.exists() or changed.stat().st_mtime_ns == first:
            assert running.poll() is None
            time.sleep(0.005)
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    assert (folder / "grades.csv").read_bytes() == table
    for name in ("gradebook.db", "gradebook-before.db"):
        with contextlib.closing(sqlite3.connect(folder / name)) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with Gradebook(f"sqlite:///{folder}/gradebook-before.db") as before:
        assert before.find_submission(PS1, "ada").code_score == 24

    rows = course.grade(tmp_path / "in", folder, sandbox=sandbox)
    assert [row["auto"] < 24 for row in rows] == [True, True]


@pytest.fixture
def without_nbgrader(monkeypatch):
    """Grading in which nbgrader, as it were, always finds 1 point of 2."""
    row = dict.fromkeys(course.COLUMNS[4:-1], 1) | {"status": "graded"}
    original = new_notebook(cells=[_cell("ps1-error"), _cell("ps1-error-test", locked=True)])

    def prepare(folder, names, _):
        folder.mkdir(exist_ok=True)
        (folder / "gradebook.db").touch()
        for name in names:
            _hand_in(original, grader.student_version(folder, name).parent, name)

    monkeypatch.setattr(grader, "prepare", prepare)
    monkeypatch.setattr(grader, "keep_gradebook", lambda _: None)
    monkeypatch.setattr(course.submission, "check", lambda _: None)
    monkeypatch.setattr(grader, "autograde", lambda *_: "")
    monkeypatch.setattr(grader, "trim_outputs", lambda _: [])
    monkeypatch.setattr(grader, "points", lambda *_: dict(row))
    monkeypatch.setattr(grader, "write_feedback", lambda *_: None)


def _cell(grade_id, source="", locked=False):
    settings = {"grade_id": grade_id, "locked": locked}
    return new_code_cell(source, metadata={"nbgrader": settings})


def _handed_in(student, assignment, number):
    """A file of a student, with one answer and a student number."""
    cells = [new_code_cell(f"student = {number}"), _cell(f"{assignment.split('_')[0]}-error")]
    _hand_in(new_notebook(cells=cells), student, assignment)
    return student / f"{assignment}.ipynb"


@pytest.mark.usefixtures("without_nbgrader")
def test_a_later_week_is_added_and_foreign_folders_are_refused(tmp_path):
    folder = tmp_path / "out"
    for number, name in enumerate(["ps2_dense", PS1, "ps2_dense"], 1):
        _handed_in(tmp_path / str(number) / "ada", name, number)
        (tmp_path / str(number) / ".ipynb_checkpoints").mkdir()
        course.grade(tmp_path / str(number), folder)
    with (folder / "grades.csv").open(newline="") as file:
        rows = [(row["assignment"], row["number"]) for row in csv.DictReader(file)]
    assert rows == [(PS1, "2"), ("ps2_dense", "3")]

    (tmp_path / "3" / "thesis.txt").touch()
    for call in (lambda: course.release(tmp_path), lambda: course.grade(tmp_path / "3", tmp_path)):
        with pytest.raises(ValueError, match="files of something else"):
            call()
    assert (tmp_path / "3" / "thesis.txt").exists()
    with pytest.raises(ValueError, match="no folder"):
        course.grade(tmp_path / "4", folder)
    with pytest.raises(ValueError, match="jobs"):
        course.grade(tmp_path / "3", folder, 0)
    (tmp_path / "5" / "ada").mkdir(parents=True)
    with pytest.raises(ValueError, match="no notebook of ps1"):
        course.grade(tmp_path / "5", folder)


@pytest.mark.usefixtures("without_nbgrader")
def test_what_cannot_be_graded_gets_a_line_and_stops_nobody(tmp_path, monkeypatch):
    students = tmp_path / "in"
    for student, number in {"ada": 4, "ben": 4, "cem": 0, "dan": 0, "full disk": 5}.items():
        _handed_in(students / student, PS1, number)
    for part in ("monday", "tuesday"):
        _handed_in(students / "two" / part, PS1, 6)
    (students / "none").mkdir()
    _handed_in(students / "damaged", PS1, 7).write_text("{")
    with _handed_in(students / "large", PS1, 8).open("ab") as file:
        file.truncate(LARGEST + 1)

    def autograde(folder, student, *_):
        if student == "full_disk":
            raise OSError("no space left")
        return "it ended its own process" if student == "dan" else ""

    monkeypatch.setattr(grader, "autograde", autograde)
    rows = {row["student"]: row for row in course.grade(students, tmp_path / "out")}
    deleted = "ps1-error-test was deleted, put back without an answer"
    assert {student: row["note"] for student, row in rows.items() if student != "damaged"} == {
        "ada": f"{deleted}; 2 students have the number 4",
        "ben": f"{deleted}; 2 students have the number 4",
        "cem": f"{deleted}; the student number was left at 0",
        "dan": f"it ended its own process; {deleted}; the student number was left at 0",
        "full_disk": "OSError: no space left",
        "two": f"two notebooks, {PS1}.ipynb and {PS1}.ipynb",
        "none": f"no {PS1}.ipynb",
        "large": f"{PS1}.ipynb has 50 MB: clear its outputs and hand it in again",
    }
    assert rows["damaged"]["note"].startswith(f"cannot read {PS1}.ipynb: NotJSONError")
    graded = {student for student, row in rows.items() if row["status"] == "graded"}
    assert graded == {"ada", "ben", "cem"}


def test_the_command_says_in_a_line_what_is_wrong(tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / "coursework" / "course.py", "grade", "nowhere"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "course.py: there is no folder nowhere\n"


def test_of_what_nbgrader_logs_the_last_error_is_told(tmp_path):
    config = tmp_path / "nbgrader_config.py"
    config.write_text(
        "import sys\n"
        "print('zmq.error.ZMQError: first', 'sqlalchemy.exc.OperationalError: second', sep='\\n')\n"
        "print('Please see the above traceback')\n"
        "sys.exit(3)\n"
    )
    problem = grader.run_nbgrader(tmp_path, "generate_feedback", "a")
    assert problem == "sqlalchemy.exc.OperationalError: second"
    config.write_text("print('ValueError: only a warning')\nimport sys\nsys.exit()")
    assert grader.run_nbgrader(tmp_path, "generate_feedback", "a") == ""


def test_commands_of_nbgrader_leave_nothing_to_the_next_one(tmp_path, monkeypatch):
    monkeypatch.setattr(grader, "_idle", {})
    config = tmp_path / "nbgrader_config.py"
    config.write_text(
        "import os, sys\n"
        'print(f\'Error: {os.getppid()} {os.environ.get("LEFT")} {"LEFT" in sys.modules}\')\n'
        "os.environ['LEFT'], sys.modules['LEFT'] = 'x', sys\n"
        "sys.exit(1)\n"
    )
    said = {grader.run_nbgrader(tmp_path, "generate_feedback", "a") for _ in range(2)}
    (server,) = grader._idle[1]
    assert said == {f"Error: {server.pid} None False"}
    config.write_text("import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nos._exit(0)")
    assert grader.run_nbgrader(tmp_path, "generate_feedback", "a") == "nbgrader has ended"
    config.write_text("import sys, time\ntime.sleep(60)")
    said = grader.run_nbgrader(tmp_path, "generate_feedback", "a", patience=0.1)
    assert said == "not done after 0.1 s, stopped"
    assert grader._idle == {1: []}
    config.write_text("raise SystemExit")
    assert grader.run_nbgrader(tmp_path, "generate_feedback", "a") == ""
    (server,) = grader._idle[1]
    server.kill()  # while it waits
    server.wait()
    assert grader.run_nbgrader(tmp_path, "generate_feedback", "a") == ""


def test_a_copy_of_the_folder_is_a_course_that_grades_in_the_sandbox(tmp_path):
    shutil.copytree(ROOT / "coursework", tmp_path / "course")
    read = "from traitlets.config import PyFileConfigLoader as Loader\n"
    read += "config = Loader('nbgrader_config.py', 'course').load_config()\n"
    read += "print(config.Autograde.autograde_preprocessors[0].__module__)"
    done = subprocess.run(
        [sys.executable, "-c", read], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "sandbox.execute\n"


def test_an_assignment_is_prepared_once_and_anew_after_a_change(tmp_path, monkeypatch):
    calls = []

    def run_nbgrader(folder, command, name, *_):
        calls.append((command, name))
        _hand_in(new_notebook(), grader.student_version(folder, name).parent, name)
        return ""

    monkeypatch.setattr(grader, "run_nbgrader", run_nbgrader)
    for names in ([PS1], [PS1, "ps2_dense"]):
        grader.prepare(tmp_path, names)
    assert calls == [("generate_assignment", PS1), ("generate_assignment", "ps2_dense")]
    for name in (PS1, "ps2_dense"):
        _hand_in(new_notebook(), grader.autograded(tmp_path, "ada", name).parent, name)
    (tmp_path / "source" / PS1 / f"{PS1}.ipynb").write_text("last year's")
    grader.prepare(tmp_path, [PS1, "ps2_dense"])
    assert calls[2:] == [("generate_assignment", PS1)]
    assert [path.name for path in (tmp_path / "autograded" / "ada").iterdir()] == ["ps2_dense"]
    monkeypatch.setattr(grader, "run_nbgrader", lambda *_: "a cell has no id")
    with pytest.raises(ValueError, match="nbgrader cannot release ps3_conv: a cell has no id"):
        grader.prepare(tmp_path, ["ps3_conv"])


def test_of_executed_cells_serious_errors_are_told_and_huge_outputs_are_left_out(tmp_path):
    cells = [_cell("given", locked=True), _cell("answer"), _cell("test", locked=True), _cell("own")]
    cells[2].metadata.nbgrader.grade = True
    del cells[3].metadata["nbgrader"]
    for cell, name in zip(
        cells, ["KeyError", "NameError", "AssertionError", "SyntaxError"], strict=True
    ):
        cell.outputs = [new_output("error", ename=name)]
    cells.append(new_code_cell(outputs=[new_output("stream", text="x" * 3_000_000)]))
    _hand_in(new_notebook(cells=cells), tmp_path, "a")
    notes = ["given: KeyError", "a cell of one's own: SyntaxError"]
    assert grader.trim_outputs(tmp_path / "a.ipynb") == [*notes, "a cell of one's own printed 3 MB"]
    assert (tmp_path / "a.ipynb").stat().st_size < 10_000
    assert grader.trim_outputs(tmp_path / "a.ipynb") == notes


def test_students_are_folders_with_names_that_nbgrader_takes(tmp_path):
    for name in ("Ada L.", "ben-2", ".ipynb_checkpoints"):
        (tmp_path / name).mkdir()
    (tmp_path / "list.csv").touch()
    assert student_folders(tmp_path) == {
        "Ada_L.": tmp_path / "Ada L.",
        "ben-2": tmp_path / "ben-2",
    }
    (tmp_path / "Ada_L.").mkdir()
    with pytest.raises(ValueError, match=r"Ada L\. and Ada_L\. would both be Ada_L\."):
        student_folders(tmp_path)
    with pytest.raises(ValueError, match="has no folders; it needs one a student"):
        student_folders(tmp_path / "ben-2")


def test_notebooks_are_found_by_name_or_else_by_their_cells(tmp_path):
    names = [PS1, "ps2_dense"]
    right = _handed_in(tmp_path / "week", PS1, 1)
    _handed_in(tmp_path / "week" / ".ipynb_checkpoints", PS1, 2)
    (tmp_path / "ps2_dense.ipynb").symlink_to(right)
    assert find_notebooks(tmp_path, names) == {PS1: [right]}

    renamed = _handed_in(tmp_path, "ps2_dense_2", 3)
    extra = right.rename(tmp_path / "homework.ipynb")
    assert find_notebooks(tmp_path, names) == {PS1: [extra], "ps2_dense": [renamed]}
    shutil.copy(extra, right)  # now a file has the right name, and the other one does not count
    cells = [new_code_cell(metadata={"nbgrader": "text"}), new_markdown_cell("# Diary")]
    _hand_in(new_notebook(cells=cells), tmp_path, "diary")
    (tmp_path / "damaged.ipynb").write_text("{")
    assert find_notebooks(tmp_path, names) == {PS1: [right], "ps2_dense": [renamed]}


def test_a_damaged_or_huge_file_is_refused_in_a_line(tmp_path):
    file = tmp_path / "a.ipynb"
    for content in ("", "{", "[]", '{"nbformat": 4}', '{"cells": [{}], "nbformat": 4}'):
        file.write_text(content)
        with pytest.raises(ValueError, match=r"^cannot read a\.ipynb: \w+: .*$"):
            read_notebook(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"cannot read a\.ipynb: UnicodeDecodeError"):
        read_notebook(file)
    with file.open("wb") as sparse:
        sparse.truncate(LARGEST + 1_000_000)
    with pytest.raises(ValueError, match=r"a\.ipynb has 51 MB: clear its outputs"):
        read_notebook(file)


@pytest.mark.parametrize(
    ("handed_in", "mended", "notes"),
    [
        (["answer:x", "own:z", "test:t"], ["answer:x", ":z", "test:t"], []),
        (["test:t"], ["answer:", "test:t"], ["answer was deleted, put back without an answer"]),
        (["answer:x"], ["answer:x", "test:t"], ["test was deleted, put back without an answer"]),
        (
            ["answer:x", "test:t", "answer:y"],
            [":x", "test:t", "answer:y"],
            ["answer is there 2 times, the last one counts"],
        ),
        (
            ["answer:x", "test:u"],
            ["answer:x", "test:u"],
            ["test was changed, the original is used"],
        ),
        (
            ["test:u", "test:t", "answer:x"],
            [":u", "test:t", "answer:x"],
            [
                "test is there 2 times, the last one counts",
                "test was changed, the original is used",
            ],
        ),
    ],
)
def test_deleted_and_doubled_cells_are_mended(handed_in, mended, notes):
    def notebook(cells):
        cells = [cell.split(":") for cell in cells]
        return new_notebook(cells=[_cell(name, source, name == "test") for name, source in cells])

    original = notebook(["answer:", "test:t"])
    original.cells.insert(1, new_markdown_cell("A text of the assignment"))
    student = notebook(handed_in)
    for cell in student.cells:
        if _grade_id(cell) == "own":
            cell.metadata = {}
    assert mend_cells(student, original) == notes
    assert [f"{_grade_id(cell)}:{cell.source}" for cell in student.cells] == mended


@pytest.mark.parametrize(
    ("source", "number"),
    [
        ("student = 42  # your student number", "42"),
        ("import os\nstudent=7\nstudent = 8", "7"),
        ("student = ada", "ada"),
        ("student = 'ada'", ""),
        ("# student = 3\nstudents = 4", ""),
    ],
)
def test_the_student_number_is_read_from_the_code(source, number):
    cells = [new_markdown_cell("student = 1"), new_code_cell("print()"), new_code_cell(source)]
    assert student_number(new_notebook(cells=cells)) == number


@pytest.fixture(scope="session")
def engine():
    """docker, where its engine is at work; the program alone is not enough."""
    program = shutil.which("docker")
    if not program or subprocess.run([program, "info"], capture_output=True).returncode:
        pytest.skip("no container engine")
    return program


@pytest.mark.slow
def test_the_container_of_the_guide_grades(engine, released, tmp_path):
    guide = (ROOT / "coursework" / "README.md").read_text(encoding="utf-8")
    recipe = re.search(r"```sh\n(docker build .*?)```", guide, re.DOTALL)[1]
    _hand_in(_answered(released, PS1, 500), tmp_path / "week1" / "ada", PS1)
    (tmp_path / "grading").mkdir()
    for line in recipe.replace("\\\n", " ").splitlines():
        words = shlex.split(line.replace("$PWD", str(tmp_path)))
        done = subprocess.run([engine, *words[1:]], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    with (tmp_path / "grading" / "grades.csv").open(encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    assert (row["student"], row["auto"]) == ("ada", row["auto_max"])
