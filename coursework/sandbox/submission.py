"""A submission at work: the process in its sandbox, watched, and what may be asked of it."""

import builtins
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from .plain import RefusedError, decode, encode, receive, send

HERE = Path(__file__).resolve().parent
MEMORY = 4_000_000_000  # bytes of all its processes together
PROCESSES = 100  # threads do not count
ROOM = 500_000_000  # bytes of files in memory
LIMITS = {  # of each process; of addresses TensorFlow takes many
    **{"RLIMIT_AS": 3 * MEMORY, "RLIMIT_FSIZE": ROOM, "RLIMIT_NOFILE": 512},
    **{"RLIMIT_NPROC": 1000, "RLIMIT_CORE": 0},
    "RLIMIT_CPU": 600 * (os.cpu_count() or 1),  # seconds; a whole submission ends earlier
}
GRACE = 10  # seconds after which a cell that does not stop by itself is stopped
WAYS_OUT = (
    "install bubblewrap (Debian: apt install bubblewrap), grade in a container as coursework/README.md "
    "shows, or use --sandbox none, with which every submission can do what you can do"
)


class SubmissionEndedError(Exception):
    """The submission's process has ended or was stopped; the message says why."""


def check(sandbox: str) -> None:
    """Raise a ValueError that names the ways out, where the sandbox cannot work."""
    if os.name == "nt":
        raise ValueError(
            "grading does not work on Windows: use its Linux subsystem, or a container"
        )
    if sandbox == "none":
        return
    if sandbox != "bubblewrap":
        raise ValueError(f"sandbox must be bubblewrap or none, not {sandbox!r}")
    if not shutil.which("bwrap"):
        raise ValueError(f"no sandbox: there is no bwrap; {WAYS_OUT}")
    tried = subprocess.run(
        [*command(), "-c", "print('ready')"], capture_output=True, text=True, timeout=60
    )
    if tried.stdout != "ready\n":
        reason = (tried.stderr.strip() or f"exit status {tried.returncode}").splitlines()[-1]
        raise ValueError(f"no sandbox: bwrap does not work here ({reason[:100]}); {WAYS_OUT}")


def command() -> list[str]:
    """The call of Python in the sandbox: nothing of this machine but what Python needs, to be read.

    No network, own processes, own users; a folder in memory to write in.
    """
    import aelib

    words = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    words += ["--hostname", "sandbox", "--uid", "65534", "--gid", "65534", "--clearenv"]
    words += ["--proc", "/proc", "--dev", "/dev", "--size", str(ROOM), "--tmpfs", "/tmp"]
    for name in ("bin", "sbin", "lib", "lib64", "lib32"):
        place = Path("/") / name
        if place.is_symlink():
            words += ["--symlink", os.readlink(place), str(place)]
        elif place.is_dir():
            words += ["--ro-bind", str(place), str(place)]
    needed = [Path("/usr"), Path("/etc/ld.so.cache"), Path(sys.base_prefix), Path(sys.prefix)]
    needed += [Path(aelib.__file__).parent, HERE]
    for place in dict.fromkeys(needed):
        words += ["--ro-bind-try", str(place), str(place)]
    for name, value in environment().items():
        words += ["--setenv", name, value]
    return [*words, "--chdir", "/tmp", sys.executable]


def environment() -> dict[str, str]:
    """What a submission finds in its environment."""
    import aelib

    kept = {name: os.environ[name] for name in os.environ if name.endswith("_NUM_THREADS")}
    kept |= {n: os.environ[n] for n in os.environ if n.startswith("TF_NUM_")}
    paths = [str(HERE), str(Path(aelib.__file__).parents[1])]
    return {
        **kept,
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "PYTHONPATH": os.pathsep.join(paths),
        **dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR", "IPYTHONDIR", "KERAS_HOME"), "/tmp"),
        "USER": "student",
        "LANG": "C.UTF-8",
        "MPLBACKEND": "agg",
        "AELIB_OFFLINE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
    }


