"""Restricted Boltzmann machines, against exact enumeration on machines small enough for it."""

from itertools import product

import numpy as np
import pytest
from sklearn.neural_network import BernoulliRBM
from threadpoolctl import threadpool_limits

import aelib
from aelib.pretraining import RBM, cd1, hidden, pretrain, train_rbm, unroll, visible


def _states(n):
    return np.array(list(product((0, 1), repeat=n)), "float32")


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.fixture
def small_rbm():
    rng = np.random.default_rng(0)
    shapes = ((5, 3), (5,), (3,))
    return RBM(*(rng.normal(0, 1.5, shape).astype("float32") for shape in shapes))


def _log_likelihood(rbm, v):
    """Mean log p(v), with the sum over all states done one by one."""

    def free(v):
        v = v.astype("float64")
        return v @ rbm.visible_bias + np.logaddexp(0, v @ rbm.kernel + rbm.hidden_bias).sum(axis=1)

    return free(v).mean() - np.logaddexp.reduce(free(_states(len(rbm.visible_bias))))


def test_conditionals_are_those_of_the_joint_distribution(small_rbm):
    w, b, c = small_rbm
    v, h = _states(5), _states(3)
    joint = np.exp(v @ w @ h.T + (v @ b)[:, None] + h @ c)
    up = joint @ h / joint.sum(axis=1, keepdims=True)
    down = joint.T @ v / joint.sum(axis=0)[:, None]
    np.testing.assert_allclose(hidden(small_rbm, v), up, rtol=1e-4)
    np.testing.assert_allclose(visible(small_rbm, h), down, rtol=1e-4)
    np.testing.assert_allclose(hidden(small_rbm, v, linear=True), v @ w + c, rtol=1e-4)


def test_cd1_averages_to_its_enumerated_statistics(small_rbm):
    w, b, c = small_rbm
    v = np.array([1, 0, 1, 1, 0], "float32")
    p = _sigmoid(v @ w + c)
    expected = [np.zeros_like(w), np.zeros_like(b), np.zeros_like(c)]
    for h in _states(3):
        weight = np.prod(np.where(h == 1, p, 1 - p))
        v1 = _sigmoid(w @ h + b)
        h1 = _sigmoid(v1 @ w + c)
        changes = np.outer(v, p) - np.outer(v1, h1), v - v1, p - h1
        expected = [e + weight * change for e, change in zip(expected, changes, strict=True)]

    n = 200_000
    noise = np.random.default_rng(1).random((n, 3), "float32")
    change, _ = cd1(small_rbm, np.tile(v, (n, 1)), noise)
    for got, exact in zip(change, expected, strict=True):
        np.testing.assert_allclose(got, exact, atol=0.005)


def test_cd1_points_along_the_exact_likelihood_gradient():
    rng = np.random.default_rng(0)
    rbm = RBM(
        rng.normal(0, 0.1, (5, 3)).astype("float32"), np.zeros(5, "float32"), np.zeros(3, "float32")
    )
    v = _states(5)[rng.choice(32, 50_000, p=rng.dirichlet(np.full(32, 0.3)))]
    step = 0.01
    exact = np.zeros((5, 3))
    for i, j in np.ndindex(5, 3):
        nudge = np.zeros((5, 3))
        nudge[i, j] = step
        up, down = (rbm._replace(kernel=rbm.kernel + s * nudge) for s in (1, -1))
        exact[i, j] = (_log_likelihood(up, v) - _log_likelihood(down, v)) / (2 * step)
    change, _ = cd1(rbm, v, rng.random((len(v), 3), "float32"))
    cosine = np.sum(exact * change.kernel) / np.linalg.norm(exact) / np.linalg.norm(change.kernel)
    assert cosine > 0.9


def test_training_raises_the_exact_likelihood():
    v = np.repeat([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]], 200, axis=0).astype("float32")
    rbm, errors = train_rbm(v, 3, epochs=60, batch_size=20)
    independent = 6 * np.log(0.5)
    assert _log_likelihood(rbm, v) > independent / 2  # the best possible is log(1/2)
    assert errors[-1] < 0.2 < errors[0]


def test_linear_units_add_normal_noise(small_rbm):
    v = np.eye(5, dtype="float32")
    still, _ = cd1(small_rbm, v, np.zeros((5, 3), "float32"), linear=True)
    h = v @ small_rbm.kernel + small_rbm.hidden_bias
    v1 = _sigmoid(h @ small_rbm.kernel.T + small_rbm.visible_bias)
    np.testing.assert_allclose(still.visible_bias, (v - v1).mean(axis=0), rtol=1e-4, atol=1e-6)
    moved, _ = cd1(small_rbm, v, np.ones((5, 3), "float32"), linear=True)
    assert not np.allclose(still.visible_bias, moved.visible_bias)


