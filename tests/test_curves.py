import numpy as np
import pytest
from scipy.ndimage import label

import aelib


def test_curves_are_single_smooth_strokes_in_the_frame():
    x = aelib.draw_curves(300)
    assert x.shape == (300, 28, 28, 1)
    assert x.dtype == np.float32
    assert x.min() >= 0
    assert x.max() <= 1
    ink = x[..., 0]
    assert all(label(image > 0.3, np.ones((3, 3)))[1] == 1 for image in ink)
    assert np.mean((ink > 0.1) & (ink < 0.9)) > 0.5 * np.mean(ink > 0.1), "not anti-aliased"
    edge = ink[:, [0, -1], :].sum() + ink[:, :, [0, -1]].sum()
    assert edge < 0.01 * ink.sum()


def test_the_seed_decides_and_the_number_does_not():
    x = aelib.draw_curves(7)
    np.testing.assert_array_equal(x, aelib.draw_curves(600)[:7])
    assert not np.array_equal(x, aelib.draw_curves(7, seed=1))


def test_the_curves_never_change():
    """Published numbers rest on them. Here is how much ink four of them have."""
    ink = aelib.draw_curves(4).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(ink, [75.235, 54.104, 33.857, 46.788], rtol=1e-4)


def test_a_curve_goes_through_its_three_points():
    points = np.random.default_rng(5).uniform(3, 25, (200, 3, 2))
    for image, corners in zip(aelib.draw_curves(200, seed=5)[..., 0], points, strict=True):
        for x, y in corners:
            assert image[int(y), int(x)] > 0.25


def test_wrong_numbers_are_refused(refused):
    with refused("n must be an integer of 1 or more, not 0"):
        aelib.draw_curves(0)
    with refused("seed must be an integer from 0"):
        aelib.draw_curves(3, seed="a")


@pytest.mark.parametrize("kind", [np.int64, np.uint8])
def test_numpys_integers_pass(kind):
    np.testing.assert_array_equal(aelib.draw_curves(kind(250), kind(3)), aelib.draw_curves(250, 3))