class Submission:
    """The process that runs a submission; to be used in `with`, which ends it and all that it started."""

    def __init__(self, sandbox: str, cell_seconds: float):
        self.limit = cell_seconds + GRACE
        self.reason = ""
        self._folder = None
        if sandbox == "none":
            self._folder = tempfile.TemporaryDirectory()
            call, place = [sys.executable], self._folder.name
            surroundings = {**os.environ, **environment(), "HOME": place, "TMPDIR": place}
        else:
            call, place, surroundings = command(), "/", dict(os.environ)
        requests, out = os.pipe()
        back, answers = os.pipe()

        def limit():
            import resource

            for name, most in LIMITS.items():
                with contextlib.suppress(ValueError, OSError):
                    resource.setrlimit(getattr(resource, name), (most, most))

        words = [str(HERE / "worker.py"), str(cell_seconds), str(requests), str(answers)]
        self.process = subprocess.Popen(
            [*call, *words], cwd=place, env=surroundings, pass_fds=(requests, answers),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=limit, start_new_session=True,
        )  # fmt: skip
        os.close(requests)
        os.close(answers)
        self._requests, self._answers = os.fdopen(out, "wb"), os.fdopen(back, "rb")
        self._deadline: float | None = None
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()

    def __enter__(self) -> "Submission":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop("ended")
        for file in (self._requests, self._answers):
            with contextlib.suppress(OSError):
                file.close()
        if self._folder:
            self._folder.cleanup()

    def stop(self, reason: str) -> None:
        """Kill the process and all that it started."""
        self.reason = self.reason or reason
        with contextlib.suppress(psutil.NoSuchProcess):
            everyone = psutil.Process(self.process.pid).children(recursive=True)
            for process in everyone:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        self.process.kill()
        self.process.wait()

    def run(self, source: str) -> list[dict[str, Any]]:
        """Run a cell; its outputs."""
        answer = self._ask({"do": "run", "source": source})
        if "error" in answer:
            name, value, lines = (*answer["error"], [])[:3]
            return [error_output(str(name), str(value), [*map(str, lines)] or [f"{name}: {value}"])]
        return [clean(output) for output in answer["outputs"]]

    def get(self, name: str) -> Any:
        """The value of a name, as plain data; a function becomes a `Remote`.

        Raises:
            KeyError: no such name.
        """
        answer = self._ask({"do": "get", "name": name})
        if "value" not in answer:
            raise KeyError(name)
        return decode(answer["value"], lambda number: Remote(self, int(number), name))

    def call(self, number: int, arguments: tuple, named: dict) -> Any:
        """Call a function of the submission. What it did to lists and arrays is done to those given."""
        answer = self._ask(
            {
                "do": "call",
                "function": number,
                "arguments": encode(arguments),
                "named": encode(named),
            }
        )
        if "error" in answer:
            raise _as_exception(answer)
        for mine, his in zip(arguments, decode(answer["arguments"]), strict=True):
            _write_back(mine, his)
        print(str(answer.get("printed", "")), end="")
        return decode(answer["value"], lambda n: Remote(self, int(n), "what it returned"))

    def _ask(self, request):
        if self.process.poll() is not None:
            raise SubmissionEndedError(self.reason or "it ended its own process")
        self._deadline = time.monotonic() + self.limit
        try:
            send(self._requests, request)
            answer = receive(self._answers)
            if not isinstance(answer, dict):
                raise RefusedError("no answer")
            return answer
        except (EOFError, BrokenPipeError):
            self.process.wait()
            raise SubmissionEndedError(self.reason or "it ended its own process") from None
        except RefusedError as error:
            self.stop(str(error))
            raise SubmissionEndedError(f"it sent {error}") from None
        except BaseException:  # the answer that was not read would be taken for the next one
            self.stop("a test took too long")
            raise
        finally:
            self._deadline = None

    def _look(self):
        """Stop the submission when it takes too much, or does not answer in time."""
        while self.process.poll() is None:
            deadline = self._deadline
            if deadline and time.monotonic() > deadline:
                self.stop(
                    f"a cell did not end in {self.limit - GRACE:g} s and could not be stopped"
                )
                return
            with contextlib.suppress(psutil.Error):
                everyone = psutil.Process(self.process.pid).children(recursive=True)
                if len(everyone) > PROCESSES:
                    self.stop(f"it started more than {PROCESSES} processes")
                    return
                if _memory(everyone) > MEMORY:
                    self.stop(f"it took more than {MEMORY / 1e9:g} GB of memory")
                    return
            time.sleep(0.2)


def _memory(processes):
    """Bytes that processes take together; what several share counts once, where the system tells."""
    for word in ("memory_info", "memory_full_info"):  # the second takes far longer
        total = 0
        for process in processes:
            with contextlib.suppress(psutil.Error):
                taken = getattr(process, word)()
                total += getattr(taken, "pss", taken.rss)
        if total <= MEMORY:
            break
    return total


class Remote:
    """A function of the submission, as the tests see it."""

    def __init__(self, submission: Submission, number: int, name: str):
        self._submission, self._number, self.__name__ = submission, number, name

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._submission.call(self._number, arguments, named)

    def __repr__(self) -> str:
        return f"<function {self.__name__} of the submission>"


def error_output(name: str, value: str, lines: list[str]) -> dict[str, Any]:
    """An error as nbformat has it."""
    return {"output_type": "error", "ename": name, "evalue": value, "traceback": lines}


def clean(output: Any) -> dict[str, Any]:
    """An output of a submission, with nothing in it but text and PNG pictures."""
    kind = output.get("output_type") if isinstance(output, dict) else None
    if kind == "stream":
        return {"output_type": "stream", "name": "stdout", "text": str(output.get("text", ""))}
    if kind == "error":
        lines = [str(line) for line in output.get("traceback", [])]
        return error_output(str(output.get("ename"))[:100], str(output.get("evalue"))[:1000], lines)
    data = output.get("data", {}) if kind == "display_data" else {}
    shown = {"text/plain": str(data.get("text/plain", ""))}
    picture = data.get("image/png")
    if isinstance(picture, str) and picture.isascii() and "<" not in picture and '"' not in picture:
        shown["image/png"] = picture
    return {"output_type": "display_data", "data": shown, "metadata": {}}


def _as_exception(answer):
    """What a call raised, as an exception of Python's own, with where it was raised as a note."""
    name, value, lines = answer["error"]
    kind = getattr(builtins, str(name), None)
    try:
        known = isinstance(kind, type) and issubclass(kind, Exception)
        error = kind(str(value)) if known else RuntimeError(f"{name}: {value}")
    except TypeError:  # one that takes more than a text
        error = RuntimeError(f"{name}: {value}")
    error.add_note("in the submission:\n" + "\n".join(map(str, lines)))
    return error


def _write_back(mine, his):
    """Make a list, dictionary or array what the submission made of it."""
    if isinstance(mine, list) and isinstance(his, list):
        mine[:] = his
    elif isinstance(mine, dict) and isinstance(his, dict):
        mine.clear()
        mine.update(his)
    elif (
        isinstance(mine, np.ndarray)
        and isinstance(his, np.ndarray)
        and mine.shape == his.shape
        and not np.array_equal(mine, his, equal_nan=mine.dtype.kind in "fc")
    ):
        mine[...] = his
