"""Figures of the series, each as a PNG with an alternative text. No TensorFlow needed."""

import io
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Image
from matplotlib.figure import Figure

from aelib.checks import (
    IMAGES,
    check_array,
    check_count,
    check_finite,
    check_images,
    check_list,
    check_mapping,
    check_parts,
)
from aelib.metrics import image_errors

# Okabe & Ito's colours, which the colour-blind can tell apart: one for each method, everywhere.
COLORS = {"PCA": "#E69F00", "logistic PCA": "#CC79A7", "dense": "#0072B2", "conv": "#009E73"}
MARKERS = {"PCA": "s", "logistic PCA": "^", "dense": "o", "conv": "D"}
# Tol's muted colours and a grey, for up to ten classes: https://personal.sron.nl/~pault/
CLASSES = (
    *("#332288", "#CC6677", "#117733", "#DDCC77", "#88CCEE"),
    *("#882255", "#44AA99", "#999933", "#AA4499", "#777777"),
)


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
    rows = len(x_hat) + 1
    figure, axes = plt.subplots(rows, len(x), figsize=(len(x), 1.3 * rows), squeeze=False)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    for row, (label, batch) in enumerate({"original": x, **x_hat}.items()):
        color = COLORS.get(label, "black")
        axes[row, 0].set_ylabel(label, rotation=0, ha="right", va="center", color=color)
        for i in range(len(x)):
            picture = np.clip(batch[i], 0, 1).squeeze()
            axes[row, i].imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            if row:
                axes[row, i].set_xlabel(f"{errors[label][i]:.1f}", fontsize=9, labelpad=2)
    figure.text(0.5, 0.02, "number under each image: its squared error", ha="center", fontsize=9)
    means = "; ".join(f"{method}: mean error {e.mean():.1f}" for method, e in errors.items())
    return show(figure, f"{len(x)} images and their reconstructions. {means}.")


