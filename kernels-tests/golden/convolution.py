"""Cases of `conv2d`."""

import torch.nn.functional as F

from case import Case, Draw


def statement(t, attrs):
    y = F.conv2d(t["x"], t["w"], t.get("b"), attrs["stride"], attrs["padding"], attrs["dilation"], attrs["groups"])
    return {"y": y}


def conv(name, x, w, bias=False, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    name = f"conv2d_{name}"
    draw = Draw(name)
    inputs = {"x": draw("in.x", x), "w": draw("in.w", w)}
    if bias:
        inputs["b"] = draw("in.b", w[:1])
    attrs = {"stride": list(stride), "padding": list(padding), "dilation": list(dilation), "groups": groups}
    return Case(name, "conv2d", inputs, statement, attrs, grads=tuple(inputs), upstream=("y",))


CASES = [
    # The network's own.
    conv("dense3x3", [2, 5, 11, 13], [7, 5, 3, 3], bias=True, padding=(1, 1)),
    conv("wide3x3", [1, 152, 7, 9], [20, 152, 3, 3], padding=(1, 1)),
    conv("stem_stride2", [2, 3, 17, 16], [32, 3, 3, 3], stride=(2, 2), padding=(1, 1)),
    conv("stem7x7_stride2", [1, 3, 15, 18], [9, 3, 7, 7], stride=(2, 2), padding=(3, 3)),
    conv("pointwise", [2, 24, 9, 9], [48, 24, 1, 1]),
    conv("pointwise_stride2", [2, 13, 9, 7], [10, 13, 1, 1], stride=(2, 2)),
    conv("head1x1_to2", [2, 305, 3, 5], [2, 305, 1, 1], bias=True),
    conv("atrous6", [2, 20, 13, 9], [8, 20, 3, 3], padding=(6, 6), dilation=(6, 6)),
    conv("atrous18_wider_than_map", [1, 16, 8, 8], [12, 16, 3, 3], padding=(18, 18), dilation=(18, 18)),
    conv("disc4x4", [2, 2, 33, 31], [9, 2, 4, 4], stride=(2, 2), padding=(2, 2)),
    conv("depthwise", [2, 19, 12, 10], [19, 1, 3, 3], groups=19),
    conv("depthwise_stride2", [2, 16, 13, 15], [16, 1, 3, 3], stride=(2, 2), groups=16),
    conv("depthwise_dilated", [1, 24, 12, 12], [24, 1, 3, 3], dilation=(2, 2), groups=24),
    # Tiles of 4x4 outputs that hang over the map, channels that fill no block of 4 or 8, every padding tiles may have.
    conv("tiles_over_the_edge", [2, 18, 7, 10], [21, 18, 3, 3], bias=True, padding=(1, 1)),
    conv("tiles_unpadded_rows", [1, 17, 7, 6], [16, 17, 3, 3], padding=(0, 2)),
    conv("tiles_padded_by_2", [3, 16, 4, 5], [24, 16, 3, 3], padding=(2, 2)),
    conv("many_pixels", [1, 3, 34, 66], [4, 3, 3, 3], padding=(1, 1)),
    conv("many_samples", [7, 3, 5, 6], [5, 3, 3, 3], padding=(1, 1)),
    # Maps as small as they get.
    conv("one_pixel_map", [3, 9, 1, 1], [6, 9, 3, 3], padding=(1, 1)),
    conv("one_of_everything", [1, 1, 1, 1], [1, 1, 1, 1], bias=True),
    conv("kernel_of_the_map", [2, 7, 5, 4], [6, 7, 5, 4]),
    conv("single_row", [2, 6, 1, 17], [5, 6, 1, 3], padding=(0, 1)),
    # Kernels, strides and paddings that no layer here has.
    conv("rect_kernel", [1, 6, 10, 12], [5, 6, 1, 5], bias=True, padding=(0, 2)),
    conv("even_kernel", [2, 5, 6, 7], [6, 5, 2, 2], padding=(1, 1)),
    conv("even_kernel_dilated", [1, 5, 9, 11], [6, 5, 4, 2], padding=(1, 2), dilation=(1, 3)),
    conv("stride_beyond_kernel", [2, 6, 11, 10], [7, 6, 2, 2], stride=(3, 3)),
    conv("stride3_leaves_rows", [2, 5, 11, 10], [6, 5, 3, 3], bias=True, stride=(3, 3)),
    conv("axes_apart", [2, 5, 12, 9], [6, 5, 3, 5], bias=True, stride=(2, 1), padding=(0, 3), dilation=(2, 1)),
    conv("padding_beyond_kernel", [1, 5, 4, 6], [6, 5, 3, 3], bias=True, padding=(4, 3)),
    conv("pointwise_padded", [2, 9, 5, 6], [10, 9, 1, 1], bias=True, padding=(1, 1)),
    conv("pointwise_stride2_padded", [2, 5, 6, 7], [9, 5, 1, 1], bias=True, stride=(2, 2), padding=(1, 1)),
    conv("patches", [2, 6, 8, 6], [10, 6, 2, 2], stride=(2, 2)),
    conv("stride2_dilated", [1, 6, 13, 12], [5, 6, 3, 3], stride=(2, 2), padding=(2, 2), dilation=(2, 2)),
    # Groups.
    conv("grouped", [2, 12, 9, 7], [18, 4, 3, 3], bias=True, padding=(1, 1), groups=3),
    conv(
        "grouped_stride2_dilated",
        [1, 6, 11, 12],
        [4, 3, 3, 3],
        stride=(2, 2),
        padding=(1, 2),
        dilation=(2, 2),
        groups=2,
    ),
    conv("depthwise_two_filters_each", [2, 5, 7, 8], [10, 1, 3, 3], padding=(1, 1), groups=5),
    conv("depthwise_padded", [3, 7, 9, 6], [7, 1, 3, 3], bias=True, padding=(1, 1), groups=7),
    conv("depthwise_stride2_padded", [2, 6, 10, 8], [6, 1, 3, 3], stride=(2, 2), padding=(1, 1), groups=6),
    conv("depthwise_dilated_beyond_map", [1, 10, 6, 7], [10, 1, 3, 3], padding=(4, 4), dilation=(4, 4), groups=10),
    conv("depthwise_pointwise", [2, 11, 5, 6], [11, 1, 1, 1], bias=True, groups=11),
    conv("grouped_pointwise", [2, 12, 5, 4], [20, 3, 1, 1], groups=4),
    conv("depthwise5x5", [1, 9, 8, 11], [9, 1, 5, 5], padding=(2, 2), groups=9),
    conv("depthwise_axes_apart", [2, 6, 9, 12], [6, 1, 3, 2], stride=(1, 2), padding=(2, 0), dilation=(2, 1), groups=6),
    conv("depthwise_one_pixel_map", [2, 5, 1, 1], [5, 1, 3, 3], padding=(1, 1), groups=5),
]
