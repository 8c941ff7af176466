"""The benchmark: its arithmetic, its order, its resumption, and the recipes' settings."""

import importlib.util
import math
import tempfile

import numpy as np
import pandas as pd
import pytest

import aelib
from benchmarks import __main__ as command
from benchmarks import parts, recipes, report
from benchmarks.one import measure
from benchmarks.plan import OURS, PEERS, Ours, Peer, Run, order


def row(run, e, seconds, **more):
    """A row of results.csv."""
    common = {"date": "2026-11-01 12:00 UTC", "load_percent": 1.0, "load_average": 0.1}
    values = {"gflops": 100.0, "epoch_seconds": math.nan, "weights": 10, "memory_mb": 500}
    own = {"E": e, "seconds": seconds, "flops": 10**12 if run.epochs else 0, "trained_epochs": 1}
    return common | values | run._asdict() | own | more


@pytest.fixture
def rows():
    """Two rounds of plain PyTorch and ours; in the second ours never reaches the peer's error."""
    table = [row(Run(1, "pytorch"), 6.0, 100.0, epoch_seconds=5.0)]
    table += [row(Run(2, "pytorch"), 2.0, 15.0, epoch_seconds=0.1)]
    for number in (1, 2):
        table += [row(Run(number, "dense-30", 1), 9.0, 16.0)]
        table += [row(Run(number, "dense-30", 2), 6.0, 20.0, epoch_seconds=15.0)]
        table += [row(Run(number, "dense-30", 4), 4.0, 90.0, epoch_seconds=14.0)]
    return pd.DataFrame(table)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of results with faked runs, whose names are listed in `folder.done`."""
    calls = []

    def run_alone(run, seconds):
        calls.append((run, seconds))
        values = row(run, 10.0 / (run.epochs or 2), 5.0 * (run.epochs or 4))
        return {k: v for k, v in values.items() if k not in command.conditions()}

    machine = {"date": "2026-11-01 12:00 UTC", "load_percent": 1.0, "processor": "P", "cores": 2}
    machine |= {"memory_gb": 8, "system": "Linux", "python": "3", "versions": {"keras": "3"}}
    monkeypatch.setattr(command.provenance, "machine", lambda: machine)
    monkeypatch.setattr(command, "matrix_product_speed", lambda: 100.0)
    monkeypatch.setattr(command, "run_alone", run_alone)
    monkeypatch.setattr(
        tempfile, "tempdir", str(tmp_path)
    )  # the lock of a real benchmark is elsewhere
    return tmp_path / "results", calls


def images(n, shape):
    x = np.random.default_rng(0).random((n, *shape), dtype="float32")
    return aelib.Dataset("noise", x, np.zeros(n), x[:40], np.zeros(40), ["noise"], "test")


def test_a_ratio_is_taken_within_its_round(rows):
    line = report.against_peers(rows[rows["round"] == 1]).iloc[0]
    assert line["ratio"] == "0.2"  # the run of two epochs is at the peer's error, not below it
    assert line["seconds until ours has its E"] == "20"
    assert line["our E in its time"] == "4"
    line = report.against_peers(rows).iloc[0]
    assert line["its E"] == "4 (2–6)"
    assert line["ratio"] == "not reached (0.2–not reached)"
    assert line["our E in its time"] == "none as short (4–none as short)"


def test_an_epoch_is_that_of_the_shortest_run_that_has_a_second_one(rows):
    ours, torch = (line for _, line in report.epochs_against_limit(rows).iterrows())
    assert (ours["seconds an epoch"], ours["limit, seconds"], ours["ratio"]) == ("15", "10", "1.5")
    assert torch["ratio"] == "0.26 (0.01–0.5)"


def test_the_report_says_what_thirty_epochs_of_pytorch_buy(rows, tmp_path):
    part = rows[rows["round"] == 1]
    machine = {"processor": "P", "cores": 2, "memory_gb": 8, "system": "Linux"}
    report.write_report(part, {"machine": machine, "versions": {"keras": "3"}}, tmp_path)
    text = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert "30 epochs of the plain PyTorch recipe, 150 s" in text
    assert "dense E 4 after 90 s" in text
    assert (tmp_path / report.FIGURE).stat().st_size > 10_000
    assert "quiet machine" not in text
    busy = part.assign(load_percent=[90.0, *part.load_percent[1:]])
    report.write_report(busy, {"machine": machine, "versions": {}}, tmp_path)
    text = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert "more than 20 % of the processor before 1 of these runs" in text


def test_the_order_is_peer_and_ours_in_turn():
    names = [run.name for run in order(2, ["pytorch", "uva"])]
    once = ["pytorch", "dense-30", "conv-30", "cifar-64", "cifar-64-dense", "uva"]
    assert [*dict.fromkeys(names)] == once
    assert names.count("pytorch") == names.count("uva") == 2
    assert names[-1] == "uva"  # it lasts as long as ours did
    with pytest.raises(ValueError, match="no recipe 'torch': choose from keras-dense"):
        order(1, ["torch"])
    with pytest.raises(ValueError, match="rounds must be"):
        order(0)


def test_the_tables_fit_together():
    for ours in OURS.values():
        same = {PEERS[p][2:5] for p in ours.peers}  # data, code size, held-out images
        assert len(same) == 1
        assert list(ours.epochs) == sorted(set(ours.epochs))
    assert {p for ours in OURS.values() for p in ours.peers} == {*PEERS}


def test_a_peer_without_a_length_lasts_as_long_as_ours():
    rows = [row(Run(1, "cifar-64", 1), 9, 50.0), row(Run(1, "cifar-64", 2), 9, 90.0)]
    rows += [row(Run(2, "cifar-64", 2), 9, 99.0), row(Run(1, "conv-30", 2), 9, 500.0)]
    assert command.time_of_ours(Run(1, "uva"), rows) == 90.0


def test_it_goes_on_where_it_stopped(folder, monkeypatch):
    path, calls = folder
    runs = order(2, ["tensorflow"])
    work = command.run_alone

    def fail_at_third(run, seconds):
        if len(calls) == 3:
            raise RuntimeError("no memory")
        return work(run, seconds)

    monkeypatch.setattr(command, "run_alone", fail_at_third)
    with pytest.raises(RuntimeError, match="no memory"):
        command.run_all(runs, path)
    assert len(pd.read_csv(path / "results.csv")) == 3
    monkeypatch.setattr(command, "run_alone", work)
    command.run_all(runs, path)
    assert [run for run, _ in calls] == runs
    command.run_all(runs, path)
    assert len(calls) == len(runs)
    assert "TensorFlow tutorial" in (path / "table.md").read_text(encoding="utf-8")


def test_other_code_or_another_machine_is_refused(folder, monkeypatch):
    path, calls = folder
    runs = order(1, ["tensorflow"])
    command.run_all(runs, path)
    before = (path / "results.csv").read_bytes()
    now = command.identity(runs)
    for part, name in (("code", "aelib.training"), ("machine", "processor")):
        changed = now | {part: now[part] | {name: "another"}}
        monkeypatch.setattr(command, "identity", lambda runs, changed=changed: changed)
        with pytest.raises(ValueError, match=f"another {name}; they stay as they are"):
            command.run_all(runs, path)
    assert (path / "results.csv").read_bytes() == before
    assert len(calls) == len(runs)


def test_a_change_of_code_between_two_runs_is_noticed(folder, monkeypatch):
    path, calls = folder
    runs = order(1, ["tensorflow"])
    now = command.identity(runs)
    edited = now | {"code": now["code"] | {"aelib.training": "another"}}
    monkeypatch.setattr(command, "identity", lambda runs: edited if len(calls) == 2 else now)
    with pytest.raises(ValueError, match="another aelib.training"):
        command.run_all(runs, path)
    assert len(pd.read_csv(path / "results.csv")) == 2


def test_two_at_once_are_refused(folder, capsys):
    with command.alone():
        assert command.main(["--only", "pca", "--output", str(folder[0])]) == 2
    assert capsys.readouterr().err == (
        "benchmarks: another benchmark is at work on this machine: wait for its end\n"
    )
    assert not folder[1]


def test_missing_torch_is_one_line(folder, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert command.main(["--only", "uva", "--output", str(folder[0])]) == 2
    assert capsys.readouterr().err == (
        'benchmarks: PyTorch is missing: pip install -e ".[benchmark]"\n'
    )


def test_a_failed_run_says_which_and_why():
    with pytest.raises(RuntimeError, match="^nothing in round 1 failed: KeyError: 'nothing'$"):
        command.run_alone(Run(1, "nothing"), 0.0)


def test_ours_is_measured(tiny, monkeypatch):
    monkeypatch.setattr(aelib, "load_dataset", lambda name: tiny, raising=False)
    peer = Peer("blobs", recipes.pytorch, "blobs", 2, held_out=50)
    monkeypatch.setitem(PEERS, "pytorch", peer)
    small = Ours(["pytorch"], "dense", {"hidden_units": [5]}, (3,))
    monkeypatch.setitem(OURS, "dense-30", small)
    found = measure(Run(1, "dense-30", 3))
    assert found["flops"] == 6 * 500 * 150  # 50 of 200 images are held out
    assert found["weights"] == 48 * 5 + 5 + 5 * 2 + 2 + 2 * 5 + 5 + 5 * 48 + 48
    assert 0 < found["epoch_seconds"] < found["seconds"]
    assert found["trained_epochs"] == 3
    assert 0 < found["E"] < 48
    assert found["memory_mb"] > 100


@pytest.mark.parametrize(
    ("recipe", "weights", "settings"),
    [
        # Weights by hand: of each layer, numbers in × numbers out, and one for each out.
        (recipes.keras_blog_dense, 222_384, {"epochs": 100, "batch_size": 256}),
        (recipes.keras_blog_conv, 4_385, {"epochs": 50, "batch_size": 128}),
        (recipes.geron, 163_814, {"epochs": 20, "batch_size": 32}),
        (recipes.tensorflow_tutorial, 101_200, {"epochs": 10, "batch_size": 32}),
    ],
)
def test_keras_recipes_are_as_published(monkeypatch, recipe, weights, settings):
    monkeypatch.setattr(recipes, "_fit", lambda model, data, start, **given: (model, given))
    model, given = recipe(None, 1)
    assert (model.count_params(), given) == (weights, settings)
    assert math.prod(model.output_shape[1:]) == 784
    if recipe is recipes.keras_blog_conv:
        assert (4, 4, 8) in [layer.output.shape[1:] for layer in model.layers]


def test_pca_reconstructs_what_has_few_directions():
    data = images(400, (28, 28, 1))
    directions = data.x_train[:20].reshape(20, -1) / 20
    x = (np.random.default_rng(1).random((400, 20)) @ directions).astype("float32")
    data = data._replace(x_train=x.reshape(400, 28, 28, 1), x_test=x[:40].reshape(40, 28, 28, 1))
    result = recipes.sklearn_pca(data, 1)
    np.testing.assert_allclose(result.x_hat, data.x_test, atol=1e-4)
    assert result.weights == 31 * 784


def test_torch_recipes():
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    result = recipes.pytorch(images(130, (28, 28, 1)), 1)
    assert result.x_hat.shape == (40, 28, 28, 1)
    assert result.weights == 2_837_314
    assert len(result.epoch_seconds) == 15
    data = images(260, (32, 32, 3))
    result = recipes.uva_course(data, 1, x_valid=data.x_test, seconds=1e-9)
    assert result.x_hat.shape == (40, 32, 32, 3)
    assert 0 <= result.x_hat.min() < result.x_hat.max() <= 1
    assert len(result.epoch_seconds) <= 1  # building alone may have used the time
    longer = recipes.uva_course(data, 1, x_valid=data.x_test, seconds=3 * result.seconds + 0.3)
    assert longer.seconds >= 3 * result.seconds + 0.3
    assert aelib.squared_error(data.x_test, longer.x_hat) < 3072 / 12 * 1.5  # noise has 3072 / 12
    torch.set_num_threads(threads)


@pytest.fixture
def part_runs(tmp_path, monkeypatch):
    """`parts.main` with faked runs into a folder; a run of "relu" fails."""

    def run_alone(number, name, model):
        if name == "relu":
            raise RuntimeError(f"relu, {model}, in round {number} failed: ValueError: no")
        wide = 4 if name == "32-filters" else 1
        own = {"seconds": 2.0 * wide * number, "flops": 10**11 * wide}
        return {"round": number, "part": name, "model": model, **own}

    conditions = {"date": "2026-11-01 12:00 UTC", "processor": "P", "cores": 2, "gflops": 100.0}
    monkeypatch.setattr(parts, "conditions", lambda: conditions | {"load_percent": 1.0})
    monkeypatch.setattr(parts, "run_alone", run_alone)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return lambda *arguments: parts.main(["--output", str(tmp_path / "out"), *arguments])


def test_a_part_is_compared_for_the_same_work_and_in_its_round(part_runs, tmp_path):
    assert part_runs("--rounds", "2", "--only", "32-filters", "still") == 0
    text = (tmp_path / "out" / "parts.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| 32 filters")]
    assert [cell.strip() for cell in lines[0].split("|")[2:4]] == ["1", "3 (2–4)"]
    assert text.count("| the recipe as it is") == text.count("| images stay in place") == 2


def test_a_part_that_fails_leaves_what_was_finished(part_runs, tmp_path, capsys):
    assert part_runs("--rounds", "1", "--only", "still", "relu") == 1
    assert "benchmarks.parts: relu, dense, in round 1 failed" in capsys.readouterr().err
    assert pd.read_csv(tmp_path / "out" / "parts.csv").part.tolist() == ["recipe", "still"]
    assert part_runs("--only", "speed") == 2
    assert "no part 'speed': choose from recipe, " in capsys.readouterr().err
