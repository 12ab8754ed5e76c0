"""Cases of masks, boundary targets, post-processing and metrics (sections 3 and 4 of the method), by scipy."""

import numpy as np
import torch
from scipy import ndimage

from case import Case, Draw

CROSS = ndimage.generate_binary_structure(2, 1)
# Targets of the boundary are bytes over 255, truncated: the last bit of a sum may make a byte of difference.
ONE_BYTE = 0.004


def on_arrays(function):
    """A statement of arrays, the same whatever the arithmetic."""

    def statement(t, attrs):
        outputs = function({name: value.numpy() for name, value in t.items()}, attrs)
        return {name: torch.tensor(np.asarray(value, np.float64)) for name, value in outputs.items()}

    return statement


def ellipse(shape, centre, radii):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return (((y - centre[0]) / radii[0]) ** 2 + ((x - centre[1]) / radii[1]) ** 2 <= 1).astype(np.float32)


def decoded(t, attrs):
    return {"mask": [t["grey"] <= 50, t["grey"] <= 200]}


def boundary(t, attrs):
    band = np.zeros(t["mask"].shape[1:], bool)
    for plane in t["mask"] > 0.5:
        wide = ndimage.binary_dilation(plane, CROSS, attrs["width"])
        band |= wide ^ ndimage.binary_erosion(plane, CROSS, attrs["width"], border_value=0)
    blurred = ndimage.gaussian_filter(np.uint8(255) * band, attrs["sigma"], mode="reflect", truncate=4.0)
    return {"boundary": blurred[None] / 255}


def cleaned(t, attrs):
    planes = []
    for prob in t["prob"]:
        mask = prob > attrs["threshold"]
        for _ in range(attrs["median_passes"]):
            mask = ndimage.median_filter(mask.astype(np.uint8), attrs["median"], mode="constant", cval=0) > 0
        radius = attrs["erode_diamond"]
        if radius > 0:
            diamond = np.add.outer(*[np.abs(np.arange(-radius, radius + 1))] * 2) <= radius
            mask = ndimage.binary_erosion(mask, diamond, border_value=1)
        labels, count = ndimage.label(mask, np.ones((3, 3)))
        if count > 0:
            sizes = np.bincount(labels.ravel())[1:]
            largest = [label + 1 for label in range(count) if sizes[label] == sizes.max()]
            # Of components of the same size, the first in reading order.
            first = min(largest, key=lambda label: np.flatnonzero(labels == label)[0])
            mask = ndimage.binary_fill_holes(labels == first, CROSS)
        planes.append(mask)
    return {"mask": planes}


def surface_distances(a, b):
    """From each surface pixel of either mask to the nearest of the other."""
    a, b = (mask & ~ndimage.binary_erosion(mask, CROSS, border_value=0) for mask in (a, b))
    return ndimage.distance_transform_edt(~b)[a], ndimage.distance_transform_edt(~a)[b]


def height(mask):
    rows = np.flatnonzero(mask.any(1))
    return rows[-1] - rows[0] + 1


def measured(t, attrs):
    """Where a mask is empty, its distances and ratios do not exist: NaN."""
    values = {name: [] for name in ("dice", "iou", "asd", "hd95", "vcdr")}
    pairs = list(zip(t["pred"] > 0.5, t["target"] > 0.5))
    for pred, target in pairs:
        both, union = (pred & target).sum(), (pred | target).sum()
        values["dice"].append((2 * both + 1) / (pred.sum() + target.sum() + 1))
        values["iou"].append(both / union if union else 1)
        asd = hd95 = np.nan
        if pred.any() and target.any():
            there, back = surface_distances(pred, target)
            asd, hd95 = (there.mean() + back.mean()) / 2, np.percentile(np.concatenate([there, back]), 95)
        values["asd"].append(asd)
        values["hd95"].append(hd95)
    for cup, disc in zip(*pairs):
        values["vcdr"].append(height(cup) / height(disc) if cup.any() and disc.any() else np.nan)
    return values


def decode(name, grey):
    return Case(f"decode_mask{name}", "decode_mask", {"grey": np.float32(grey)}, on_arrays(decoded), exact=True)


def boundary_target(name, planes, width, sigma):
    inputs, attrs = {"mask": np.stack(planes)}, {"width": width, "sigma": sigma}
    return Case(f"boundary_target{name}", "boundary_target", inputs, on_arrays(boundary), attrs, atol=ONE_BYTE)


def postprocess(name, planes, threshold=0.75, median=7, median_passes=5, erode_diamond=7):
    attrs = {"threshold": threshold, "median": median, "median_passes": median_passes, "erode_diamond": erode_diamond}
    inputs = {"prob": np.float32(planes)}
    return Case(f"postprocess{name}", "postprocess", inputs, on_arrays(cleaned), attrs, exact=True)


def metrics(name, pred, target):
    inputs = {"pred": np.stack(pred), "target": np.stack(target)}
    return Case(f"metrics{name}", "metrics", inputs, on_arrays(measured))


