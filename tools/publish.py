"""Execute notebooks: as they are published, or into a folder to look at.

python tools/publish.py                                      # all of notebooks/, in their place
python tools/publish.py notebooks/02_dense_autoencoder.ipynb
python tools/publish.py --into build                         # copies, whatever the data
python tools/publish.py --changed                            # lists those to publish again, or to test
"""

import argparse
import ast
import json
import os
import re
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from papermill import inspect_notebook
from traitlets.config import Config

from aelib import load_dataset, provenance

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
BUSY = 20  # per cent of the processor that other work takes
MACHINE_PATH = re.compile(r"(?<![\w.~/:])/(?:home|root|tmp|usr|opt|var|work|Users|mnt)/|[A-Z]:\\\\")
PACKED = re.compile(r"[A-Za-z0-9+/=]{100,}")  # base64, in which any word may stand by chance
DEBRIS = re.compile(r"it/s|s/it|\d+%\||epoch/s|s/step|Warning|oneDNN|cuda", re.IGNORECASE)


def publish(path: Path) -> float:
    """Execute a notebook and replace the file, whole or not at all; return the seconds it took.

    Its metadata `aelib` then tells what the outputs rest on: digests of the code (see
    `aelib.provenance.code_digests`), the machine and its load, the versions, the seconds.

    Raises:
        ValueError: a cell failed, a claim does not hold, or an output has what no reader should see;
            the file stays as it was.
    """
    machine = provenance.machine()
    start = time.perf_counter()
    notebook, error = execute(path)
    seconds = round(time.perf_counter() - start, 1)
    found = [error] if error else problems(notebook)
    if found:
        raise ValueError(f"{path.name} was not published: {'; '.join(found)}")
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "aelib": {
                "code": provenance.code_digests(notebook, path.parent),
                "seconds": seconds,
                **machine,
            },
        }
    )
    _write(notebook, path)
    return seconds


def execute(path: Path) -> tuple[nbformat.NotebookNode, str]:
    """The notebook executed in its own folder, and the error that stopped it or "".

    The outputs are those of this run alone. Progress goes to stderr.
    """
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in cells:
        cell.outputs, cell.execution_count = [], None
    numbers = {cell.id: number for number, cell in enumerate(cells, 1)}

    def tell(cell, cell_index):
        if cell.id in numbers:
            line = f"\r{path.name}: cell {numbers[cell.id]} of {len(cells)} "
            print(line, end="", file=sys.stderr, flush=True)

    client = NotebookClient(
        notebook,
        timeout=None,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_start=tell,
        config=Config(KernelManager={"transport_encryption": "auto"}),  # or the kernel warns
    )
    error = ""
    try:
        client.execute()
    except CellExecutionError as problem:
        error = " ".join(f"{problem.ename}: {problem.evalue}".split())
    except DeadKernelError as problem:
        error = str(problem)
    print(file=sys.stderr)
    return notebook, error


def changed(path: Path, machine: dict) -> list[str]:
    """What has changed below a notebook since it was published: pieces of code, packages, Python."""
    notebook = nbformat.read(path, as_version=4)
    published = notebook.metadata.get("aelib", {})
    code = provenance.code_digests(notebook, path.parent)
    found = provenance.changes(published.get("code", {}), code)
    found += provenance.changes(published.get("versions", {}), machine["versions"])
    minor = [x.get("python", "").rpartition(".")[0] for x in (published, machine)]
    return found + ["Python"] * (minor[0] != minor[1])


def _write(notebook, path):
    part = path.with_suffix(".part")
    nbformat.write(notebook, part)
    os.replace(part, path)


