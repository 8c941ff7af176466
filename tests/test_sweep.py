"""Sweeps over small notebooks: most with a made-up execution, the slow ones with real kernels."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

import aelib
from aelib import provenance, sweep
from aelib.notebook import RECORD
from aelib.sweep import cluster, folder, plan, worker
from aelib.sweep.__main__ import main

PARAMETERS = """\
number: int = 1  # a number
label: str = "x"  # a text
rate: float = 0.1  # a rate
units: list = [1]  # layer sizes
"""
LOG = """\
with open("log.txt", "a") as log:
    log.write(f"{number} ")
"""
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


@pytest.fixture
def make(tmp_path):
    """Write a notebook whose second cell logs its run and whose third holds the given code."""

    def write(code, parameters=PARAMETERS, kernel=KERNEL):
        cells = [nbformat.v4.new_code_cell(text) for text in (parameters, LOG, code)]
        if parameters:
            cells[0].metadata.tags = ["parameters"]
        metadata = {"kernelspec": kernel} if kernel else {}
        notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
        nbformat.write(notebook, tmp_path / "small.ipynb")
        return tmp_path / "small.ipynb"

    return write


def _log(notebook):
    """The numbers of the runs that were started, in order of their value."""
    return sorted(notebook.with_name("log.txt").read_text().split())


def _pretend(text, place, given, names):
    """In place of `worker.execute`: log the run, and record twice its number, or fail."""
    executed, number = nbformat.reads(text, as_version=4), given.get("number", 1)
    with Path(place, "log.txt").open("a") as log:
        log.write(f"{number} ")
    data = {RECORD: {"twice": 2 * number}}
    executed.cells[-1].outputs = [nbformat.v4.new_output("display_data", data)]
    error = "is broken" if Path(place, f"broken-{number}").exists() else ""
    status = "failed" if error else "done"
    executed.metadata["aelib_sweep"] = {"seconds": 1.0, "status": status, "error": error}
    return nbformat.writes(executed)


@pytest.fixture(scope="module")
def client():
    """Dask in this process."""
    from distributed import Client

    with Client(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as it:
        yield it


@pytest.fixture
def pretend(monkeypatch, client):
    """Sweeps whose runs execute nothing."""
    monkeypatch.setattr(cluster, "connect", lambda *_: nullcontext(client))
    monkeypatch.setattr(provenance, "machine", lambda: {"cores": 2})
    monkeypatch.setattr(sweep, "execute", _pretend)


@pytest.mark.slow
def test_a_failure_is_a_row_and_the_others_go_on(make, tmp_path, capsys):
    notebook = make(
        "import os, aelib\n"
        "if number == 2: raise ValueError('two\\nis bad')\n"
        "aelib.record(twice=2 * number, threads=os.environ['TF_NUM_INTRAOP_THREADS'])\n"
        "from aelib._quiet import watched\n"
        "aelib.record(folder=os.getcwd(), watched=watched())"
    )
    out = tmp_path / "out"
    assert main([str(notebook), "-g", "number=1,2,3", "-g", "label=a", "-o", str(out)]) == 1
    printed = capsys.readouterr()
    assert "failed: number=2: cell 3: ValueError: two is bad" in printed.out
    assert "2 runs done, 1 failed" in printed.out
    assert "3/3 runs, 1 failed" in printed.err

    table = pd.read_csv(out / "results.csv")
    assert table.columns[:4].tolist() == ["number", "label", "rate", "units"]
    assert table.columns[-3:].tolist() == ["seconds", "status", "error"]
    assert table.units.tolist() == ["[1]"] * 3
    assert table.status.tolist() == ["done", "failed", "done"]
    assert table.twice.tolist()[::2] == [2, 6]
    assert table.folder[0] == str(notebook.parent)
    assert table.threads[0] == int(aelib.threads.share(2)["TF_NUM_INTRAOP_THREADS"])
    assert not table.watched[0]
    texts = [path.read_text() for path in sorted(out.glob("*.ipynb"))]
    assert [name.split("_")[0] for name in sorted(os.listdir(out)) if "ipynb" in name] == [
        *("number-1", "number-2", "number-3")
    ]
    executed = [nbformat.reads(text, as_version=4) for text in texts]
    assert executed[1].metadata.aelib_sweep.status == "failed"
    assert [cell.execution_count for cell in executed[2].cells] == [1, 2, 3, 4]

    (call,) = json.loads((out / "machine.json").read_text())
    assert (call["jobs"], call["runs"]) == (2, 3)
    assert call["seconds"] > 0
    assert {"date", "processor", "cores", "versions", "load_percent"} <= call.keys()


@pytest.mark.slow
def test_a_kernel_that_does_not_start_is_started_again(make, tmp_path, monkeypatch):
    notebook = make("aelib_was_here = True")
    spec = tmp_path / "kernels" / "flaky" / "kernel.json"
    spec.parent.mkdir(parents=True)
    start = f"mkdir {tmp_path}/tried && exit 1; exec {sys.executable} -m ipykernel_launcher -f $0"
    argv = ["sh", "-c", start, "{connection_file}"]
    spec.write_text(json.dumps({"argv": argv, "display_name": "flaky", "language": "python"}))
    source = nbformat.read(notebook, as_version=4)
    source.metadata.kernelspec.name = "flaky"
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setattr(worker, "_set_environment", lambda: None)

    def execute():
        text = worker.execute(nbformat.writes(source), str(tmp_path), {"number": 1}, ["number"])
        return nbformat.reads(text, as_version=4).metadata.aelib_sweep

    assert execute().error == ""
    assert (tmp_path / "tried").exists()

    argv[2] = f"echo >> {tmp_path}/never; exit 1"
    spec.write_text(json.dumps({"argv": argv, "display_name": "flaky", "language": "python"}))
    assert execute().error.startswith("RuntimeError: Kernel died")
    assert (tmp_path / "never").read_text().count("\n") == worker.ATTEMPTS


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_does_not_take_other_runs_with_it(make, tmp_path):
    import dask

    notebook = make(
        "import os, signal\n"
        "first = open('log.txt').read().count('2') == 1\n"
        "if number == 1 or (number == 2 and first): os.kill(os.getppid(), signal.SIGKILL)\n"
        "if number == 3: os._exit(1)"
    )
    with dask.config.set({"distributed.scheduler.allowed-failures": 1}):
        table = sweep.run(notebook, {"number": [1, 2, 3]}, tmp_path / "out", jobs=1)
    assert table.status.tolist() == ["failed", "done", "failed"]
    assert _log(notebook) == ["1", "1", "2", "2", "3"]
    assert "worker died" in table.error[0]
    assert table.error[2].startswith("cell 3: DeadKernelError")


@pytest.mark.slow
def test_a_plan_killed_in_mid_run_goes_on_where_it_was_and_a_second_sweep_is_refused(
    make, tmp_path, capsys
):
    notebook, out = make(
        "import os, time\n"
        "patience = time.monotonic() + 120\n"
        "while number == 2 and not os.path.exists('go') and time.monotonic() < patience:\n"
        "    time.sleep(0.05)"
    ), tmp_path / "out"  # fmt: skip
    (tmp_path / "plan.csv").write_text("number\n1\n2\n3\n")
    command = [str(notebook), "--plan", str(tmp_path / "plan.csv"), "-o", str(out), "--jobs", "1"]
    start = [sys.executable, "-m", "aelib.sweep", *command]
    with subprocess.Popen(start, start_new_session=True, stderr=subprocess.DEVNULL) as killed:
        deadline = time.monotonic() + 120
        while not (notebook.with_name("log.txt").exists() and "2" in _log(notebook)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        before = {path.name: path.read_bytes() for path in out.iterdir()}
        assert main(command) == 2
        assert {path.name: path.read_bytes() for path in out.iterdir()} == before
        killed.send_signal(signal.SIGKILL)
    assert capsys.readouterr().err.endswith(
        f"another sweep is at work in {out}; give another folder\n"
    )
    (done,) = out.glob("*.ipynb")
    nbformat.validate(nbformat.read(done, as_version=4))
    assert pd.read_csv(out / "results.csv").status.tolist() == ["done"]

    (out / "results.csv.part").write_text("number,lab")
    notebook.with_name("go").touch()
    assert main(command) == 0
    assert _log(notebook) == ["1", "2", "2", "3"]
    assert pd.read_csv(out / "results.csv").status.tolist() == ["done"] * 3
    assert not list(out.glob("*.part"))
    first, second = json.loads((out / "machine.json").read_text())
    assert (first["runs"], second["runs"]) == (3, 2)
    assert "seconds" in second
    assert "seconds" not in first


@pytest.mark.slow
def test_an_existing_scheduler_serves(make, tmp_path):
    from distributed import LocalCluster

    notebook = make(
        "import os, aelib\n"
        "aelib.record(worker=os.getppid(), threads=os.environ['TF_NUM_INTRAOP_THREADS'])\n"
        "if number == 2: aelib.record(label=3)"
    )
    with LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=None) as local:
        address = local.scheduler_address
        table = sweep.run(notebook, {"number": [1, 2]}, tmp_path / "out", scheduler=address)
        (pid,) = [nanny.pid for nanny in local.workers.values()]
    assert table.status.tolist() == ["done", "failed"]
    assert table.error[1].startswith("aelib.record got 'label', the name of a parameter")
    assert table.label.tolist() == ["x", "x"]
    assert table.worker[0] == pid
    assert table.threads[0] == aelib.threads.share(2)["TF_NUM_INTRAOP_THREADS"]
    (call,) = json.loads((tmp_path / "out" / "machine.json").read_text())
    assert call["scheduler"] == address
    assert "jobs" not in call


def test_no_scheduler_and_no_worker_are_told(make, tmp_path, monkeypatch):
    from distributed import LocalCluster

    monkeypatch.setattr(cluster, "PATIENCE", 0.2)
    monkeypatch.setattr(provenance, "machine", dict)
    notebook = make("pass")
    with pytest.raises(ValueError, match=r"no Dask scheduler at tcp://127\.0\.0\.1:9"):
        sweep.run(notebook, {"number": [1]}, tmp_path / "out", scheduler="tcp://127.0.0.1:9")
    with (
        LocalCluster(n_workers=0, dashboard_address=None) as local,
        pytest.raises(ValueError, match="no worker; start one with: dask worker tcp://"),
    ):
        sweep.run(notebook, {"number": [1]}, tmp_path / "out", scheduler=local.scheduler_address)
    assert not (tmp_path / "out" / "machine.json").exists()


def test_only_failed_and_damaged_runs_are_run_again(make, tmp_path, pretend, capsys):
    notebook, out = make("pass"), tmp_path / "out"
    command = [str(notebook), "-g", "number=1,2,3", "-o", str(out)]
    broken = notebook.with_name("broken-2")
    broken.touch()
    assert main(command) == 1
    assert "failed: number=2: is broken" in capsys.readouterr().out
    broken.unlink()
    damaged = next(out.glob("number-3_*.ipynb"))
    damaged.write_text(damaged.read_text()[:100])
    assert main(command) == 0
    assert _log(notebook) == ["1", "2", "2", "3", "3"]
    assert pd.read_csv(out / "results.csv").twice.tolist() == [2, 4, 6]
    assert len(list(out.glob("*.ipynb"))) == 3
    assert main(command) == 0
    assert _log(notebook) == ["1", "2", "2", "3", "3"]


def test_a_plan_may_grow_shrink_and_be_reordered_in_its_folder(make, tmp_path, pretend):
    notebook, out = make("pass"), tmp_path / "out"
    table = sweep.run(notebook, plan=[{"number": 1}, {"number": 2, "label": "b"}], output=out)
    assert table.number.tolist() == [1, 2]
    assert _log(notebook) == ["1", "2"]

    rows = [{"number": 3}, {"label": "b", "number": 2, "rate": 0.1}, {"number": 1, "rate": 1}]
    table = sweep.run(notebook, plan=rows, output=out)
    assert _log(notebook) == ["1", "1", "2", "3"]
    assert table.number.tolist() == [3, 2, 1]
    assert table.rate.tolist() == [0.1, 0.1, 1.0]
    assert table.twice.tolist() == [6, 4, 2]
    columns = ["number", "label", "rate", "units", "twice", "seconds", "status", "error"]
    assert [*table] == columns
    assert pd.read_csv(out / "results.csv").columns.tolist() == columns

    table = sweep.run(notebook, {"number": [1, 2, 3]}, out)
    assert _log(notebook) == ["1", "1", "2", "2", "3"]
    assert table.label.tolist() == ["x"] * 3
    calls = json.loads((out / "machine.json").read_text())
    assert [call["runs"] for call in calls] == [2, 2, 1]
    sweep.run(notebook, {"number": [2]}, out)
    assert pd.read_csv(out / "results.csv").number.tolist() == [2]
    assert len(json.loads((out / "machine.json").read_text())) == 3


def test_after_a_change_of_code_or_data_a_folder_is_refused_and_stays(
    make, tmp_path, arrays, pretend, monkeypatch, capsys
):
    monkeypatch.setenv("AELIB_DATA_DIR", str(tmp_path))
    np.savez(tmp_path / "blobs.npz", **arrays)
    parameters = 'dataset: str = "blobs"\nnumber: int = 1'
    code = "import aelib\naelib.fit_pca"
    notebook, out = make(code, parameters), tmp_path / "out"
    command = [str(notebook), "-g", "number=1", "-o", str(out)]
    assert main(command) == 0
    (out / "mine.part").touch()
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def refused(options=()):
        capsys.readouterr()
        assert main([*command[:2], "number=1,2", *options, *command[3:]]) == 2
        assert {path.name: path.read_bytes() for path in out.iterdir()} == before
        assert _log(notebook) == ["1"]
        message = capsys.readouterr().err
        assert message.endswith("they stay as they are: give a new folder\n")
        assert message.count("\n") == 1
        return re.search("made before a change of (.*);", message)[1]

    today = provenance.code_digests
    with monkeypatch.context() as patch:
        patch.setattr(
            provenance, "code_digests", lambda *given: {**today(*given), "aelib.pca": "other"}
        )
        assert refused() == "aelib.pca"
    make("aelib_is_not_used = True", parameters)
    assert refused().endswith("aelib.pca, code cells")
    make(code, parameters)
    np.savez(tmp_path / "blobs.npz", **{**arrays, "y_test": arrays["y_test"][::-1]})
    assert refused() == "the data set blobs"
    assert refused(["-g", "dataset=mnist,blobs"]) == "the data set blobs"

    np.savez(tmp_path / "blobs.npz", **arrays)
    monkeypatch.setenv("AELIB_OFFLINE", "1")
    np.savez(tmp_path / "faces.npz", **arrays)
    assert main([*command, "-g", "dataset=faces,none"]) == 0
    assert not (out / "mine.part").exists()
    assert [*json.loads((out / "sweep.json").read_text())["data"]] == ["blobs", "faces"]
    np.savez(tmp_path / "none.npz", **arrays)  # what was missing may come
    assert main([*command, "-g", "dataset=none"]) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    (tmp_path / "blobs.npz").unlink()
    assert main(command) == 0  # none of its runs is missing
    with monkeypatch.context() as patch:
        patch.setattr(
            provenance, "code_digests", lambda *given: {**today(*given), "aelib.plots": "other"}
        )
        assert main(command) == 0  # drawings change no number


@pytest.mark.parametrize(
    ("grid", "problem"),
    [
        (
            ["numbr=1"],
            r"no parameter 'numbr'; it has the parameters number \(int\), label \(str\), rate \(f",
        ),
        (["number=one"], "number takes values of type int, not 'one'"),
        (["number=1.5"], "number takes values of type int, not 1.5"),
        (["number=True"], "number takes values of type int, not True"),
        (["rate=high"], "rate takes values of type float, not 'high'"),
        (["rate=1e999"], "rate takes values of type float, not inf"),
        (["units=3"], "units takes values of type list, not 3"),
        (["number="], "number needs a list of one or more int values"),
        (["number=1,2,1"], "number has the value 1 twice"),
        (["rate=1,1.0"], "rate has the value 1.0 twice"),
        (["number"], "-g number: must be NAME=VALUE,VALUE"),
        (["number=1", "number=2"], "-g number=2: is given twice"),
        ([], r"no grid and no plan; small.ipynb has the parameters number \(int\), label"),
    ],
)
def test_a_wrong_grid_is_refused_in_a_line_before_anything_runs(
    make, tmp_path, capsys, grid, problem
):
    notebook, out = make("pass"), tmp_path / "out"
    options = [text for axis in grid for text in ("-g", axis)]
    assert main([str(notebook), *options, "-o", str(out)]) == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert re.search(problem, printed)
    assert not out.exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("number,labl\n1,a\n", r"row 1: small.ipynb has no parameter 'labl'; it has the param"),
        ("number,\n1,\n", "row 1: small.ipynb has no parameter ''"),
        ("number,label,number\n1,a,2\n", "row 1: the column 'number' is there twice"),
        ("number\n1\n\none\n", "row 4: number takes values of type int, not 'one'"),
        ("rate\n0.1\nnan\n", "row 3: rate takes values of type float, not 'nan'"),
        ("number,rate\n1,0.5\n2,\n1,0.50\n", "row 4: the run of row 2 again"),
        ("number,rate\n1,\n,0.1\n", "row 3: the run of row 2 again"),
        ("number,units\n1,[500, 250]\n", r"row 2: 3 cells for 2 columns; a list is quoted: \"\["),
        ("number,units\n1\n", "row 2: 1 cells for 2 columns"),
        ("\n\n", "plan.csv has no runs; small.ipynb has the parameters number"),
        ("number,label\n", "plan.csv has no runs"),
        ('number\n"1', "cannot read the plan .*plan.csv: unexpected end of data"),
        (b"number,label\n1,caf\xe9\n", "cannot read the plan .*plan.csv: 'utf-8' codec"),
        (None, "cannot read the plan .*plan.csv: .*No such file"),
    ],
)
def test_a_wrong_plan_is_refused_with_its_row_before_anything_runs(
    make, tmp_path, capsys, text, problem
):
    notebook, out, path = make("pass"), tmp_path / "out", tmp_path / "plan.csv"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert main([str(notebook), "--plan", str(path), "-o", str(out)]) == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert re.search(problem, printed)
    assert not out.exists()


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"plan": [{"number": 1}, {"numbr": 1}]}, "the plan, row 2: .* no parameter 'numbr'"),
        ({"plan": [{"rate": float("nan")}]}, "the plan, row 1: rate takes .* float, not nan"),
        ({"plan": [{"units": [1, float("nan")]}]}, "row 1: units takes values of type list"),
        ({"plan": [{"label": None}]}, "label takes values of type str, not None"),
        ({"plan": []}, "the plan has no runs"),
        ({"plan": ["number"]}, "a list with a mapping for each run"),
        ({"plan": pd.DataFrame({"number": [1]})}, "a list with a mapping for each run"),
        ({"plan": [{}], "grid": {"number": [1]}}, "a grid or a plan, not both"),
        ({"grid": {"number": 1}}, "number needs a list of one or more int values"),
        ({"grid": {"label": "abc"}}, "label needs a list of one or more str values"),
        ({"grid": {}}, "no grid and no plan"),
        ({"grid": ["number"]}, "grid must be"),
        ({"grid": {"number": [1]}, "jobs": 0}, "jobs must be an integer of 1 or more"),
        ({"grid": {"number": [1]}, "output": None}, "output is missing"),
    ],
)
def test_python_gets_the_same_refusals(make, tmp_path, given, problem):
    with pytest.raises(ValueError, match=problem):
        sweep.run(make("pass"), **{"output": tmp_path / "out", **given})
    assert not (tmp_path / "out").exists()


def test_values_get_the_types_of_the_parameters(make, tmp_path):
    _, known = plan.read_notebook(make("pass"))
    texts = ["number=1,2", "label=1,None,a b", "rate=1,1e-3", "units=[1,2],[]"]
    assert plan.parse_grid(texts, known) == {
        "number": [1, 2],
        "label": ["1", "None", "a b"],
        "rate": [1, 1e-3],
        "units": [[1, 2], []],
    }
    path = tmp_path / "plan.csv"
    text = '\ufeffunits, label ,rate\r\n"[1, 2]",1,\r\n\r\n,, 2\r\n,,\r\n'
    path.write_bytes(text.encode())
    assert [run.given for run in plan.list_runs("small.ipynb", known, None, path)] == [
        {"units": [1, 2], "label": "1"},
        {"rate": 2.0},
        {},
    ]
    grid = {"number": np.arange(2), "units": [(2, 1), np.ones(2, int)], "rate": [np.float32(0.5)]}
    runs = plan.list_runs("small.ipynb", known, grid, None)
    assert [run.given["number"] for run in runs] == [0, 0, 1, 1]
    assert [run.given["units"] for run in runs] == [[2, 1], [1, 1]] * 2
    assert {type(value) for run in runs for value in run.given.values()} == {int, list, float}


def test_types_and_defaults_are_known_without_annotations_too(make):
    text = 'a = 1\nb = "#x=1"\nc: int | None = None\nd = True\ne = [\n  1,  # one\n]\nf: float = 2'
    _, known = plan.read_notebook(make("pass", text))
    kinds = {"a": "int", "b": "str", "c": "any", "d": "bool", "e": "list", "f": "float"}
    assert {name: parameter.kind for name, parameter in known.items()} == kinds
    assert repr([p.default for p in known.values()]) == "[1, '#x=1', None, True, [1], 2.0]"


def test_a_default_that_is_computed_must_be_given(make):
    _, known = plan.read_notebook(make("pass", "import os\nnumber: int = os.getpid()\nlabel = 'x'"))
    (run,) = plan.list_runs("small.ipynb", known, None, [{"number": 3}])
    assert run.parameters == {"number": 3, "label": "x"}
    with pytest.raises(ValueError, match="row 1: small.ipynb has no plain value for number, so"):
        plan.list_runs("small.ipynb", known, None, [{"label": "x"}])


def test_an_unreadable_notebook_is_refused(make, tmp_path):
    def refuse(path, problem):
        with pytest.raises(ValueError, match=problem) as refusal:
            sweep.run(path, {"number": [1]}, tmp_path / "out")
        assert "\n" not in str(refusal.value)

    refuse(tmp_path / "none.ipynb", "cannot read the notebook .*none.ipynb")
    for content in ("no notebook", "{}", "[]", '{"cells": 3, "nbformat": 4}'):
        (tmp_path / "text.ipynb").write_text(content)
        refuse(tmp_path / "text.ipynb", "cannot read the notebook .*text.ipynb|no cell tagged")
    refuse(make("pass", ""), "no cell tagged 'parameters'")
    refuse(make("pass", "number: int = "), "cannot read the parameters of .*small.ipynb")
    refuse(make("pass", "seconds = 3"), "own column 'seconds': rename it")
    refuse(make("def"), "small.ipynb has a cell that is no Python")
    refuse(make("pass", kernel=None), "small.ipynb names no kernel: open it in Jupyter")
    assert not (tmp_path / "out").exists()


def test_a_run_has_readable_words_and_a_digest_of_all_its_parameters(make, tmp_path):
    _, known = plan.read_notebook(make("pass"))

    def names(*rows):
        runs = plan.list_runs("small.ipynb", known, None, rows)
        return [folder.notebook_path(tmp_path, run).name for run in runs]

    (name,) = names({"number": 2, "label": "a/b c", "units": [5, 3]})
    assert re.fullmatch(r"number-2_label-a-b-c_units--5-3-_[0-9a-f]{8}\.ipynb", name)
    (other,) = names({"units": [5, 3], "label": "a/b c", "rate": 0.1, "number": 2})
    assert other[-14:] == name[-14:]
    (tmp_path / name).touch()
    assert names({"units": [5, 3], "label": "a/b c", "rate": 0.1, "number": 2}) == [name]
    long = names({"label": "y" * 300 + "1"}, {"label": "y" * 300 + "2"})
    assert {len(name) for name in long} == {100 + len("_01234567.ipynb")}
    assert len(set(long)) == 2
    assert names({})[0].startswith("defaults_")


def test_a_folder_of_something_else_is_refused(make, tmp_path, pretend):
    notebook, out = make("pass"), tmp_path / "out"
    with pytest.raises(ValueError, match="files that are no sweep's"):
        sweep.run(notebook, {"number": [1]}, tmp_path)
    with pytest.raises(ValueError, match="is a file"):
        sweep.run(notebook, {"number": [1]}, notebook)
    with pytest.raises(ValueError, match="cannot write into .*small.ipynb/out: Not a directory"):
        sweep.run(notebook, {"number": [1]}, notebook / "out")
    assert os.listdir(tmp_path) == ["small.ipynb"]

    sweep.run(notebook, {"number": [1]}, out)
    identity = json.loads((out / "sweep.json").read_text())
    for content, problem in (
        ({**identity, "notebook": "big.ipynb"}, "holds runs of big.ipynb; give a new folder"),
        ({"notebook": "small.ipynb", "code": "12", "grid": {}}, "holds a sweep of another aelib"),
        ([], "holds a sweep of another aelib"),
    ):
        (out / "sweep.json").write_text(json.dumps(content))
        with pytest.raises(ValueError, match=problem):
            sweep.run(notebook, {"number": [1, 2]}, out)
    (out / "sweep.json").write_text("{")
    with pytest.raises(ValueError, match=r"sweep.json is damaged; give a new folder"):
        sweep.run(notebook, {"number": [1, 2]}, out)
    assert _log(notebook) == ["1"]


def test_a_folder_is_one_sweep_s_until_it_ends(tmp_path):
    now = {"notebook": "a.ipynb", "code": {}, "data": {}}

    def refused():
        with (
            pytest.raises(ValueError, match="another sweep is at work in"),
            folder.claim(tmp_path, now),
        ):
            raise AssertionError

    with folder.claim(tmp_path, now):
        (tmp_path / "results.csv.part").touch()
        refused()
        refused()
        assert (tmp_path / "results.csv.part").exists()
    with folder.claim(tmp_path, now):
        assert not (tmp_path / "results.csv.part").exists()


def test_a_file_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "results.csv"
    path.write_text("old")

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        folder.write(path, "new and longer")
    assert path.read_text() == "old"


def test_record_converts_numbers_and_refuses_what_a_table_cannot_hold(monkeypatch):
    shown = []
    monkeypatch.setattr(aelib.notebook, "display", lambda data, raw: shown.append((data, raw)))
    aelib.record(e=np.float32(0.5), n=np.int64(3), bad=float("nan"), name="a", ok=np.True_)
    values = {"e": 0.5, "n": 3, "bad": None, "name": "a", "ok": True}
    assert shown == [({RECORD: values}, True)]
    with pytest.raises(ValueError, match="e must be one number, text or truth value"):
        aelib.record(e=[1, 2])
    with pytest.raises(ValueError, match="own column 'seconds'"):
        aelib.record(seconds=3)