def noisy(name, planes, share):
    """Probabilities of masks of which a share of the pixels is turned over."""
    planes = np.stack(planes)
    flipped = np.abs(planes - Draw(name).bits("flipped", planes.shape, share))
    return 0.1 + 0.8 * flipped


def drawn(*rows):
    return np.float32([[pixel == "#" for pixel in row] for row in rows])


def components(shape):
    """A large blob with a hole in it, and smaller ones, one of them at the edge."""
    blob = ellipse(shape, (20, 22), (15, 17)) - ellipse(shape, (18, 20), (4, 3))
    return np.clip(blob + ellipse(shape, (50, 48), (9, 8)) + ellipse(shape, (0, 55), (6, 9)), 0, 1)


SHAPE = (60, 64)
EMPTY, FULL = np.zeros((20, 18), np.float32), np.ones((20, 18), np.float32)
DISC, CUP = ellipse(SHAPE, (30, 33), (24, 21)), ellipse(SHAPE, (32, 30), (11, 9))
SMALL_DISC, SMALL_CUP = ellipse(EMPTY.shape, (10, 9), (8, 6)), ellipse(EMPTY.shape, (11, 8), (3, 2))
POINT = ellipse(EMPTY.shape, (3, 15), (0.5, 0.5))
# Two rings closed only across corners, and joined: what they enclose are holes.
DIAGONAL = drawn("..#....#..", ".#.#..#.#.", "#...##...#", ".#.#..#.#.", "..#....#..", "..........", "##......##")
# Components of the same size.
TWINS = drawn("....#", "##..#", ".....", "##.##")
ABOVE = np.nextafter(np.float32(0.75), np.float32(1))
AT_THRESHOLD = [np.float32([[0.75, ABOVE, 0.9], [0.7, 0.75, 1.0], [0.0, 0.1, 0.75]])] * 2
BLOBS = components(SHAPE)
ROW = np.tile(np.float32([[0.9, 0.8, 0.1]]), 5)
PLAIN = {"median": 0, "median_passes": 0, "erode_diamond": 0}

CASES = [
    decode("_every_level", np.arange(256).reshape(16, 16)),
    decode("_odd_size", np.floor(Draw("decode_mask_odd_size")("in.grey", (7, 9), 0, 256))),
    boundary_target("", [CUP, DISC], 5, 3.0),
    boundary_target("_of_128", [CUP, DISC], 1, 0.75),
    boundary_target("_at_the_edge", [ellipse(SHAPE, (2, 30), (9, 12)), ellipse(SHAPE, (8, 40), (30, 30))], 3, 1.5),
    boundary_target("_without_cup", [EMPTY, SMALL_DISC], 2, 1.0),
    boundary_target("_empty", [EMPTY, EMPTY], 5, 3.0),
    boundary_target("_of_one_pixel", [EMPTY[:1, :1], FULL[:1, :1]], 5, 3.0),
    boundary_target("_smaller_than_kernel", [FULL[:3, :4], POINT[2:5, 13:17]], 5, 3.0),
    postprocess("", noisy("postprocess", [CUP, DISC], 0.12), erode_diamond=4),
    postprocess("_published_lengths", noisy("postprocess_published_lengths", [DISC, 1 - CUP], 0.05)),
    postprocess("_components", [0.9 * BLOBS, 0.8 * BLOBS[::-1, ::-1]], median=3, erode_diamond=1),
    postprocess("_diagonals", [DIAGONAL, DIAGONAL[::-1]], **PLAIN),
    postprocess("_twins", [TWINS, TWINS[::-1]], **PLAIN),
    postprocess("_at_the_threshold", AT_THRESHOLD, **PLAIN),
    postprocess("_empty_and_full", [0.2 + EMPTY, FULL], erode_diamond=2),
    postprocess("_single_row", [ROW, FULL[:1, :15]], median=3, median_passes=1, erode_diamond=1),
    postprocess("_window_beyond_image", [FULL[:3, :2], FULL[:3, :2] * 0.7], median=5, median_passes=1, erode_diamond=9),
    metrics("_of_one_pixel", [FULL[:1, :1], FULL[:1, :1]], [FULL[:1, :1], FULL[:1, :1]]),
    metrics("", [np.roll(CUP, (2, -3), (0, 1)), np.clip(DISC + ellipse(SHAPE, (10, 12), (4, 6)), 0, 1)], [CUP, DISC]),
    metrics("_of_equals", [SMALL_CUP, SMALL_DISC], [SMALL_CUP, SMALL_DISC]),
    metrics("_apart", [POINT, POINT], [SMALL_CUP, SMALL_DISC]),
    metrics("_at_the_edge", [SMALL_DISC, FULL], [FULL, FULL]),
    metrics("_cup_not_found", [EMPTY, SMALL_DISC], [SMALL_CUP, SMALL_DISC[::-1]]),
    metrics("_no_cup", [EMPTY, SMALL_DISC], [EMPTY, FULL]),
    metrics("_nothing_found", [EMPTY, EMPTY], [SMALL_CUP, SMALL_DISC]),
]