def problems(notebook: nbformat.NotebookNode) -> list[str]:
    """What keeps an executed notebook from being published, a line each."""
    found = source_problems(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    counts = [cell.execution_count for cell in code]
    if counts != list(range(1, len(code) + 1)):
        found.append(f"not executed from top to bottom: {counts}")
    for number, cell in enumerate(code, 1):
        found += [f"cell {number} {problem}" for problem in _output_problems(cell.outputs)]
        if "nbval-check-output" in cell.metadata.get("tags", []):
            lines = "".join(output.get("text", "") for output in cell.outputs).splitlines()
            if not lines:
                found.append("a claims cell without stored output, which nbval would pass")
            found += [f"claim: {line}" for line in lines if not line.startswith("holds: ")]
    return found


def source_problems(notebook: nbformat.NotebookNode) -> list[str]:
    """Those of `problems` that stand in the cells, so that no run is needed to find them."""
    found = []
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    tags = [{*cell.metadata.get("tags", [])} for cell in code]
    for number, cell in enumerate(code, 1):
        if len(cell.source.splitlines()) > 25:
            found.append(f"cell {number} has more than 25 lines")
        widest = max(map(len, cell.source.splitlines()), default=0)
        if widest > 76 and not {"hide-input", "parameters"} & tags[number - 1]:
            found.append(f"cell {number} has a line of {widest} columns, more than 76")
    if not any("nbval-check-output" in of_cell for of_cell in tags):
        found.append("no claims cell")
    if any("raises-exception" in of_cell for of_cell in tags):
        found.append("a cell that may raise: nbval would not notice if it did not")
    if any(re.search(r"^\s*[%!]", cell.source, re.MULTILINE) for cell in code):
        found.append("a magic, which nbval passes when misspelt")
    return found


def _output_problems(outputs):
    """What no reader should see in a cell's outputs."""
    found = []
    for output in outputs:
        kind = output.output_type
        if kind == "error" or (kind == "stream" and output.name == "stderr"):
            found.append("has an error or writes to stderr")
        data = dict(output.get("data", {}))
        if kind != "stream" and kind != "error" and not data:
            found.append("has an empty output")
        if any("widget" in name for name in data):
            found.append("has a progress bar or another widget, blank without a kernel")
        if "image/png" in data and not output.metadata.get("image/png", {}).get("alt"):
            found.append("has a figure without alternative text")
        data.pop("image/png", None)
        text = output.get("text", "") + json.dumps(data, ensure_ascii=False)
        text = PACKED.sub("", text)
        for pattern, what in (
            (MACHINE_PATH, "a machine's path"),
            (DEBRIS, "a warning or a progress bar"),
        ):
            seen = pattern.search(text)
            if seen:
                around = " ".join(text[max(0, seen.start() - 20) : seen.end() + 20].split())
                found.append(f"shows {what}: …{around}…")
    return found


def _require_full_data(paths):
    """Refuse to publish on the sample of a data set, or without it, before anything runs."""
    for name in sorted({name for path in paths for name in _data_sets(path)}):
        data = load_dataset(name)
        if "sample" in data.source:
            raise ValueError(
                f"{data.title} is here as a sample only: name the folder of the full data in "
                "AELIB_DATA_DIR, or connect to the network"
            )


def _data_sets(path):
    """The data sets in a notebook's default parameters, `dataset` and `others`."""
    known = inspect_notebook(str(path))
    defaults = [
        ast.literal_eval(known[name]["default"]) for name in ("dataset", "others") if name in known
    ]
    return {name for value in defaults for name in ([value] if isinstance(value, str) else value)}


def main() -> int:
    """The command line; returns its exit status: 0, or 1 where a notebook failed."""
    parser = argparse.ArgumentParser(
        prog="python tools/publish.py", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all of notebooks/")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="write copies, publish nothing")
    parser.add_argument(
        "--changed",
        action="store_true",
        help="list those whose code or packages have changed since",
    )
    given = parser.parse_args()
    paths = given.notebooks or sorted(NOTEBOOKS.glob("*.ipynb"))
    try:
        missing = [str(path) for path in paths if not path.is_file()]
        if missing:
            raise ValueError(f"there is no notebook {', '.join(missing)}")
        if given.changed:
            machine = provenance.machine()
            print(*[path for path in paths if changed(path, machine)], sep="\n")
            return 0
        if given.into:
            return _copy(paths, given.into)
        _require_full_data(paths)
        for path in paths:
            if found := source_problems(nbformat.read(path, as_version=4)):
                raise ValueError(f"{path.name} was not published: {'; '.join(found)}")
        load = provenance.machine()["load_percent"]
        if load > BUSY:
            warning = f"other work takes {load:.0f} % of the processor: seconds will be too long"
            print(f"publish: {warning}", file=sys.stderr)
        for path in paths:
            print(f"{path}: published in {publish(path.resolve()):.0f} s", flush=True)
    except (ValueError, RuntimeError, OSError) as error:
        print(f"publish: {error}", file=sys.stderr)
        return 1
    return 0


def _copy(paths, folder):
    """Write executed copies into `folder`, as far as they go; the exit status."""
    folder.mkdir(parents=True, exist_ok=True)
    status = 0
    for path in paths:
        notebook, error = execute(path.resolve())
        _write(notebook, folder / path.name)
        print(f"{folder / path.name}{f': stopped by {error}' if error else ''}", flush=True)
        status = 1 if error else status
    return status


if __name__ == "__main__":
    sys.exit(main())
