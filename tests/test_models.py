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
    twins = aelib.dense_autoencoder((8, 6, 1), [40, 40, 40], 20, kernel_initializer=wide)
    second, third = (layer.get_weights()[0] for layer in twins.encoder.layers[2:4])
    assert np.abs(second - third).min() > 0  # not the same numbers twice
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


def test_conv_hidden_units_stand_on_both_sides_of_the_code():
    ae = aelib.conv_autoencoder((8, 8, 1), 1, 3, base_filters=2, hidden_units=np.array([20, 10]))
    units = [
        [la.units for la in part.layers if isinstance(la, keras.layers.Dense)]
        for part in (ae.encoder, ae.decoder)
    ]
    assert units == [[20, 10, 3], [10, 20, 4 * 4 * 2]]
    x = np.random.default_rng(0).random((2, 8, 8, 1), dtype="float32")
    assert _call(ae.model, x).shape == x.shape


def test_conv_starts_at_32_filters_by_default():
    ae = aelib.conv_autoencoder((28, 28, 1))
    filters = [la.filters for la in ae.encoder.layers if isinstance(la, keras.layers.Conv2D)]
    assert filters == [32, 32, 64, 64]
    assert ae.encoder.output_shape == (None, 30)


@pytest.mark.parametrize("build", [aelib.dense_autoencoder, aelib.conv_autoencoder])
@pytest.mark.parametrize("code_size", [0, -1, 785, 2.0, "30", True, None, [30]])
def test_impossible_code_sizes_are_refused(build, code_size, refused):
    with refused("code_size must be"):
        build((28, 28, 1), code_size=code_size)


def test_the_largest_code_is_the_image():
    assert aelib.dense_autoencoder((2, 3, 1), [], 6).encoder.output_shape == (None, 6)


@pytest.mark.parametrize("hidden", [[0], [10, -5], [10, None], [2.5], ["8"], [[8]], [True]])
def test_impossible_layers_are_refused(hidden, refused):
    with refused(r"hidden_units\[\d\] must be an integer of 1 or more"):
        aelib.dense_autoencoder((4, 4, 1), hidden, 2)


@pytest.mark.parametrize("hidden", [5, None, "500", {500: 250}])
def test_layers_that_are_no_list_are_refused(hidden, refused):
    with refused("hidden_units must be a list of integers, not"):
        aelib.dense_autoencoder((4, 4, 1), hidden, 2)


@pytest.mark.parametrize("build", [aelib.dense_autoencoder, aelib.conv_autoencoder])
@pytest.mark.parametrize(
    "shape",
    [(784,), (28, 28), (28, 28, 0), (None, 28, 1), (28.0, 28, 1), 784, None, "28x28", {28: 1}],
)
def test_impossible_shapes_are_refused(build, shape, refused):
    with refused(r"input_shape(\[\d\])? must be"):
        build(shape, code_size=1)


@pytest.mark.parametrize("build", [aelib.dense_autoencoder, aelib.conv_autoencoder])
@pytest.mark.parametrize("name", ["activation", "output_activation"])
@pytest.mark.parametrize("wrong", ["relux", "", 5, ["relu"]])
def test_unknown_activations_are_refused(build, name, wrong, refused):
    with refused(f"^{name} must be the name of a Keras activation, such as 'relu', not "):
        build((4, 4, 1), code_size=2, **{name: wrong})


@pytest.mark.parametrize("kind", [np.int64, np.uint8])
def test_numpys_integers_build_the_same_networks(kind):
    shape, hidden = np.array([20, 20, 1], kind), np.array([9, 5], kind)
    ae = aelib.dense_autoencoder(shape, hidden, kind(2))
    assert _units(ae.model.layers[1]) == [5, 9, 400]
    ae = aelib.conv_autoencoder(tuple(shape), kind(2), kind(2), kind(130))
    filters = [la.filters for la in ae.encoder.layers if isinstance(la, keras.layers.Conv2D)]
    assert filters == [130, 130, 260, 260]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_blocks": 0}, "num_blocks must be an integer of 1 or more"),
        ({"num_blocks": 6}, "num_blocks must be at most 5 for images of 28x28"),
        ({"base_filters": 0}, "base_filters must be an integer of 1 or more"),
        ({"decoder": "mirrored"}, "decoder must be 'paired' or 'sandwich', not 'mirrored'"),
        ({"decoder": None}, "decoder must be 'paired' or 'sandwich', not None"),
        ({"num_blocks": [2]}, r"num_blocks must be an integer of 1 or more, not \[2\]"),
        ({"hidden_units": [0]}, r"hidden_units\[0\] must be an integer of 1 or more, not 0"),
        ({"hidden_units": 500}, "hidden_units must be a list of integers, not 500"),
        ({"base_filters": "8"}, "base_filters must be an integer of 1 or more, not '8'"),
    ],
)
def test_impossible_convolutions_are_refused(wrong, message, refused):
    with refused(message):
        aelib.conv_autoencoder((28, 28, 1), **wrong)


