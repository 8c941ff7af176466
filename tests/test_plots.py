import io

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


def test_a_figure_needs_an_alternative_text():
    with pytest.raises(ValueError, match="alternative text"):
        plots.show(plt.figure(), " ")
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


def test_reconstructions_of_another_shape_are_refused(tiny):
    with pytest.raises(ValueError, match="reconstructions of"):
        plots.reconstructions(tiny.x_test, {"PCA": tiny.x_test[:, :4]})
    plt.close("all")


def test_codes_2d_has_a_panel_for_each_method(tiny):
    code = np.random.default_rng(0).random((40, 2))
    one = _check(plots.codes_2d({"A": code}, tiny.y_test, tiny.class_names), "A")
    two = _check(plots.codes_2d({"A": code, "B": code}, tiny.y_test, tiny.class_names), "A, B")
    assert two.shape[1] > 1.5 * one.shape[1]


def test_codes_that_cannot_be_drawn_are_refused():
    with pytest.raises(ValueError, match=r"codes of 'A' must have shape \(n, 2\), not \(5, 3\)"):
        plots.codes_2d({"A": np.zeros((5, 3))}, np.zeros(5), ["0"])


def test_learning_curves_and_code_sizes_state_their_numbers():
    _check(plots.learning_curves({"dense": [9.0, 4.0]}, "Blobs"), "Blobs", "dense: 9.0 to 4.0")
    errors = {"PCA": {2: 40.0, 8: 20.0}, "dense": {2: 25.0, 8: 7.5}}
    _check(plots.error_by_code_size(errors, "Blobs"), "PCA: 40.0 at 2", "7.5 at 8")


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
    with pytest.raises(ValueError, match="steps must be 2 or more"):
        plots.interpolation(ae, tiny.x_test[0], tiny.x_test[1], steps=1)
