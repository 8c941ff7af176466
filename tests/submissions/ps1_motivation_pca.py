"""Wrong submissions of problem set 1: the cells they replace, and exactly the tests they lose."""

SUBMISSIONS = {
    "mean over pixels, not the sum, and the smallest components": {
        "loses": [
            "ps1-error-test",
            "ps1-error-hidden",
            "ps1-fit-test",
            "ps1-fit-hidden",
            "ps1-mine-test",
            "ps1-knn-test",
        ],
        "cells": {
            "ps1-fit": """\
def fit(x, k):
    rows = x.reshape(len(x), -1)
    mean = rows.mean(axis=0)
    return mean, np.linalg.svd(rows - mean, full_matrices=False)[2][-k:]
""",
            "ps1-error": """\
def squared_error(x, x_hat):
    return float(np.mean((x - x_hat) ** 2))
""",
        },
    },
    "PCA without subtracting the mean": {
        "loses": ["ps1-fit-hidden", "ps1-codes-test", "ps1-codes-hidden"],
        "cells": {
            "ps1-fit": """\
def fit(x, k):
    rows = x.reshape(len(x), -1)
    u, s, vt = np.linalg.svd(rows, full_matrices=False)
    return rows.mean(axis=0), vt[:k]
""",
            "ps1-codes": """\
def encode(x, mean, components):
    return x.reshape(len(x), -1) @ components.T


def decode(codes, mean, components, shape):
    return (codes @ components).reshape(len(codes), *shape)
""",
        },
    },
    "singular values for variances and the mean of the decoder forgotten": {
        "loses": [
            "ps1-budget-test",
            "ps1-count-test",
            "ps1-count-hidden",
            "ps1-kept-test",
            "ps1-budget-hidden",
            "ps1-mine-test",
        ],
        "cells": {
            "ps1-count": """\
def components_for(x, fraction):
    rows = x.reshape(len(x), -1)
    s = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False)
    return int(np.searchsorted(np.cumsum(s) / s.sum(), fraction)) + 1
""",
            "ps1-budget": """\
def largest_code(n, pixels, budget):
    return budget // (n + 4 * pixels)
""",
        },
    },
    "hard coded": {
        "loses": [
            "ps1-budget-test",
            "ps1-error-hidden",
            "ps1-constant-hidden",
            "ps1-codes-hidden",
            "ps1-count-hidden",
            "ps1-kept-test",
            "ps1-budget-hidden",
            "ps1-mine-test",
            "ps1-knn-test",
        ],
        "cells": {
            "ps1-error": "def squared_error(x, x_hat):\n    return 1.0",
            "ps1-constant": "def best_constant(x):\n    return np.full((1, 1, 1), 0.3)",
            "ps1-codes": """\
def encode(x, mean, components):
    return np.array([[0.0], [0.25]])


def decode(codes, mean, components, shape):
    return np.array([[0.5, 0.5], [0.75, 0.5]]).reshape(2, 1, 2, 1)
""",
            "ps1-count": "def components_for(x, fraction):\n    return 1 if fraction < 0.8 else 2",
            "ps1-kept": "k_kept = 36",
            "ps1-budget": "def largest_code(n, pixels, budget):\n    return 4",
            "ps1-mine": "k_mine, e_mine = 11, 26.943",
            "ps1-knn": "accuracy_pixels, accuracy_codes = 0.896, 0.894",
        },
    },
}
