"""Wrong submissions of the project: the cells they replace, and exactly the tests they lose."""

# E of PCA of half of the training images, which the seed draws: a run that takes no time.
QUICK = """def one_run(setting, seed):
    chosen = np.random.default_rng(seed).permutation(len(x_train))[: len(x_train) // 2]
    pca = aelib.fit_pca(x_train[chosen], 5 if setting == "five" else code_size)
    return aelib.squared_error(x_test, aelib.reconstruct(pca, x_test))"""
ROWS = """rows = []
for setting in ("ten", "five"):
    for seed in range({seeds}):
        rows.append({{"setting": setting, "seed": seed, "E": one_run(setting, seed), "seconds": 0.1}})"""
DIFFERENCE = """first, second = "five", "ten"
a, b = (np.array([r["E"] for r in rows if r["setting"] == name]) for name in (first, second))
mean, error = (a - b).mean(), (a - b).std(ddof=1) / np.sqrt(len(a))"""

SUBMISSIONS = {
    "test images seen in training": {
        "loses": ["project-data-test"],
        "cells": {
            "project-data": """digits = aelib.load_dataset("mnist", train_size=300, seed=student)
x_train, x_test = digits.x_train[:, ::2, ::2], digits.x_train[100:, ::2, ::2]""",
            "project-run": QUICK,
            "project-rows": ROWS.format(seeds=3),
            "project-more": "# none",
            "project-difference": DIFFERENCE,
        },
    },
    "never built anew": {
        "loses": ["project-run-test", "project-difference-test"],
        "cells": {
            # as a network is that each run trains further
            "project-run": """calls = []


def one_run(setting, seed):
    calls.append(seed)
    pca = aelib.fit_pca(x_train, len(calls))
    return aelib.squared_error(x_test, aelib.reconstruct(pca, x_test))""",
            "project-rows": ROWS.format(seeds=4),
            "project-more": "# none",
            "project-difference": DIFFERENCE.replace(
                "(a - b).std(ddof=1)", "np.sqrt(a.var(ddof=1) + b.var(ddof=1))"
            ),
        },
    },
    "two seeds and the mean over pixels": {
        "loses": ["project-rows-test", "project-baselines-test"],
        "cells": {
            "project-baselines": """code_size = 10
x_hat = aelib.reconstruct(aelib.fit_pca(x_train, code_size), x_test)
e_mean, e_pca = (np.square(x_test - x).mean() for x in (x_train.mean(axis=0), x_hat))""",
            "project-run": QUICK,
            "project-rows": ROWS.format(seeds=2),
            "project-more": "# none",
            "project-difference": DIFFERENCE,
        },
    },
    "hard coded": {
        "loses": ["project-baselines-test", "project-run-test"],
        "cells": {
            "project-baselines": "code_size, e_mean, e_pca = 10, 13.4, 1.0",
            "project-run": "def one_run(setting, seed):\n    return 5.0",
            "project-rows": """rows = [
    {"setting": setting, "seed": seed, "E": e + 0.1 * seed, "seconds": 60.0}
    for setting, e in (("ten", 6.2), ("five", 8.1))
    for seed in range(3)
]""",
            "project-more": "# none",
            "project-difference": DIFFERENCE,
        },
    },
}
