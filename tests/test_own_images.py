"""A teacher's own images, a file faces.npz in a folder, go through the notebooks."""

from pathlib import Path

import numpy as np
import papermill
import pytest

pytestmark = pytest.mark.slow  # each test runs a notebook

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
FAST = {
    "02_dense_autoencoder": {"hidden_units": [64], "sweep_units": [32], "sweep_sizes": [2, 5]},
    "03_conv_autoencoder": {"base_filters": 2},
    "04_pca_comparison": {
        "hidden_units": [64],
        "map_epochs": 1,
        "shallow_epochs": 1,
        "seed_epochs": 1,
    },
    "07_dense_vs_conv": {},
}


def _faces(people=40, pictures=10):
    """Drawn heads of 64x64 pixels: each person has a size, a skin and eyes, each picture a light."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[-1:1:64j, -1:1:64j]
    faces = []
    for width, height, skin, eyes in rng.uniform(
        [0.5, 0.6, 120, 0.15], [0.8, 0.95, 220, 0.3], (people, 4)
    ):
        head = (columns / width) ** 2 + (rows / height) ** 2 < 1
        dark = np.hypot(abs(columns) - eyes, rows + 0.2) < 0.1
        for light in rng.uniform(-0.5, 0.5, pictures):
            faces.append(np.where(head & ~dark, skin * (0.8 + light * columns / 2), 20))
    return np.stack(faces).astype("uint8")[..., None], np.repeat(np.arange(people), pictures)


@pytest.mark.parametrize("name", FAST)
def test_a_notebook_runs_on_faces(name, tmp_path, monkeypatch):
    x, y = _faces()
    test = np.arange(len(x)) % 5 == 0
    np.savez(
        tmp_path / "faces.npz", x_train=x[~test], y_train=y[~test], x_test=x[test], y_test=y[test]
    )
    monkeypatch.setenv("AELIB_DATA_DIR", str(tmp_path))
    executed = papermill.execute_notebook(
        NOTEBOOKS / f"{name}.ipynb",
        None,
        {"dataset": "faces", "code_size": 5, "epochs": 1, **FAST[name]},
        cwd=NOTEBOOKS,
        progress_bar=False,
    )
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    text = " ".join(output.get("text", "") for output in outputs)
    assert "faces: " in text
    assert "320 training" in text
    assert "faces.npz in AELIB_DATA_DIR" in text
    figures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert figures
    assert all(figure.metadata["image/png"]["alt"] for figure in figures)
    assert "not tested here: " in text, "a claim about the published run is judged on faces"
