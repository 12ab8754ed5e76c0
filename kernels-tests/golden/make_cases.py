#!/usr/bin/env python3
"""Makes the golden cases beside it anew, or checks that it would make the same.

    make_cases.py [--only GLOB]            writes the cases
    make_cases.py --check [--only GLOB]    makes them in memory and compares

Needs torch, numpy and scipy (README.md says which). The same cases come out on every machine: inputs are drawn from
their names, and expected values, computed in float64, differ by no more than their rounding to float32.
"""

import argparse
import fnmatch
import json
import sys
from pathlib import Path

import numpy as np
import torch

import convolution
import discriminator
import elementwise
import images
import losses
import maps
import normalisation
import optimisers
import prototypes
from case import Made, largest, read

FOLDER = Path(__file__).parent
MODULES = (convolution, normalisation, elementwise, maps, losses, prototypes, optimisers, discriminator, images)
# All files together, in bytes.
MOST = 6_000_000


def differences(made: Made, stored: Made):
    """In what a stored case is not the one that was made."""
    parts = []
    for case in (made, stored):
        attrs = json.loads(case.metadata["attrs"])
        attrs.pop("atol_of", None)
        parts.append((case.metadata["op"], attrs, {name: value.shape for name, value in case.tensors.items()}))
    if parts[0] != parts[1]:
        yield f"operation, attributes or shapes are not {parts[0]}"
        return
    for name, want in made.tensors.items():
        got = stored.tensors[name]
        if name not in made.single_error:
            if not np.array_equal(got, want):
                yield f"{name} is another input"
            continue
        # One rounding to float32 of the largest element; a byte where the case allows one.
        allowed = max(2.0**-23 * largest(want), float(made.metadata["atol"]))
        if not np.array_equal(np.isnan(got), np.isnan(want)) or largest(got - want) > allowed:
            yield f"{name} is wrong by {largest(got - want):.1e} where {allowed:.1e} is allowed"
        # On another machine float32 sums in another order, with up to three times the error; it must pass all the same.
        tolerance, error = stored.tolerance(name), made.single_error[name]
        if error > tolerance or tolerance > 4 * made.tolerance(name):
            yield f"the tolerance of {name} is {tolerance:.1e}, float32's own error {error:.1e}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    parser.add_argument("--only", default="*", metavar="GLOB", help="cases whose names match")
    arguments = parser.parse_args()
    # Sums in the same order, however many cores there are.
    torch.set_num_threads(1)
    cases = [case for module in MODULES for case in module.CASES]
    names = [case.name for case in cases]
    assert len(set(names)) == len(names), "two cases have one name"
    failed = 0
    for case in cases:
        if not fnmatch.fnmatch(case.name, arguments.only):
            continue
        made, path = case.make(), FOLDER / f"{case.name}.safetensors"
        if not arguments.check:
            path.write_bytes(made.to_bytes())
            print(f"{path.stat().st_size:8}  {case.name}")
            continue
        found = list(differences(made, read(path.read_bytes()))) if path.exists() else ["there is no such file"]
        for difference in found:
            print(f"{case.name}: {difference}")
        failed += bool(found)
    files = sorted(FOLDER.glob("*.safetensors"))
    for file in files:
        if file.stem not in names:
            print(f"{file.name} is not made here")
            failed += 1
    total = sum(file.stat().st_size for file in files)
    print(f"{len(files)} cases, {total} bytes")
    return int(failed > 0 or total > MOST)


if __name__ == "__main__":
    sys.exit(main())
