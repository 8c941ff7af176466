import io
import itertools
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from IPython.display import Image

import aelib
from aelib import plots


def _check(image, *words):
    assert isinstance(image, Image)
    pixels = plt.imread(io.BytesIO(image.data))
    assert np.ptp(pixels[..., :3]) > 0.5
    for word in words:
        assert word in image.alt
    assert not plt.get_fignums()
    return pixels


@pytest.mark.parametrize("alt", ["", " ", None, 5])
def test_a_figure_needs_an_alternative_text(alt, refused):
    with refused("a figure needs an alternative text"):
        plots.show(plt.figure(), alt)
    plt.close("all")


def test_images_are_laid_out_row_by_row():
    x = np.zeros((3, 4, 4, 1))
    x[2] = 1
    pixels = _check(plots.images(x, "three", columns=2), "three")[..., 0]
    height, width = pixels.shape
    assert pixels[height // 4, width // 4] < 0.1
    assert pixels[3 * height // 4, width // 4] > 0.9


def test_reconstructions_name_each_method_and_its_mean_error(tiny):
    x = tiny.x_test
    image = plots.reconstructions(x, {"PCA": x, "dense": np.zeros_like(x)}, count=4)
    zero = aelib.image_errors(x[:4], 0 * x[:4]).mean()
    _check(image, "4 images", "PCA: mean error 0.0", f"dense: mean error {zero:.1f}")


@pytest.mark.parametrize(
    ("x", "wrong", "message"),
    [
        (np.zeros((6, 4, 4)), {}, r"images must have shape \(n, height, width, channels\), not"),
        (np.zeros((0, 4, 4, 1)), {}, r"images must have shape .* not \(0, 4, 4, 1\)"),
        (np.full((6, 4, 4, 1), np.nan), {}, "images contain NaN or infinite values"),
        (np.full((6, 4, 4, 1), "a"), {}, "images must be numbers"),
        (np.zeros((6, 4, 4, 2)), {}, "only images of 1, 3 or 4 channels .* these have 2"),
        ("text", {}, "images must have shape"),
        (np.zeros((6, 4, 4, 1)), {"columns": 0}, "columns must be an integer of 1 or more, not 0"),
        (np.zeros((6, 4, 4, 1)), {"columns": "5"}, "columns must be an integer of 1 or more, not"),
        (np.zeros((6, 4, 4, 1)), {"alt": None}, "a figure needs an alternative text"),
    ],
)
def test_images_that_cannot_be_drawn_are_refused(x, wrong, message, refused):
    with refused(message):
        plots.images(x, **{"alt": "six", **wrong})
    plt.close("all")


@pytest.mark.parametrize("kind", [np.int64, np.uint8])
def test_numpys_integers_count_columns_and_steps(kind, tiny):
    small = aelib.dense_autoencoder((8, 6, 1), [], 2)
    many = np.zeros((300, 1, 1, 1))
    assert plots.images(many, "300", kind(100)).data == plots.images(many, "300", 100).data
    _check(plots.reconstructions(tiny.x_test, {"PCA": tiny.x_test}, kind(2)), "2 images")
    _check(plots.interpolation(small, *tiny.x_test[:2], kind(3)), "3 images")


@pytest.mark.parametrize(
    ("x_hat", "count", "message"),
    [
        (lambda x: {"PCA": x[:, :4]}, 5, r"of 'PCA' must have shape \(n, 8, 6, 1\), not \(40, 4"),
        (lambda x: {"PCA": x * np.nan}, 5, "reconstructions of 'PCA' contain NaN"),
        (lambda x: {"PCA": None}, 5, "reconstructions of 'PCA' must have shape"),
        (lambda x: {"PCA": x[:3]}, 5, r"must have shape \(5, 8, 6, 1\), not \(3, 8, 6, 1\)"),
        (lambda x: {}, 5, "x_hat must be a dictionary with an entry or more, not {}"),
        (lambda x: x, 5, "x_hat must be a dictionary with an entry or more, not array"),
        (lambda x: {"PCA": x}, 0, "count must be an integer of 1 or more, not 0"),
        (lambda x: {"PCA": x}, -3, "count must be an integer of 1 or more, not -3"),
    ],
)
def test_reconstructions_that_cannot_be_drawn_are_refused(tiny, x_hat, count, message, refused):
    with refused(message):
        plots.reconstructions(tiny.x_test, x_hat(tiny.x_test), count)
    assert not plt.get_fignums()


def test_codes_2d_has_a_panel_for_each_method(tiny):
    code = np.random.default_rng(0).random((40, 2))
    one = _check(plots.codes_2d({"A": code}, tiny.y_test, tiny.class_names), "A")
    two = _check(
        plots.codes_2d({"A": code, "B": code}, tiny.y_test, tiny.class_names), "A: 40", "B: 40"
    )
    assert two.shape[1] > 1.5 * one.shape[1]


def test_a_few_far_codes_do_not_squeeze_the_others(tiny):
    code = np.random.default_rng(0).random((400, 2))
    y = np.resize(tiny.y_test, 400)
    near = _check(plots.codes_2d({"A": code}, y, tiny.class_names))
    code[0] = [1000, 0.5]
    far = _check(
        plots.codes_2d({"A": code}, y, tiny.class_names), "A: 400 of 400 images, 1 outside"
    )
    # Coloured points as far to the right in both: one far point has not pushed them to the left.
    colored = [np.ptp(image[..., :3], axis=2).max(axis=0) > 0.3 for image in (near, far)]
    assert np.ptp([np.flatnonzero(columns).max() for columns in colored]) < 0.1 * near.shape[1]
    assert np.ptp([columns.sum() for columns in colored]) < 0.1 * near.shape[1]


def test_the_name_of_each_class_stands_where_most_of_its_points_are(monkeypatch):
    drawn = []
    monkeypatch.setattr(plots, "show", lambda figure, alt: drawn.append((figure, alt)))
    rng = np.random.default_rng(0)
    centres = np.array([(0, 0), (8, 1), (8, 1), (7.4, 1)])  # b and c in one place, dee beside them
    crowds = np.concatenate([rng.normal(c, 0.1, (100, 2)) for c in centres])
    far = np.array(
        [[4.0, 4]] * 20 + [[4.0, -4]] * 20
    )  # some of the first class, away from the rest
    y = np.repeat([0, 1, 2, 3, 0], [100, 100, 100, 100, 40])
    names = ["a", "b", "c", "dee"]
    plots.codes_2d({"A": np.concatenate([crowds, far])}, y, names)
    figure, alt = drawn[0]
    places = re.findall(r"(\w+) at (-?\d+\.\d), (-?\d+\.\d)", alt)
    assert [name for name, *_ in places] == names
    assert np.abs(np.array([place for _, *place in places], float) - centres).max() < 0.4
    figure.canvas.draw()
    texts = {text.get_text(): text for text in figure.axes[0].texts[1:]}
    assert list(texts) == ["a", "b, c", "dee"]
    boxes = [text.get_window_extent() for text in texts.values()]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    assert [name for name, text in texts.items() if text.arrow_patch] == ["dee"]
    plt.close(figure)


CODES = {"A": np.zeros((5, 2))}


@pytest.mark.parametrize(
    ("codes", "y", "names", "message"),
    [
        ({"A": np.zeros((5, 3))}, [0] * 5, "ab", r"codes of 'A' must have shape \(5, 2\), not "),
        (CODES, [0] * 4, "ab", r"codes of 'A' must have shape \(4, 2\), not \(5, 2\)"),
        ({**CODES, "B": [[0, 1]]}, [0] * 5, "ab", r"codes of 'B' must have shape \(5, 2\), not "),
        ({"A": np.full((5, 2), np.nan)}, [0] * 5, "ab", "codes of 'A' contain NaN"),
        ({"A": None}, [0] * 5, "ab", "codes of 'A' must have shape"),
        ({}, [0] * 5, "ab", "codes must be a dictionary with an entry or more, not {}"),
        (np.zeros((5, 2)), [0] * 5, "ab", "codes must be a dictionary with an entry or more"),
        (CODES, [0, 0, 0, 0, 2], "ab", "labels run from 0 to 2, but there are 2 class names"),
        (CODES, [0, 0, 0, 0, -1], "ab", "labels run from -1 to 0, but there are 2 class names"),
        (CODES, [0] * 5, [], "labels run from 0 to 0, but there are 0 class names"),
        (CODES, [[0]] * 5, "ab", r"labels must have shape \(n,\), not \(5, 1\)"),
        (CODES, ["0"] * 5, "ab", "labels must be numbers"),
        (CODES, None, "ab", r"labels must have shape \(n,\), not \(\)"),
    ],
)
def test_codes_that_cannot_be_drawn_are_refused(codes, y, names, message, refused):
    with refused(message):
        plots.codes_2d(codes, y, names)
    assert not plt.get_fignums()


def test_codes_may_be_lists_with_numbers_as_titles():
    _check(plots.codes_2d({30: [[0, 1], [1, 0]]}, [0, 1], ["a", "b"]), "30: 2 of 2 images")


@pytest.mark.parametrize(
    ("errors", "ticks"),
    [
        ({1: 39.6, 5: 34.1}, ["32", "34", "36", "38", "40"]),
        ({1: 8.0, 5: 2.4}, ["2", "3", "4", "5", "7", "10"]),
        ({1: 90.0, 5: 2.4}, ["2", "5", "10", "20", "50", "100"]),
    ],
)
def test_a_log_axis_has_plain_ticks_however_short(monkeypatch, errors, ticks):
    drawn = []
    monkeypatch.setattr(plots, "show", lambda figure, alt: drawn.append(figure))
    plots.error_by_seconds({"conv": errors}, "one")
    axis = drawn[0].axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ticks
    plt.close(drawn[0])


def test_learning_curves_and_code_sizes_state_their_numbers(refused):
    _check(plots.learning_curves({"dense": [9.0, 4.0]}, "Blobs"), "Blobs", "dense: 9.0 to 4.0")
    errors = {"PCA": {2: 40.0, 8: 20.0}, "dense": {2: 25.0, 8: 7.5}}
    one = _check(plots.error_by_code_size({"Blobs": errors}), "Blobs: PCA: 40 at 2", "7.5 at 8")
    two = {"Blobs": errors, "Dots": {"PCA": {2: 3.0}}}
    pair = _check(plots.error_by_code_size(two), "E, squared error", "Dots: PCA: 3 at 2")
    assert pair.shape[1] > 1.3 * one.shape[1]
    runs = {"PCA": {0.3: 40.0}, "dense": {9.51: 25.0, 130.2: 7.5}}
    notes = {"dense": [f"{epochs}" for epochs in range(1, len(runs["dense"]) + 1)]}
    for image in (
        plots.error_by_seconds(runs, "Blobs"),
        plots.error_by_seconds(runs, "Blobs", notes),
    ):
        _check(image, "PCA: 40 at 0.3", "25 at 9.51", "7.5 at 130.2")
    dotted = plots.error_by_seconds(runs, "Blobs", notes)
    alone = plots.error_by_seconds(runs, "Blobs", {"PCA": ["2"], **notes})
    pixels = [_check(image) for image in (dotted, alone)]
    orange = [((p[..., 0] > 0.85) & (p[..., 2] < 0.1)).sum() for p in pixels]
    assert orange[0] > 2 * orange[1]  # with the line, and without
    three = plots.error_by_code_size({**two, "Lines": errors})
    assert _check(three).shape[0] > 1.5 * pair.shape[0]  # the third one stands below
    with refused("notes for 'dense' need a method of that name, and a text a mark"):
        plots.error_by_seconds(runs, "Blobs", {"dense": ["1"]})


def test_errors_may_be_divided_by_those_of_pca(refused):
    errors = {"PCA": {2: 40.0, 8: 20.0}, "dense": {8: 7.5}}
    image = plots.error_by_code_size({"Blobs": errors}, relative=True)
    _check(image, "E divided by PCA's", "PCA: 1 at 2, 1 at 8; dense: 0.375 at 8")
    with refused("'Blobs' has 'dense' with 4 numbers, but not PCA"):
        plots.error_by_code_size({"Blobs": {**errors, "dense": {4: 9.0}}}, relative=True)
    assert not plt.get_fignums()


@pytest.mark.parametrize("heights", [(1.0, 1.01, 1.02), (1.0, 2.0, 4.0), (3.0, 1.0, 3.0)])
def test_names_at_the_ends_of_lines_do_not_overlap(heights, monkeypatch):
    drawn = []
    monkeypatch.setattr(plots, "show", lambda figure, alt: drawn.append(figure))
    lines = {f"method {i}": {2: 8.0, 4: e} for i, e in enumerate(heights)}
    plots.error_by_code_size({"Blobs": lines})
    figure = drawn[0]
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == 3
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])
    plt.close(figure)


