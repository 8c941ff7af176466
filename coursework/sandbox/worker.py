"""Runs a submission's cells and calls its functions, inside the sandbox.

python worker.py CELL_SECONDS REQUESTS ANSWERS, the last two being file descriptors. The submission runs in this
process and can do with it what it likes: nothing here needs to be trusted.
"""

import base64
import os
import signal
import sys
import traceback

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from plain import decode, encode, receive, send

SHOWN = ("text/plain", "image/png")


class CellTimeoutError(BaseException):
    """A cell or a call took too long. Not an Exception, which a submission would catch by habit."""


class Shell(InteractiveShell):
    """IPython that keeps an error in place of printing it."""

    error = None

    def _showtraceback(self, etype, evalue, stb):
        self.error = [etype.__name__, str(evalue)[:1000], "\n".join(stb)[-20_000:].splitlines()]


def main() -> None:
    seconds = float(sys.argv[1])
    incoming, outgoing = os.fdopen(int(sys.argv[2]), "rb"), os.fdopen(int(sys.argv[3]), "wb")
    Shell.cache_size = 0
    shell = Shell.instance()
    shell.history_manager.enabled = False
    shell.run_line_magic("colors", "nocolor")
    functions = []

    def handle(value):
        functions.append(value)
        return ["function", len(functions) - 1]

    def ring(*_):
        raise CellTimeoutError(f"not done after {seconds:g} s")

    signal.signal(signal.SIGALRM, ring)
    while True:
        try:
            request = receive(incoming)
        except EOFError:
            return
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            if request["do"] == "run":
                answer = run(shell, request["source"])
            elif request["do"] == "get":
                name = request["name"]
                there = name in shell.user_ns
                answer = {"value": encode(shell.user_ns[name], handle)} if there else {}
            else:
                answer = call(functions[request["function"]], request, handle)
        except BaseException as error:
            answer = {"error": [type(error).__name__, str(error)[:1000], []]}
        signal.setitimer(signal.ITIMER_REAL, 0)
        send(outgoing, answer)


def run(shell, source):
    """Run a cell; its outputs, as nbformat has them."""
    shell.error = None
    with capture_output() as captured:
        shell.run_cell(source, store_history=False)
    outputs = [{"output_type": "stream", "name": "stdout", "text": captured.stdout}]
    for output in captured.outputs:
        data = {kind: output.data[kind] for kind in SHOWN if kind in output.data}
        if isinstance(data.get("image/png"), bytes):
            data["image/png"] = base64.b64encode(data["image/png"]).decode()
        outputs.append({"output_type": "display_data", "data": data, "metadata": {}})
    if shell.error:
        name, value, lines = shell.error
        outputs.append({"output_type": "error", "ename": name, "evalue": value, "traceback": lines})
    return {"outputs": [o for o in outputs if o.get("text") != ""]}


def call(function, request, handle):
    """Call one of the submission's functions; its value, and its arguments as they are afterwards."""
    arguments = decode(request["arguments"])
    named = decode(request["named"])
    with capture_output() as captured:
        try:
            value = encode(function(*arguments, **named), handle)
        except Exception as error:
            text = "".join(traceback.format_exception(error)[-3:])[-5000:]
            return {"error": [type(error).__name__, str(error)[:1000], text.splitlines()]}
    return {
        "value": value,
        "arguments": encode(arguments),
        "printed": captured.stdout[:100_000],
    }


if __name__ == "__main__":
    main()
