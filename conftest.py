"""Tests that run side by side share the cores, and so do the kernels and programs they start.

`--student N`: the personal number with which the wrong submissions of the coursework are graded.
"""

import os

from aelib.threads import share

if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    os.environ.update(share(int(os.environ["PYTEST_XDIST_WORKER_COUNT"])))


def pytest_addoption(parser):
    parser.addoption("--student", type=int, default=7, help="number of the wrong submissions")
