"""All dealings with nbgrader and its course folder. It runs in processes that can be killed.

A course folder holds a step a sub-folder, as nbgrader wants it: source/ and release/ of the
assignments, then submitted/, autograded/ and feedback/, and the points in gradebook.db.
"""

import atexit
import itertools
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import nbformat
import psutil
from nbformat import NotebookNode

from aelib.threads import share
from submissions import grade_id

COURSE = Path(__file__).resolve().parent
CELL_LIMIT = 60  # seconds a cell
PATIENCE = 300  # seconds a submission
LONGEST = 2_000_000  # characters of a cell's outputs
PASSING = ("database is locked",)  # two writers at one time: another try mends it
# A page with this in its head runs no script, whatever a student wrote into it.
NO_SCRIPT = (
    """<meta http-equiv="Content-Security-Policy" content="script-src 'none'; object-src 'none'">"""
)
# Errors that a teacher hears of wherever they are; others are what the tests are there for.
SERIOUS = ("CellTimeoutError", "SyntaxError", "IndentationError", "TabError")

_idle: dict[int, list[subprocess.Popen]] = {}  # nbgrader_server.py at work: jobs -> those that wait


def prepare(folder: Path, names: list[str], sandbox: str = "bubblewrap") -> None:
    """Make `folder` an nbgrader course with today's version of the assignments `names`.

    Args:
        folder: of the course.
        names: assignments.
        sandbox: in which submissions run, "bubblewrap" or "none"; the Formgrader keeps to it, too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = (COURSE / "nbgrader_config.py").read_text(encoding="utf-8")
    found = f"import sys\n\nsys.path.insert(0, {str(COURSE)!r})\n"
    chosen = f"c.SandboxedExecute.sandbox = {sandbox!r}\n"
    (folder / "nbgrader_config.py").write_text(found + config + chosen, encoding="utf-8")
    for name in names:
        path = Path("source", name, f"{name}.ipynb")
        text = (COURSE / path).read_text(encoding="utf-8")
        released = student_version(folder, name).exists()
        if released and (folder / path).read_text(encoding="utf-8") == text:
            continue
        # A new or changed master: what was graded with the old one is no longer worth anything.
        for graded in folder.glob(f"autograded/*/{name}"):
            shutil.rmtree(graded)
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
        problem = run_nbgrader(folder, "generate_assignment", name, "--force")
        if problem:
            raise ValueError(f"nbgrader cannot release {name}: {problem}")


def keep_gradebook(folder: Path) -> None:
    """Copy the gradebook to gradebook-before.db, as it was before this grading."""
    gradebook, copy = folder / "gradebook.db", folder / "gradebook-before.db"
    if gradebook.exists():
        part = copy.with_suffix(".part")
        part.unlink(missing_ok=True)
        with closing(sqlite3.connect(gradebook)) as old, closing(sqlite3.connect(part)) as new:
            old.backup(new)
        os.replace(part, copy)


def student_version(folder: Path, name: str) -> Path:
    """Where the released notebook of the assignment `name` is."""
    return folder / "release" / name / f"{name}.ipynb"


def autograde(folder: Path, student: str, name: str, notebook: NotebookNode, jobs: int) -> str:
    """Grade a student's notebook, unless it was graded before and is the same.

    Returns:
        "", or a line that says why it could not be graded.
    """
    text = nbformat.writes(notebook)
    submitted = folder / "submitted" / student / name / f"{name}.ipynb"
    graded = autograded(folder, student, name)
    same = submitted.exists() and submitted.read_text(encoding="utf-8") == text
    if same and _was_executed(graded):
        return ""
    submitted.parent.mkdir(parents=True, exist_ok=True)
    submitted.write_text(text, encoding="utf-8")
    arguments = ["autograde", name, "--student", student, "--force"]
    arguments += [f"--SandboxedExecute.timeout={CELL_LIMIT}"]
    for _ in range(3):
        problem = run_nbgrader(folder, *arguments, jobs=jobs, patience=PATIENCE)
        if not any(cause in problem for cause in PASSING):
            break
    if problem:
        shutil.rmtree(graded.parent, ignore_errors=True)  # a killed nbgrader's draft
    return problem


def autograded(folder: Path, student: str, name: str) -> Path:
    """Where the executed notebook of a student is."""
    return folder / "autograded" / student / name / f"{name}.ipynb"


def _was_executed(graded):
    """Whether nbgrader came to its end: before, there is a draft without outputs, or nothing."""
    if not graded.exists():
        return False
    notebook = nbformat.read(graded, as_version=4)
    return any(cell.get("execution_count") for cell in notebook.cells)


def trim_outputs(graded: Path) -> list[str]:
    """Leave out the huge outputs of an executed notebook; return what stopped its cells.

    Returns:
        A line for each huge output and each error, but for those that any wrong answer has.
    """
    notebook = nbformat.read(graded, as_version=4)
    notes, huge = [], False
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        name = grade_id(cell) or "a cell of one's own"
        settings = cell.metadata.get("nbgrader", {})
        errors = [output.ename for output in cell.outputs if output.output_type == "error"]
        # Locked without points: a cell that was given, such as the imports. Its error says that
        # something is wrong with the set-up; a failed test or an answer's error is a wrong answer.
        given = settings.get("locked") and not settings.get("grade")
        notes += [f"{name}: {error}" for error in errors if given or error in SERIOUS]
        # nbgrader cuts long outputs by lines; a single line of 200 MB stays, and no browser opens
        # the feedback page that would hold it.
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


def points(folder: Path, student: str, name: str) -> dict:
    """The gradebook's part of a row of the table: the status, and points as numbers."""
    from nbgrader.api import Gradebook  # takes seconds, and not every call grades

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