def codes_2d(codes: Mapping[str, np.ndarray], y: np.ndarray, class_names: Sequence[str]) -> Image:
    """Scatter plots of two-dimensional codes side by side, coloured by class.

    At most 4,000 points are drawn, chosen at random. Each axis spans all but the outermost 1 % of the
    codes, so that a few far ones do not squeeze the rest; the figure says how many lie outside.

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
    notes = []
    # Shuffled, since otherwise the last class covers the others.
    order = np.random.default_rng(0).permutation(len(y))[:4000]
    for axis, (title, code) in zip(axes.flat, codes.items(), strict=True):
        axis.scatter(
            *code[order].T,
            s=4,
            c=[palette[int(label)] for label in y[order]],
            linewidths=0,
            antialiased=False,
        )
        low, high = np.quantile(code, [0.005, 0.995], axis=0)
        margin = 0.05 * np.where(high > low, high - low, 1)
        low, high = low - margin, high + margin
        axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        outside = int(((code < low) | (code > high)).any(axis=1).sum())
        if outside:
            note = f"{outside} of {len(code)} images lie outside"
            axis.text(
                0.99, 0.01, note, ha="right", va="bottom", fontsize=8, transform=axis.transAxes
            )
            notes.append(f" {title}: {note}.")
        for label, name in enumerate(named):
            points = code[y == label]
            axis.scatter([], [], s=4, color=palette[label], label=name)
            if len(points):
                box = {"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.7}
                place = np.median(points, axis=0)
                axis.annotate(name, place, ha="center", va="center", fontsize=9, bbox=box)
        axis.set(title=title, xlabel="first number of the code", ylabel="second number")
    if len(named):
        handles, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside right center", markerscale=4, title="class")
    titles = ", ".join(map(str, codes))
    alt = f"Test images as points in the plane, one panel each: {titles}.{''.join(notes)}"
    return show(figure, alt)


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
        method = next((m for m in COLORS if str(label).startswith(m)), "")
        style = "--" if "training" in str(label) else "-"
        axis.plot(
            range(1, len(errors) + 1), errors, style, marker=".", label=label,
            color=COLORS.get(method),
        )  # fmt: skip
    axis.set(title=title, xlabel="epoch", ylabel="E, squared error per image", yscale="log")
    axis.locator_params(axis="x", integer=True)
    _plain_log_ticks(axis)
    axis.legend()
    ends = "; ".join(f"{label}: {e[0]:.1f} to {e[-1]:.1f}" for label, e in curves.items())
    return show(figure, f"{title}. Error per epoch, first to last. {ends}.")


def error_by_code_size(errors: Mapping[str, Mapping[int, float]], title: str) -> Image:
    """Squared error against code size on two log axes.

    Args:
        errors: method -> {code size: E}, one line a method.
        title: of the figure.

    Raises:
        ValueError: no dictionary of dictionaries, code sizes below 1, or errors that are no numbers.
    """
    check_mapping(errors, "errors")
    for method, points in errors.items():
        check_mapping(points, f"errors of '{method}'")
        check_list([*points], f"code sizes of '{method}'")
        check_array([*points.values()], f"errors of '{method}'", ("code sizes",))
    figure, axis = plt.subplots(figsize=(7, 4))
    for method, points in errors.items():
        color, marker = COLORS.get(method), MARKERS.get(method, "o")
        axis.plot([*points], [*points.values()], color=color, marker=marker, label=method)
    sizes = sorted({size for points in errors.values() for size in points})
    axis.set(title=title, xscale="log", yscale="log")
    axis.set(xlabel="code size, numbers per image", ylabel="E, squared error per test image")
    axis.set_xticks(sizes, [str(size) for size in sizes])
    axis.minorticks_off()
    _plain_log_ticks(axis)
    axis.legend()
    rows = "; ".join(
        f"{method}: " + ", ".join(f"{e:.1f} at {size}" for size, e in points.items())
        for method, points in errors.items()
    )
    return show(figure, f"{title}. {rows}.")


def architecture(ae, title: str = "") -> Image:
    """Draw an autoencoder's layers as bars, whose heights grow with the layers' sizes.

    Bars stand for the layers that have weights, poolings and upsamplings; the code is marked.

    Args:
        ae: Autoencoder, or anything with a Keras `.encoder` and `.decoder`.
        title: of the figure.

    Raises:
        ValueError: `ae` has no encoder and decoder.
    """
    check_parts(ae, "encoder", "decoder")
    shapes = [("input", ae.encoder.input_shape[1:])]
    for part in (ae.encoder, ae.decoder):
        for layer in part.layers:
            kind = type(layer).__name__
            if kind not in ("Flatten", "Reshape", "InputLayer", "Cropping2D"):
                shapes.append((kind.replace("2D", ""), layer.output.shape[1:]))
    code = len([layer for layer in ae.encoder.layers if type(layer).__name__ != "Flatten"])
    crowded = len(shapes) > 12
    figure, axis = plt.subplots(figsize=(max(6.5, 0.75 * len(shapes)), 3.6))
    for i, (kind, shape) in enumerate(shapes):
        size = int(np.prod(shape))
        height = np.log2(size + 1)
        color = "#D55E00" if i == code else "#56B4E9" if i < code else "#BBBBBB"
        axis.bar(i, height, 0.6, bottom=-height / 2, color=color)
        text = "×".join(map(str, shape))
        if crowded:
            text = text[::-1].replace("×", "×\n", 1)[::-1]
        axis.text(i, height / 2 + 0.3, text, ha="center", va="bottom", fontsize=8)
        if crowded:
            axis.text(i, 0, kind, ha="center", va="center", rotation=90, fontsize=8)
    axis.text(code, -np.log2(shapes[code][1][0] + 1) / 2 - 0.4, "code", ha="center", va="top")
    axis.text((code - 1) / 2, -8.2, "encoder", ha="center", color="#1B6FA8")
    axis.text((code + len(shapes)) / 2, -8.2, "decoder", ha="center", color="#555555")
    axis.set(title=title, ylim=(-9, 9))
    axis.axis("off")
    listed = ", ".join("×".join(map(str, shape)) for _, shape in shapes)
    return show(figure, f"{title}. Layer sizes from input to output: {listed}.".lstrip(". "))


def interpolation(ae, x_from: np.ndarray, x_to: np.ndarray, steps: int = 9) -> Image:
    """Decode points on the straight line between the codes of two images.

    Args:
        ae: Autoencoder.
        x_from, x_to: one image each, (height, width, channels).
        steps: images to show, both ends included; 2 or more.

    Raises:
        ValueError: no such images, or fewer steps.
    """
    from aelib.models import decode, encode  # here, since it starts TensorFlow

    steps = check_count(steps, "steps", least=2)
    ends = [check_array(x, "x_from and x_to", IMAGES[1:]) for x in (x_from, x_to)]
    start, end = encode(ae, np.stack(ends))
    mix = np.linspace(0, 1, steps, dtype="float32")[:, None]
    decoded = decode(ae, (1 - mix) * start + mix * end)
    return images(decoded, f"{steps} images decoded between two codes.", columns=steps)


def _check_channels(channels):
    if channels not in (1, 3, 4):
        raise ValueError(f"only images of 1, 3 or 4 channels can be drawn, these have {channels}")


def _plain_log_ticks(axis):
    low, high = axis.get_ylim()
    ticks = [t for t in (0.5, 1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 50, 70, 100) if low <= t <= high]
    axis.set_yticks(ticks, [f"{t:g}" for t in ticks])
    axis.yaxis.set_minor_formatter(plt.NullFormatter())
    axis.grid(alpha=0.3)
