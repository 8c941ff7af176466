"""Sweeps over small notebooks, on real local clusters."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import nullcontext

import IPython.display
import nbformat
import numpy as np
import pandas as pd
import pytest

import aelib
from aelib import sweep

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


@pytest.fixture
def make(tmp_path):
    """Write a notebook whose second cell logs its run and whose third holds the given code."""

    def write(code, parameters=PARAMETERS):
        cells = [nbformat.v4.new_code_cell(text) for text in (parameters, LOG, code)]
        if parameters:
            cells[0].metadata.tags = ["parameters"]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
        nbformat.write(notebook, tmp_path / "small.ipynb")
        return tmp_path / "small.ipynb"

    return write


def _log(notebook):
    """The numbers of the runs that were started, in order of their value."""
    return sorted(notebook.with_name("log.txt").read_text().split())


def test_a_failure_is_a_row_and_only_failed_or_damaged_runs_are_run_again(make, tmp_path, capsys):
    notebook = make(
        "import os, aelib\n"
        "if number == 2 and not os.path.exists('mended'): raise ValueError('two\\nis bad')\n"
        "aelib.record(twice=2 * number, threads=os.environ['TF_NUM_INTRAOP_THREADS'])\n"
        "aelib.record(folder=os.getcwd())"
    )
    out = tmp_path / "out"
    command = [str(notebook), "-g", "number=1,2,3", "-g", "label=a", "-o", str(out)]
    assert sweep.main(command) == 1
    printed = capsys.readouterr()
    assert "failed: number=2, label=a: cell 3: ValueError: two is bad" in printed.out
    assert "2 runs done, 1 failed" in printed.out
    assert "3/3 runs, 1 failed" in printed.err

    table = pd.read_csv(out / "results.csv")
    assert table.columns[:2].tolist() == ["number", "label"]
    assert table.columns[-3:].tolist() == ["seconds", "status", "error"]
    assert table.status.tolist() == ["done", "failed", "done"]
    assert table.twice.tolist()[::2] == [2, 6]
    assert table.folder[0] == str(notebook.parent)
    assert table.threads[0] == max(1, len(os.sched_getaffinity(0)) // 2)
    executed = [nbformat.read(path, as_version=4) for path in sorted(out.glob("*.ipynb"))]
    assert len(executed) == 3
    assert executed[1].metadata.aelib_sweep.status == "failed"
    assert [cell.execution_count for cell in executed[2].cells] == [1, 2, 3, 4]

    notebook.with_name("mended").touch()
    damaged = sorted(out.glob("*.ipynb"))[2]
    damaged.write_text(damaged.read_text()[:100])
    assert sweep.main(command) == 0
    assert _log(notebook) == ["1", "2", "2", "3", "3"]
    assert pd.read_csv(out / "results.csv").twice.tolist() == [2, 4, 6]
    assert sweep.main(command) == 0
    assert _log(notebook) == ["1", "2", "2", "3", "3"]


def test_a_kernel_that_does_not_start_is_started_again(make, tmp_path, monkeypatch):
    notebook = make("import aelib\naelib.record(ok=True)")
    spec = tmp_path / "kernels" / "flaky" / "kernel.json"
    spec.parent.mkdir(parents=True)
    start = f"mkdir {tmp_path}/tried && exit 1; exec {sys.executable} -m ipykernel_launcher -f $0"
    argv = ["sh", "-c", start, "{connection_file}"]
    spec.write_text(json.dumps({"argv": argv, "display_name": "flaky", "language": "python"}))
    source = nbformat.read(notebook, as_version=4)
    source.metadata.kernelspec.name = "flaky"
    nbformat.write(source, notebook)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))

    table = sweep.run(notebook, {"number": [1]}, tmp_path / "out", jobs=1)
    assert table.status.tolist() == ["done"], table.error[0]
    assert (tmp_path / "tried").exists()

    argv[2] = f"echo >> {tmp_path}/never; exit 1"
    spec.write_text(json.dumps({"argv": argv, "display_name": "flaky", "language": "python"}))
    table = sweep.run(notebook, {"number": [1]}, tmp_path / "again", jobs=1)
    assert table.error[0].startswith("RuntimeError: Kernel died")
    assert (tmp_path / "never").read_text().count("\n") == sweep.ATTEMPTS


def test_a_killed_worker_is_replaced_and_does_not_take_other_runs_with_it(make, tmp_path):
    notebook = make(
        "import os, pathlib, signal, aelib\n"
        "first = not pathlib.Path(label).exists()\n"
        "pathlib.Path(label).touch()\n"
        "if number == 3 or (number == 1 and first): os.kill(os.getppid(), signal.SIGKILL)\n"
        "if number == 4: os._exit(1)\n"
        "aelib.record(ok=True)"
    )
    table = sweep.run(
        notebook, {"number": [1, 2, 3, 4, 5], "label": ["mark"]}, tmp_path / "out", jobs=1
    )
    assert table.status.tolist() == ["done", "done", "failed", "failed", "done"]
    assert _log(notebook).count("1") == 2
    assert _log(notebook).count("5") == 1
    assert "worker died" in table.error[2]
    assert table.error[3].startswith("cell 3: DeadKernelError")


def test_a_sweep_killed_in_mid_run_goes_on_where_it_was(make, tmp_path):
    notebook = make("import time\ntime.sleep(0 if number < 3 else 3)")
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "aelib.sweep",
        str(notebook),
        "-g",
        "number=1,2,3,4",
        "-o",
        str(out),
    ]
    killed = subprocess.Popen([*command, "--jobs", "1"], start_new_session=True)
    deadline = time.monotonic() + 120
    while not (notebook.with_name("log.txt").exists() and "3" in _log(notebook)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert len(list(out.glob("*.ipynb"))) == 2
    for path in out.glob("*.ipynb"):
        nbformat.validate(nbformat.read(path, as_version=4))
    assert pd.read_csv(out / "results.csv").status.tolist() == ["done", "done"]

    (out / "results.csv.part").write_text("number,lab")
    assert subprocess.run(command, timeout=300).returncode == 0
    assert _log(notebook) == ["1", "2", "3", "3", "4"]
    assert pd.read_csv(out / "results.csv").status.tolist() == ["done"] * 4
    assert not list(out.glob("*.part"))


def test_an_existing_scheduler_serves(make, tmp_path):
    from distributed import LocalCluster

    notebook = make("import os, aelib\naelib.record(worker=os.getppid())")
    with LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=None) as cluster:
        grid = {"number": [1, 2, 3]}
        table = sweep.run(notebook, grid, tmp_path / "out", scheduler=cluster.scheduler_address)
        pids = {worker.pid for worker in cluster.workers.values()}
    assert table.status.tolist() == ["done"] * 3
    assert set(table.worker) == pids


def test_no_scheduler_and_no_worker_are_told(make, tmp_path, monkeypatch):
    from distributed import LocalCluster

    monkeypatch.setattr(sweep, "PATIENCE", 1)
    notebook = make("pass")
    with pytest.raises(ValueError, match="no Dask scheduler at tcp://127.0.0.1:9"):
        sweep.run(notebook, {"number": [1]}, tmp_path / "out", scheduler="tcp://127.0.0.1:9")
    with (
        LocalCluster(n_workers=0, dashboard_address=None) as cluster,
        pytest.raises(ValueError, match="no worker; start one with: dask worker tcp://"),
    ):
        sweep.run(notebook, {"number": [1]}, tmp_path / "out", scheduler=cluster.scheduler_address)


@pytest.mark.parametrize(
    ("grid", "problem"),
    [
        (
            ["numbr=1"],
            r"no parameter 'numbr'; it has number \(int\), label \(str\), rate \(float\)",
        ),
        (["number=one"], "number takes values of type int, not 'one'"),
        (["number=1.5"], "number takes values of type int, not 1.5"),
        (["number=True"], "number takes values of type int, not True"),
        (["rate=high"], "rate takes values of type float, not 'high'"),
        (["units=3"], "units takes values of type list, not 3"),
        (["number="], "number needs a list of one or more int values"),
        (["number=1,2,1"], "number has the value 1 twice"),
        (["number"], "-g number: must be NAME=VALUE,VALUE"),
        (["number=1", "number=2"], "-g number=2: is given twice"),
        ([], r"the grid is empty; small.ipynb has the parameters number \(int\), label"),
    ],
)
def test_a_wrong_grid_is_refused_in_a_line_before_anything_runs(
    make, tmp_path, capsys, grid, problem
):
    notebook, out = make("pass"), tmp_path / "out"
    options = [text for axis in grid for text in ("-g", axis)]
    assert sweep.main([str(notebook), *options, "-o", str(out)]) == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert re.search(problem, printed)
    assert not out.exists()


def test_values_get_the_types_of_the_parameters(make):
    _, known = sweep._read(make("pass"))
    texts = ["number=1,2", "label=1,None,a b", "rate=1,1e-3", "units=[1,2],[]"]
    assert sweep._parse_grid(texts, known) == {
        "number": [1, 2],
        "label": ["1", "None", "a b"],
        "rate": [1, 1e-3],
        "units": [[1, 2], []],
    }


def test_types_are_known_without_annotations_too(make):
    _, known = sweep._read(make("pass", 'a = 1\nb = "x"\nc = None\nd = True\ne = [1]'))
    assert known == {"a": "int", "b": "str", "c": "any", "d": "bool", "e": "list"}


def test_an_unreadable_notebook_is_refused(make, tmp_path):
    text = tmp_path / "text.ipynb"
    text.write_text("no notebook")
    for path, problem in (
        (tmp_path / "none.ipynb", "cannot read the notebook .*none.ipynb"),
        (text, "cannot read the notebook .*text.ipynb"),
        (make("pass", ""), "no cell tagged 'parameters'"),
    ):
        with pytest.raises(ValueError, match=problem):
            sweep.run(path, {"number": [1]}, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_refused(make, tmp_path, monkeypatch):
    notebook, out = make("pass"), tmp_path / "out"
    monkeypatch.setattr(sweep, "_run_all", lambda *_: None)
    monkeypatch.setattr(sweep, "_write_table", lambda *_: None)
    monkeypatch.setattr(sweep, "_client", lambda *_: nullcontext())
    sweep.run(notebook, {"number": [1, 2]}, out)
    sweep.run(notebook, {"number": [1, 2]}, out)
    with pytest.raises(ValueError, match=r"holds a sweep of the grid \{'number': \[1, 2\]\}"):
        sweep.run(notebook, {"number": [1]}, out)
    make("print('edited')")
    with pytest.raises(ValueError, match=r"holds a sweep of another small.ipynb"):
        sweep.run(notebook, {"number": [1, 2]}, out)
    with pytest.raises(ValueError, match="files that are no sweep's"):
        sweep.run(notebook, {"number": [1]}, tmp_path)
    with pytest.raises(ValueError, match="is a file"):
        sweep.run(notebook, {"number": [1]}, notebook)
    with pytest.raises(ValueError, match="jobs must be an integer of 1 or more"):
        sweep.run(notebook, {"number": [1]}, tmp_path / "new", jobs=0)


def test_a_file_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "results.csv"
    path.write_text("old")

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        sweep._write(path, "new and longer")
    assert path.read_text() == "old"


def test_record_converts_numbers_and_refuses_what_a_table_cannot_hold(monkeypatch):
    shown = []
    monkeypatch.setattr(IPython.display, "display", lambda data, raw: shown.append((data, raw)))
    aelib.record(e=np.float32(0.5), n=np.int64(3), bad=float("nan"), name="a", ok=np.True_)
    values = {"e": 0.5, "n": 3, "bad": None, "name": "a", "ok": True}
    assert shown == [({sweep.RECORD: values}, True)]
    with pytest.raises(ValueError, match="e must be one number, text or truth value"):
        aelib.record(e=[1, 2])
    with pytest.raises(ValueError, match="own column 'seconds'"):
        aelib.record(seconds=3)
