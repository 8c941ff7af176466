"""Two figures that a reader can touch: a walk in the plane of codes, and a drawing and its code.

They need no server, no network and no kernel. Each is one page in an `<iframe>`, with the decoders'
weights as integers of 8 bits inside, so it works in JupyterLab, in an executed notebook and on a site.
Where scripts are not allowed, a picture stands in its place.
"""

import base64
import html
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import PIL.Image

from aelib.checks import check_count, check_mapping, check_parts
from aelib.data import Dataset, check_dataset
from aelib.models import Autoencoder, check_fits, decode, encode
from aelib.plots import CLASSES, show, span

HERE = Path(__file__).parent
ACTIVATIONS = ("linear", "relu", "sigmoid", "silu", "tanh")  # those of explorer.js
PLANES, SHEET = "Planes of codes to walk in", "A drawing, its code, and what is decoded"
COLUMNS = 20  # of the picture that holds the test images


@dataclass(frozen=True, repr=False)
class Explorer:
    """A figure as a notebook shows it: a page to touch, a picture, and a text for it."""

    title: str
    page: str
    picture: bytes
    alt: str

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        png = base64.b64encode(self.picture).decode()
        title, alt, page = map(html.escape, (self.title, self.alt, self.page))
        frame = f'<iframe title="{title}" srcdoc="{page}" style="width:100%;border:0;display:none"></iframe>'
        picture = f'<img alt="{alt}" src="data:image/png;base64,{png}" style="max-width:100%">'
        data = {"text/html": picture + frame, "image/png": png, "text/plain": self.alt}
        return data, {"image/png": {"alt": self.alt}}


def explore(models: Mapping[str, Autoencoder], data: Dataset, images: int = 240) -> Explorer:
    """The plane of codes of two numbers, a panel a model, in which the reader walks.

    Move the pointer, a finger or the arrow keys through a plane: the decoder's image of that point appears,
    and beside it the test image whose code is nearest.

    Args:
        models: method -> autoencoder of dense layers with a code of two numbers.
        data: its first `images` test images are the points.
        images: how many.

    Returns:
        What a notebook displays. A decoder 2-128-256-784 makes it 0.4 MB.

    Raises:
        ValueError: no models, models with other layers or other codes, or other images than theirs.
    """
    check_dataset(data)
    x = _test_images(data, images)
    methods, grids = [], {}
    for name, ae in _checked(models, x, 2).items():
        codes = encode(ae, x)
        low, high = span(codes, 0.02)
        labels = data.y_test[: len(x)]
        middles = [_middle(codes[labels == label]) for label in range(len(data.class_names))]
        methods.append(
            {
                "name": str(name),
                "decoder": _layers(ae.decoder, f"the decoder of '{name}'"),
                "codes": _floats(codes),
                "low": _numbers(low),
                "high": _numbers(high),
                "middles": middles,
            }
        )
        grids[name] = _grid(ae, low, high)
    page = _page(PLANES, "explore", data, x, methods, levels=16)
    alt = (
        f"Images decoded from a grid of points in the plane of codes, {' beside '.join(map(str, models))}: "
        f"each place is a code of two numbers. {data.title}."
    )
    return Explorer(PLANES, page, _picture(grids.items(), alt), alt)


def draw(models: Mapping[str, Autoencoder], data: Dataset, images: int = 40) -> Explorer:
    """A sheet to draw on, the drawing's code as bars that can be moved, and what is decoded from it.

    The bars are those of the first model; the others answer beside it. A drawing is moved so that its
    centre of mass lies in the middle, as MNIST's images are.

    Args:
        models: method -> autoencoder of dense layers; the first is the one whose code is shown.
        data: its first `images` test images can be taken in place of a drawing.
        images: how many.

    Returns:
        What a notebook displays. Layers 784-256-128-30 and back beside PCA make it 0.8 MB.

    Raises:
        ValueError: no models, models with other layers, or other images than theirs.
    """
    check_dataset(data)
    x = _test_images(data, images)
    methods, rows = [], [("original", data.x_test[:10])]
    for name, ae in _checked(models, x, None).items():
        codes = encode(ae, data.x_test[:2000])
        low, high = span(codes, 0.002)
        methods.append(
            {
                "name": str(name),
                "encoder": _layers(ae.encoder, f"the encoder of '{name}'"),
                "decoder": _layers(ae.decoder, f"the decoder of '{name}'"),
                "ranges": [_numbers(pair) for pair in zip(low, high, strict=True)],
            }
        )
        rows.append((name, decode(ae, codes[:10])))
    page = _page(SHEET, "draw", data, x, methods, levels=256)
    alt = f"Test images, and below them what is decoded from their codes: {', '.join(map(str, models))}."
    strips = [(name, np.concatenate([*images], axis=1)) for name, images in rows]
    return Explorer(SHEET, page, _picture(strips, alt, columns=1), alt)


def _checked(models, x, code_size):
    """The models, if all are autoencoders of these images, with codes of that size."""
    check_mapping(models, "models")
    for name, ae in models.items():
        check_parts(ae, *Autoencoder._fields)
        check_fits(ae, x, "the test images")
        size = ae.decoder.input_shape[1]
        if code_size and size != code_size:
            raise ValueError(f"'{name}' has a code of {size} numbers: a plane needs 2")
    return models


