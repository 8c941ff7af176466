"""Hostile submissions, run as the grader runs them: none gets through, and each gets its line."""

import contextlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook

import aelib
from sandbox import plain, submission
from sandbox.examiner import Examiner
from sandbox.submission import Submission, SubmissionEndedError

ROOT = Path(__file__).parents[1]
needs_sandbox = pytest.mark.usefixtures("bubblewrap")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def bubblewrap(sandbox):
    if sandbox == "none":
        pytest.skip("needs bubblewrap and user namespaces")


def _master():
    def cell(name, source, **settings):
        settings = {"grade_id": name, "locked": True, "grade": False, **settings}
        return new_code_cell(source, metadata={"nbgrader": settings})

    return new_notebook(
        cells=[
            new_code_cell("student = 0"),
            cell("setup", "import numpy as np\n\nbase = 10 * student + 10"),
            cell("answer", "def double(x):\n    return 2 * x", locked=False),
            cell("test", "secret = 4 + base\nassert double(2) + base == secret", grade=True),
            cell(
                "more",
                "x = [1]\nassert np.allclose(double(np.ones(3)), 2) and x == [1]",
                grade=True,
            ),
        ]
    )


ANSWER = "def double(x):\n    return 2 * x"


def _examine(answer=ANSWER, seconds=20.0, sandbox="bubblewrap", master=None):
    """The outputs of the answer, the names of the failed tests, and the first error."""
    with Submission(sandbox, seconds) as work:
        examiner = Examiner(master or _master(), work, seconds)
        work.run("student = 3")
        work.run("import numpy as np\n\nbase = 10 * student + 10")
        outputs = work.run(answer)
        errors = {name: examiner.run(name) for name in examiner.names()}
    failed = {name: out[-1]["evalue"] for name, out in errors.items() if out}
    return outputs, failed


