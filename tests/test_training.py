import numpy as np
import pytest

import aelib
from aelib.models import keras
from aelib.training import _batches


def _dense():
    return aelib.dense_autoencoder((8, 6, 1), [16], 3)


@pytest.fixture(scope="module")
def trained(tiny):
    """A trained autoencoder and its history.

    Compiling takes longer than all of the epochs, and a last batch of another size doubles it.
    """
    ae = _dense()
    settings = {"epochs": 60, "batch_size": 20, "learning_rate": 1e-2}
    return ae, aelib.train(ae, tiny, **settings, track_test=True, verbose=False).history


def test_training_beats_the_mean_image_and_reports_e(trained, tiny):
    ae, history = trained
    e = aelib.reconstruction_error(ae, tiny.x_test)
    mean = aelib.squared_error(tiny.x_test, 0 * tiny.x_test + tiny.x_train.mean(axis=0))
    assert e < 0.5 * mean
    assert history["val_E"][-1] == pytest.approx(e, rel=1e-3)
    assert len(history["E"]) == 60
    assert history["E"][0] == pytest.approx(48 * history["loss"][0], rel=1e-3)


def test_the_learning_rate_warms_up_and_falls_to_zero(trained):
    rate = trained[0].model.optimizer._learning_rate
    assert float(rate(0)) == 0
    assert float(rate(30)) == pytest.approx(0.01)
    assert float(rate(315)) == pytest.approx(0.005, rel=0.01)
    assert float(rate(600)) == pytest.approx(0, abs=1e-6)


