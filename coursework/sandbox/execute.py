"""nbgrader's step of execution: answers in the sandbox, tests outside."""

import html
import re
from pathlib import Path

import nbformat
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Float, Unicode

from .examiner import Examiner
from .submission import Submission


class SandboxedExecute(NbGraderPreprocessor):
    """Runs a notebook's cells in a sandbox, and the assignment's tests in this process."""

    sandbox = Unicode("bubblewrap", help="bubblewrap, or none").tag(config=True)
    timeout = Float(60, help="seconds a cell").tag(config=True)

    def preprocess(self, nb, resources):
        """Execute `nb` in place, as nbgrader's own step does; what comes back has outputs only.

        Raises:
            SubmissionEndedError: it did not come to its end; the message says why.
        """
        folder, name = Path(resources["metadata"]["path"]), resources["nbgrader"]["assignment"]
        course = folder.resolve().parents[2]
        master = nbformat.read(course / "source" / name / f"{name}.ipynb", as_version=4)
        cells = [cell for cell in nb.cells if cell.cell_type == "code"]
        for cell in nb.cells:
            if cell.cell_type != "code" and not cell.metadata.get("nbgrader", {}).get("locked"):
                cell.source = tame(cell.source)
        with Submission(self.sandbox, self.timeout) as submission:
            examiner = Examiner(master, submission, self.timeout)
            known = set(examiner.names())
            for number, cell in enumerate(cells, 1):
                grade_id = cell.metadata.get("nbgrader", {}).get("grade_id", "")
                if grade_id in known:
                    outputs = examiner.run(grade_id)
                else:
                    outputs = submission.run(cell.source)
                cell.outputs = [nbformat.from_dict(output) for output in outputs]
                cell.execution_count = number
        return nb, resources


def tame(source: str) -> str:
    """A student's Markdown without HTML, and without links that are programs.

    It is rendered in the teacher's browser, by the Formgrader and in the feedback.
    """
    plain = re.sub(r"<(?=[a-zA-Z/!?])", "&lt;", html.unescape(source))
    return re.sub(r"(?i)(javascript|vbscript|data)\s*:", r"\1 :", plain)
