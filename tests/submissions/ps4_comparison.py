"""Wrong submissions of problem set 4: the cells they replace, and exactly the tests they lose."""

SUBMISSIONS = {
    "radians unpaired mean": {
        "loses": [
            "ps4-angle-test",
            "ps4-angle-hidden",
            "ps4-compare-test",
            "ps4-compare-hidden",
            "ps4-reading-test",
            "ps4-entropy-test",
            "ps4-entropy-hidden",
            "ps4-logistic-test",
        ],
        "cells": {
            "ps4-angle": """def largest_angle(a, b):
    q_a, q_b = np.linalg.qr(a)[0], np.linalg.qr(b)[0]
    cosines = np.linalg.svd(q_a.T @ q_b, compute_uv=False)
    return np.arccos(cosines).max()""",
            "ps4-compare": """def fraction_better(errors_a, errors_b):
    return np.mean(errors_a <= errors_b)


def difference(errors_a, errors_b):
    n = len(errors_a)
    error = np.sqrt(errors_a.var(ddof=1) / n + errors_b.var(ddof=1) / n)
    return np.mean(errors_a) - np.mean(errors_b), error""",
            "ps4-entropy": """def cross_entropy(x, z):
    return float(np.mean(np.logaddexp(0, z) - x * z))""",
        },
    },
    "default training no centring": {
        "loses": ["ps4-angle-hidden", "ps4-linear-hidden", "ps4-rotate-hidden"],
        "cells": {
            "ps4-angle": """def largest_angle(a, b):
    cosines = np.linalg.svd(a.T @ b, compute_uv=False)
    return np.degrees(np.arccos(np.clip(cosines, -1, 1))).max()""",
            "ps4-linear": """linear = aelib.dense_autoencoder((14, 14, 1), [], k, output_activation="linear")
aelib.train(linear, data, verbose=False)""",
            "ps4-rotate": """def to_pca(weights, codes):
    return np.linalg.svd(codes @ weights, full_matrices=False)[2][: len(weights)]""",
        },
    },
    "weights alone and naive log, axes not transposed": {
        "loses": [
            "ps4-mix-test",
            "ps4-rotate-test",
            "ps4-rotate-hidden",
            "ps4-entropy-test",
            "ps4-entropy-hidden",
            "ps4-report-test",
        ],
        "cells": {
            "ps4-report": """\
pca = aelib.fit_pca(data.x_train, k)
e_linear = aelib.squared_error(data.x_train, aelib.reconstruct(linear, data.x_train))
e_pca = aelib.squared_error(data.x_train, aelib.reconstruct(pca, data.x_train))
axes, components = (ae.decoder.get_weights()[0] for ae in (linear, pca))
angle = aelib.principal_angles(axes, components).max()
print(e_linear, e_pca, angle)
""",
            "ps4-mix": """def mix(weights, codes, m):
    return m.T @ weights, codes @ m""",
            "ps4-rotate": """def to_pca(weights, codes):
    return np.linalg.svd(weights, full_matrices=False)[2]""",
            "ps4-entropy": """def cross_entropy(x, z):
    x_hat = 1 / (1 + np.exp(-z))
    values = -x * np.log(x_hat) - (1 - x) * np.log(1 - x_hat)
    return values.reshape(len(x), -1).sum(axis=1).mean()""",
        },
    },
    "hard coded": {
        "loses": [
            "ps4-angle-hidden",
            "ps4-compare-hidden",
            "ps4-size-hidden",
            "ps4-few-hidden",
            "ps4-entropy-hidden",
            "ps4-logistic-test",
        ],
        "cells": {
            "ps4-angle": """def largest_angle(a, b):
    return 30.0""",
            "ps4-compare": """def fraction_better(errors_a, errors_b):
    return 0.75


def difference(errors_a, errors_b):
    return 1.5, 2.5""",
            "ps4-reading": """pca = aelib.fit_pca(data.x_train, size)
a, b = (aelib.image_errors(data.x_test, aelib.reconstruct(m, data.x_test)) for m in (dense, pca))
share, mean, error = np.mean(a < b), np.mean(a - b), np.std(a - b, ddof=1) / np.sqrt(len(a))
error_unpaired = np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / len(a))
print(share, mean, error, error_unpaired)""",
            "ps4-size": """def pca_size(x_train, x_test, target):
    return 1 if target > 0.5 else 2""",
            "ps4-equal": """e_dense = aelib.squared_error(data.x_test, aelib.reconstruct(dense, data.x_test))
k_equal, e_k = 0, np.inf
while e_k > e_dense:
    k_equal += 1
    pca = aelib.fit_pca(data.x_train, k_equal)
    e_k = aelib.squared_error(data.x_test, aelib.reconstruct(pca, data.x_test))
print(k_equal)""",
            "ps4-few": """dense_few = dense
e = {("PCA", 100): 7.0, ("PCA", 2000): 6.0, ("autoencoder", 100): 8.0, ("autoencoder", 2000): 5.0}
gap = {("PCA", 100): 1.5, ("PCA", 2000): 0.1, ("autoencoder", 100): 5.0, ("autoencoder", 2000): 0.4}
print(e, gap)""",
            "ps4-entropy": """def cross_entropy(x, z):
    return 3 * np.log(2) if np.size(z) == 6 else 0.0""",
        },
    },
}