def test_seconds_must_be_positive(refused):
    with refused("seconds must be "):
        plots.error_by_seconds({"PCA": {0: 3.0}}, "Blobs")


def test_maps_of_error_name_their_lowest_points():
    one = {0.5: {0.1: 30.0, 1: np.nan}, 2: {0.1: 8.0, 1: 200.0}}
    words = "E over scale and rate", "a: 8.0 at 2 and 0.1", "b: 30.0 at 0.5 and 0.1"
    two = {"a": one, "b": {0.5: {0.1: 30.0}}}
    pixels = _check(plots.error_maps(two, "scale", "rate", 50), "from 50 on", *words)
    assert pixels.shape[1] > 1000
    _check(plots.error_maps({"a": one}, "scale", "rate", 50), "a: 8.0")


def test_a_map_is_grey_where_nothing_was_learned():
    one = {0.5: {0.1: 30.0, 1: 60.0}, 2: {0.1: 8.0, 1: np.nan}}

    def grey(failed):
        pixels = _check(plots.error_maps({"a": one}, "scale", "rate", failed))[..., :3]
        return (np.abs(pixels - 0xCC / 255).max(axis=-1) < 0.01).sum()

    assert grey(50) == pytest.approx(2 * grey(61), rel=0.1)  # two cells, and one


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        ({}, "maps must be a dictionary with an entry or more, not {}"),
        ({"a": {}}, "map 'a' must be a dictionary with an entry or more, not {}"),
        ({"a": {1: {1: 2.0}, 2: {3: 2.0}}}, r"the rows of map 'a' must all have the columns \[1\]"),
        ({"a": {1: {1: np.nan}}}, "no error of the maps is below 50, that of having learned noth"),
        ({"a": {1: {1: 51.0}}}, "no error of the maps is below 50"),
    ],
)
def test_maps_that_cannot_be_drawn_are_refused(maps, message, refused):
    with refused(message):
        plots.error_maps(maps, "scale", "rate", 50)
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    ("curves", "message"),
    [
        ({}, "curves must be a dictionary with an entry or more, not {}"),
        ([[2, 1]], "curves must be a dictionary with an entry or more"),
        ({"a": []}, r"errors of 'a' must have shape \(epochs,\), not \(0,\)"),
        ({"a": 3}, r"errors of 'a' must have shape \(epochs,\), not \(\)"),
        ({"a": ["x", "y"]}, "errors of 'a' must be numbers"),
        ({"a": {"E": [1]}}, "errors of 'a' must have shape"),
    ],
)
def test_learning_curves_that_cannot_be_drawn_are_refused(curves, message, refused):
    with refused(message):
        plots.learning_curves(curves, "Blobs")
    assert not plt.get_fignums()


