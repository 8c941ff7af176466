import numpy as np
import pandas as pd
import pytest

import aelib
from aelib import notebook


def test_record_leaves_an_output_of_plain_values(monkeypatch):
    shown = []
    monkeypatch.setattr(notebook, "display", lambda data, raw: shown.append((data, raw)))
    aelib.record(e=np.float32(0.5), n=np.int64(3), bad=float("nan"), name="a", ok=np.True_)
    values = {"e": 0.5, "n": 3, "bad": None, "name": "a", "ok": True}
    assert shown == [({notebook.RECORD: values}, True)]
    assert [type(value) for value in shown[0][0][notebook.RECORD].values()] == [
        *(float, int, type(None), str, bool)
    ]


@pytest.mark.parametrize("value", [[1, 2], None, {"a": 1}, np.zeros(2), 1j])
def test_record_refuses_what_a_table_cannot_hold(value, refused):
    with refused("e must be one number, text or truth value, not "):
        aelib.record(e=value)


@pytest.mark.parametrize("name", notebook.RESERVED)
def test_record_refuses_a_sweeps_own_columns(name, refused):
    with refused(f"a sweep's table has its own column '{name}': take another name"):
        aelib.record(**{name: 3})


def test_claims_print_one_of_three_verdicts(capsys):
    aelib.report_claims({"a": True, "b": np.bool_(False), "c": None})
    assert capsys.readouterr().out == "holds: a\ndoes not hold: b\nnot tested here: c\n"


def test_a_table_formats_numbers_aligns_columns_and_marks_gaps():
    frame = pd.DataFrame({"method": ["PCA", None], "E": [13.866, np.nan], "size": [30, 2]})
    assert aelib.table(frame, E=".1f", size="03d").data.splitlines() == [
        "| method   |    E |   size |",
        "|:---------|-----:|-------:|",
        "| PCA      | 13.9 |    030 |",
        "| –        |    – |    002 |",
    ]


def test_a_table_leaves_texts_of_digits_alone():
    frame = pd.DataFrame({"version": ["1.10"], "run": ["007"]})
    assert aelib.table(frame).data.splitlines()[2].split() == ["|", "1.10", "|", "007", "|"]


def test_a_format_for_no_column_is_refused(refused):
    with refused(r"no column e, f; there are \['E'\]"):
        aelib.table(pd.DataFrame({"E": [1.0]}), e=".1f", f=".1f")
