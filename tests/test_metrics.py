import numpy as np
import pytest

import aelib


def test_squared_error_is_summed_over_pixels_and_averaged_over_images():
    x = np.zeros((2, 2, 2, 1))
    x_hat = np.zeros((2, 2, 2, 1))
    x_hat[0] = 0.5
    x_hat[1, 0, 0, 0] = -2
    assert aelib.image_errors(x, x_hat).tolist() == [1, 4]
    assert aelib.squared_error(x, x_hat) == 2.5


def test_squared_error_does_not_broadcast():
    x = np.zeros((2, 2, 2, 1))
    with pytest.raises(ValueError, match="reconstructions of"):
        aelib.squared_error(x, np.zeros((2, 2, 2, 3)))
    with pytest.raises(ValueError, match="must have shape"):
        aelib.squared_error(x[0], x[0])


def test_pca_has_the_error_of_the_discarded_variance(tiny):
    ae = aelib.fit_pca(tiny.x_train, 5)
    flat = tiny.x_train.reshape(200, -1).astype("float64")
    centred = flat - flat.mean(axis=0)
    lost = (np.linalg.svd(centred, compute_uv=False)[5:] ** 2).sum() / 200
    e = aelib.squared_error(tiny.x_train, aelib.reconstruct(ae, tiny.x_train))
    assert e == pytest.approx(lost, rel=1e-4)
    np.testing.assert_allclose(aelib.encode(ae, tiny.x_train).mean(axis=0), 0, atol=1e-4)


def test_pca_of_colour_images_keeps_their_shape():
    x = np.random.default_rng(0).random((40, 4, 3, 3), dtype="float32")
    assert aelib.reconstruct(aelib.fit_pca(x, 36), x) == pytest.approx(x, abs=1e-4)


def test_pca_refuses_what_cannot_be():
    x = np.random.default_rng(0).random((10, 4, 4, 1))
    with pytest.raises(ValueError, match="10 images give at most 10 components, not 11"):
        aelib.fit_pca(x, 11)
    with pytest.raises(ValueError, match="code_size must be"):
        aelib.fit_pca(x, 0)
    with pytest.raises(ValueError, match="training images must have shape"):
        aelib.fit_pca(x[..., 0], 2)


def test_encode_and_reconstruct_check_their_images(tiny):
    ae = aelib.fit_pca(tiny.x_train, 2)
    assert aelib.encode(ae, tiny.x_test).shape == (40, 2)
    for function in (aelib.encode, aelib.reconstruct):
        with pytest.raises(ValueError, match="contain NaN"):
            function(ae, tiny.x_test * np.nan)


def test_knn_accuracy_counts_the_votes_of_k_neighbours():
    train = np.array([[0.0], [0.1], [0.2], [5.0], [5.1]])
    labels = np.array([0, 0, 0, 1, 1])
    test, truth = np.array([[0.05], [5.05], [5.2]]), np.array([0, 1, 1])
    assert aelib.knn_accuracy(train, labels, test, truth, k=1) == 1
    assert aelib.knn_accuracy(train, labels, test, truth, k=5) == pytest.approx(1 / 3)


def test_principal_angles_of_known_planes():
    a = np.eye(3)[:, :2]
    turned = np.array([[1, 0], [0, np.cos(0.3)], [0, np.sin(0.3)]])
    np.testing.assert_allclose(
        aelib.principal_angles(a, 2 * turned), [np.degrees(0.3), 0], atol=1e-6
    )
    np.testing.assert_allclose(aelib.principal_angles(a, a @ [[1, 2], [3, 4]]), [0, 0], atol=1e-6)


def test_claims_print_one_of_three_verdicts(capsys):
    aelib.report_claims({"a": True, "b": np.bool_(False), "c": None})
    assert capsys.readouterr().out == "holds: a\ndoes not hold: b\nnot tested here: c\n"


def test_counts_are_checked_by_name():
    aelib.check_counts(a=1, b=7)
    with pytest.raises(ValueError, match="b must be an integer of 1 or more, not 0"):
        aelib.check_counts(a=1, b=0)
