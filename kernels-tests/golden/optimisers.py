"""Cases of the optimisers: three steps with given gradients."""

import numpy as np

from case import Case, Draw


def adam(t, attrs):
    """Adam with bias correction, as published: ε is added to the root."""
    p, first, second, outputs = t["param"], 0.0, 0.0, {}
    beta1, beta2 = attrs["beta1"], attrs["beta2"]
    for step in range(3):
        grad = t[f"grad{step}"]
        first = beta1 * first + (1 - beta1) * grad
        second = beta2 * second + (1 - beta2) * grad**2
        mean, root = first / (1 - beta1 ** (step + 1)), (second / (1 - beta2 ** (step + 1))) ** 0.5
        p = p - attrs["lr"] * mean / (root + attrs["eps"])
        outputs[f"param{step}"] = p
    return outputs


def sgd(t, attrs):
    """Heavy ball, as PyTorch has it: decay is added to the gradient, the velocity is not scaled by the rate."""
    p, velocity, outputs = t["param"], 0.0, {}
    for step in range(3):
        velocity = attrs["momentum"] * velocity + t[f"grad{step}"] + attrs["weight_decay"] * p
        p = p - attrs["lr"] * velocity
        outputs[f"param{step}"] = p
    return outputs


def three_steps(op, name, statement, attrs, shape=(4, 3, 3, 3), grads=None):
    name = f"{op}_three_steps_{name}"
    draw = Draw(name)
    inputs = {"param": draw("in.param", shape)}
    for step in range(3):
        inputs[f"grad{step}"] = draw(f"in.grad{step}", shape) if grads is None else grads(draw, step)
    return Case(name, op, inputs, statement, attrs)


def of_every_size(draw, step):
    """Zeros, and gradients about and far below ε: from 1e-12 to 1e6."""
    grads = draw(f"in.grad{step}", (19,)) * np.float32(10) ** np.linspace(-12, 6, 19, dtype=np.float32)
    grads[::5] = 0
    return grads


PUBLISHED = {"lr": 1e-3, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8}

CASES = [
    three_steps("adam", "published", adam, PUBLISHED),
    three_steps("adam", "strong", adam, PUBLISHED | {"lr": 0.1, "eps": 0.05}),
    three_steps("adam", "gradients_of_every_size", adam, PUBLISHED, (19,), of_every_size),
    three_steps("sgd", "published", sgd, {"lr": 2.5e-5, "momentum": 0.99, "weight_decay": 5e-4}),
    three_steps("sgd", "strong", sgd, {"lr": 0.1, "momentum": 0.99, "weight_decay": 0.3}),
    three_steps("sgd", "plain", sgd, {"lr": 0.05, "momentum": 0.0, "weight_decay": 0.0}, (19,)),
]