def test_learning_curves_of_rates_may_diverge():
    _check(plots.learning_curves({0.1: [3, np.nan], 0.2: [2, 1]}, "Rates"), "0.2: 2.0 to 1.0")


@pytest.mark.parametrize(
    ("errors", "message"),
    [
        ({}, "errors in 'Blobs' must be a dictionary with an entry or more, not {}"),
        ({"PCA": {}}, "errors of 'PCA' in 'Blobs' must be a dictionary with an entry or more"),
        ({"PCA": [3, 2]}, r"errors of 'PCA' in 'Blobs' must be a dictionary .* not \[3, 2\]"),
        ({"PCA": {0: 3.0}}, r"sizes of 'PCA' in 'Blobs'\[0\] must be an integer of 1 or more, not"),
        ({"PCA": {"two": 3.0}}, r"code sizes of 'PCA' in 'Blobs'\[0\] must be an integer of 1 or"),
        ({"PCA": {2: "x"}}, "errors of 'PCA' in 'Blobs' must be numbers"),
        ({"PCA": {2: None}}, "errors of 'PCA' in 'Blobs' must be numbers"),
    ],
)
def test_errors_that_cannot_be_drawn_are_refused(errors, message, refused):
    with refused(message):
        plots.error_by_code_size({"Blobs": errors})
    assert not plt.get_fignums()


