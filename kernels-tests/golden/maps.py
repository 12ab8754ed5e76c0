"""Cases that move, resize and pool feature maps."""

import numpy as np
import torch
import torch.nn.functional as F

from case import Case, Draw


def nearest(x, size):
    """Source index floor(i·in/out), in whole numbers."""
    for axis, extent in zip((2, 3), size):
        index = [i * x.shape[axis] // extent for i in range(extent)]
        x = x.index_select(axis, torch.tensor(index))
    return x


def interpolated(t, attrs):
    if attrs["mode"] == "nearest":
        return {"y": nearest(t["x"], attrs["size"])}
    return {"y": F.interpolate(t["x"], attrs["size"], mode="bilinear", align_corners=attrs["align_corners"])}


def interpolate(name, shape, size, mode="bilinear", align_corners=True):
    name = f"interpolate_{name}"
    attrs = {"mode": mode, "size": list(size)}
    if mode == "bilinear":
        attrs["align_corners"] = align_corners
    x, exact = {"x": Draw(name)("in.x", shape)}, ("y",) if mode == "nearest" else ()
    return Case(name, "interpolate", x, interpolated, attrs, ("x",), ("y",), exact_outputs=exact)


def pooled(t, attrs):
    return {"y": F.max_pool2d(t["x"], attrs["kernel"], attrs["stride"], attrs["padding"])}


def max_pool(name, shape, kernel=(3, 3), stride=(2, 2), padding=(1, 1), levels=None, low=-1.0, high=1.0):
    """With `levels`, values are so many whole numbers: of a window's largest, the first in reading order counts."""
    name = f"max_pool2d{name}"
    x = Draw(name)("in.x", shape, *((0, levels) if levels else (low, high)))
    attrs = {"kernel": list(kernel), "stride": list(stride), "padding": list(padding)}
    inputs = {"x": np.floor(x) if levels else x}
    return Case(name, "max_pool2d", inputs, pooled, attrs, ("x",), ("y",), exact_outputs=("y",))


def concat(name, axis, *shapes):
    name = f"concat_{name}"
    draw = Draw(name)
    inputs = {f"x{i}": draw(f"in.x{i}", shape) for i, shape in enumerate(shapes)}
    statement = lambda t, a: {"y": torch.cat([t[f"x{i}"] for i in range(len(t))], a["axis"])}
    return Case(name, "concat", inputs, statement, {"axis": axis}, tuple(inputs), ("y",), exact=True)


def pad(name, shape, top, bottom, left, right):
    name = f"pad_{name}"
    attrs = {"top": top, "bottom": bottom, "left": left, "right": right}
    statement = lambda t, a: {"y": F.pad(t["x"], (a["left"], a["right"], a["top"], a["bottom"]))}
    return Case(name, "pad", {"x": Draw(name)("in.x", shape)}, statement, attrs, ("x",), ("y",), exact=True)


def global_avg_pool(name, shape):
    name = f"global_avg_pool{name}"
    statement = lambda t, a: {"y": t["x"].mean((2, 3), keepdim=True)}
    x = {"x": Draw(name)("in.x", shape)}
    return Case(name, "global_avg_pool", x, statement, grads=("x",), upstream=("y",))


CASES = [
    interpolate("bilinear_up4", [2, 3, 5, 6], [20, 24]),
    interpolate("bilinear_up_odd", [2, 3, 4, 7], [13, 19]),
    interpolate("bilinear_down", [2, 3, 16, 12], [5, 7]),
    interpolate("bilinear_same", [2, 3, 6, 6], [6, 6]),
    interpolate("bilinear_from_1x1", [2, 3, 1, 1], [6, 5]),
    interpolate("bilinear_to_1x1", [2, 3, 6, 5], [1, 1]),
    interpolate("bilinear_row_to_column", [1, 5, 1, 7], [9, 1]),
    interpolate("bilinear_up_one_axis", [1, 6, 9, 3], [4, 17]),
    interpolate("bilinear_up8_blocks", [1, 8, 3, 4], [24, 32]),
    interpolate("bilinear_one_less", [2, 5, 6, 5], [5, 4]),
    interpolate("bilinear_from_2x2", [1, 9, 2, 2], [7, 16]),
    interpolate("bilinear_half_pixel_up", [2, 3, 4, 7], [13, 19], align_corners=False),
    interpolate("bilinear_half_pixel_down", [2, 5, 16, 11], [5, 4], align_corners=False),
    interpolate("bilinear_half_pixel_from_1x1", [1, 3, 1, 1], [3, 4], align_corners=False),
    interpolate("nearest_down", [2, 2, 32, 32], [8, 8], "nearest"),
    interpolate("nearest_odd", [2, 3, 13, 10], [5, 7], "nearest"),
    interpolate("nearest_up", [2, 3, 4, 5], [11, 9], "nearest"),
    interpolate("nearest_to_1x1", [1, 5, 6, 7], [1, 1], "nearest"),
    # Where i·(in/out) in f32 falls below the whole number that i·in/out is.
    interpolate("nearest_at_whole_numbers", [1, 1, 7, 3], [49, 41], "nearest"),
    max_pool("", [2, 6, 13, 12]),
    max_pool("_ties", [2, 6, 9, 8], levels=3),
    max_pool("_of_equals", [1, 3, 5, 7], levels=1),
    max_pool("_negative", [1, 5, 6, 7], low=-2.0, high=-1.0),
    max_pool("_overlapping", [1, 5, 6, 9], stride=(1, 1)),
    max_pool("_2x2", [2, 4, 9, 7], (2, 2), (2, 2), (0, 0)),
    max_pool("_stride_beyond_window", [1, 5, 11, 10], (2, 2), (3, 4), (0, 0)),
    max_pool("_axes_apart", [1, 5, 7, 12], (1, 4), (1, 3), (0, 2)),
    max_pool("_one_pixel_map", [2, 3, 1, 1]),
    global_avg_pool("", [3, 17, 8, 5]),
    global_avg_pool("_one_pixel_map", [2, 5, 1, 1]),
    global_avg_pool("_single_row", [1, 6, 1, 37]),
    concat("channels", 1, [2, 5, 4, 3], [2, 1, 4, 3], [2, 8, 4, 3]),
    concat("whole_blocks", 1, [2, 8, 3, 5], [2, 4, 3, 5], [2, 3, 3, 5]),
    concat("of_one", 1, [2, 3, 2, 3]),
    concat("samples", 0, [1, 5, 3, 4], [3, 5, 3, 4]),
    concat("columns", 3, [2, 3, 4, 1], [2, 3, 4, 6]),
    pad("constant", [2, 3, 5, 4], 2, 2, 1, 3),
    pad("one_side", [1, 6, 4, 5], 0, 3, 0, 0),
    pad("beyond_map", [1, 4, 2, 1], 5, 1, 0, 7),
]
