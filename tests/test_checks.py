import numpy as np
import pytest

from aelib import checks

NAN, INF = float("nan"), float("inf")
NO_NUMBERS = ["3", None, True, [3], {"a": 3}, 1j, np.array(3)]


@pytest.mark.parametrize("count", [0, -1, 1.5, 2.0, NAN, *NO_NUMBERS])
def test_what_is_no_count_is_refused(count, refused):
    with refused("epochs must be an integer of 1 or more, not "):
        checks.check_count(count, "epochs")
    with refused(r"epochs\[1\] must be an integer of 1 or more, not "):
        checks.check_list([7, count], "epochs")
    with refused(r"epochs\[1\] must be an integer of 1 or more, not "):
        checks.check_counts(seeds=1, epochs=[7, count])


def test_counts_are_checked_by_name(refused):
    checks.check_counts(a=1, b=7, c=[])
    with refused("^b must be an integer of 1 or more, not 0"):
        checks.check_counts(a=1, b=0)


def test_a_count_may_start_elsewhere(refused):
    assert checks.check_count(0, "slow_epochs", least=0) == 0
    with refused("steps must be an integer of 2 or more, not 1"):
        checks.check_count(1, "steps", least=2)


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
def test_numpys_integers_become_pythons(kind):
    numbers = [
        checks.check_count(kind(72), "n"),
        checks.check_seed(kind(0)),
        *checks.check_list(np.array([5, 3], kind), "units"),
        *checks.check_list([kind(2)], "units"),
    ]
    assert numbers == [72, 0, 5, 3, 2]
    assert {type(number) for number in numbers} == {int}
    checks.check_counts(n=kind(3), units=np.array([5, 3], kind))


@pytest.mark.parametrize("units", [5, None, "ab", {4: 2}, 10**30, range(2)])
def test_what_is_no_list_is_refused(units, refused):
    with refused("units must be a list of integers, not "):
        checks.check_list(units, "units")


@pytest.mark.parametrize("rate", [0, -0.1, NAN, INF, -INF, *NO_NUMBERS])
def test_what_is_no_rate_is_refused(rate, refused):
    with refused("rate must be a number above 0, not "):
        checks.check_rate(rate=rate)


def test_rates_of_any_real_type_pass(refused):
    checks.check_rate(a=0.1, b=3, c=np.float32(0.1), d=np.int64(1))
    checks.check_rate(zero=True, a=0, b=0.0)
    with refused("b must be a number of 0 or more, not -1"):
        checks.check_rate(zero=True, a=0, b=-1)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, NAN, *NO_NUMBERS])
def test_what_is_no_seed_is_refused(seed, refused):
    with refused("seed must be an integer from 0 to 4294967295, not "):
        checks.check_seed(seed)
    assert checks.check_seed(2**32 - 1) == 2**32 - 1


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (None, r"codes must have shape \(n, 2\), not \(\)"),
        ("text", r"codes must have shape \(n, 2\), not \(\)"),
        ([1, 2], r"codes must have shape \(n, 2\), not \(2,\)"),
        (np.zeros((3, 3)), r"codes must have shape \(n, 2\), not \(3, 3\)"),
        (np.zeros((0, 2)), r"codes must have shape \(n, 2\), not \(0, 2\)"),
        ([[1, 2], [3]], r"codes must be one array of numbers, not \[\[1, 2\], \[3\]\]"),
        ([["a", "b"]], "codes must be numbers, not <U1"),
        ([[None, 1]], "codes must be numbers, not object"),
        ([[1j, 1]], "codes must be numbers, not complex"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(x, message, refused):
    with refused(message):
        checks.check_array(x, "codes", ("n", 2))


def test_only_finite_numbers_pass_as_finite(refused):
    assert checks.check_finite([[1, 2]], "codes", ("n", 2)).tolist() == [[1, 2]]
    for wrong in (NAN, INF, -INF):
        checks.check_array([wrong], "errors", ("epochs",))
        with refused("errors contain NaN or infinite values"):
            checks.check_finite([wrong], "errors", ("epochs",))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((3, 4, 4)), r"must have shape \(n, height, width, channels\), not \(3, 4, 4\)"),
        (np.zeros((0, 4, 4, 1)), "must have shape"),
        (np.zeros((2, 0, 4, 1)), "must have shape"),
        (np.full((1, 2, 2, 1), "a"), "must be numbers, not <U1"),
        (np.full((1, 2, 2, 1), NAN), "contain NaN"),
        (np.full((1, 2, 2, 1), 255.0), r"must be in \[0, 1\]; these run from 255 to 255"),
        (np.full((1, 2, 2, 1), -0.1), r"must be in \[0, 1\]"),
        (np.full((1, 2, 2, 1), INF), r"must be in \[0, 1\]"),
    ],
)
def test_what_are_no_images_is_refused(x, message, refused):
    with refused(f"^faces {message}"):
        checks.check_images(x, "faces")


@pytest.mark.parametrize("kind", [bool, int, "uint8", "float16", "float64"])
def test_black_and_white_images_of_any_type_pass(kind):
    x = np.ones((1, 2, 2, 1), kind)
    assert checks.check_images(x) is x


@pytest.mark.parametrize("mapping", [{}, None, [1], np.zeros(2), "ab"])
def test_what_is_no_dictionary_is_refused(mapping, refused):
    with refused("x_hat must be a dictionary with an entry or more, not "):
        checks.check_mapping(mapping, "x_hat")


def test_long_values_are_cut(refused):
    assert checks.short([1, 2]) == "[1, 2]"
    assert len(checks.short("x" * 5000)) == 60
    with refused("not array"):
        checks.check_count(np.ones((50, 50)), "n")
