"""Digests of code and data: what changes them, and what must not."""

import ast

import nbformat
import numpy as np
import pytest

from aelib import provenance


def _notebook(*cells):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])


def test_a_notebook_rests_on_the_modules_it_uses_and_on_those_they_use(tmp_path):
    digests = provenance.code_digests(_notebook("import aelib\naelib.fit_pca(x)"), tmp_path)
    assert {"code cells", "aelib.pca", "aelib.models", "aelib.checks"} <= set(digests)
    assert not {"aelib.training", "aelib.sweep.worker", "aelib.plots"} & set(digests)


def test_scripts_and_styles_of_a_module_count(tmp_path):
    digests = provenance.code_digests(_notebook("import aelib\naelib.explorer.draw(x)"), tmp_path)
    assert {"aelib.explorer, explorer.js", "aelib.explorer, explorer.css"} <= set(digests)


@pytest.mark.parametrize(
    ("code", "module"),
    [
        ("from aelib import plots", "aelib.plots"),
        ("from aelib import keras", "aelib._quiet"),
        ("from aelib.metrics import image_errors", "aelib.metrics"),
        ("import aelib.curves", "aelib.curves"),
        ("import aelib\naelib.sweep.run()", "aelib.sweep.worker"),
        ("%matplotlib inline\nimport aelib.curves", "aelib.curves"),
    ],
)
def test_each_way_to_use_a_module_is_seen(code, module, tmp_path):
    assert module in provenance.code_digests(_notebook(code), tmp_path)


def test_a_changed_cell_and_a_changed_module_are_named(tmp_path, monkeypatch):
    for name in ("checks", "pca"):
        (tmp_path / f"{name}.py").write_text('"""Text."""\nA = 1  # one\n')
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path)

    def digests(code="from aelib import checks, pca"):
        return provenance.code_digests(_notebook(code), tmp_path)

    before = digests()
    assert set(before) == {"code cells", "aelib.checks", "aelib.pca"}
    (tmp_path / "checks.py").write_text('"""Another text."""\n\n\nA = (1)\n')
    assert provenance.changes(before, digests()) == []
    (tmp_path / "checks.py").write_text('"""Text."""\nA = 2\n')
    assert provenance.changes(before, digests()) == ["aelib.checks"]
    changed = provenance.changes(before, digests("from aelib import checks, pca  # new"))
    assert changed == ["aelib.checks", "code cells"]


def test_what_the_cells_name_by_its_path_counts(tmp_path):
    nbformat.write(_notebook("a = 1"), tmp_path / "other.ipynb")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "runs.csv").write_text("E\n1.5\n")
    reader = _notebook("run('other.ipynb')\nread('./results')")
    before = provenance.code_digests(reader, tmp_path)
    assert set(before) == {"code cells", "other.ipynb", "./results/*.csv"}
    (tmp_path / "results" / "runs.csv").write_text("E\n1.6\n")
    nbformat.write(_notebook("a = 2"), tmp_path / "other.ipynb")
    after = provenance.code_digests(reader, tmp_path)
    assert provenance.changes(before, after) == ["./results/*.csv", "other.ipynb"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("def f():\n    'text'\n    return 1", "def f():\n    # why\n    return 1", True),
        ("a = 'x'", 'a = "x"', True),
        ("a = 0", "a = False", False),
        ("a = 0", "a = None", False),
        ("a = 1", "a = 1.0", False),
        ("a = b''", "a = ''", False),
        ("f(x=1)", "f(y=1)", False),
        ("a = -x", "a = +x", False),
    ],
)
def test_of_a_module_only_what_it_does_counts(one, other, same):
    trees = [provenance._plain(ast.parse(text)) for text in (one, other)]
    assert (repr(trees[0]) == repr(trees[1])) == same


def test_data_have_a_digest_of_their_file_or_a_word(tmp_path, monkeypatch, arrays):
    monkeypatch.setenv("AELIB_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("AELIB_OFFLINE", "1")
    words = [provenance.data_digest(name) for name in ("mnist", "curves", "faces")]
    assert words == ["offline", "drawn", "not here"]
    np.savez(tmp_path / "faces.npz", **arrays)
    before = provenance.data_digest("faces")
    assert len(before) == 12
    arrays["x_test"][0, 0, 0] ^= 1
    np.savez(tmp_path / "faces.npz", **arrays)
    assert provenance.data_digest("faces") not in (before, "not here")


def test_the_machine_is_described():
    machine = provenance.machine()
    assert machine["cores"] >= 1
    assert 0 <= machine["load_percent"] <= 100
    assert machine["processor"]
    missing = set(provenance.PACKAGES) - set(machine["versions"])
    assert missing < {"tensorflow", "tensorflow-cpu"}, "one of the two is here"
