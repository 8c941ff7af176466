"""The command: python -m aelib.sweep NOTEBOOK --plan PLAN.csv -o FOLDER."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from aelib.sweep import run
from aelib.sweep.plan import parse_grid, read_notebook


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns its exit status: 0, 1 for failed runs, 2 for a wrong call."""
    parser = argparse.ArgumentParser(
        prog="python -m aelib.sweep",
        description="Run a notebook over a grid of parameters (-g), or a row of a plan each.",
    )
    parser.add_argument("notebook", help="a notebook with a cell tagged 'parameters'")
    parser.add_argument(
        "-g", "--grid", action="append", metavar="NAME=VALUE,VALUE",
        help="a parameter and its values; once for each parameter",
    )  # fmt: skip
    parser.add_argument("--plan", help="CSV file: a row a run, a column a parameter")
    parser.add_argument("-o", "--output", required=True, help="folder for notebooks and table")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time (default: 2)")
    parser.add_argument("--scheduler", help="existing Dask scheduler, tcp://HOST:PORT")
    given = parser.parse_args(arguments)
    try:
        _, known = read_notebook(Path(given.notebook))
        table = run(
            given.notebook,
            parse_grid(given.grid, known) if given.grid else None,
            given.output,
            jobs=given.jobs,
            scheduler=given.scheduler,
            progress=True,
            plan=given.plan,
        )
    except (ValueError, OSError) as error:
        print(f"aelib.sweep: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    failures = table[table.status == "failed"]
    varied = [name for name in known if table[name].astype(str).nunique() > 1]
    for _, row in failures.iterrows():
        values = ", ".join(f"{name}={row[name]}" for name in varied)
        print(f"failed: {values}: {row.error}" if values else f"failed: {row.error}")
    done = f"{len(table) - len(failures)} runs done, {len(failures)} failed"
    print(f"{done}: {Path(given.output) / 'results.csv'}")
    return 1 if len(failures) else 0


if __name__ == "__main__":
    sys.exit(main())
