import aelib


def test_multiply_adds_of_small_networks():
    dense = aelib.dense_autoencoder((8, 6, 1), hidden_units=[5], code_size=2)
    assert aelib.multiply_adds(dense) == 48 * 5 + 5 * 2 + 2 * 5 + 5 * 48
    conv = aelib.conv_autoencoder((8, 6, 1), num_blocks=1, code_size=2, base_filters=4)
    down = 9 * 1 * 4 * 48 + 9 * 4 * 4 * 48 + 48 * 2  # at 8x6 pixels, then from 4x3x4 to the code
    up = 2 * 48 + 2 * 9 * 4 * 4 * 12 + 9 * 4 * 1 * 48  # at 4x3 pixels, the last at 8x6
    assert aelib.multiply_adds(conv) == down + up


def test_a_transposed_convolution_counts_the_pixels_that_come_in():
    layers, keras = aelib.keras.layers, aelib.keras
    down = keras.Sequential([keras.Input((8, 8, 2)), layers.Conv2D(3, 3, 2, padding="same")])
    up = keras.Sequential([keras.Input((4, 4, 3)), layers.Conv2DTranspose(2, 3, 2, padding="same")])
    # 16 pixels come out of the one and go into the other.
    assert aelib.multiply_adds(aelib.models.join(down, up)) == 2 * 9 * 2 * 3 * 16
