"""Figures of the series, each as a PNG with an alternative text. No TensorFlow needed."""

import io
import math
import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Image
from matplotlib.colors import LogNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from aelib.checks import (
    IMAGES,
    check_array,
    check_count,
    check_finite,
    check_images,
    check_list,
    check_mapping,
    check_parts,
    check_rate,
)
from aelib.metrics import image_errors

# Okabe & Ito's colours, which the colour-blind can tell apart: one for each method, everywhere.
COLORS = {"PCA": "#E69F00", "logistic PCA": "#CC79A7", "dense": "#0072B2", "conv": "#009E73"}
MARKERS = {"PCA": "s", "logistic PCA": "^", "dense": "o", "conv": "D"}
FRAMES = ("#D55E00", "#0072B2", "#009E73")
# Tol's muted colours and a grey, for up to ten classes: https://personal.sron.nl/~pault/
CLASSES = (
    *("#332288", "#CC6677", "#117733", "#DDCC77", "#88CCEE"),
    *("#882255", "#44AA99", "#999933", "#AA4499", "#777777"),
)

# Places for names all over a panel, in shares of its width and height: (625, 2).
GRID = np.stack(np.meshgrid(*[np.linspace(0.02, 0.98, 25)] * 2), axis=-1).reshape(-1, 2)


def show(figure: Figure, alt: str) -> Image:
    """Close a figure and return it as an image that a notebook displays with `alt` as its text.

    Raises:
        ValueError: `alt` is empty.
    """
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError("a figure needs an alternative text")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=160, bbox_inches="tight")
    plt.close(figure)
    # "retina": half as wide on the page as it has pixels, so that it is sharp on good screens.
    return Image(data=buffer.getvalue(), format="png", alt=alt, retina=True)