def test_panels_have_titles(refused):
    with refused("panels must be a dictionary with an entry or more"):
        plots.error_by_code_size([{"PCA": {2: 3.0}}])


def test_one_colour_a_method_everywhere():
    assert len(set(plots.COLORS.values())) == len(plots.COLORS) == len(plots.MARKERS)


@pytest.mark.parametrize(
    ("ae", "sizes"),
    [
        (aelib.dense_autoencoder((4, 4, 1), [9, 5], 2), "4×4×1, 9, 5, 2, 5, 9, 16"),
        (aelib.conv_autoencoder((4, 4, 1), 1, 3, 2), "4×4×1, 4×4×2, 4×4×2, 2×2×2, 3, 8, 2×2×2"),
    ],
)
def test_architecture_lists_the_layers_of_the_model(ae, sizes):
    pixels = _check(plots.architecture(ae, "Net"), "Net", sizes)
    code = np.array([0xD5, 0x5E, 0x00]) / 255
    assert (np.abs(pixels[..., :3] - code).max(axis=-1) < 0.01).sum() > 50


def test_interpolation_decodes_the_line_between_two_codes(tiny):
    ae = aelib.fit_pca(tiny.x_train, 10)
    _check(plots.interpolation(ae, tiny.x_test[0], tiny.x_test[1], steps=5), "5 images")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 1}, "steps must be an integer of 2 or more, not 1"),
        ({"steps": 2.5}, "steps must be an integer of 2 or more, not 2.5"),
        (
            {"x_from": np.zeros((1, 8, 6, 1))},
            "x_from and x_to must have shape .height, width, chan",
        ),
        ({"x_to": None}, "x_from and x_to must have shape"),
        ({"x_from": np.zeros((6, 8, 1)), "x_to": np.zeros((6, 8, 1))}, "takes images of shape"),
        ({"ae": 5}, "ae must be an Autoencoder"),
    ],
)
def test_what_has_no_points_between_is_refused(wrong, message, refused):
    x = np.zeros((8, 6, 1))
    right = {"ae": aelib.dense_autoencoder((8, 6, 1), [], 2), "x_from": x, "x_to": x}
    with refused(message):
        plots.interpolation(**{**right, **wrong})