def _test_images(data, count):
    count = check_count(count, "images")
    x = data.x_test[:count]
    if x.shape[-1] not in (1, 3):
        raise ValueError(f"only images of 1 or 3 channels can be shown, these have {x.shape[-1]}")
    return x


def _layers(model, what):
    """Dense layers for explorer.js: weights in integers of 8 bits, with a scale for each unit.

    A unit's largest weight becomes 127 or -127.
    """
    found = []
    for layer in model.layers:
        kind = type(layer).__name__
        if kind in ("Flatten", "Reshape", "InputLayer"):
            continue
        activation = getattr(getattr(layer, "activation", None), "__name__", "none")
        if kind != "Dense" or activation not in ACTIVATIONS or not layer.use_bias:
            raise ValueError(
                f"{what} has a layer {kind} with activation {activation}: the page can only compute "
                f"Dense layers with biases and with {', '.join(ACTIVATIONS)}"
            )
        weights, biases = (np.asarray(w, "float32") for w in layer.get_weights())
        scales = np.maximum(np.abs(weights).max(axis=0), 1e-12) / 127
        integers = np.round(weights / scales).astype(np.int8).T
        found.append(
            {
                "weights": base64.b64encode(integers.tobytes()).decode(),
                "scales": _floats(scales),
                "biases": _floats(biases),
                "activation": activation,
            }
        )
    return found


def _page(title, kind, data, x, methods, levels):
    """The page as a text: explorer.css, the data, and explorer.js."""
    height, width, channels = x.shape[1:]
    classes = len(data.class_names)
    palette = (
        [*CLASSES]
        if classes <= len(CLASSES)
        else [
            f"rgb({', '.join(str(round(255 * v)) for v in color[:3])})"
            for color in plt.get_cmap("turbo")(np.linspace(0, 1, classes))
        ]
    )
    content = {
        "kind": kind,
        "shape": [height, width, channels],
        "classes": [str(name) for name in data.class_names],
        "named": classes <= 20,
        "colors": palette,
        "labels": [int(label) for label in data.y_test[: len(x)]],
        "columns": COLUMNS,
        "sheet": "data:image/png;base64," + base64.b64encode(_sheet(x, levels)).decode(),
        "methods": methods,
    }
    # "<" must not end the script early.
    packed = json.dumps(content, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    style, script = ((HERE / f"explorer.{end}").read_text("utf-8") for end in ("css", "js"))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{title}</title><style>{style}</style></head><body><main></main>"
        f'<script type="application/json" id="data">{packed}</script><script>{script}</script></body></html>'
    )


def _sheet(x, levels):
    """All images in one PNG, row by row; `levels` of grey keep it small."""
    x = np.clip(x, 0, 1)
    n, height, width, channels = x.shape
    rows = -(-n // COLUMNS)
    sheet = np.zeros((rows * COLUMNS, height, width, channels), np.uint8)
    sheet[:n] = np.round(np.round(x * (levels - 1)) * (255 / (levels - 1)))
    sheet = sheet.reshape(rows, COLUMNS, height, width, channels).swapaxes(1, 2)
    sheet = sheet.reshape(rows * height, COLUMNS * width, channels)
    image = PIL.Image.fromarray(sheet.squeeze(-1) if channels == 1 else sheet)
    return _png(image.quantize(levels) if channels == 1 and levels <= 16 else image)


def _png(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _grid(ae, low, high, side=10):
    """Images decoded from side x side points of the plane, as one image; the second number grows upwards."""
    across, up = (np.linspace(low[i], high[i], side) for i in (0, 1))
    points = np.stack(np.meshgrid(across, up[::-1]), axis=-1).reshape(-1, 2)
    x = np.clip(decode(ae, points.astype("float32")), 0, 1)
    height, width, channels = x.shape[1:]
    x = x.reshape(side, side, height, width, channels).swapaxes(1, 2)
    return x.reshape(side * height, side * width, channels)


def _picture(panels, alt, columns=2):
    """The still picture of `panels`: each a title and an image."""
    panels = [*panels]
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    ratio = max(p.shape[0] / p.shape[1] for _, p in panels)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(3.6, rows * (3.6 / columns * ratio + 0.2)),
        squeeze=False,
        layout="constrained",
    )
    for axis in axes.flat:
        axis.axis("off")
    for axis, (name, panel) in zip(axes.flat, panels, strict=False):
        axis.imshow(
            np.clip(panel, 0, 1).squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest"
        )
        axis.set_title(str(name), fontsize=7)
    picture = PIL.Image.open(io.BytesIO(show(figure, alt).data)).convert("RGB")
    # Few colours: it stands in the page a second time, in base64.
    return _png(picture.quantize(16 if panels[0][1].shape[-1] == 1 else 256))


def _middle(codes):
    return _numbers(np.median(codes, axis=0)) if len(codes) else None


def _floats(values):
    return base64.b64encode(np.asarray(values, "<f4").tobytes()).decode()


def _numbers(values):
    return [float(np.float32(v)) for v in values]
