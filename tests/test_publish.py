"""Publishing small notebooks: whole, or not at all."""

import copy
import re
import sys

import nbformat
import numpy as np
import pytest

import publish
from aelib import provenance

CLAIMS = "import aelib\naelib.report_claims({'it works': works})"


@pytest.fixture
def make(tmp_path, monkeypatch, arrays):
    """Write a notebook of parameters, a cell and a claim; its data set `dots` is in a folder."""
    np.savez(tmp_path / "dots.npz", **arrays)
    monkeypatch.setenv("AELIB_DATA_DIR", str(tmp_path))

    def write(code="works = True", parameters='dataset: str = "dots"  # a name'):
        cells = [nbformat.v4.new_code_cell(text) for text in (parameters, code, CLAIMS)]
        cells[0].metadata.tags = ["parameters"]
        cells[2].metadata.tags = ["nbval-check-output"]
        cells[1].outputs = [nbformat.v4.new_output("stream", text="of yesterday")]
        path = tmp_path / "small.ipynb"
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
        nbformat.write(notebook, path)
        return path

    return write


def _run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["publish.py", *map(str, arguments)])
    return publish.main()


@pytest.mark.slow
def test_a_notebook_is_replaced_by_its_run(make, monkeypatch, capsys):
    path = make("works = True\nprint('of today')")
    assert _run(monkeypatch, path) == 0
    printed = capsys.readouterr()
    assert "small.ipynb: published in" in printed.out
    assert "cell 3 of 3" in printed.err
    assert "encryption" not in printed.err
    notebook = nbformat.read(path, as_version=4)
    assert [cell.execution_count for cell in notebook.cells] == [1, 2, 3]
    assert notebook.cells[1].outputs[0].text == "of today\n"
    assert notebook.cells[2].outputs[0].text == "holds: it works\n"
    told = notebook.metadata.aelib
    assert provenance.changes(told.code, provenance.code_digests(notebook, path.parent)) == []
    assert told.seconds > 0
    assert 0 <= told.load_percent <= 100
    assert told.versions.keras
    assert not list(path.parent.glob("*.part"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("works = False", "claim: does not hold: it works"),
        ("works = True\n1 / 0", "ZeroDivisionError: division by zero"),
        ("works = True\nimport warnings\nwarnings.warn('hm')", "cell 2 .* writes to stderr"),
        ("works = True\nimport os\nos._exit(1)", "Kernel died"),
    ],
)
def test_a_run_that_should_not_be_read_leaves_the_file(make, monkeypatch, capsys, code, problem):
    path = make(code)
    before = path.read_bytes()
    assert _run(monkeypatch, path) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("publish: small.ipynb was not published: ")
    assert re.search(problem, last)
    assert path.read_bytes() == before
    assert not list(path.parent.glob("*.part"))


def test_what_the_cells_show_is_refused_before_anything_runs(make, monkeypatch, capsys):
    monkeypatch.setattr(publish, "execute", lambda path: pytest.fail("it ran"))
    assert _run(monkeypatch, make("works = True  # " + 70 * "!")) == 1
    assert "cell 2 has a line of 86 columns, more than 76" in capsys.readouterr().err


@pytest.mark.slow
def test_copies_go_into_a_folder_as_far_as_they_get(make, monkeypatch, tmp_path):
    path = make("works = True\nprint('so far')\n1 / 0")
    before = path.read_bytes()
    assert _run(monkeypatch, "--into", tmp_path / "build", path) == 1
    copy = nbformat.read(tmp_path / "build" / "small.ipynb", as_version=4)
    assert copy.cells[1].outputs[0].text == "so far\n"
    assert path.read_bytes() == before


@pytest.mark.slow
def test_what_changed_since_a_notebook_was_published_is_listed(make, monkeypatch, capsys):
    path = make()
    assert _run(monkeypatch, "--changed", path) == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert _run(monkeypatch, path) == 0
    capsys.readouterr()
    assert _run(monkeypatch, "--changed", path) == 0
    assert capsys.readouterr().out == "\n"
    published = nbformat.read(path, as_version=4)
    machine = provenance.machine()
    for change, name in [
        (lambda nb, m: nb.cells[1].update(source="works = 1"), "code cells"),
        (lambda nb, m: m["versions"].update(keras="2.0"), "keras"),
        (lambda nb, m: m.update(python="3.5.1"), "Python"),
    ]:
        other, now = copy.deepcopy(published), copy.deepcopy(machine)
        change(other, now)
        nbformat.write(other, path)
        assert publish.changed(path, now) == [name]


def test_nothing_is_published_on_a_sample_or_without_the_data(make, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(publish, "publish", lambda _: pytest.fail("it ran"))
    monkeypatch.setenv("AELIB_OFFLINE", "1")
    path = make(parameters='dataset: str = "dots"  # a name\nothers: list = ["cifar10"]  # more')
    assert _run(monkeypatch, path) == 1
    assert "CIFAR-10 is not available" in capsys.readouterr().err
    path = make(parameters='dataset: str = "mnist"  # a name')
    with pytest.warns(UserWarning, match="5,000 MNIST images"):
        assert _run(monkeypatch, path) == 1
    assert "MNIST is here as a sample only" in capsys.readouterr().err
    assert _run(monkeypatch, tmp_path / "none.ipynb") == 1
    assert "there is no notebook" in capsys.readouterr().err


@pytest.mark.parametrize(("load", "warned"), [(3.0, False), (70.0, True)])
def test_a_busy_machine_is_told_before_anything_runs(make, monkeypatch, capsys, load, warned):
    monkeypatch.setattr(publish, "publish", lambda _: 1.0)
    monkeypatch.setattr(provenance, "machine", lambda: {"load_percent": load})
    assert _run(monkeypatch, make()) == 0
    assert ("70 % of the processor" in capsys.readouterr().err) == warned
