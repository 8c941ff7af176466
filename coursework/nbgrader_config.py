from pathlib import Path

from nbconvert.preprocessors import ClearMetadataPreprocessor
from nbgrader.preprocessors import CheckCellMetadata, LimitOutput, SaveAutoGrades

from sandbox.execute import SandboxedExecute

c = get_config()  # noqa: F821
root = Path(__file__).resolve().parent
c.CourseDirectory.db_url = f"sqlite:///{root}/gradebook.db?timeout=60"
# In place of nbgrader's own step, which runs answers and tests in one kernel.
c.Autograde.autograde_preprocessors = [
    *(SandboxedExecute, ClearMetadataPreprocessor, LimitOutput, SaveAutoGrades, CheckCellMetadata)
]
c.LimitOutput.max_lines = 200
