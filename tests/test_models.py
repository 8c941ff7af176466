import numpy as np
import pytest

import aelib
from aelib.models import keras


def _units(model):
    return [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)]


def _call(model, x):
    return keras.ops.convert_to_numpy(model(x))


@pytest.mark.parametrize("hidden", [[], [12], [20, 12, 7]])
@pytest.mark.parametrize("shape", [(8, 6, 1), (5, 7, 3)])
def test_dense_mirrors_the_encoder(shape, hidden):
    ae = aelib.dense_autoencoder(shape, hidden, code_size=4)
    assert _units(ae.encoder) == [*hidden, 4]
    assert _units(ae.decoder) == [*reversed(hidden), np.prod(shape)]
    x = np.random.default_rng(0).random((3, *shape), dtype="float32")
    code = _call(ae.encoder, x)
    assert code.shape == (3, 4)
    assert _call(ae.model, x).shape == x.shape
    np.testing.assert_allclose(_call(ae.decoder, code), _call(ae.model, x), atol=1e-5)


def test_dense_code_and_output_are_linear_and_hidden_units_are_not():
    ae = aelib.dense_autoencoder((4, 4, 1), [9], 2, activation="relu", output_activation="sigmoid")
    kinds = [
        layer.activation.__name__
        for part in (ae.encoder, ae.decoder)
        for layer in part.layers
        if isinstance(layer, keras.layers.Dense)
    ]
    assert kinds == ["relu", "linear", "relu", "sigmoid"]


def test_an_initializer_serves_all_layers_and_new_draws():
    wide = keras.initializers.RandomNormal(stddev=5.0)
    ae = aelib.dense_autoencoder((8, 6, 1), [40], 20, kernel_initializer=wide)
    stds = [np.std(w) for w in ae.model.get_weights() if w.ndim == 2]
    assert len(stds) == 4
    np.testing.assert_allclose(stds, 5, rtol=0.1)
    again = keras.models.clone_model(ae.encoder).get_weights()[0]
    assert 4.5 < np.std(again) < 5.5
    default = aelib.dense_autoencoder((8, 6, 1), [40], 20).encoder.get_weights()
    np.testing.assert_allclose(np.std(default[0]), np.sqrt(2 / 48), rtol=0.1)


def test_the_three_models_share_their_weights():
    ae = aelib.dense_autoencoder((4, 4, 1), [5], 2)
    x = np.ones((1, 4, 4, 1), "float32")
    before = _call(ae.model, x)
    ae.encoder.set_weights([w + 1 for w in ae.encoder.get_weights()])
    assert not np.allclose(before, _call(ae.model, x))


@pytest.mark.parametrize("decoder", ["paired", "sandwich"])
@pytest.mark.parametrize(
    ("shape", "blocks"),
    [((28, 28, 1), 2), ((7, 7, 1), 3), ((9, 5, 3), 2), ((28, 20, 1), 4), ((2, 2, 1), 1)],
)
def test_conv_gives_back_any_shape(shape, blocks, decoder):
    ae = aelib.conv_autoencoder(shape, blocks, code_size=3, base_filters=2, decoder=decoder)
    x = np.random.default_rng(0).random((2, *shape), dtype="float32")
    assert _call(ae.encoder, x).shape == (2, 3)
    assert _call(ae.model, x).shape == x.shape


def test_conv_odd_sizes_go_7_4_7():
    ae = aelib.conv_autoencoder((7, 7, 1), 1, code_size=3, base_filters=2)
    heights = [
        layer.output.shape[1]
        for part in (ae.encoder, ae.decoder)
        for layer in part.layers
        if len(layer.output.shape) == 4
    ]
    assert heights == [7, 7, 4, 4, 4, 4, 8, 7, 7]


def test_conv_filters_double_and_decoders_differ_in_order():
    def chain(decoder):
        ae = aelib.conv_autoencoder((8, 8, 1), 2, 3, base_filters=4, decoder=decoder)
        down = [la.filters for la in ae.encoder.layers if isinstance(la, keras.layers.Conv2D)]
        up = [
            la.filters if isinstance(la, keras.layers.Conv2DTranspose) else "up"
            for la in ae.decoder.layers
            if isinstance(la, keras.layers.Conv2DTranspose | keras.layers.UpSampling2D)
        ]
        return down, up

    assert chain("paired") == ([4, 4, 8, 8], [8, 8, "up", 4, 4, "up"])
    assert chain("sandwich") == ([4, 4, 8, 8], [8, "up", 8, 4, "up", 4])


def test_conv_starts_at_32_filters_by_default():
    ae = aelib.conv_autoencoder((28, 28, 1))
    filters = [la.filters for la in ae.encoder.layers if isinstance(la, keras.layers.Conv2D)]
    assert filters == [32, 32, 64, 64]
    assert ae.encoder.output_shape == (None, 30)


@pytest.mark.parametrize("build", [aelib.dense_autoencoder, aelib.conv_autoencoder])
@pytest.mark.parametrize("code_size", [0, -1, 785, 2.0, "30", True])
def test_impossible_code_sizes_are_refused(build, code_size):
    with pytest.raises(ValueError, match="code_size must be") as error:
        build((28, 28, 1), code_size=code_size)
    assert "\n" not in str(error.value)


def test_the_largest_code_is_the_image():
    assert aelib.dense_autoencoder((2, 3, 1), [], 6).encoder.output_shape == (None, 6)


@pytest.mark.parametrize("hidden", [[0], [10, -5], [10, None], [2.5], ["8"]])
def test_impossible_layers_are_refused(hidden):
    with pytest.raises(ValueError, match=r"hidden_units\[\d\] must be an integer of 1 or more"):
        aelib.dense_autoencoder((4, 4, 1), hidden, 2)


@pytest.mark.parametrize("shape", [(784,), (28, 28), (28, 28, 0), (None, 28, 1)])
def test_impossible_shapes_are_refused(shape):
    for build in (aelib.dense_autoencoder, aelib.conv_autoencoder):
        with pytest.raises(ValueError, match="must be"):
            build(shape, code_size=1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_blocks": 0}, "num_blocks must be an integer of 1 or more"),
        ({"num_blocks": 6}, "num_blocks must be at most 5 for images of 28x28"),
        ({"base_filters": 0}, "base_filters must be an integer of 1 or more"),
        ({"decoder": "mirrored"}, "decoder must be 'paired' or 'sandwich', not 'mirrored'"),
    ],
)
def test_impossible_convolutions_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        aelib.conv_autoencoder((28, 28, 1), **wrong)
    aelib.conv_autoencoder((28, 28, 1), num_blocks=5, base_filters=1)
