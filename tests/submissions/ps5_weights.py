"""Wrong submissions of problem set 5: the cells they replace, and exactly the tests they lose."""

SUBMISSIONS = {
    "mean of the biases and no drawing": {
        "loses": [
            "ps5-layer-keras",
            "ps5-layer-hidden",
            "ps5-gradients-test",
            "ps5-gradients-hidden",
            "ps5-scale-test",
            "ps5-scale-hidden",
            "ps5-train-hidden",
            "ps5-map-hidden",
            "ps5-cd1-test",
            "ps5-cd1-hidden",
        ],
        "cells": {
            # one image does not show it
            "ps5-layer": """def layer_backward(h, w, b, grad_a):
    a = 1 / (1 + np.exp(-(h @ w + b)))
    grad_z = grad_a * a * (1 - a)
    return h.T @ grad_z, grad_z.mean(axis=0), grad_z @ w.T""",
            "ps5-scale": """def right_scale(inputs, units, slope):
    return np.sqrt(1 / inputs) / slope""",
            "ps5-cd1": """def cd1(w, b_visible, b_hidden, v, noise):
    def sigma(z):
        return 1 / (1 + np.exp(-z))

    p = sigma(v @ w + b_hidden)
    v1 = sigma(p @ w.T + b_visible)
    p1 = sigma(v1 @ w + b_hidden)
    return (v.T @ p - v1.T @ p1) / len(v), (v - v1).mean(axis=0), (p - p1).mean(axis=0)""",
        },
    },
    "no momentum and the given layers changed": {
        "loses": [
            "ps5-scale-test",
            "ps5-scale-hidden",
            "ps5-factors-test",
            "ps5-relu-test",
            "ps5-train-test",
            "ps5-train-hidden",
            "ps5-map-hidden",
            "ps5-tuned-test",
        ],
        "cells": {
            "ps5-scale": """def right_scale(inputs, units, slope):
    return np.sqrt(2 / (inputs + units)) * slope""",
            "ps5-factors": "factor_logistic, slope_relu = 0.25, 1.41\nprint(factor_logistic, slope_relu)",
            "ps5-train": """def train(layers, x, rate, momentum, epochs, batch_size):
    for _ in range(epochs):
        for first in range(0, len(x), batch_size):
            found = gradients(layers, x[first : first + batch_size])
            for (w, b), (grad_w, grad_b) in zip(layers, found, strict=True):
                w -= rate * grad_w
                b -= rate * grad_b
    return layers""",
        },
    },
    "last layer first and sums for means": {
        "loses": [
            "ps5-gradients-test",
            "ps5-gradients-hidden",
            "ps5-ratio-test",
            "ps5-train-hidden",
            "ps5-map-test",
            "ps5-map-hidden",
            "ps5-cd1-test",
            "ps5-cd1-hidden",
            "ps5-tuned-test",
        ],
        "cells": {
            "ps5-gradients": """def gradients(layers, x):
    outputs = forward(layers, x)
    grad_a, found = 2 * (outputs[-1] - x), []
    for (w, b), h in zip(reversed(layers), reversed(outputs[:-1]), strict=True):
        grad_w, grad_b, grad_a = layer_backward(h, w, b, grad_a)
        found.append((grad_w, grad_b))
    return found""",
            "ps5-ratio": "ratio = {0.25: 0.001, 1: 0.01, 4: 0.1, 16: 0.2}",
            "ps5-map": "e_mean, e = None, None",
            "ps5-tuned": "stack, e_stack, e_tuned, e_control, e_pca = None, None, None, None, None",
            "ps5-cd1": """def cd1(w, b_visible, b_hidden, v, noise):
    def sigma(z):
        return 1 / (1 + np.exp(-z))

    p = sigma(v @ w + b_hidden)
    v1 = sigma((noise < p) @ w.T + b_visible)
    p1 = sigma(v1 @ w + b_hidden)
    return v.T @ p - v1.T @ p1, (v - v1).sum(axis=0), (p - p1).sum(axis=0)""",
        },
    },
    "hard coded": {
        "loses": [
            "ps5-layer-keras",
            "ps5-layer-hidden",
            "ps5-gradients-test",
            "ps5-gradients-hidden",
            "ps5-ratio-test",
            "ps5-scale-test",
            "ps5-scale-hidden",
            "ps5-train-test",
            "ps5-train-hidden",
            "ps5-map-hidden",
            "ps5-cd1-test",
            "ps5-cd1-hidden",
            "ps5-tuned-test",
        ],
        "cells": {
            "ps5-layer": """def layer_backward(h, w, b, grad_a):
    return np.array([[1, 2], [2, 4]]), np.array([1, 2]), np.array([[1, -0.5]])""",
            "ps5-gradients": """def gradients(layers, x):
    if len(layers) == 1:
        return [(np.array([[-0.25]]), np.array([-0.25]))]
    return [(np.zeros_like(w), np.zeros_like(b)) for w, b in layers]""",
            "ps5-ratio": "ratio = {0.25: 3e-7, 1: 0.0003, 4: 0.06, 16: 0.15}",
            "ps5-scale": """def right_scale(inputs, units, slope):
    return {100: 0.1, 300: 200**-0.5}[units]""",
            "ps5-factors": "factor_logistic, slope_relu = 4, 0.7071",
            "ps5-train": """def train(layers, x, rate, momentum, epochs, batch_size):
    return [(np.array([[z]]), np.array([z])) for z in ([0.25, 0.55245][epochs - 1],)]""",
            "ps5-map": """e_mean = 13.6
e = {(f, r): 13.7 for f in (0.25, 1, 4, 16) for r in (0.01, 0.03, 0.1)}
print(e_mean, e)""",
            "ps5-cd1": """def cd1(w, b_visible, b_hidden, v, noise):
    return np.array([[0.25], [-0.125]]), np.array([0.5, -0.25]), np.zeros(1)""",
            "ps5-tuned": """stack, e_stack, e_pca = start(4), 9.2, 6.9
e_tuned, e_control = {0.03: 6.2, 0.1: 6.1}, {0.03: 7.2, 0.1: 6.5}""",
        },
    },
}
