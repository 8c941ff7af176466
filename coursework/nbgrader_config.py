from pathlib import Path

c = get_config()  # noqa: F821
root = Path(__file__).resolve().parent
c.CourseDirectory.db_url = f"sqlite:///{root}/gradebook.db?timeout=60"
c.Execute.timeout = 60  # seconds a cell, where the Formgrader grades; course.py passes its own
c.Execute.iopub_timeout = 30  # seconds for a cell's outputs to arrive after its end
c.LimitOutput.max_lines = 200
