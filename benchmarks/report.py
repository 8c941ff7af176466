"""From results.csv to table.md and the figure. Ratios are taken within a round, then their median."""

import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator, MultipleLocator

from aelib.data import KNOWN
from aelib.plots import COLORS, MARKERS
from benchmarks.plan import OURS, PEERS

FIGURE = "error_against_seconds.png"
STAR = "#D55E00"
HALO = [withStroke(linewidth=2.5, foreground="white")]
QUIET = 20  # per cent of the processor that other programs may take
PYTORCH_EPOCHS = 30  # of the plain PyTorch recipe: the time in which ours may show what it can


def first_at_or_below(ours: pd.DataFrame, error: float) -> float:
    """Seconds of the run with the fewest epochs whose E is at or below `error`; inf if none is.

    >>> ours = pd.DataFrame({"epochs": [1, 2, 4], "E": [9.0, 5.0, 4.0], "seconds": [8.0, 15.0, 29.0]})
    >>> first_at_or_below(ours, 5.0), first_at_or_below(ours, 3.9)
    (15.0, inf)
    """
    reached = ours[ours["E"] <= error].sort_values("epochs")
    return float(reached.seconds.iloc[0]) if len(reached) else math.inf


def error_within(ours: pd.DataFrame, seconds: float) -> float:
    """E of the run with the most epochs that takes at most `seconds`; inf if none is so short.

    >>> ours = pd.DataFrame({"epochs": [1, 2, 4], "E": [9.0, 5.0, 4.0], "seconds": [8.0, 15.0, 29.0]})
    >>> error_within(ours, 20.0), error_within(ours, 7.0)
    (5.0, inf)
    """
    short = ours[ours["seconds"] <= seconds].sort_values("epochs")
    return float(short.E.iloc[-1]) if len(short) else math.inf


def spread(values, missing: str = "–", digits: int = 3) -> str:
    """Median and, in brackets, smallest and largest; `missing` stands for infinity.

    >>> spread([0.1, 0.12, 0.11]), spread([5.0, 9.0, math.inf], "never"), spread([2530.4])
    ('0.11 (0.1–0.12)', '9 (5–never)', '2,530')
    """
    low, middle, high = (
        missing if math.isinf(v) else f"{v:,.0f}" if v >= 1000 else f"{v:.{digits}g}"
        for v in (min(values), np.median(values), max(values))
    )
    return middle if low == high else f"{middle} ({low}–{high})"


def against_peers(rows: pd.DataFrame) -> pd.DataFrame:
    """A line for each peer and each of ours that faces it, over the rounds that have both."""
    lines = []
    for peer in PEERS:
        for name, ours in OURS.items():
            pairs = _pairs(rows, peer, name) if peer in ours.peers else []
            if not pairs:
                continue
            seconds = [first_at_or_below(own, his.E) for his, own in pairs]
            errors = [error_within(own, his.seconds) for his, own in pairs]
            own = pd.concat([own for _, own in pairs])
            lines.append(
                {
                    "recipe": PEERS[peer].title,
                    "data": _data(peer),
                    "its E": spread([his.E for his, _ in pairs]),
                    "its seconds": spread([his.seconds for his, _ in pairs]),
                    "ours": ours.model,
                    "seconds until ours has its E": spread(seconds, "not reached"),
                    "ratio": spread(
                        [s / his.seconds for s, (his, _) in zip(seconds, pairs, strict=True)],
                        "not reached",
                        digits=2,
                    ),
                    "our E in its time": spread(errors, "none as short"),
                    "peak memory, MB: its, ours": f"{np.median([h.memory_mb for h, _ in pairs]):,.0f}, "
                    f"{own.memory_mb.median():,.0f}",
                    "weights: its, ours": f"{pairs[0][0].weights:,}, {own.weights.iloc[0]:,}",
                }
            )
    return pd.DataFrame(lines)


def epochs_against_limit(rows: pd.DataFrame) -> pd.DataFrame:
    """Seconds of an epoch after the first, beside those of a matrix product of as many operations."""
    lines = []
    for name, ours in OURS.items():
        runs = rows[(rows.name == name) & rows.epoch_seconds.notna()]
        if not len(runs):
            continue
        kinds = {f"ours, {ours.model}": runs[runs.epochs == runs.epochs.min()]}
        if name == "dense-30":  # the same network
            kinds["plain PyTorch"] = rows[rows.name == "pytorch"]
        flops = runs.flops.iloc[0]
        for kind, chosen in kinds.items():
            if len(chosen):
                limit = flops / 1e9 / chosen.gflops
                lines.append(
                    {
                        "recipe": kind,
                        "data": _data(ours.peers[0]),
                        "TFLOP an epoch": f"{flops / 1e12:.3g}",
                        "seconds an epoch": spread([*chosen.epoch_seconds]),
                        "limit, seconds": spread([*limit]),
                        "ratio": spread([*(chosen.epoch_seconds / limit)], digits=2),
                    }
                )
    return pd.DataFrame(lines)


