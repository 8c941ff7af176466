"""Tests that run side by side share the cores, and so do the kernels and programs they start."""

import os

from aelib.threads import share

if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    os.environ.update(share(int(os.environ["PYTEST_XDIST_WORKER_COUNT"])))
