"""What the notebooks call to report: their numbers, their claims, their tables."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from IPython.display import Markdown, display

if TYPE_CHECKING:
    import pandas as pd

RECORD = "application/vnd.aelib.record+json"  # the output that `record` leaves
RESERVED = ("seconds", "status", "error")  # a sweep's own columns


def record(**metrics: float | int | str | bool) -> None:
    """Keep a run's results inside the executed notebook, as an output that nothing displays.

    `aelib.sweep` puts them into its table, a column a name; of a name given twice the later
    value counts.

    Args:
        metrics: single values; NumPy's are converted, and what is not finite becomes None.

    Raises:
        ValueError: a value that is no single number, text or truth value, or a sweep's own name.
    """
    values = {}
    for name, value in metrics.items():
        if name in RESERVED:
            raise ValueError(f"a sweep's table has its own column {name!r}: take another name")
        value = value.item() if isinstance(value, np.generic) else value
        if not isinstance(value, bool | int | float | str):
            raise ValueError(f"{name} must be one number, text or truth value, not {value!r}")
        values[name] = None if isinstance(value, float) and not math.isfinite(value) else value
    display({RECORD: values}, raw=True)


def report_claims(claims: Mapping[str, bool | None]) -> None:
    """Print a line a claim: "holds", "does not hold", or "not tested here" for None.

    >>> report_claims({"1 is less than 2": 1 < 2, "on all of MNIST, E is below 3": None})
    holds: 1 is less than 2
    not tested here: on all of MNIST, E is below 3
    """
    for claim, truth in claims.items():
        verdict = "not tested here" if truth is None else "holds" if truth else "does not hold"
        print(f"{verdict}: {claim}")


def table(frame: "pd.DataFrame", **formats: str) -> Markdown:
    """A data frame as a Markdown table without its index; NaN and None are shown as "–".

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"method": ["PCA", "dense"], "E": [13.866, 2.8571]})
    >>> print(table(frame, E=".2f").data)
    | method   |     E |
    |:---------|------:|
    | PCA      | 13.87 |
    | dense    |  2.86 |

    Args:
        frame: a row a line.
        formats: column -> format of its values, as for `format`; others are shown as they are.

    Raises:
        ValueError: a format for a column that is not there.
    """
    unknown = set(formats) - set(frame.columns)
    if unknown:
        raise ValueError(f"no column {', '.join(sorted(unknown))}; there are {[*frame.columns]}")

    def cell(value, form):
        missing = value is None or (isinstance(value, float) and math.isnan(value))
        return "–" if missing else format(value, form)

    shown = {name: [cell(v, formats.get(name, "")) for v in frame[name]] for name in frame.columns}
    numeric = [kind.kind in "iuf" for kind in frame.dtypes]
    sides = ["right" if number else "left" for number in numeric]
    text = frame.assign(**shown).to_markdown(index=False, disable_numparse=True, colalign=sides)
    return Markdown(text)