def all_of_ours(rows: pd.DataFrame) -> pd.DataFrame:
    """A line for each of our runs."""
    lines = []
    for name, ours in OURS.items():
        for epochs, runs in rows[rows.name == name].groupby("epochs"):
            line = {"ours": ours.model, "data": _data(ours.peers[0]), "epochs": epochs}
            lines.append(line | {"E": spread([*runs.E]), "seconds": spread([*runs.seconds])})
    return pd.DataFrame(lines)


def write_report(rows: pd.DataFrame, identity: dict, folder: Path) -> None:
    """Write table.md and the figure into `folder`."""
    comparison = against_peers(rows)
    parts = [_heading(rows, identity)]
    if len(comparison):
        draw(rows).savefig(folder / FIGURE, dpi=160)
        plt.close()
        parts += [_markdown(comparison), f"![{_alternative(rows)}]({FIGURE})"]
    parts += _uva_note(rows)
    limits = epochs_against_limit(rows)
    if len(limits):
        parts += ["## An epoch beside a matrix product", _markdown(limits), *_thirty_epochs(rows)]
    own = all_of_ours(rows)
    if len(own):
        parts += ["## All runs of ours", _markdown(own)]
    (folder / "table.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def draw(rows: pd.DataFrame) -> plt.Figure:
    """Error against seconds, a panel for the same images and code size.

    Ours is a line over the epochs, a peer a star. Where the dotted lines through a star meet ours, one
    reads the seconds until ours has its E, and what ours has in its time.
    """
    panels: dict[str, list[str]] = {}
    for peer in PEERS:
        if any(_pairs(rows, peer, name) for name in OURS):
            panels.setdefault(_data(peer), []).append(peer)
    columns = min(2, len(panels))
    lines = -(-len(panels) // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(3.6 * columns + 0.4, 3 * lines + 0.7),
        squeeze=False, layout="constrained",
    )  # fmt: skip
    for axis in axes.flat[len(panels) :]:
        axis.axis("off")
    for axis, (data, peers) in zip(axes.flat, panels.items(), strict=False):
        _draw_panel(axis, rows, peers)
        axis.set_title(data, fontsize=11)
    entries = {}
    for axis in axes.flat:
        entries |= {
            label: handle for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
        }
    figure.legend(entries.values(), entries.keys(), loc="outside upper center", ncols=2)
    figure.supxlabel("seconds of training, compilation included (log scale)", fontsize=11)
    figure.supylabel("E, squared error per test image (log scale)", fontsize=11)
    return figure


def _draw_panel(axis, rows, peers):
    axis.set(xscale="log", yscale="log")
    facing = [name for name, ours in OURS.items() if set(ours.peers) & set(peers)]
    ends = rows[rows.name.isin(facing)].groupby("name").E.min()
    for name, end in ends.items():
        # The epochs stand above the upper line and below the lower one.
        place = (4, 5) if end == ends.max() else (-4, -12)
        _draw_ours(axis, rows[rows.name == name], OURS[name].model, place)
    stars = {}
    for peer in peers:
        his = rows[rows.name == peer]
        middle = stars[peer] = his.seconds.median(), his.E.median()
        axis.plot(his.seconds, his.E, "*", color=STAR, markersize=5, alpha=0.5)
        axis.plot(
            *middle, "*", color=STAR, markersize=13, markeredgecolor="black", label="another recipe",
            zorder=3,
        )  # fmt: skip
        axis.axvline(middle[0], color=STAR, linewidth=0.8, linestyle=":")
        axis.axhline(middle[1], color=STAR, linewidth=0.8, linestyle=":")
    axis.margins(0.1, 0.16)
    low, high = axis.get_xlim()
    for i, (peer, middle) in enumerate(stars.items()):
        right = middle[0] < math.sqrt(low * high)
        # By turns above and below, since two stars may have nearly the same E.
        axis.annotate(
            PEERS[peer].title.removeprefix("scikit-learn "), middle, textcoords="offset points",
            xytext=(8 if right else -8, -14 if i % 2 else 6), ha="left" if right else "right",
            fontsize=9, path_effects=HALO,
        )  # fmt: skip
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
    low, high = axis.get_ylim()
    if high < 2.5 * low:
        axis.yaxis.set_major_locator(MultipleLocator(2 if high > 20 else 1))
    else:
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    for side in (axis.xaxis, axis.yaxis):
        side.set_major_formatter("{x:g}")
        side.set_minor_locator(plt.NullLocator())
    axis.tick_params(labelsize=9)
    axis.grid(alpha=0.3)


def _draw_ours(axis, runs, model, place):
    """The medians as a line with the epochs beside it, each round as a faint point."""
    color, marker = COLORS[model], MARKERS[model]
    axis.plot(runs.seconds, runs.E, marker, color=color, markersize=3, alpha=0.4)
    middle = runs.groupby("epochs")[["seconds", "E"]].median()
    label = f"ours, {model}, with its epochs"
    axis.plot(middle.seconds, middle.E, color=color, marker=marker, markersize=5, label=label)
    for epochs, point in middle.iterrows():
        axis.annotate(
            f"{epochs}", point, xytext=place, textcoords="offset points", fontsize=9, color=color,
            ha="left" if place[0] > 0 else "right", path_effects=HALO,
        )  # fmt: skip


def _pairs(rows, peer, name):
    """Of each round that has both: the peer's row and the rows of ours."""
    pairs = []
    for _, same in rows.groupby("round"):
        his, own = same[same.name == peer], same[same.name == name]
        if len(his) and len(own):
            pairs.append((his.iloc[0], own))
    return pairs


def _data(peer):
    return f"{KNOWN[PEERS[peer].data].title}, code {PEERS[peer].code_size}"


def _heading(rows, identity):
    machine, versions = identity["machine"], identity["versions"]
    dates = sorted({date.split()[0] for date in rows.date})
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    used = ", ".join(f"{name} {v}" for name, v in versions.items())
    rounds = rows["round"].nunique()
    busy = int((rows.load_percent > QUIET).sum())
    warning = (
        f"\n\n**Other programs took more than {QUIET} % of the processor before {busy} of these runs, "
        "which slows some recipes far more than others. Run it again on a quiet machine.**"
    )
    return (
        f"# What the benchmark found\n\nMeasured on {when}: {machine['processor']}, "
        f"{machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}. {used}.\n\n"
        f"{rounds} round{'s' * (rounds > 1)}, {len(rows)} runs. Before each run: a matrix product "
        f"{spread([*rows.gflops])} GFLOP/s, other programs {spread([*rows.load_percent])} % of the "
        f"processor, load average {spread([*rows.load_average])}. A cell is the median over the "
        "rounds, and in brackets the smallest and the largest; a ratio is taken within a round. "
        "`benchmarks/README.md` says how to read the tables."
        f"{warning if busy else ''}"
    )


def _uva_note(rows):
    errors = rows[rows.name == "uva"].E
    if not len(errors):
        return []
    return [
        "The UvA course trained for as long as the longest of our runs on CIFAR-10. It measures its "
        f"loss on pixels in [−1, 1], where it is four times E: {spread([*(4 * errors)])}."
    ]


def _thirty_epochs(rows):
    """What ours reaches in the time of 30 epochs of the plain PyTorch recipe."""
    found = []
    for name, ours in OURS.items():
        if "pytorch" in ours.peers:
            pairs = _pairs(rows, "pytorch", name)
            short = [own[own.seconds <= PYTORCH_EPOCHS * his.epoch_seconds] for his, own in pairs]
            longest = [own.sort_values("epochs").iloc[-1] for own in short if len(own)]
            if longest:
                e, taken = ([run[name] for run in longest] for name in ("E", "seconds"))
                found.append(f"{ours.model} E {spread(e)} after {spread(taken)} s")
            elif pairs:
                found.append(f"{ours.model}: none as short")
    if not found:
        return []
    seconds = PYTORCH_EPOCHS * rows[rows.name == "pytorch"].epoch_seconds
    return [
        f"In the time of {PYTORCH_EPOCHS} epochs of the plain PyTorch recipe, {spread([*seconds])} s, "
        f"ours reaches on MNIST with a code of 30: {'; '.join(found)}. These are the longest runs within that time, "
        "not to be compared with each other."
    ]


def _alternative(rows):
    """What is to be seen; the numbers stand in the table above the figure."""
    ahead, behind = [], []
    for peer in PEERS:
        ratios = [
            first_at_or_below(own, his.E) / his.seconds
            for name, ours in OURS.items()
            if peer in ours.peers
            for his, own in _pairs(rows, peer, name)
        ]
        if ratios:
            (ahead if max(ratios) < 1 else behind).append(PEERS[peer].title)
    said = [f"Ours is left of and below the star of {', '.join(ahead)}."] * bool(ahead)
    said += [f"Not so for {', '.join(behind)}."] * bool(behind)
    return " ".join(["Error against seconds of training, a panel for each code.", *said])


def _markdown(table):
    return table.to_markdown(index=False, disable_numparse=True)