def images(x: np.ndarray, alt: str, columns: int = 10) -> Image:
    """A grid of images (n, height, width, channels), row by row; values are clipped to [0, 1].

    Raises:
        ValueError: another shape, NaN, channels that cannot be drawn, no columns, or no alternative text.
    """
    x, columns = check_finite(x, "images", IMAGES), check_count(columns, "columns")
    rows = -(-len(x) // columns)
    height, width, channels = x.shape[1:]
    _check_channels(channels)
    canvas = np.ones((rows * (height + 1), columns * (width + 1), channels))
    for i, image in enumerate(np.clip(x, 0, 1)):
        top, left = (i // columns) * (height + 1), (i % columns) * (width + 1)
        canvas[top : top + height, left : left + width] = image
    figure = plt.figure(figsize=(9, 9 * canvas.shape[0] / canvas.shape[1]))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(canvas.squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.axis("off")
    return show(figure, alt)


def weight_images(weights: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Weights as images: grey for zero, black or white for the largest of each image in size.

    Args:
        weights: (n, height * width * channels).
        shape: (height, width, channels).

    Returns:
        (n, height, width, channels) in [0, 1].

    Raises:
        ValueError: NaN, or weights of another size.

    >>> weight_images(np.array([[4.0, 0, -2, -4]]), (2, 2, 1)).squeeze()
    array([[1.  , 0.5 ],
           [0.25, 0.  ]])
    """
    weights = check_finite(weights, "weights", ("n", math.prod(shape))).reshape(-1, *shape)
    largest = np.abs(weights).max(axis=(1, 2, 3), keepdims=True)
    return 0.5 + weights / np.where(largest > 0, 2 * largest, 1)


def reconstructions(x: np.ndarray, x_hat: Mapping[str, np.ndarray], count: int = 10) -> Image:
    """The first images of `x`, and under each its reconstructions with their squared error.

    Args:
        x: images (n, height, width, channels) in [0, 1].
        x_hat: method -> reconstructions of the same shape, one row a method.
        count: columns.

    Raises:
        ValueError: no images, or reconstructions of another shape or with NaN.
    """
    count = check_count(count, "count")
    x = check_images(x)[:count]
    _check_channels(x.shape[-1])
    check_mapping(x_hat, "x_hat")
    x_hat = {
        method: check_finite(r, f"reconstructions of '{method}'", ("n", *x.shape[1:]))[:count]
        for method, r in x_hat.items()
    }
    errors = {method: image_errors(x, r) for method, r in x_hat.items()}
    notes = {method: [f"{e:.1f}" for e in values] for method, values in errors.items()}
    means = "; ".join(f"{method}: mean error {e.mean():.1f}" for method, e in errors.items())
    return _draw_rows(
        {"original": x, **x_hat},
        f"{len(x)} images and their reconstructions. {means}.",
        notes,
        "number under each image: its squared error",
    )


def rows(
    x: Mapping[str, np.ndarray], alt: str, notes: Mapping[str, Sequence[str]] | None = None
) -> Image:
    """Rows of images, each with its name at the left and, if given, a note under each image.

    Args:
        x: name -> images (n, height, width, channels), as many in each row; clipped to [0, 1].
        alt: what the figure shows.
        notes: name -> a text for each image of that row.

    Raises:
        ValueError: no rows, rows of different lengths, other shapes, NaN, notes for no row or of
            another number, or no alternative text.
    """
    check_mapping(x, "x")
    checked, count = {}, None
    for name, batch in x.items():
        checked[name] = check_finite(batch, f"images of '{name}'", (count or "n", *IMAGES[1:]))
        count = len(checked[name])
        _check_channels(checked[name].shape[-1])
    for name, texts in (notes or {}).items():
        if name not in x or len(texts) != count:
            raise ValueError(f"notes for '{name}' need a row of that name, and {count} texts")
    return _draw_rows(checked, alt, notes or {})


def _draw_rows(batches, alt, notes, caption=""):
    """Draw `rows`. Rows without notes stand close together, as one strip a row."""
    lines = [1.34 if name in notes else 1.04 for name in batches]
    count = len(next(iter(batches.values())))
    foot = 0.15 * bool(caption)
    height = sum(lines) + foot
    figure, axes = plt.subplots(
        len(batches), count, figsize=(0.8 * count, 0.8 * height), squeeze=False,
        gridspec_kw={
            "height_ratios": lines, "hspace": 0.02, "wspace": 0.04,
            "left": 0, "right": 1, "top": 1, "bottom": foot / height,
        },
    )  # fmt: skip
    for row, (label, batch) in zip(axes, batches.items(), strict=True):
        row[0].set_ylabel(label, rotation=0, ha="right", va="center")
        for i, axis in enumerate(row):
            picture = np.clip(batch[i], 0, 1).squeeze()
            axis.imshow(
                picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="equal"
            )
            axis.set_anchor("N")
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
            if label in notes:
                axis.set_xlabel(notes[label][i], fontsize=9, labelpad=2)
    if caption:
        figure.text(0.5, 0, caption, ha="center", fontsize=9)
    return show(figure, alt)


def codes_2d(codes: Mapping[str, np.ndarray], y: np.ndarray, class_names: Sequence[str]) -> Image:
    """Scatter plots of two-dimensional codes side by side, coloured by class.

    At most 4,000 points are drawn, chosen at random. Each axis spans all but the outermost 4 % of the
    codes, so that a few far ones do not squeeze the rest; the figure says how many lie outside. The name
    of a class stands where most of its points are, or near by, with a line to a dot at that place, where
    it would cover another; classes with one such place share a label. The places are in the alternative
    text, too.

    Args:
        codes: title -> codes (n, 2), one panel each.
        y: labels (n,).
        class_names: name of each label.

    Raises:
        ValueError: codes that are not (n, 2), labels of another length or without a name.
    """
    check_mapping(codes, "codes")
    y = check_array(y, "labels", ("n",))
    if not 0 <= y.min() <= y.max() < len(class_names):
        raise ValueError(
            f"labels run from {y.min()} to {y.max()}, but there are {len(class_names)} class names"
        )
    codes = {
        title: check_finite(code, f"codes of '{title}'", (len(y), 2))
        for title, code in codes.items()
    }
    figure, axes = plt.subplots(
        1, len(codes), figsize=(5.2 * len(codes) + 1, 5), squeeze=False, layout="constrained"
    )
    few = len(class_names) <= len(CLASSES)
    palette = CLASSES if few else plt.get_cmap("turbo")(np.linspace(0, 1, len(class_names)))
    named = class_names if len(class_names) <= 20 else []
    alts = []
    # Shuffled, since otherwise the last class covers the others.
    order = np.random.default_rng(0).permutation(len(y))[:4000]
    for axis, (title, code) in zip(axes.flat, codes.items(), strict=True):
        drawn, labels = code[order], y[order]
        axis.scatter(
            *drawn.T,
            s=4,
            c=[palette[int(label)] for label in labels],
            alpha=0.6,
            linewidths=0,
            antialiased=False,
        )
        low, high = span(code, 0.02)
        axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        outside = int(((drawn < low) | (drawn > high)).any(axis=1).sum())
        note = f"{len(drawn):,} of {len(y):,} images" + f", {outside} outside" * bool(outside)
        axis.text(
            0.99, 0.01, note, ha="right", va="bottom", fontsize=8, transform=axis.transAxes,
            bbox={"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.7},
        )  # fmt: skip
        # Places are shares of the panel from here on; classes with nearly one place share a label.
        labelled: list[tuple[np.ndarray, list[str]]] = []
        crowds = []
        for label, name in enumerate(named):
            axis.scatter([], [], s=4, color=palette[label], label=name)
            if (labels == label).any():
                crowd = _crowd((drawn[labels == label] - low) / (high - low))
                at = low + crowd * (high - low)
                crowds.append(f"{name} at {at[0]:.1f}, {at[1]:.1f}")
                near = [names for place, names in labelled if abs(crowd - place).max() < 0.045]
                if near:
                    near[0].append(name)
                else:
                    labelled.append((crowd, [name]))
        _label_crowds(axis, labelled)
        alts.append(f"{title}: {note}. " + "; ".join(crowds))
        axis.set(title=title, xlabel="first number of the code", ylabel="second number")
    if len(named):
        handles, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside right center", markerscale=4, title="class")
    return show(
        figure, f"Images as points in the plane, with the place of each class. {'. '.join(alts)}."
    )


def _crowd(points):
    """The place where most of the points (n, 2) are, all in shares of the panel."""
    # Few points are many nowhere: each counts for its neighbourhood, a tenth of the panel wide.
    squares = ((GRID[:, None] - points) ** 2).sum(axis=-1)
    return GRID[np.exp(-squares / 0.005).sum(axis=1).argmax()]


def _label_crowds(axis, labelled):
    """Write names at their places, or at the nearest that is free, with a line to a dot at the place."""
    taken: list[tuple[np.ndarray, np.ndarray]] = []
    for crowd, names in labelled:
        text = textwrap.fill(", ".join(names), 14)
        lines = text.split("\n")
        # Half the width and height of the text, about: letters differ in width.
        half = np.array([0.012 * max(map(len, lines)), 0.024 * len(lines)])
        for place in GRID[np.argsort(((GRID - crowd) ** 2).sum(axis=1), kind="stable")]:
            if all((abs(place - other) > half + its).any() for other, its in taken):
                break
        taken.append((place, half))
        moved = (place != crowd).any()
        axis.annotate(
            text, crowd, place, xycoords="axes fraction", textcoords="axes fraction",
            ha="center", va="center", fontsize=11, fontweight="bold",
            bbox={"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.8},
            arrowprops={"arrowstyle": "-", "shrinkA": 0} if moved else None,
        )  # fmt: skip
        if moved:
            axis.plot(
                *crowd, "o", color="black", markersize=5, markeredgecolor="white",
                transform=axis.transAxes,
            )  # fmt: skip


def span(codes: np.ndarray, outside: float) -> tuple[np.ndarray, np.ndarray]:
    """The interval of each number of the codes, but for the share `outside` at each end.

    A margin of a twentieth is added at both ends, and no interval is empty.

    >>> span(np.array([[0.0, 7.0], [10.0, 7.0]]), 0.0)
    (array([-0.5 ,  6.95]), array([10.5 ,  7.05]))

    Args:
        codes: (n, code size).
        outside: 0 to less than 1/2.
    """
    low, high = np.quantile(codes, [outside, 1 - outside], axis=0)
    margin = 0.05 * np.where(high > low, high - low, 1)
    return low - margin, high + margin


def learning_curves(curves: Mapping[str, Sequence[float]], title: str) -> Image:
    """Squared error against the epoch, one line for each entry of `curves`, on a log axis.

    Raises:
        ValueError: no dictionary, or an entry that is no list of numbers.
    """
    check_mapping(curves, "curves")
    for label, errors in curves.items():
        check_array(errors, f"errors of '{label}'", ("epochs",))
    figure, axis = plt.subplots(figsize=(7, 4))
    for label, errors in curves.items():
        style = "--" if "training" in str(label) else "-"
        axis.plot(
            range(1, len(errors) + 1), errors, style, marker=".", label=label,
            color=_color_of(label),
        )  # fmt: skip
    axis.set(title=title, xlabel="epoch", ylabel="E, squared error per image (log scale)")
    axis.set(yscale="log", xlim=(0.5, None))
    axis.locator_params(axis="x", integer=True)
    _plain_log_ticks(axis)
    axis.legend()
    ends = "; ".join(f"{label}: {e[0]:.1f} to {e[-1]:.1f}" for label, e in curves.items())
    return show(figure, f"{title}. Error per epoch, first to last. {ends}.")


def error_by_code_size(
    panels: Mapping[str, Mapping[str, Mapping[int, float]]], relative: bool = False
) -> Image:
    """Squared error against code size, a panel a data set, two in a row, all on one scale.

    Args:
        panels: title -> method -> {code size: E}, one line a method.
        relative: draw E divided by PCA's with the same code size, on a linear scale; both axes are
            logarithmic otherwise.

    Raises:
        ValueError: no dictionary of such dictionaries, code sizes below 1, errors that are no numbers,
            or, if relative, a code size without PCA's error.
    """
    check_mapping(panels, "panels")
    for title, errors in panels.items():
        _check_errors(errors, f" in '{title}'")
        for method, points in errors.items():
            check_list([*points], f"code sizes of '{method}' in '{title}'")
    unit = "E, squared error per test image"
    if relative:
        panels = {title: _relative(errors, title) for title, errors in panels.items()}
        unit = "E divided by PCA's"
    sizes = sorted({size for errors in panels.values() for of in errors.values() for size in of})
    columns, lines = min(2, len(panels)), -(-len(panels) // 2)
    figure, axes = plt.subplots(
        lines, columns, sharex=True, sharey=True, squeeze=False, layout="constrained",
        figsize=(max(6.2, 4.6 * columns), 4 * lines),
    )  # fmt: skip
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    for axis, (title, errors) in zip(axes.flat, panels.items(), strict=False):
        _draw_errors(axis, errors)
        axis.set(title=title, xscale="log", xlabel="numbers in the code (log scale)")
        axis.tick_params(labelbottom=True)
    _name_ticks(axes[0, 0], sizes)
    for axis in axes[:, 0]:
        axis.set_ylabel(unit + " (log scale)" * (not relative))
    axes[0, 0].set(**{"ylim": (0, None)} if relative else {"yscale": "log"})
    if not relative:
        _plain_log_ticks(axes[0, 0])
    for axis, errors in zip(axes.flat, panels.values(), strict=False):
        _name_lines(axis, errors)
    about = "; ".join(f"{title}: {_listed(errors)}" for title, errors in panels.items())
    return show(figure, f"{unit}, against the numbers in the code. {about}.")


def _relative(errors, title):
    """E divided by PCA's with the same code size."""
    pca = errors.get("PCA", {})
    for method, points in errors.items():
        if missing := set(points) - set(pca):
            raise ValueError(f"'{title}' has '{method}' with {min(missing)} numbers, but not PCA")
    return {
        method: {size: e / pca[size] for size, e in of.items()} for method, of in errors.items()
    }


def error_by_seconds(
    errors: Mapping[str, Mapping[float, float]],
    title: str,
    notes: Mapping[str, Sequence[str]] | None = None,
) -> Image:
    """Squared error against seconds of training on two log axes.

    Args:
        errors: method -> {seconds: E}, one line a method, a mark a training. A method with one mark
            and no note has a dotted line at its error, to compare the others with.
        title: of the figure.
        notes: method -> a text for each of its marks, such as the number of epochs.

    Raises:
        ValueError: no dictionary of dictionaries, seconds that are not positive, errors that are no
            numbers, or notes for no method or of another number.
    """
    _check_errors(errors)
    for points in errors.values():
        for seconds in points:
            check_rate(seconds=seconds)
    for method, texts in (notes or {}).items():
        if len(errors.get(method, ())) != len(texts):
            raise ValueError(f"notes for '{method}' need a method of that name, and a text a mark")
    figure, axis = plt.subplots(figsize=(7, 4.4), layout="constrained")
    _draw_errors(axis, errors)
    # Neighbouring lines have their texts on different sides.
    for i, (method, texts) in enumerate((notes or {}).items()):
        above = i % 2 == 1 or len(texts) == 1
        for place, text in zip(errors[method].items(), texts, strict=True):
            axis.annotate(
                text, place, (0, 6 if above else -6), textcoords="offset points", fontsize=9,
                ha="center", va="bottom" if above else "top", color=_ink_of(method),
            )  # fmt: skip
    axis.set(title=title, xlabel="seconds of training (log scale)", xscale="log", yscale="log")
    axis.set_ylabel("E, squared error per test image (log scale)")
    _name_ticks(axis, [digit * 10.0**power for power in range(-2, 5) for digit in (1, 2, 5)])
    _plain_log_ticks(axis)
    ends, right = {}, axis.get_xlim()[1]
    for method, points in errors.items():
        if len(points) == 1 and method in (notes or {}):
            ends[method] = points
            continue
        ends[method] = {**points, right: [*points.values()][-1]}
        if len(points) == 1:
            axis.plot(*zip(*ends[method].items(), strict=True), ":", color=_color_of(method))
    axis.set_xlim(right=right)
    _name_lines(axis, ends)
    return show(figure, f"{title}: E against seconds of training. {_listed(errors)}.")


def _check_errors(errors, where=""):
    check_mapping(errors, f"errors{where}")
    for method, points in errors.items():
        check_mapping(points, f"errors of '{method}'{where}")
        check_array([*points.values()], f"errors of '{method}'{where}", ("points",))


def _listed(errors):
    return "; ".join(
        f"{method}: " + ", ".join(f"{e:.3g} at {x:.4g}" for x, e in points.items())
        for method, points in errors.items()
    )


def _draw_errors(axis, errors):
    """A line a method."""
    for method, points in errors.items():
        alone = len(points) == 1
        marker = MARKERS.get(method, "*" if alone else "o")
        axis.plot(
            [*points], [*points.values()], "none" if alone else "-", color=_color_of(method),
            marker=marker, markersize=12 if marker == "*" else 7 if alone else 5,
        )  # fmt: skip
    axis.grid(alpha=0.3)


def _name_ticks(axis, ticks):
    """Those of the ticks that lie within the data, and no others."""
    low, high = axis.get_xlim()
    ticks = [tick for tick in ticks if low <= tick <= high]
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.minorticks_off()


def _name_lines(axis, errors):
    """The name of a line at the right of the panel, at the height of its end; of a point beside it."""
    to_axes = axis.transData + axis.transAxes.inverted()
    ends = []
    for method, points in errors.items():
        place = to_axes.transform([*points.items()][-1])
        style = {"color": _ink_of(method), "transform": axis.transAxes}
        if len(points) > 1:
            ends.append((place[1], method, style))
        else:
            right = place[0] > 0.5
            shift = -0.025 if right else 0.025
            side = "right" if right else "left"
            axis.text(place[0] + shift, place[1], method, ha=side, va="center", **style)
    # Names that would overlap are moved apart, half of them up and half of them down.
    ends.sort(key=lambda end: end[0])
    steps = 0.06 * np.arange(len(ends))
    level = np.array([height for height, *_ in ends]) - steps
    up, down = np.maximum.accumulate(level), np.minimum.accumulate(level[::-1])[::-1]
    for height, (_, method, style) in zip((up + down) / 2 + steps, ends, strict=True):
        axis.text(1.015, height, method, va="center", **style)


def error_maps(
    maps: Mapping[str, Mapping[float, Mapping[float, float]]],
    rows: str,
    columns: str,
    failed: float,
) -> Image:
    """Squared error over two settings as tables of coloured cells, two panels side by side.

    The colours are one log scale for all panels, from the smallest error to `failed`; from there on
    cells are grey, and "–" stands for an error that is not finite. The lowest of each panel is framed.

    Args:
        maps: title -> {value of the first setting: {value of the second: E}}; the first goes upwards.
        rows, columns: names of the two settings.
        failed: E of a network that learned nothing, such as the average image's.

    Raises:
        ValueError: no maps, a map whose rows have other columns, or no error below `failed`.
    """
    check_rate(failed=failed)
    check_mapping(maps, "maps")
    tables = {}
    for title, lines in maps.items():
        check_mapping(lines, f"map '{title}'")
        names = [*next(iter(lines.values()))]
        if any([*line] != names for line in lines.values()):
            raise ValueError(f"the rows of map '{title}' must all have the columns {names}")
        values = np.array([[*line.values()] for line in lines.values()], "float64")
        tables[title] = [*lines], names, values
    learned = np.concatenate([v[v < failed] for *_, v in tables.values()])
    if not len(learned):
        raise ValueError(
            f"no error of the maps is below {failed:g}, that of having learned nothing"
        )
    least = learned.min()
    norm, colors = LogNorm(least, failed), plt.get_cmap("viridis").with_extremes(bad="#CCCCCC")
    height = -(-len(tables) // 2)
    figure, axes = plt.subplots(
        height, min(2, len(tables)), squeeze=False, figsize=(10, 3.1 * height), layout="constrained"
    )
    for axis in axes.flat[len(tables) :]:
        axis.axis("off")
    lowest = []
    for axis, (title, (high, wide, values)) in zip(axes.flat, tables.items(), strict=False):
        # A cell that has just failed must not look like the best of those that have not.
        shown = np.where(values < failed, values, np.nan)
        picture = axis.imshow(shown, norm=norm, cmap=colors, origin="lower", aspect="auto")
        for (i, j), e in np.ndenumerate(values):
            text = "–" if not np.isfinite(e) else f"{e:.0f}" if e < 99.5 else ">99"
            # The scale is dark at its lower end; the middle, in the logarithm, is where black reads better.
            color = "white" if norm(e) < 0.55 else "black"
            axis.text(j, i, text, ha="center", va="center", fontsize=9, color=color)
        rates = [f"{x:g}" if x >= 0.001 else f"{x:.0e}" for x in wide]
        axis.set_xticks(range(len(wide)), rates, fontsize=8)
        axis.set_yticks(range(len(high)), [f"{x:g}" for x in high])
        axis.set(title=title, xlabel=columns, ylabel=rows)
        if np.isfinite(values).any():
            i, j = np.unravel_index(np.nanargmin(values), values.shape)
            corner = j - 0.5, i - 0.5
            frame = Rectangle(corner, 1, 1, fill=False, edgecolor=FRAMES[0], linewidth=2.5)
            axis.add_patch(frame)
            lowest.append(f"{title}: {values[i, j]:.1f} at {high[i]:g} and {wide[j]:g}")
    label = f"E, squared error per test image (grey: {failed:g} or more)"
    bar = figure.colorbar(
        picture, ax=axes, label=label, location="bottom", shrink=0.6, aspect=50, pad=0.02
    )
    bar.ax.minorticks_off()
    ticks = [digit * 10.0**power for power in range(-2, 4) for digit in (1, 2, 5)]
    ticks = [tick for tick in ticks if least <= tick <= failed]
    bar.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    about = f"E over {rows} and {columns}; from {failed:g} on a cell is grey"
    return show(figure, f"{about}. Lowest of each panel: {'; '.join(lowest)}.")


def architecture(ae, title: str = "") -> Image:
    """Draw an autoencoder's layers as boxes, to scale.

    Of a dense autoencoder a box is as high as its layer has units. With convolutions each box has
    the volume of its layer's values: as high and as deep as the image has pixels on a side, as wide
    as it has channels; a dense layer of n units is a sheet of height √n. The thinnest boxes are drawn
    a little wider, so that they can be seen, and the decoder stands below the encoder, from the code on.

    Args:
        ae: Autoencoder, or anything with a Keras `.encoder` and `.decoder`.
        title: of the figure.

    Raises:
        ValueError: `ae` has no encoder and decoder.
    """
    check_parts(ae, "encoder", "decoder")
    boxes = [("input", ae.encoder.input_shape[1:])]
    for part in (ae.encoder, ae.decoder):
        for layer in part.layers:
            kind = type(layer).__name__
            if kind not in ("Flatten", "Reshape", "InputLayer", "Cropping2D"):
                boxes.append((kind.replace("2D", ""), layer.output.shape[1:]))
    code = len([layer for layer in ae.encoder.layers if type(layer).__name__ != "Flatten"])
    flat = all(len(shape) == 1 for _, shape in boxes[1:])
    heights = np.array([math.prod(shape) if flat else _side(shape) for _, shape in boxes])
    widths = np.array([1 if flat or len(shape) == 1 else shape[-1] for _, shape in boxes])
    heights, widths = 4 * heights / heights.max(), np.maximum(widths / widths.max(), 0.12)
    # With convolutions there are so many boxes that the decoder stands below the encoder; both show the code.
    parts = [range(len(boxes))] if flat else [range(code + 1), range(code, len(boxes))]
    length = max(sum(widths[i] + 0.75 for i in part) for part in parts)
    figure, axes = plt.subplots(
        len(parts), figsize=(max(6.5, 0.72 * length), 3.8 * len(parts)), squeeze=False
    )
    for axis, part in zip(axes.flat, parts, strict=True):
        middles = np.cumsum(widths[part] + 0.75) - widths[part] / 2
        _draw_layers(axis, boxes, part, middles, heights, widths, code)
        axis.set(xlim=(0, length + 0.5), ylim=(-2.5 if flat else -3.2, 2.9 if flat else 3.4))
        axis.axis("off")
    axes[0, 0].set_title(title)
    figure.subplots_adjust(hspace=0)
    listed = ", ".join("×".join(map(str, shape)) for _, shape in boxes)
    return show(figure, f"{title}. Layer sizes from input to output: {listed}.".lstrip(". "))


def _draw_layers(axis, boxes, part, middles, heights, widths, code):
    """The boxes of numbers `part`, each with its shape; with convolutions its kind, too."""
    flat = len(part) == len(boxes)
    for x, i in zip(middles, part, strict=True):
        kind, shape = boxes[i]
        color = "#D55E00" if i == code else "#56B4E9" if i < code else "#A6A6A6"
        color = "#DDDDDD" if i == 0 else color
        axis.bar(x, heights[i], widths[i], bottom=-heights[i] / 2, color=color)
        text = "×".join(map(str, shape))
        if not flat and len(shape) == 3:
            text = f"{shape[0]}×{shape[1]}\n×{shape[2]}"
        axis.text(x, heights[i] / 2 + 0.08, text, ha="center", va="bottom", fontsize=8)
        name = "code" if i == code else kind if i == 0 or not flat else ""
        low = -heights[i] / 2 - 0.1
        axis.text(
            x, low, name, ha="center", va="top", fontsize=10 if i == code else 8,
            rotation=0 if i in (0, code) else 90,
        )  # fmt: skip
    for name, color, its in (
        ("encoder", "#1B6FA8", [x for x, i in zip(middles, part, strict=True) if i <= code]),
        ("decoder", "#555555", [x for x, i in zip(middles, part, strict=True) if i > code]),
    ):
        if len(its) > 1 and flat:
            axis.text(np.mean(its), -2.4, name, ha="center", color=color)
        elif len(its) > 1:
            axis.text(0, 3.1, name, color=color, fontsize=11)


def _side(shape):
    """Side of the square with as many places as an image has pixels, or a layer units."""
    return math.sqrt(math.prod(shape[:2] if len(shape) == 3 else shape))


def interpolation(ae, x_from: np.ndarray, x_to: np.ndarray, steps: int = 9) -> Image:
    """Decode points on the straight line between the codes of two images; below, fade the pixels.

    Args:
        ae: Autoencoder.
        x_from, x_to: one image each, (height, width, channels).
        steps: images to show, both ends included; 2 or more.

    Raises:
        ValueError: no such images, or fewer steps.
    """
    from aelib.models import decode, encode  # here, since it starts TensorFlow

    steps = check_count(steps, "steps", least=2)
    ends = np.stack([check_array(x, "x_from and x_to", IMAGES[1:]) for x in (x_from, x_to)])
    mix = np.linspace(0, 1, steps, dtype="float32")
    start, end = encode(ae, ends)
    decoded = decode(ae, (1 - mix[:, None]) * start + mix[:, None] * end)
    faded = np.multiply.outer(1 - mix, ends[0]) + np.multiply.outer(mix, ends[1])
    return rows(
        {"between\ntheir codes": decoded, "between\ntheir pixels": faded},
        f"{steps} images decoded between two codes, and as many between the pixels of two images.",
    )


def grids(
    numbers: Mapping[str, np.ndarray], marks: Sequence[Sequence[tuple[int, int, int]]], alt: str
) -> Image:
    """Tables of numbers as grids of cells side by side, in which squares that belong together are framed.

    Args:
        numbers: title -> table (rows, columns) of whole numbers: light for small, dark for large
            ones, and orange for negative beside violet for positive ones.
        marks: for each colour a square a grid: its first row, first column, and side.
        alt: what the figure shows.

    Raises:
        ValueError: tables of another shape, another number of squares, or no alternative text.
    """
    check_mapping(numbers, "numbers")
    tables = {
        name: check_finite(table, f"table '{name}'", ("rows", "columns"))
        for name, table in numbers.items()
    }
    for squares in marks:
        if len(squares) != len(tables):
            raise ValueError(f"{len(tables)} grids need as many squares of a colour: {squares}")
    lefts = np.cumsum([0, *(table.shape[1] + 1.5 for table in tables.values())])
    height = max(len(table) for table in tables.values())
    figure = plt.figure(figsize=(0.4 * lefts[-1], 0.4 * (height + 1)))
    axis = figure.add_axes((0, 0, 1, 1), aspect="equal")
    axis.set(xlim=(-0.1, lefts[-1] - 1.4), ylim=(height + 0.1, -0.9))
    axis.axis("off")
    for i, (title, table) in enumerate(tables.items()):
        left, top = lefts[i], (height - len(table)) / 2
        middle = left + table.shape[1] / 2
        axis.text(middle, top - 0.2, title, ha="center", va="bottom", fontsize=10)
        # Grey for what is not negative; with signs, two colours that meet in white at zero.
        signed, darkest = table.min() < 0, 2 * np.abs(table).max() or 1
        for (row, column), value in np.ndenumerate(table):
            x, y = left + column, top + row
            share = value / darkest
            shade = (
                plt.get_cmap("PuOr")(0.5 + 0.4 * share) if signed else plt.get_cmap("Greys")(share)
            )
            axis.add_patch(Rectangle((x, y), 1, 1, facecolor=shade, edgecolor="#CCCCCC"))
            text = f"{value:g}".replace("-", "−")
            axis.text(x + 0.5, y + 0.5, text, ha="center", va="center", fontsize=9)
        for color, squares, inset in zip(FRAMES, marks, (0.0, 0.06, 0.12), strict=False):
            row, column, side = squares[i]
            corner, length = (left + column + inset, top + row + inset), side - 2 * inset
            frame = Rectangle(corner, length, length, fill=False, edgecolor=color, linewidth=2.5)
            axis.add_patch(frame)
    return show(figure, alt)


def sheets(points: np.ndarray, surfaces: Mapping[str, np.ndarray], alt: str) -> Image:
    """Points in space, and in each panel the surface that a method lays through them.

    Args:
        points: (n, 3).
        surfaces: title, beginning with a method -> points of its surface over a grid, (rows, columns, 3).
        alt: what the figure shows.

    Raises:
        ValueError: other shapes, NaN, no surface, or no alternative text.
    """
    points = check_finite(points, "points", ("n", 3))
    check_mapping(surfaces, "surfaces")
    surfaces = {
        method: check_finite(surface, f"surface of '{method}'", ("rows", "columns", 3))
        for method, surface in surfaces.items()
    }
    figure = plt.figure(figsize=(4.8 * len(surfaces), 4.2))
    for i, (method, surface) in enumerate(surfaces.items(), 1):
        axis = figure.add_subplot(1, len(surfaces), i, projection="3d")
        axis.scatter(*points.T, s=3, color="#333333", linewidths=0)
        axis.plot_surface(
            *np.moveaxis(surface, -1, 0), alpha=0.6, color=_color_of(method) or "#56B4E9"
        )
        axis.set(title=method, xticklabels=[], yticklabels=[], zticklabels=[])
        for name, label in zip("xyz", ("first", "second", "third"), strict=True):
            axis.set(**{f"{name}label": f"{label} pixel"})
            getattr(axis, f"{name}axis").labelpad = -10
        # Nearly along the second axis, so that a surface bent around it is seen from its end.
        axis.view_init(elev=25, azim=-105)
        axis.set_box_aspect(np.ptp(points, axis=0), zoom=0.95)
    return show(figure, alt)


def _color_of(label):
    """The colour of the method that a label begins with, or None."""
    return next((COLORS[method] for method in COLORS if str(label).startswith(method)), None)


def _ink_of(label):
    """Darker than the line: pale colours are hard to read as letters."""
    return 0.7 * np.array(to_rgb(_color_of(label) or "black"))


def _check_channels(channels):
    if channels not in (1, 3, 4):
        raise ValueError(f"only images of 1, 3 or 4 channels can be drawn, these have {channels}")


def _plain_log_ticks(axis):
    """Plain numbers on a log axis, which reaches down to a tick below the lowest value, or up to a near one."""
    low, high = axis.get_ylim()
    steps = np.array([1, 2, 5]) if high > 10 * low else np.array([1, 1.5, 2, 3, 4, 5, 7])
    if high < 1.5 * low:
        steps = np.r_[10:20, 20:50:2, 50:100:5] / 10
    known = np.concatenate([steps * 10.0**power for power in range(-2, 4)])
    below = known[known <= low]
    if len(below):
        axis.set_ylim(bottom=below[-1])
        low = below[-1]
    above = known[(known >= high) & (known < 1.5 * high)]
    if len(above):
        axis.set_ylim(top=above[0])
        high = above[0]
    ticks = known[(known >= low) & (known <= high)]
    axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.yaxis.set_minor_formatter(plt.NullFormatter())
    axis.grid(alpha=0.3)
