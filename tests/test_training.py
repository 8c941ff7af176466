import numpy as np
import pytest

import aelib
from aelib.models import keras


def _train(tiny, **options):
    ae = aelib.dense_autoencoder((8, 6, 1), [16], 3)
    history = aelib.train(ae, tiny, **{"epochs": 2, "verbose": False, **options})
    return ae, history.history


def test_training_beats_the_mean_image_and_reports_e(tiny):
    ae, history = _train(tiny, epochs=60, batch_size=20, learning_rate=1e-2, track_test=True)
    e = aelib.squared_error(tiny.x_test, aelib.reconstruct(ae, tiny.x_test))
    mean = aelib.squared_error(tiny.x_test, 0 * tiny.x_test + tiny.x_train.mean(axis=0))
    assert e < 0.5 * mean
    assert history["val_E"][-1] == pytest.approx(e, rel=1e-3)
    assert len(history["E"]) == 60
    assert history["E"][0] == pytest.approx(48 * history["loss"][0], rel=1e-3)


def test_the_test_error_is_tracked_only_if_asked(tiny):
    assert "val_E" not in _train(tiny)[1]


def test_the_seed_fixes_weights_and_order(tiny):
    first, second, other = (_train(tiny, seed=s)[0].model.get_weights() for s in (1, 1, 2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.allclose(first[0], other[0])


def test_the_same_model_trained_again_starts_anew(tiny):
    ae, once = _train(tiny)
    again = aelib.train(ae, tiny, epochs=2, verbose=False).history
    assert again["E"] == once["E"]


def test_without_a_seed_training_goes_on(tiny):
    ae, before = _train(tiny, epochs=30)
    after = aelib.train(ae, tiny, epochs=1, learning_rate=1e-4, seed=None, verbose=False).history
    assert after["E"][0] < 1.2 * before["E"][-1] < 0.9 * before["E"][0]


def test_the_learning_rate_warms_up_and_falls_to_zero(tiny):
    ae, _ = _train(tiny, epochs=20, batch_size=10, learning_rate=0.5)
    rate = ae.model.optimizer._learning_rate
    assert float(rate(0)) == 0
    assert float(rate(20)) == pytest.approx(0.5)
    assert float(rate(210)) == pytest.approx(0.25, rel=0.01)
    assert float(rate(400)) == pytest.approx(0, abs=1e-6)


def test_only_dense_models_are_compiled_with_xla(tiny):
    conv = aelib.conv_autoencoder((8, 6, 1), 1, 3, base_filters=2)
    aelib.train(conv, tiny, epochs=1, verbose=False)
    assert not conv.model.jit_compile
    image, code = keras.Input((8, 6, 1)), keras.Input((3,))
    nested = aelib.models.join(
        keras.Model(image, conv.encoder(image)), keras.Model(code, conv.decoder(code))
    )
    aelib.train(nested, tiny, epochs=1, seed=None, verbose=False)
    assert not nested.model.jit_compile
    assert _train(tiny)[0].model.jit_compile == (keras.backend.backend() == "tensorflow")


def test_logistic_output_trains_with_cross_entropy(tiny):
    ae = aelib.dense_autoencoder((8, 6, 1), [], 3, output_activation="sigmoid")
    history = aelib.train(
        ae, tiny, epochs=20, loss="binary_crossentropy", learning_rate=1e-2, verbose=False
    ).history
    assert history["E"][-1] < history["E"][0]
    assert aelib.reconstruct(ae, tiny.x_test).min() >= 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0}, "epochs must be an integer of 1 or more, not 0"),
        ({"batch_size": 2.5}, "batch_size must be an integer"),
        ({"learning_rate": 0}, "learning_rate must be above 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be above 0"),
    ],
)
def test_wrong_settings_are_refused(tiny, wrong, message):
    with pytest.raises(ValueError, match=message):
        _train(tiny, **wrong)


def test_wrong_images_are_refused_before_training(tiny):
    with pytest.raises(ValueError, match="takes images of shape"):
        aelib.train(aelib.dense_autoencoder((6, 8, 1), [], 3), tiny)
    spoilt = tiny._replace(x_train=tiny.x_train * np.nan)
    with pytest.raises(ValueError, match="x_train contain NaN"):
        aelib.train(aelib.dense_autoencoder((8, 6, 1), [], 3), spoilt)


def test_the_progress_bar_goes_to_stderr_and_is_one(tiny, capsys):
    _train(tiny, verbose=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "epoch" in err
    _train(tiny)
    assert capsys.readouterr() == ("", "")