def test_the_seed_fixes_weights_and_order_and_training_starts_anew(tiny, capsys):
    """Twice with seed 1, as Python's integers and as NumPy's, and once with seed 2 between them."""
    ae = _dense()
    runs = []
    for seed, kind in ((1, int), (2, int), (1, np.uint8)):
        numbers = {"epochs": kind(2), "batch_size": kind(100), "seed": kind(seed)}
        history = aelib.train(ae, tiny, **numbers, verbose=False).history
        runs.append((history["E"], *ae.model.get_weights()))
    for a, b in zip(runs[0], runs[2], strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.allclose(runs[0][1], runs[1][1])
    assert set(history) == {"loss", "E"}, "the test error is tracked only if asked"
    assert capsys.readouterr() == ("", "")


def _epoch(x, batch_size=10, **how):
    """The images of one epoch, and what they are to become."""
    keras.utils.set_random_seed(0)
    batches = [(a.numpy(), b.numpy()) for a, b in _batches(x, batch_size, **how)]
    return tuple(np.concatenate(part) for part in zip(*batches, strict=True))


def test_without_shift_and_mirror_an_epoch_is_every_image_once_in_another_order(tiny):
    given, wanted = _epoch(tiny.x_train, shift=0, mirror=False)
    np.testing.assert_array_equal(given, wanted)
    assert not np.array_equal(given, tiny.x_train)
    assert sorted(map(bytes, given)) == sorted(map(bytes, tiny.x_train))


def test_images_are_moved_to_each_of_nine_places_alike():
    dots = np.zeros((9000, 7, 5, 1), "float32")
    dots[:, 3, 2] = 1
    given, wanted = _epoch(dots, 100, shift=1, mirror=False)
    np.testing.assert_array_equal(given, wanted)
    share = given.mean(axis=0)[..., 0]
    expected = np.zeros((7, 5))
    expected[2:5, 1:4] = 1 / 9
    np.testing.assert_allclose(share, expected, atol=0.015)
    assert given[..., 0].sum(axis=(1, 2)).tolist() == [1] * 9000


def test_a_moved_image_goes_on_past_its_edge():
    """Four rows of one grey each, seen in five places."""
    rows = np.broadcast_to(np.float32([0, 0.25, 0.5, 1])[:, None, None], (100, 4, 3, 2))
    given, _ = _epoch(rows, shift=2, mirror=False)
    np.testing.assert_array_equal(given, given[:, :, :1, :1] * np.ones((1, 1, 3, 2)))
    assert {tuple(image[:, 0, 0].tolist()) for image in given} == {
        (0.5, 1, 1, 1),
        (0.25, 0.5, 1, 1),
        (0, 0.25, 0.5, 1),
        (0, 0, 0.25, 0.5),
        (0, 0, 0, 0.25),
    }


def test_half_of_the_images_are_mirrored():
    left = np.zeros((4000, 2, 4, 1), "float32")
    left[:, :, 0] = 1
    given, wanted = _epoch(left, shift=0, mirror=True)
    np.testing.assert_array_equal(given, wanted)
    np.testing.assert_allclose(given.mean(axis=(0, 1))[:, 0], [0.5, 0, 0, 0.5], atol=0.03)


def test_a_smaller_set_than_a_batch_is_one_batch_and_a_rest_waits(tiny):
    ae = _dense()
    aelib.train(ae, tiny, epochs=3, batch_size=999, verbose=False)
    assert int(ae.model.optimizer.iterations) == 3
    assert len(_epoch(tiny.x_train, 60, shift=1, mirror=False)[0]) == 180


@pytest.mark.parametrize(
    ("n", "convolutional", "steps"),
    [(20_000, False, 78), (20_000, True, 312), (2000, False, 40), (200, True, 12), (9, False, 1)],
)
def test_batches_are_smaller_with_convolutions_and_with_few_images(tiny, n, convolutional, steps):
    few = np.resize(tiny.x_train, (n, 8, 6, 1))
    ae = aelib.conv_autoencoder((8, 6, 1), 1, 3, base_filters=1) if convolutional else _dense()
    aelib.train(ae, tiny._replace(x_train=few, y_train=np.zeros(n, int)), 1, verbose=False)
    assert int(ae.model.optimizer.iterations) == steps


def test_without_a_seed_training_goes_on_and_a_bar_goes_to_stderr(trained, tiny, capsys):
    ae = _dense()
    ae.model.set_weights(trained[0].model.get_weights())
    after = aelib.train(ae, tiny, epochs=1, batch_size=100, learning_rate=1e-4, seed=None).history
    before = trained[1]["E"]
    assert after["E"][0] < 1.2 * before[-1] < 0.9 * before[0]
    out, err = capsys.readouterr()
    assert out == ""
    assert "epoch" in err


def test_only_dense_models_are_compiled_with_xla(trained, tiny):
    conv = aelib.conv_autoencoder((8, 6, 1), 1, 3, base_filters=2)
    aelib.train(conv, tiny, epochs=1, verbose=False)
    assert not conv.model.jit_compile
    image, code = keras.Input((8, 6, 1)), keras.Input((3,))
    nested = aelib.models.join(
        keras.Model(image, conv.encoder(image)), keras.Model(code, conv.decoder(code))
    )
    aelib.train(nested, tiny, epochs=1, seed=None, verbose=False)
    assert not nested.model.jit_compile
    assert trained[0].model.jit_compile == (keras.backend.backend() == "tensorflow")


def test_logistic_output_trains_with_cross_entropy(tiny):
    ae = aelib.dense_autoencoder((8, 6, 1), [], 3, output_activation="sigmoid")
    history = aelib.train(
        ae, tiny, 20, batch_size=100, loss="binary_crossentropy", learning_rate=1e-2, verbose=False
    ).history
    assert history["E"][-1] < history["E"][0]
    assert aelib.reconstruct(ae, tiny.x_test).min() >= 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0}, "epochs must be an integer of 1 or more, not 0"),
        ({"epochs": [3]}, r"epochs must be an integer of 1 or more, not \[3\]"),
        ({"batch_size": 2.5}, "batch_size must be an integer of 1 or more, not 2.5"),
        ({"learning_rate": 0}, "learning_rate must be a number above 0, not 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be a number above 0, not nan"),
        ({"learning_rate": float("inf")}, "learning_rate must be a number above 0, not inf"),
        ({"learning_rate": "fast"}, "learning_rate must be a number above 0, not 'fast'"),
        ({"weight_decay": -0.1}, "weight_decay must be a number of 0 or more, not -0.1"),
        ({"weight_decay": None}, "weight_decay must be a number of 0 or more, not None"),
        ({"seed": "a"}, "seed must be an integer from 0 to 4294967295, not 'a'"),
        ({"seed": -1}, "seed must be an integer from 0 to 4294967295, not -1"),
        ({"shift": -1}, "shift must be an integer of 0 or more, not -1"),
        ({"shift": 0.5}, "shift must be an integer of 0 or more, not 0.5"),
        ({"shift": True}, "shift must be an integer of 0 or more, not True"),
        ({"shift": 7}, "shift must be at most 6, the smaller side of an image, not 7"),
        ({"mirror": 1}, "mirror must be True or False, not 1"),
        ({"loss": "msee"}, "loss must be the name of a Keras loss, such as 'mse', not 'msee'"),
        ({"loss": None}, "loss must be the name of a Keras loss, such as 'mse', not None"),
        ({"loss": ["mse"]}, r"loss must be the name of a Keras loss, such as 'mse', not \['mse'\]"),
    ],
)
def test_wrong_settings_are_refused_before_training(tiny, wrong, message, refused):
    ae = _dense()
    before = ae.model.get_weights()
    with refused(message):
        aelib.train(ae, tiny, **wrong)
    for a, b in zip(before, ae.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("output", ["linear", "relu"])
@pytest.mark.parametrize(
    "loss", ["binary_crossentropy", "BinaryCrossentropy", keras.losses.BinaryCrossentropy()]
)
def test_cross_entropy_needs_a_logistic_output(tiny, output, loss, refused):
    ae = aelib.dense_autoencoder((8, 6, 1), [], 3, output_activation=output)
    with refused("binary_crossentropy needs an autoencoder with a 'sigmoid' output"):
        aelib.train(ae, tiny, loss=loss)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"x_train": np.zeros((9, 6, 8, 1))},
            r"of shape \(8, 6, 1\), but x_train have \(6, 8, 1\)",
        ),
        ({"x_test": np.zeros((9, 8, 6, 3))}, r"of shape \(8, 6, 1\), but x_test have \(8, 6, 3\)"),
        ({"x_train": np.full((9, 8, 6, 1), np.nan)}, "x_train contain NaN"),
        ({"x_test": np.full((9, 8, 6, 1), np.nan)}, "x_test contain NaN"),
        ({"x_train": np.full((9, 8, 6, 1), 255)}, r"x_train must be in \[0, 1\]"),
        ({"x_train": np.zeros((0, 8, 6, 1))}, "x_train must have shape"),
        ({"x_train": None}, "x_train must have shape"),
    ],
)
def test_wrong_images_are_refused_before_training(tiny, wrong, message, refused):
    with refused(message):
        aelib.train(_dense(), tiny._replace(**wrong))


def test_only_an_autoencoder_and_a_data_set_are_trained(tiny, refused):
    for data in (tiny.x_train, None, "mnist", tiny._asdict(), (tiny.x_train, tiny.y_train)):
        with refused("data must be a Dataset, as load_dataset gives it, not"):
            aelib.train(_dense(), data)
    with refused("ae must be an Autoencoder, as dense_autoencoder gives it, not Sequential"):
        aelib.train(_dense().model, tiny)


def test_no_bar_where_nobody_watches(tiny, capsys, monkeypatch):
    monkeypatch.setattr(aelib.training, "watched", lambda: False)
    aelib.train(_dense(), tiny, epochs=1, batch_size=50)
    assert capsys.readouterr() == ("", "")