@pytest.mark.parametrize("their_epochs", [5, 20])
def test_as_good_as_scikit_learn(their_epochs):
    """In the same epochs, and, thanks to the momentum, even in a quarter of them."""
    v = aelib.draw_curves(2000).reshape(2000, -1)
    with threadpool_limits(1):  # on a busy machine more threads wait for each other
        theirs = BernoulliRBM(
            64, learning_rate=0.1, batch_size=100, n_iter=their_epochs, random_state=0
        ).fit(v)
    ours, errors = train_rbm(v, 64, epochs=5, batch_size=100, learning_rate=0.1)

    def quality(kernel, visible_bias, hidden_bias):
        theirs.components_ = kernel.T
        theirs.intercept_visible_, theirs.intercept_hidden_ = visible_bias, hidden_bias
        v1 = visible(RBM(kernel, visible_bias, hidden_bias), _sigmoid(v @ kernel + hidden_bias))
        return theirs.score_samples(v).mean(), np.square(v - v1).sum(axis=1).mean()

    likelihood, error = quality(
        theirs.components_.T, theirs.intercept_visible_, theirs.intercept_hidden_
    )
    our_likelihood, our_error = quality(*ours)
    assert our_likelihood > likelihood - 0.1 * abs(likelihood)
    assert our_error < 1.1 * error
    assert np.all(np.diff(errors) < 0)


def test_the_seed_decides(tiny):
    first, again, other = (
        pretrain(tiny.x_train, [6, 2], epochs=2, seed=seed, verbose=False) for seed in (0, 0, 1)
    )
    assert first[1] == again[1] != other[1]
    for a, b in zip(first[0], again[0], strict=True):
        np.testing.assert_array_equal(a.kernel, b.kernel)


def test_each_rbm_learns_from_the_one_below(tiny):
    rbms, errors = pretrain(tiny.x_train, [6, 4, 2], epochs=3, verbose=False)
    assert [rbm.kernel.shape for rbm in rbms] == [(48, 6), (6, 4), (4, 2)]
    below = hidden(rbms[0], tiny.x_train.reshape(200, -1))
    alone, _ = train_rbm(np.asarray(below), 4, epochs=3)
    np.testing.assert_allclose(rbms[1].kernel, alone.kernel, rtol=1e-5)
    assert [len(curve) for curve in errors] == [3, 3, 3]


def test_unrolled_weights_are_the_transposes(tiny):
    rbms, _ = pretrain(tiny.x_train, [6, 4, 2], epochs=1, verbose=False)
    ae = aelib.dense_autoencoder((8, 6, 1), [6, 4], 2, activation="sigmoid")
    unroll(rbms, ae)
    up, down = ae.encoder.get_weights(), ae.decoder.get_weights()
    for kernel, transposed in zip(up[::2], down[::2][::-1], strict=True):
        np.testing.assert_array_equal(kernel, transposed.T)

    h = v = tiny.x_test.reshape(40, -1)
    for depth, rbm in enumerate(rbms):
        h = np.asarray(hidden(rbm, h, linear=depth == 2))
    for rbm in reversed(rbms):
        v = h = np.asarray(visible(rbm, h))
    np.testing.assert_allclose(aelib.reconstruct(ae, tiny.x_test).reshape(40, -1), v, atol=1e-5)


def test_unrolled_rbms_reconstruct_better_than_the_mean():
    x_train, x_test = np.split(aelib.draw_curves(3300), [3000])
    rbms, _ = pretrain(x_train, [200, 30], epochs=15, slow_epochs=2, verbose=False)
    ae = aelib.dense_autoencoder((28, 28, 1), [200], 30, activation="sigmoid")
    unroll(rbms, ae)
    mean = np.broadcast_to(x_train.mean(axis=0), x_test.shape)
    e = aelib.reconstruction_error(ae, x_test)
    assert e < 0.7 * aelib.squared_error(x_test, mean)