def test_blocks_may_halve_an_image_down_to_one_pixel():
    ae = aelib.conv_autoencoder((28, 28, 1), num_blocks=5, base_filters=1)
    assert ae.encoder.layers[-3].output.shape[1:3] == (1, 1)


@pytest.fixture(scope="module")
def small():
    return aelib.dense_autoencoder((8, 6, 1), [5], 2)


def test_decoding_the_code_reconstructs(small, tiny):
    codes = aelib.encode(small, tiny.x_test)
    assert codes.shape == (40, 2)
    x_hat = aelib.reconstruct(small, tiny.x_test)
    assert x_hat.shape == tiny.x_test.shape
    np.testing.assert_allclose(aelib.decode(small, codes), x_hat, atol=1e-6)
    np.testing.assert_allclose(aelib.decode(small, codes.tolist()), x_hat, atol=1e-6)


def test_the_error_of_a_network_that_went_astray_is_nan(tiny):
    ae = aelib.dense_autoencoder((8, 6, 1), [5], 2, output_activation="linear")
    e = aelib.squared_error(tiny.x_test, aelib.reconstruct(ae, tiny.x_test))
    assert aelib.reconstruction_error(ae, tiny.x_test) == e
    ae.decoder.set_weights([np.full_like(w, np.inf) for w in ae.decoder.get_weights()])
    assert np.isnan(aelib.reconstruction_error(ae, tiny.x_test))


@pytest.mark.parametrize("function", [aelib.encode, aelib.reconstruct, aelib.reconstruction_error])
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((3, 6, 8, 1)), r"takes images of shape \(8, 6, 1\), but images have \(6, 8, 1\)"),
        (np.zeros((3, 8, 6, 3)), r"takes images of shape \(8, 6, 1\), but images have \(8, 6, 3\)"),
        (np.zeros((8, 6, 1)), "images must have shape"),
        (np.zeros((0, 8, 6, 1)), "images must have shape"),
        (np.full((1, 8, 6, 1), np.nan), "images contain NaN"),
        (np.full((1, 8, 6, 1), 255), r"images must be in \[0, 1\]"),
        (np.full((1, 8, 6, 1), "a"), "images must be numbers"),
        (None, "images must have shape"),
    ],
)
def test_only_images_of_its_shape_go_through_an_autoencoder(small, function, x, message, refused):
    with refused(message):
        function(small, x)


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.zeros((3, 3)), r"codes must have shape \(n, 2\), not \(3, 3\)"),
        (np.zeros(2), r"codes must have shape \(n, 2\), not \(2,\)"),
        (np.zeros((0, 2)), r"codes must have shape \(n, 2\), not \(0, 2\)"),
        (np.full((1, 2), np.nan), "codes contain NaN or infinite values"),
        ([["a", "b"]], "codes must be numbers"),
        ([[1, 2], [3]], "codes must be one array of numbers"),
        (None, "codes must have shape"),
    ],
)
def test_only_codes_of_its_size_are_decoded(small, codes, message, refused):
    with refused(message):
        aelib.decode(small, codes)


def test_a_part_is_no_autoencoder(small, tiny, refused):
    message = "ae must be an Autoencoder, as dense_autoencoder gives it, not "
    for function in (aelib.encode, aelib.reconstruct):
        with refused(message + "Sequential"):
            function(small.model, tiny.x_test)
        with refused(message + "ndarray"):
            function(tiny.x_test, small)
    with refused(message + "Sequential"):
        aelib.decode(small.decoder, np.zeros((1, 2)))


def test_models_that_do_not_fit_are_not_joined(small, refused):
    wide = aelib.dense_autoencoder((8, 6, 1), [5], 3)
    colour = aelib.dense_autoencoder((8, 6, 3), [5], 2)
    open_ended = keras.Sequential([keras.layers.Dense(2)])
    with refused(r"codes go out with shape \(3,\), but come in with \(2,\)"):
        aelib.models.join(wide.encoder, small.decoder)
    with refused(r"images go out with shape \(8, 6, 3\), but come in with \(8, 6, 1\)"):
        aelib.models.join(small.encoder, colour.decoder)
    for part in (open_ended, 5, small):
        with refused("encoder and decoder must be Keras models that begin with keras.Input"):
            aelib.models.join(part, small.decoder)
