"""Checks of what a caller gives: each raises a ValueError of one line that names what is wrong."""

import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

IMAGES = ("n", "height", "width", "channels")  # the shape of images


def check_counts(**counts: int | list[int] | tuple[int, ...] | np.ndarray) -> None:
    """Refuse what is no integer of 1 or more; NumPy's integers count, and so do lists of them.

    >>> check_counts(epochs=3, hidden_units=[500, 250])
    >>> check_counts(epochs=3, hidden_units=[500, 0])
    Traceback (most recent call last):
    ValueError: hidden_units[1] must be an integer of 1 or more, not 0

    Raises:
        ValueError: names the first of `counts` that is none.
    """
    for name, count in counts.items():
        if isinstance(count, list | tuple | np.ndarray):
            check_list(count, name)
        else:
            check_count(count, name)


def check_count(count: int, what: str, least: int = 1) -> int:
    """Return `count` as Python's own integer: NumPy's overflow, and Keras refuses some of them.

    >>> check_count(np.uint8(200), "epochs")
    200

    Raises:
        ValueError: no integer of `least` or more.
    """
    if not isinstance(count, Integral) or isinstance(count, bool) or count < least:
        raise ValueError(f"{what} must be an integer of {least} or more, not {short(count)}")
    return int(count)


def check_list(counts: Sequence[int] | np.ndarray, what: str) -> list[int]:
    """Return a list of integers of 1 or more as Python's own; an empty list is one.

    Raises:
        ValueError: no list, tuple or array, or an entry that is no such integer.
    """
    if not isinstance(counts, list | tuple | np.ndarray):
        raise ValueError(f"{what} must be a list of integers, not {short(counts)}")
    return [check_count(count, f"{what}[{i}]") for i, count in enumerate(counts)]


def check_rate(zero: bool = False, **rates: float) -> None:
    """Refuse what is no finite number above 0, or of 0 or more with `zero`.

    >>> check_rate(learning_rate="fast")
    Traceback (most recent call last):
    ValueError: learning_rate must be a number above 0, not 'fast'

    Raises:
        ValueError: names the first of `rates` that is none.
    """
    for name, rate in rates.items():
        number = isinstance(rate, Real) and not isinstance(rate, bool)
        if not number or not math.isfinite(rate) or rate < 0 or (rate == 0 and not zero):
            bound = "of 0 or more" if zero else "above 0"
            raise ValueError(f"{name} must be a number {bound}, not {short(rate)}")


def check_seed(seed: int) -> int:
    """Return as Python's own integer what every random generator here takes: 0 to 2³² − 1.

    Raises:
        ValueError: another value.
    """
    whole = isinstance(seed, Integral) and not isinstance(seed, bool)
    if not whole or not 0 <= seed < 2**32:
        raise ValueError(f"seed must be an integer from 0 to {2**32 - 1}, not {short(seed)}")
    return int(seed)


def check_array(x: ArrayLike, what: str, shape: Sequence[str | int]) -> np.ndarray:
    """Return `x` as an array if it holds numbers in the given shape, and at least one.

    >>> check_array([[1, 2]], "codes", ("n", 3))
    Traceback (most recent call last):
    ValueError: codes must have shape (n, 3), not (1, 2)

    Args:
        x: the array, or lists.
        what: how a message calls it.
        shape: a number, or the name of any number, for each axis.

    Raises:
        ValueError: no numbers, another shape, or nothing in it.
    """
    try:
        array = np.asarray(x)
    except ValueError:  # rows of different lengths
        raise ValueError(f"{what} must be one array of numbers, not {short(x)}") from None
    pairs = zip(shape, array.shape, strict=False)
    fits = all(wanted == found or isinstance(wanted, str) for wanted, found in pairs)
    if array.ndim != len(shape) or 0 in array.shape or not fits:
        listed = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
        raise ValueError(f"{what} must have shape ({listed}), not {array.shape}")
    if array.dtype.kind not in "fiub":  # fractions, whole numbers, truth values
        raise ValueError(f"{what} must be numbers, not {array.dtype}")
    return array


def check_finite(x: ArrayLike, what: str, shape: Sequence[str | int]) -> np.ndarray:
    """`check_array` that refuses NaN and infinite values, too."""
    x = check_array(x, what, shape)
    if not np.isfinite(x).all():
        raise ValueError(f"{what} contain NaN or infinite values")
    return x


def check_images(x: ArrayLike, what: str = "images") -> np.ndarray:
    """Return `x` as an array if it holds images (n, height, width, channels) in [0, 1].

    Raises:
        ValueError: another shape, no images, no numbers, values outside [0, 1], or NaN.
    """
    x = check_array(x, what, IMAGES)
    low, high = float(x.min()), float(x.max())
    if math.isnan(low) or math.isnan(high):
        raise ValueError(f"{what} contain NaN")
    if low < 0 or high > 1:
        raise ValueError(f"{what} must be in [0, 1]; these run from {low:g} to {high:g}")
    return x


def check_mapping(mapping: Mapping, what: str) -> None:
    """Refuse what is no dictionary, and an empty one.

    Raises:
        ValueError: says so.
    """
    if not isinstance(mapping, Mapping) or not mapping:
        raise ValueError(f"{what} must be a dictionary with an entry or more, not {short(mapping)}")


def check_parts(ae: Any, *parts: str) -> None:
    """Refuse what lacks the parts of an autoencoder, such as one of its models alone.

    Raises:
        ValueError: says so.
    """
    if not all(hasattr(ae, part) for part in parts):
        kind = type(ae).__name__
        raise ValueError(f"ae must be an Autoencoder, as dense_autoencoder gives it, not {kind}")


def short(value: Any) -> str:
    """What a message shows of a wrong value: a line, however long the value is."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