@pytest.mark.parametrize("kind", [np.int64, np.uint8])
def test_numpys_integers_train_the_same_machines(tiny, kind):
    v = tiny.x_train.reshape(200, -1)
    numbers = {"units": 3, "epochs": 2, "slow_epochs": 1, "batch_size": 70, "seed": 5}
    _, ours = train_rbm(v, **numbers)
    _, theirs = train_rbm(v, **{name: kind(number) for name, number in numbers.items()})
    assert ours == theirs
    _, errors = pretrain(
        tiny.x_train, np.array([4, 2], kind), kind(1), kind(0), kind(3), verbose=False
    )
    assert [len(curve) for curve in errors] == [1, 1]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"v": np.full((4, 3), 2.0)}, r"v must be in \[0, 1\]; it runs from 2 to 2"),
        ({"v": np.full((4, 3), np.nan)}, r"v must be in \[0, 1\]; it runs from nan to nan"),
        (
            {"v": np.zeros((4, 3, 3, 1))},
            r"v must have shape \(n, visible units\), not \(4, 3, 3, 1",
        ),
        ({"v": np.zeros((0, 3))}, r"v must have shape \(n, visible units\), not \(0, 3\)"),
        ({"v": [[1j]]}, "v must be numbers, not complex128"),
        ({"v": "text"}, r"v must have shape \(n, visible units\), not \(\)"),
        ({"units": [3]}, r"units must be an integer of 1 or more, not \[3\]"),
        ({"epochs": 0}, "epochs must be an integer of 1 or more, not 0"),
        ({"slow_epochs": -1}, "slow_epochs must be an integer of 0 or more, not -1"),
        ({"slow_epochs": None}, "slow_epochs must be an integer of 0 or more, not None"),
        ({"batch_size": "a"}, "batch_size must be an integer of 1 or more, not 'a'"),
        ({"learning_rate": 0.0}, "learning_rate must be a number above 0, not 0.0"),
        ({"learning_rate": np.inf}, "learning_rate must be a number above 0, not inf"),
        ({"learning_rate": "a"}, "learning_rate must be a number above 0, not 'a'"),
        ({"seed": "a"}, "seed must be an integer from 0 to 4294967295, not 'a'"),
    ],
)
def test_a_machine_of_wrong_settings_is_refused(wrong, message, refused):
    with refused(message):
        train_rbm(**{"v": np.zeros((4, 3)), "units": 2, **wrong})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"x": np.zeros((4, 48))}, "training images must have shape"),
        ({"x": np.full((4, 8, 6, 1), np.nan)}, "training images contain NaN"),
        ({"units": []}, "units must name at least one layer, the code"),
        ({"units": 5}, "units must be a list of integers, not 5"),
        ({"units": [4, 0]}, r"units\[1\] must be an integer of 1 or more, not 0"),
        ({"units": {4: 2}}, "units must be a list of integers, not {4: 2}"),
        ({"epochs": [1]}, r"epochs must be an integer of 1 or more, not \[1\]"),
        ({"slow_epochs": "a"}, "slow_epochs must be an integer of 0 or more, not 'a'"),
        ({"seed": None}, "seed must be an integer from 0 to 4294967295, not None"),
    ],
)
def test_a_stack_of_wrong_settings_is_refused(wrong, message, refused, capsys):
    with refused(message):
        pretrain(**{"x": np.zeros((4, 8, 6, 1)), "units": [4, 2], **wrong})
    assert capsys.readouterr().err == ""


def test_only_machines_that_fit_are_unrolled(refused):
    rng = np.random.default_rng(0)
    rbms = [RBM(rng.normal(size=(n, m)), np.zeros(n), np.zeros(m)) for n, m in ((48, 6), (6, 2))]

    def dense(units=6, **options):
        return aelib.dense_autoencoder(
            (8, 6, 1), [units], 2, **{"activation": "sigmoid", **options}
        )

    unroll(rbms, dense())
    for rbm_list, ae, message in (
        (rbms, dense(5), r"do not match RBMs of sizes \[\(48, 6\), \(6, 2\)\]"),
        (rbms[::-1], dense(), "do not match RBMs of sizes"),
        ([], dense(), "do not match RBMs of sizes"),
        (rbms, dense(activation="relu"), "RBMs have sigmoid units, .* layers are .*relu"),
        (
            rbms,
            dense(output_activation="linear"),
            "RBMs have sigmoid units, .* layers are .*linear",
        ),
        (rbms[0], dense(), "rbms must be a list of RBMs"),
        ((rbms, [[1.0]]), dense(), "rbms must be a list of RBMs"),
        (None, dense(), "rbms must be a list of RBMs"),
        (rbms, dense().model, "ae must be an Autoencoder"),
    ):
        with refused(message):
            unroll(rbm_list, ae)
