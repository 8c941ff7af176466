"""One variable, KERAS_BACKEND, puts the notebooks on another backend than TensorFlow."""

from pathlib import Path

import nbformat
import papermill
import pytest

pytestmark = pytest.mark.slow  # runs a notebook

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
SMALL = {"hidden_units": [64], "epochs": 1, "sweep_units": [32], "sweep_sizes": [2, 5]}


def test_the_dense_notebook_runs_on_jax(tmp_path, monkeypatch):
    pytest.importorskip("jax")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setenv("AELIB_OFFLINE", "1")
    monkeypatch.delenv("AELIB_DATA_DIR", raising=False)
    notebook = nbformat.read(NOTEBOOKS / "02_dense_autoencoder.ipynb", as_version=4)
    ask = "print('backend:', keras.backend.backend(), type(ae.model.get_layer('encoder')(x)))"
    notebook.cells.append(nbformat.v4.new_code_cell(ask))
    executed = papermill.execute_notebook(
        notebook, tmp_path / "executed.ipynb", SMALL, cwd=NOTEBOOKS, progress_bar=False
    )
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    text = " ".join(output.get("text", "") for output in outputs)
    assert "backend: jax <class 'jaxlib" in text
    assert "5,000" in text, "the images that need no network"
    assert "holds: a saved and loaded autoencoder gives the same error" in text
