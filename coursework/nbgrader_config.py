import sys
from pathlib import Path

from nbconvert.preprocessors import ClearMetadataPreprocessor
from nbgrader.preprocessors import CheckCellMetadata, LimitOutput, SaveAutoGrades

root = Path(__file__).resolve().parent
sys.path.insert(0, str(root))  # a copy of this folder is a course, see README.md

from sandbox.execute import SandboxedExecute  # noqa: E402

c = get_config()  # noqa: F821
c.CourseDirectory.db_url = f"sqlite:///{root}/gradebook.db?timeout=60"
# In place of nbgrader's own step, which runs answers and tests in one kernel.
c.Autograde.autograde_preprocessors = [
    *(SandboxedExecute, ClearMetadataPreprocessor, LimitOutput, SaveAutoGrades, CheckCellMetadata)
]
c.LimitOutput.max_lines = 200