def write_feedback(folder: Path, name: str) -> None:
    """Write the feedback pages of the assignment `name`, of all students, which run no script."""
    run_nbgrader(folder, "generate_feedback", name, "--force")
    for page in folder.glob(f"feedback/*/{name}/*.html"):
        text = page.read_text(encoding="utf-8")
        if NO_SCRIPT not in text:
            page.write_text(text.replace("<head>", f"<head>{NO_SCRIPT}", 1), encoding="utf-8")


def run_nbgrader(
    folder: Path, *arguments: str, jobs: int = 1, patience: float = threading.TIMEOUT_MAX
) -> str:
    """Run an nbgrader command in `folder`, as one of `jobs`, for at most `patience` seconds.

    Returns:
        "", or in one line what went wrong.
    """
    waiting, started = _idle.setdefault(jobs, []), time.monotonic()
    server = waiting.pop() if waiting else None
    if server is None or server.poll() is not None:
        server = _start_server(jobs)
    late = threading.Timer(patience, _kill, [server])
    late.daemon = True
    late.start()
    try:
        server.stdin.write(json.dumps([str(folder.resolve()), arguments]) + "\n")
        server.stdin.flush()
        answer = server.stdout.readline()
    except OSError:
        answer = ""
    finally:
        late.cancel()
    if not answer:
        with server:
            _kill(server)
        on_time = time.monotonic() - started < patience
        return "nbgrader has ended" if on_time else f"not done after {patience} s, stopped"
    waiting.append(server)
    status, log = json.loads(answer)
    if status == 0:
        return ""
    # The log ends with nbgrader's own words ("please see the above traceback"); more is to be
    # learnt from the last line that names an exception.
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    raised = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b", line)]
    last = (raised or lines or ["nbgrader failed"])[-1][:300]
    return last.removeprefix("sandbox.submission.SubmissionEndedError: ")


def _start_server(jobs):
    # PATH is as in an activated environment, for programs that nbgrader starts.
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    return subprocess.Popen(
        [sys.executable, COURSE / "nbgrader_server.py"],
        env={**os.environ, **share(jobs), "PATH": path, "PYTHONDONTWRITEBYTECODE": ""},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


@atexit.register
def _end_servers():
    for server in itertools.chain(*_idle.values()):
        server.communicate()  # closes its input, which is how it learns of the end


def _kill(server):
    """Kill a server, and what it started: a submission is a session of its own, and may ignore signals."""
    with suppress(psutil.NoSuchProcess):
        started = psutil.Process(server.pid).children(recursive=True)
        server.kill()  # before the others: it would take their end for that of its command
        for process in started:
            with suppress(psutil.NoSuchProcess):
                process.kill()
