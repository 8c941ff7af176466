"""The paper's artificial data set, drawn here: smooth curves through three random points."""

import numpy as np

from aelib.checks import check_count, check_seed


def draw_curves(n: int, seed: int = 0) -> np.ndarray:
    """Draw smooth curves through three random points, as images (n, 28, 28, 1) in [0, 1].

    After the "curves" of Hinton & Salakhutdinov (2006); their own drawing rule is not
    published in detail. Here the three points lie uniformly in a square of 22x22 pixels. A
    parabola joins them, with the point opposite the longest side in the middle, and times in
    proportion to the distances. The pen is a Gaussian of standard deviation 1 pixel; ink
    above 1 is cut off.

    Args:
        n: number of images.
        seed: of the points.

    Raises:
        ValueError: `n` is no integer of 1 or more, or a wrong seed.
    """
    n, seed = check_count(n, "n"), check_seed(seed)
    points = np.random.default_rng(seed).uniform(3, 25, (n, 3, 2)).astype("float32")
    # The longest side of each triangle joins the curve's two ends; `opposite` is its number, and
    # the point that does not lie on it comes second.
    opposite = np.linalg.norm(points[:, [1, 2, 0]] - points[:, [2, 0, 1]], axis=2)
    order = (opposite.argmax(axis=1)[:, None] + [2, 0, 1]) % 3
    points = np.take_along_axis(points, order[..., None], axis=1)
    parts = np.array_split(points, -(-n // 500))  # 500 curves at a time, for memory
    return np.concatenate([_ink(part) for part in parts])[..., None]


def _ink(points):
    """Images (n, 28, 28) of the curves through `points` (n, 3, 2), each three of x and y."""
    start, middle, end = points.transpose(1, 0, 2)[:, :, None]
    first, second = (np.linalg.norm(b - a, axis=2) for a, b in ((start, middle), (middle, end)))
    # Lagrange's polynomial of degree 2 in time t: at start for t = 0, at middle for t = m, at end
    # for t = 1. With m the share of the first leg in the way, the pen moves at an even speed.
    m = (first / (first + second))[..., None]
    t = np.linspace(0, 1, 100, dtype="float32")[:, None]
    path = (
        start * (t - m) * (t - 1) / m
        + middle * t * (1 - t) / (m * (1 - m))
        + end * t * (t - m) / (1 - m)
    )
    # A pixel's ink is the pen's Gaussian there, integrated along the path. The Gaussian is a product
    # of one in x and one in y, so the sum over the path's points is a matrix product.
    length = np.linalg.norm(np.gradient(path, axis=1), axis=2, keepdims=True)
    pixels = np.arange(28, dtype="float32") + 0.5
    x, y = (np.exp(-((path[:, :, i, None] - pixels) ** 2) / 2) for i in (0, 1))
    ink = (y * length).transpose(0, 2, 1) @ x / np.float32(np.sqrt(2 * np.pi))
    return np.minimum(ink, 1)
