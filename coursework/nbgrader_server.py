"""Runs nbgrader's commands, each in a fork of this process, which has imported what takes seconds.

A line of standard input is a command, as JSON: the folder, and nbgrader's arguments. A line of standard
output is its end: the exit status, and what it logged. No submission and no test ever runs in this process.

multiprocessing's forkserver would do, but on Python 3.11 it looks for modules elsewhere than the caller
(python/cpython#117378), and TensorFlow's notices would reach the teacher's terminal.
"""

import json
import os
import sys
import tempfile
import traceback
from contextlib import suppress

# jsonschema, which nbgrader imports, builds a parser of web addresses at each start. That takes a
# second or two and nobody here needs it: to Python, the optional package is not installed.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]


def main() -> None:
    for line in sys.stdin:
        folder, arguments = json.loads(line)
        if sys.platform == "linux":  # macOS's own libraries do not bear a fork once they are loaded
            _import_for(arguments[0])
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
            pid = os.fork()
            if not pid:
                _run(folder, arguments, log.fileno())
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            log.seek(0)
            print(json.dumps([status, log.read()]), flush=True)


def _import_for(command):
    """Import what a command needs. What fails here fails again in the fork, where it is told."""
    with suppress(Exception):
        import nbgrader.apps  # noqa: F401

        if command == "autograde":
            # For tests of networks. TensorFlow's threads, which a fork does not copy, start with its first
            # operation, thus in the fork. The variable is as in aelib, which imports Keras there.
            os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
            import keras  # noqa: F401


def _run(folder, arguments, log):
    """Run a command and end this process with its exit status."""
    null = os.open(os.devnull, os.O_RDONLY)
    for ours, given in ((null, 0), (log, 1), (log, 2)):
        os.dup2(ours, given)
    status = 1
    try:
        os.chdir(folder)  # nbgrader reads nbgrader_config.py there
        from nbgrader.apps import NbGraderApp

        NbGraderApp.launch_instance(arguments)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
