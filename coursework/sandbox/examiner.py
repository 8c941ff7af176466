"""The tests of an assignment, run outside the sandbox, on plain data of the submission."""

import ast
import builtins
import contextlib
import io
import linecache
import signal
import traceback
from typing import Any, NamedTuple

from nbformat import NotebookNode

from .submission import GRACE, Submission, SubmissionEndedError, error_output


class ExaminerTimeoutError(BaseException):
    """A test, with all the calls that it makes, took too long."""


class Cell(NamedTuple):
    """A code cell of the master."""

    name: str  # its grade_id, or ""
    kind: str  # "test", "given" (locked, no points) or "answer"
    source: str
    binds: frozenset[str]  # names that it sets, outside of functions
    reads: frozenset[str]  # names that it uses, in functions too


class Examiner:
    """The tests of a master, for one submission.

    A test uses names. Where the master's cells say that an answer sets a name, its value is asked of the
    submission, as plain data. Where a given cell sets it, that cell is run here, once, from the master: so
    the data, NumPy and aelib of the tests are not the submission's.
    """

    def __init__(self, master: NotebookNode, submission: Submission, seconds: float):
        self.cells = [_read_cell(cell) for cell in master.cells if cell.cell_type == "code"]
        self.submission, self.seconds = submission, seconds
        self._done: dict[int, dict[str, Any]] = {}  # number of a cell -> the names that it set here

    def names(self) -> list[str]:
        """The tests' names."""
        return [cell.name for cell in self.cells if cell.kind == "test"]

    def run(self, name: str) -> list[dict[str, Any]]:
        """Run a test; its outputs, as nbformat has them: none, what it printed, an error.

        Raises:
            SubmissionEndedError: the submission has ended while it was asked.
        """
        number = next(i for i, cell in enumerate(self.cells) if cell.name == name)
        printed, outputs = io.StringIO(), []
        # A call into the submission ends by its own limit first.
        patience = 3 * (self.seconds + GRACE)
        try:
            with contextlib.redirect_stdout(printed), _alarm(patience):
                self._run(number)
        except SubmissionEndedError:
            raise
        except BaseException as error:
            file = f"<{name}>"
            frames = traceback.TracebackException.from_exception(error)
            frames.stack = traceback.StackSummary.from_list(
                [frame for frame in frames.stack if frame.filename == file]
            )
            lines = "".join(frames.format()).splitlines()
            outputs = [error_output(type(error).__name__, str(error)[:2000], lines)]
        if printed.getvalue():
            text = printed.getvalue()[:100_000]
            outputs.insert(0, {"output_type": "stream", "name": "stdout", "text": text})
        return outputs

    def _run(self, number):
        """Run a cell here, with the names that it uses as they are above it; keep what it sets."""
        cell = self.cells[number]
        names = {"__builtins__": builtins, "__name__": "__main__"}
        for name in cell.reads:
            with contextlib.suppress(KeyError):
                names[name] = self._value(name, number)
        file = f"<{cell.name}>"
        linecache.cache[file] = (len(cell.source), None, cell.source.splitlines(True), file)
        try:
            exec(compile(cell.source, file, "exec"), names)
        finally:
            self._done[number] = {name: names[name] for name in cell.binds if name in names}

    def _value(self, name, number):
        """The value that a name has above cell `number`; KeyError if nothing sets it."""
        for earlier in reversed(range(number)):
            cell = self.cells[earlier]
            if name not in cell.binds:
                continue
            if cell.kind == "answer":
                return self.submission.get(name)
            if earlier not in self._done:
                with contextlib.redirect_stdout(io.StringIO()):
                    self._run(earlier)
            return self._done[earlier][name]
        raise KeyError(name)


def _read_cell(cell):
    settings = cell.metadata.get("nbgrader", {})
    kind = "given" if settings.get("locked") else "answer"
    kind = "test" if settings.get("grade") and kind == "given" else kind
    tree = ast.parse(cell.source)
    binds, reads = set(), set()
    _collect_binds(tree, binds)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            reads.add(node.id)
    return Cell(settings.get("grade_id", ""), kind, cell.source, frozenset(binds), frozenset(reads))


def _collect_binds(node, binds):
    """Names that a piece of a program sets in its own scope."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            binds.add(child.name)
            continue
        if isinstance(
            child, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
        ):
            continue
        if isinstance(child, ast.Import | ast.ImportFrom):
            binds |= {(a.asname or a.name).split(".")[0] for a in child.names}
        elif isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            binds.add(child.id)
        _collect_binds(child, binds)


@contextlib.contextmanager
def _alarm(seconds):
    """Raise an ExaminerTimeoutError after so many seconds; in the main thread of a process."""

    def ring(*_):
        raise ExaminerTimeoutError(f"not done after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
