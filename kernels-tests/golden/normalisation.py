"""Cases of batch normalisation and of TransNorm."""

import numpy as np
import torch

from case import Case, Draw


def by_channel(values):
    return values[None, :, None, None]


def moments(x):
    """Mean and biased variance of each channel, and the number of values."""
    mean = x.mean((0, 2, 3))
    return mean, ((x - by_channel(mean)) ** 2).mean((0, 2, 3)), x.numel() // x.shape[1]


def normalised(x, mean, var, eps):
    return (x - by_channel(mean)) / torch.sqrt(by_channel(var) + eps)


def running(t, domain, mean, var, count, momentum):
    """Running statistics after a batch; the variance that is stored is unbiased."""
    unbiased = var * count / (count - 1)
    blend = lambda old, new: (1 - momentum) * old + momentum * new.detach()
    return {
        f"running_mean{domain}": blend(t[f"running_mean{domain}"], mean),
        f"running_var{domain}": blend(t[f"running_var{domain}"], unbiased),
    }


def batch_norm(t, attrs):
    x, eps = t["x"], attrs["eps"]
    if attrs["training"]:
        mean, var, count = moments(x)
        stored = running(t, "", mean, var, count, attrs["momentum"])
    else:
        mean, var = t["running_mean"], t["running_var"]
        stored = {"running_mean": mean, "running_var": var}
    y = normalised(x, mean, var, eps) * by_channel(t["weight"]) + by_channel(t["bias"])
    return {"y": y, **stored}


def transferability(source, target, eps):
    """1 + α of each channel, from means and variances of both domains; takes no gradient."""
    (mean_s, var_s), (mean_t, var_t) = source, target
    distance = (mean_s / torch.sqrt(var_s + eps) - mean_t / torch.sqrt(var_t + eps)).abs()
    share = 1 / (1 + distance)
    return (1 + len(share) * share / share.sum()).detach()


def trans_norm(t, attrs):
    x, eps = t["x"], attrs["eps"]
    stored = {}
    if attrs["training"]:
        halves, unbiased = [], []
        for domain, half in zip(("_source", "_target"), x.chunk(2)):
            mean, var, count = moments(half)
            halves.append(normalised(half, mean, var, eps))
            unbiased.append((mean, var * count / (count - 1)))
            stored.update(running(t, domain, mean, var, count, attrs["momentum"]))
        hat, scale = torch.cat(halves), transferability(*unbiased, eps)
    else:
        stats = [(t[f"running_mean_{d}"], t[f"running_var_{d}"]) for d in ("source", "target")]
        hat, scale = normalised(x, *stats[1], eps), transferability(*stats, eps)
    y = (hat * by_channel(t["weight"]) + by_channel(t["bias"])) * by_channel(scale)
    return {"y": y, **stored}


def norm(op, name, shape, training, x=None, momentum=0.1, eps=1e-5):
    name = f"{op}_{name}_{'train' if training else 'eval'}"
    draw, channels = Draw(name), shape[1:2]
    inputs = {
        "x": draw("in.x", shape, -3, 5) if x is None else x(draw),
        "weight": draw("in.weight", channels, -1.5, 1.5),
        "bias": draw("in.bias", channels),
    }
    for domain in [""] if op == "batch_norm" else ["_source", "_target"]:
        inputs[f"running_mean{domain}"] = draw(f"in.running_mean{domain}", channels, -1, 3)
        inputs[f"running_var{domain}"] = draw(f"in.running_var{domain}", channels, 0.3, 4)
    statement = batch_norm if op == "batch_norm" else trans_norm
    attrs = {"training": training, "momentum": momentum, "eps": eps}
    return Case(name, op, inputs, statement, attrs, grads=("x", "weight", "bias"), upstream=("y",))


def both(op, name, shape, **more):
    return [norm(op, name, shape, training, **more) for training in (True, False)]


def far_from_zero(draw):
    """Each channel within 1 of its own centre, up to 100 away: E[x²] − E[x]² would lose every digit."""
    return draw("in.x", (2, 6, 7, 5)) + draw("centres", (1, 6, 1, 1), -100, 100)


def constant_channel(draw):
    x = draw("in.x", (3, 5, 4, 6))
    x[:, 2] = 0.5
    return x


def alike(draw):
    """Source and target are the same: no channel transfers better than another."""
    return np.concatenate([draw("in.x", (2, 6, 5, 4), -3, 5)] * 2)


CASES = [
    *both("batch_norm", "map", [3, 7, 9, 8]),
    *both("batch_norm", "wide", [2, 305, 2, 3]),
    *both("batch_norm", "per_sample_vector", [6, 16, 1, 1]),
    *both("batch_norm", "other_settings", [1, 6, 5, 7], momentum=0.3, eps=1e-3),
    norm("batch_norm", "two_values", [2, 5, 1, 1], True),
    norm("batch_norm", "far_from_zero", [2, 6, 7, 5], True, far_from_zero),
    norm("batch_norm", "many_samples", [33, 3, 1, 3], True),
    norm("batch_norm", "constant_channel", [3, 5, 4, 6], True, constant_channel),
    *both("trans_norm", "map", [4, 7, 6, 9]),
    *both("trans_norm", "wide", [4, 305, 1, 2]),
    *both("trans_norm", "one_sample_each", [2, 5, 7, 3]),
    norm("trans_norm", "alike", [4, 6, 5, 4], True, alike),
]
