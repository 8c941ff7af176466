"""What several modules of tests use: small data sets, and what a refusal must look like."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import aelib
from aelib.data import Dataset


@pytest.fixture(scope="session")
def tiny():
    """Images of 8x6 pixels, one channel: 200 for training, 40 for testing, on a 2-D manifold."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[0:8, 0:6]
    centres = rng.uniform([1, 1], [7, 5], (240, 2))
    distance = (rows - centres[:, 0, None, None]) ** 2 + (columns - centres[:, 1, None, None]) ** 2
    x = np.exp(-distance / 3).astype("float32")[..., None]
    y = (centres[:, 0] > 4).astype("int64")
    return Dataset("blobs", x[:200], y[:200], x[200:], y[200:], ["top", "bottom"], "test")


@pytest.fixture
def arrays():
    """What a valid NAME.npz holds."""
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.integers(0, 256, (30, 8, 6), dtype=np.uint8),
        "y_train": rng.integers(0, 3, 30, dtype=np.uint8),
        "x_test": rng.integers(0, 256, (10, 8, 6), dtype=np.uint8),
        "y_test": rng.integers(0, 3, 10, dtype=np.uint8),
    }


@pytest.fixture
def refused():
    """A context in which aelib itself, no library below it, raises a ValueError of one line."""

    @contextmanager
    def check(message):
        with pytest.raises(ValueError, match=message) as error:
            yield
        assert "\n" not in str(error.value)
        assert Path(error.traceback[-1].path).is_relative_to(Path(aelib.__file__).parent)

    return check


@pytest.fixture(scope="session")
def sandbox():
    """The sandbox that submissions are graded in, or "none" where it cannot work.

    AELIB_SANDBOX=1 demands it.
    """
    from sandbox import submission

    try:
        submission.check("bubblewrap")
    except ValueError:
        if os.environ.get("AELIB_SANDBOX") == "1":
            raise
        return "none"
    return "bubblewrap"


@pytest.fixture(scope="session")
def browser_type_launch_args():
    """pytest-playwright starts the system's Chromium; without one its tests are skipped.

    AELIB_BROWSER=1 demands it.
    """
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if not path:
        missing = "no Chromium on the path: on Debian, apt install chromium"
        (pytest.fail if os.environ.get("AELIB_BROWSER") == "1" else pytest.skip)(missing)
    # Chromium's own sandbox refuses to run as root, as containers do.
    return {"executable_path": path, "args": ["--no-sandbox"] if os.geteuid() == 0 else []}