def test_only_an_autoencoder_has_an_architecture(refused):
    with refused("ae must be an Autoencoder, as dense_autoencoder gives it, not Sequential"):
        plots.architecture(aelib.dense_autoencoder((8, 6, 1), [], 2).model)


def test_rows_have_names_and_notes(tiny):
    x = tiny.x_test[:3]
    bare = _check(plots.rows({"original": x, "again": x}, "Two rows."), "Two rows.")
    noted = _check(plots.rows({"original": x, "again": x}, "Two.", {"again": ["1", "2", "3"]}))
    assert noted.shape[0] > bare.shape[0]


@pytest.mark.parametrize(
    ("x", "notes", "message"),
    [
        ({}, None, "x must be a dictionary with an entry or more, not {}"),
        ({"a": np.zeros((2, 4, 4, 1)), "b": np.zeros((3, 4, 4, 1))}, None, r"of 'b' must have"),
        ({"a": None}, None, "images of 'a' must have shape"),
        ({"a": np.zeros((2, 4, 4, 2))}, None, "only images of 1, 3 or 4 channels"),
        ({"a": np.zeros((2, 4, 4, 1))}, {"a": ["1"]}, "notes for 'a' need a row .* and 2 texts"),
        ({"a": np.zeros((2, 4, 4, 1))}, {"b": ["1", "2"]}, "notes for 'b' need a row"),
    ],
)
def test_rows_that_cannot_be_drawn_are_refused(x, notes, message, refused):
    with refused(message):
        plots.rows(x, "Rows.", notes)