def _commands():
    """The command lines of all processes that this one has started."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            found.append(" ".join(process.cmdline()))
    return found


def _said(outputs):
    return "".join(out.get("text", "") + out.get("evalue", "") for out in outputs)


@needs_sandbox
def test_an_honest_answer_passes():
    assert _examine() == ([], {})


@needs_sandbox
@pytest.mark.parametrize(
    "answer",
    [
        # An object that equals everything, of several kinds.
        "class All:\n    __eq__ = __add__ = lambda *_: All()\n    __bool__ = lambda _: True\n"
        "def double(x):\n    return All()",
        "class Number(int):\n    __eq__ = lambda *_: True\ndef double(x):\n    return Number(0)",
        "import numpy as np\nclass Array(np.ndarray):\n    __eq__ = lambda *_: True\n"
        "def double(x):\n    return np.zeros(3).view(Array)",
        # What the tests use, replaced.
        "import builtins, numpy as np, aelib\nbuiltins.abs = builtins.isinstance = lambda *_: True\n"
        "np.allclose = np.testing.assert_allclose = aelib.squared_error = lambda *_, **__: True\n"
        "builtins.print = lambda *_: None\nabs = isinstance = lambda *_: True\ndouble = lambda x: 0",
        "base, np, secret = 0, None, 0\ndouble = lambda x: 0",
        # The grader's own modules, as far as they are in reach.
        "import plain, sys\nplain.encode = lambda *_: ['value', True]\n"
        "sys.modules['__main__'].encode = lambda *_: ['value', True]\ndouble = lambda x: 0",
        "def double(x):\n    raise SystemExit",
        "def double(x):\n    raise AssertionError",
    ],
    ids=["equals", "int", "array", "builtins", "names", "modules", "exit", "assertion"],
)
def test_no_wrong_answer_passes(answer):
    try:
        _, failed = _examine(answer)
    except SubmissionEndedError:  # it broke Python for itself, which earns nothing either
        return
    assert set(failed) == {"test", "more"}


@needs_sandbox
def test_what_cannot_be_interrupted_is_stopped_and_told(monkeypatch):
    monkeypatch.setattr(submission, "GRACE", 3)
    attack = "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True:\n    pass"
    with pytest.raises(SubmissionEndedError, match="did not end in 1 s and could not be stopped"):
        _examine(attack, seconds=1.0)
    assert not [command for command in _commands() if "worker.py" in command]


@needs_sandbox
def test_there_is_half_a_gigabyte_to_write_in_and_no_name_of_this_machine():
    look = "import os, socket; print(os.getpid() < 10, socket.gethostname(), os.getuid())"
    assert _said(_examine(look)[0]) == "True sandbox 65534\n"
    assert _examine("n = open('most', 'wb').write(bytes(400_000_000))")[0] == []
    for attempt in (
        "open('full', 'wb').write(bytes(600_000_000))",
        "for i in '012': open(i, 'wb').write(bytes(300_000_000))",
    ):
        assert _examine(attempt)[0][-1]["ename"] == "OSError", attempt


@needs_sandbox
def test_each_process_has_limits():
    asked = "import resource as r\nfor name in ('CPU', 'AS', 'NOFILE'):\n"
    asked += "    print(max(r.getrlimit(getattr(r, f'RLIMIT_{name}'))))"
    limits = [submission.LIMITS[f"RLIMIT_{name}"] for name in ("CPU", "AS", "NOFILE")]
    assert [int(line) for line in _said(_examine(asked)[0]).split()] == limits


@needs_sandbox
def test_hidden_tests_are_not_in_its_reach():
    spy = (
        "import gc, sys\n"
        "found = []\n"
        "def double(x):\n"
        "    frame = sys._getframe()\n"
        "    while frame:\n"
        "        found.append(str(frame.f_code.co_consts) + str(frame.f_locals)[:9999])\n"
        "        frame = frame.f_back\n"
        "    found.append(str([o for o in gc.get_objects() if isinstance(o, str)]))\n"
        "    return ''.join(['secret', ' = 4', ' + base']) in ' '.join(found) or 2 * x\n"
    )
    assert _examine(spy)[1] == {}


@needs_sandbox
def test_outputs_are_texts_and_pictures():
    outputs, _ = _examine(
        "from IPython.display import HTML, Javascript, Image, display\n"
        "display(HTML('<script>alert(1)</script>'))\ndisplay(Javascript('alert(1)'))\nprint('a')\n"
        "import matplotlib.pyplot as plt\nfigure = plt.figure()\nfrom aelib import plots\n"
        "display(plots.show(figure, 'A figure.'))\n1 / 0"
    )
    kinds = {kind for out in outputs for kind in out.get("data", {})}
    assert kinds == {"text/plain", "image/png"}
    assert "<script" not in str(outputs)
    assert "alert" not in str(outputs)
    assert outputs[-1]["ename"] == "ZeroDivisionError"
    assert outputs[0]["text"] == "a\n"


@needs_sandbox
def test_an_endless_loop_costs_its_cell_alone():
    outputs, failed = _examine("while True:\n    pass\n", seconds=2.0)
    assert outputs[-1]["ename"] == "CellTimeoutError"
    assert failed == dict.fromkeys(("test", "more"), "name 'double' is not defined")
    _, failed = _examine("def double(x):\n    while True:\n        pass\n", seconds=2.0)
    assert failed["test"] == "CellTimeoutError: not done after 2 s"


@needs_sandbox
def test_values_come_as_they_are():
    outputs, failed = _examine(
        "import keras, numpy as np\nimport aelib\n"
        "net = aelib.dense_autoencoder((2, 2, 1), [3], 1)\nnet.model.compile('adam', 'mse')\n"
        "net.model.fit(np.zeros((8, 2, 2, 1)), np.zeros((8, 2, 2, 1)), 2, verbose=0)\n"
        "values = [None, 1, 2.5, float('nan'), 'a', (1, [2]), {'k': {3}}, np.float32(4), range(3)]\n"
        "def change(given):\n    given.append(5)\n    return given\n"
        "def fails(given):\n    raise KeyError(given)\n"
        "class Own:\n    pass\nown = Own()\n" + ANSWER,
        master=new_notebook(
            cells=[
                new_code_cell("net = values = change = fails = own = double = None"),
                _test(
                    "plain",
                    "import numpy as np\nnone, one, half, nan, a, pair, d, four, r = values\n"
                    "assert (none, one, half, a) == (None, 1, 2.5, 'a') and nan != nan\n"
                    "assert pair == (1, [2]) and d == {'k': {3}} and r == [0, 1, 2]\n"
                    "assert type(four) is np.float32 and four == 4",
                ),
                _test("changed", "x = [4]\nassert change(x) == [4, 5] and x == [4, 5]"),
                _test(
                    "raised", "try:\n    fails('k')\nexcept KeyError:\n    pass\nelse:\n    1 / 0"
                ),
                _test("other", "own + 1"),
                _test(
                    "network",
                    "import numpy as np\nassert net.model.count_params() == 4 * 3 + 3 + 4 + 6 + 16\n"
                    "assert net.decoder(np.ones((5, 1))).shape == (5, 2, 2, 1)\n"
                    "assert int(net.model.optimizer.iterations) == 4",
                ),
            ]
        ),
    )
    assert not outputs
    assert set(failed) == {"other"}
    assert failed["other"].startswith("a value of type Own: give numbers, texts, arrays")


def _test(name, source):
    settings = {"grade_id": name, "locked": True, "grade": True}
    return new_code_cell(source, metadata={"nbgrader": settings})


@pytest.mark.parametrize(
    ("text", "tamed"),
    [
        ("if a < b, **then** `c > d`", "if a < b, **then** `c > d`"),
        ("<b onclick=run()>x</b><!-- y -->", "&lt;b onclick=run()>x&lt;/b>&lt;!-- y -->"),
        ("[x](java&#115;cript:run())", "[x](javascript :run())"),
        ("[x](DATA:text/html,y)", "[x](DATA :text/html,y)"),
    ],
)
def test_a_student_s_markdown_is_tamed(text, tamed):
    from sandbox.execute import tame

    assert tame(text) == tamed


def test_a_network_may_only_hold_keras_s_layers():
    kept = aelib.dense_autoencoder((2, 2, 1), [3], 1).model
    again = plain.decode(plain.encode(kept))
    assert np.allclose(again(np.ones((1, 2, 2, 1))), kept(np.ones((1, 2, 2, 1))))
    layers = aelib.keras.layers
    sly = aelib.keras.Sequential([layers.Input((2,)), layers.Lambda(lambda x: x)])
    with pytest.raises(plain.RefusedError, match="a network with keras.layers.Lambda in it"):
        plain.decode(plain.encode(sly))
    word, text, weights, steps = plain.encode(kept)
    for wrong in ('"module": "os"', '"module": "keras.src.legacy"'):
        changed = text.replace('"module": "keras.layers"', wrong, 1)
        with pytest.raises(plain.RefusedError, match="a network with"):
            plain.decode([word, changed, weights, steps])


@pytest.mark.parametrize(
    "message",
    [
        ["array", "<f4", [1000000000000], b"1234"],
        ["array", "|O", [1], b"12345678"],
        ["value", {"a": 1}],
        ["int", "x"],
        ["function", 3],
        ["nothing"],
        [],
        "text",
        None,
    ],
)
def test_what_is_no_plain_data_is_refused(message):
    with pytest.raises(plain.RefusedError):
        plain.decode(message)


def test_without_a_sandbox_nothing_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="no sandbox: there is no bwrap; install bubblewrap"):
        submission.check("bubblewrap")
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho no namespaces >&2\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    with pytest.raises(ValueError, match=r"bwrap does not work here \(no namespaces\); install"):
        submission.check("bubblewrap")
    with pytest.raises(ValueError, match="sandbox must be bubblewrap or none, not 'docker'"):
        submission.check("docker")
    submission.check("none")
    (tmp_path / "in" / "ada").mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, ROOT / "coursework" / "course.py", "grade", "in", "--folder", "out"],
        cwd=tmp_path,
        env={"PATH": str(tmp_path / "in")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("course.py: no sandbox: there is no bwrap; install bubblewrap")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_none_is_a_process_of_its_own_without_a_sandbox():
    assert _examine(sandbox="none") == ([], {})
