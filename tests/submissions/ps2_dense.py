"""Wrong submissions of problem set 2: the cells they replace, and exactly the tests they lose."""

SUBMISSIONS = {
    "changes what it is given": {
        "loses": [
            "ps2-mirrored-hidden",
            "ps2-decoder-hidden",
            "ps2-importance-hidden",
            "ps2-ratio-test",
        ],
        "cells": {
            "ps2-mirrored": """def mirrored(sizes):
    there = list(sizes)
    sizes.reverse()
    return there + sizes[1:]
""",
            "ps2-decoder": """def build_decoder(shape, hidden_units, code_size):
    decoder = keras.Sequential([keras.Input((code_size,))])
    hidden_units.reverse()
    for units in hidden_units:
        decoder.add(layers.Dense(units, activation="silu"))
    decoder.add(layers.Dense(int(np.prod(shape)), activation="sigmoid"))
    decoder.add(layers.Reshape(shape))
    return decoder
""",
            "ps2-importance": """def importance(decoder, codes, x):
    errors = []
    for i in range(codes.shape[1]):
        changed = codes
        changed[:, i] = codes[:, i].mean()
        errors.append(aelib.squared_error(x, decoder.predict(changed, verbose=0)))
    return np.array(errors)
""",
        },
    },
    "forgets biases channels nan and takes the mean of all codes": {
        "loses": [
            "ps2-count-test",
            "ps2-count-hidden",
            "ps2-wide-test",
            "ps2-to-e-test",
            "ps2-best-hidden",
            "ps2-importance-test",
            "ps2-importance-hidden",
            "ps2-ratio-test",
        ],
        "cells": {
            "ps2-importance": """\
def importance(decoder, codes, x):
    errors = []
    for number in range(codes.shape[1]):
        changed = codes.copy()
        changed[:, number] = codes.mean()
        errors.append(aelib.squared_error(x, decoder.predict_on_batch(changed)))
    return np.array(errors)
""",
            "ps2-count": """def count_weights(pixels, hidden_units, code_size):
    sizes = [pixels, *hidden_units, code_size]
    return 2 * sum(sizes[i] * sizes[i + 1] for i in range(len(sizes) - 1))
""",
            "ps2-to-e": """def to_e(mse, shape):
    return np.array(mse) * shape[0] * shape[1]
""",
            "ps2-best": """def best_epoch(val_mse):
    return int(np.argmin(val_mse)) + 1
""",
        },
    },
    "not reversed, one epoch, no end": {
        "loses": [
            "ps2-decoder-test",
            "ps2-decoder-hidden",
            "ps2-race-test",
            "ps2-race-hidden",
            "ps2-walk-test",
            "ps2-bend-test",
            "ps2-bend-hidden",
        ],
        "cells": {
            "ps2-decoder": """def build_decoder(shape, hidden_units, code_size):
    parts = [keras.Input((code_size,))]
    parts += [layers.Dense(units, activation="silu") for units in hidden_units]
    parts += [layers.Dense(int(np.prod(shape)), activation="sigmoid"), layers.Reshape(shape)]
    return keras.Sequential(parts)
""",
            "ps2-settings": """settings = {
    "hidden_units": [400, 150],
    "epochs": 1,
    "batch_size": 128,
    "learning_rate": 0.003,
}
""",
            "ps2-walk": """def interpolate(code_a, code_b, steps):
    return np.array([code_a + i / steps * (code_b - code_a) for i in range(steps)])
""",
            "ps2-bend": """def bend(ae, a, b):
    middle = (aelib.encode(ae, a) + aelib.encode(ae, b)) / 2
    difference = ae.decoder.predict(middle, verbose=0) - (a + b) / 2
    return np.square(difference).reshape(len(a), -1).sum(axis=1).mean()
""",
        },
    },
    "hard coded": {
        "loses": ["ps2-bend-test", "ps2-mirrored-hidden", "ps2-decoder-hidden", "ps2-bend-hidden"],
        "cells": {
            "ps2-mirrored": """def mirrored(sizes):
    return [784, 500, 30, 500, 784]
""",
            "ps2-decoder": """def build_decoder(shape, hidden_units, code_size):
    return keras.Sequential(
        [
            keras.Input((2,)),
            layers.Dense(5, activation="silu"),
            layers.Dense(9, activation="silu"),
            layers.Dense(12, activation="sigmoid"),
            layers.Reshape((4, 3, 1)),
        ]
    )
""",
            "ps2-bend": """def bend(ae, a, b):
    return 0.0
""",
        },
    },
}