def test_weights_become_images_each_with_its_own_scale(refused):
    weights = np.arange(24.0).reshape(2, 12) - 6
    one, two = plots.weight_images(weights, (2, 2, 3))
    assert one.shape == (2, 2, 3)
    assert (one.min(), one[1, 0, 0], one.max()) == (0, 0.5, pytest.approx(0.5 + 5 / 12))
    assert (two.min(), two.max()) == (pytest.approx(0.5 + 6 / 34), 1)
    assert (plots.weight_images(np.zeros((1, 4)), (2, 2, 1)) == 0.5).all()
    with refused(r"weights must have shape \(n, 12\), not \(2, 4\)"):
        plots.weight_images(np.zeros((2, 4)), (2, 2, 3))


def test_a_dense_network_is_drawn_to_scale():
    pixels = _check(plots.architecture(aelib.dense_autoencoder((8, 8, 1), [128], 16)))

    def height(color):
        wanted = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        there = (np.abs(pixels[..., :3] - wanted).max(axis=-1) < 0.02).sum(axis=0)
        return there.max()

    assert height("#56B4E9") == pytest.approx(8 * height("#D55E00"), rel=0.05)  # 128 units and 16


def test_grids_frame_what_belongs_together():
    numbers = {"in": np.arange(12.0).reshape(3, 4), "out": np.ones((2, 2))}
    marks = [((0, 0, 2), (0, 0, 1)), ((1, 1, 2), (1, 1, 1))]
    framed = _check(plots.grids(numbers, marks, "Two windows."), "Two windows.")
    plain = _check(plots.grids(numbers, [], "No window."))
    frame = np.array([0xD5, 0x5E, 0x00]) / 255

    def count(picture):
        return (np.abs(picture[..., :3] - frame).max(axis=-1) < 0.02).sum()

    assert count(framed) > 500 > count(plain)


@pytest.mark.parametrize(
    ("numbers", "marks", "message"),
    [
        ({"a": np.zeros(3)}, [], r"table 'a' must have shape \(rows, columns\), not \(3,\)"),
        ({"a": np.zeros((2, 2))}, [((0, 0, 1), (0, 0, 1))], "1 grids need as many squares"),
        ({}, [], "numbers must be a dictionary"),
    ],
)
def test_grids_that_cannot_be_drawn_are_refused(numbers, marks, message, refused):
    with refused(message):
        plots.grids(numbers, marks, "Grids.")


def test_sheets_have_a_panel_for_each_surface(refused):
    points, surface = np.random.default_rng(0).random((20, 3)), np.random.default_rng(1).random
    one = _check(plots.sheets(points, {"PCA": surface((4, 5, 3))}, "A sheet."), "A sheet.")
    two = _check(plots.sheets(points, {"PCA": surface((4, 5, 3)), "b": surface((3, 3, 3))}, "B"))
    assert two.shape[1] > 1.5 * one.shape[1]
    with refused(r"surface of 'PCA' must have shape \(rows, columns, 3\), not \(4, 5, 2\)"):
        plots.sheets(points, {"PCA": surface((4, 5, 2))}, "A sheet.")
    with refused(r"points must have shape \(n, 3\), not \(20, 2\)"):
        plots.sheets(points[:, :2], {"PCA": surface((4, 5, 3))}, "A sheet.")
