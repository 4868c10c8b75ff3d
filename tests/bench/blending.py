"""Blending: the linear solve against gradient descent on the same objective, and how the solve grows with the picture.

    python -m tests.bench.blending [--descent SIZE …] [--solve SIZE …]

Both run in this process, in turn, on one thread; seconds are the processor's, so that what else the machine does
counts little. Trust the ratio. They are compared at the same relative residual, and then with the descent going on
until no pixel is off by more than 1/255: under a soft mask the photograph's part weighs so much that a small residual
says little about the rest. The error is the largest difference from the minimum itself, of pictures in 0..1.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from engine.blending.literal import descend
from engine.blending.poisson import TOLERANCE, Refinement, gradient_domain
from tests.blending.pictures import mask, picture

ERROR = 1 / 255
LEAST = 1e-7  # of the descent's tolerance; single precision goes no further
KINDS = {"hole": "hole", "disc": "soft mask"}


@dataclass(frozen=True)
class Measured:
    """One way of blending one picture."""

    seconds: float
    iterations: int
    residual: float
    error: float


def measured(blend: Callable[[], Refinement], exact: torch.Tensor) -> Measured:
    begun = time.process_time()
    found = blend()
    seconds = time.process_time() - begun
    error = float((found.pixels - exact).abs().max())
    return Measured(seconds, found.iterations, float(found.relative_residual.max()), error)


def case(kind: str, size: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """RGB pictures [1,3,size,size] and a mask."""
    return picture(size, size, 1, 16), picture(size, size, 2, 16), mask(kind, size, size)


def compared(kind: str, size: int) -> tuple[Measured, Measured, Measured]:
    """The solve, the descent to the same residual, and to an error of 1/255; after a solve that warms up."""
    inputs = case(kind, size)
    x, generated, m = (t.double() for t in inputs)
    exact = gradient_domain(x, generated, m, tolerance=1e-9).pixels
    gradient_domain(*inputs)
    solve = measured(lambda: gradient_domain(*inputs), exact)
    rough = fine = measured(lambda: descend(*inputs), exact)
    tolerance = TOLERANCE
    while fine.error > ERROR and tolerance > LEAST:
        tolerance /= 4
        fine = measured(lambda tolerance=tolerance: descend(*inputs, tolerance=tolerance), exact)
    return solve, rough, fine


def row(found: Measured, against: Measured | None = None) -> str:
    ratio = f" {found.seconds / against.seconds:5.0f}×" if against else ""
    return f" | {found.seconds:7.2f} s {found.iterations:6} it. {found.error:.0e}{ratio}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--descent", type=int, nargs="*", default=[64, 128], help="sizes to compare at, px")
    parser.add_argument("--solve", type=int, nargs="*", default=[256, 512, 1024], help="sizes to solve, px")
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    heads = (f"solve to {TOLERANCE:g}", f"descent to {TOLERANCE:g}", "descent to an error of 1/255")
    print(f"{'seconds, iterations, error':26} | {heads[0]:24} | {heads[1]:31} | {heads[2]}")
    for size in arguments.descent:
        for kind, name in KINDS.items():
            solve, rough, fine = compared(kind, size)
            print(f"{name:20}{size:6}{row(solve)}{row(rough, solve)}{row(fine, solve)}", flush=True)
    print("The solve alone:")
    for kind, name in KINDS.items():
        for size in arguments.solve:
            inputs = case(kind, size)
            found = measured(lambda inputs=inputs: gradient_domain(*inputs), inputs[0])
            print(
                f"{name:10}{size:5} {found.seconds:8.3f} s {found.iterations:3} it., residual {found.residual:.1e}, "
                f"{found.seconds / size**2 * 1e6:.2f} s per megapixel",
                flush=True,
            )


if __name__ == "__main__":
    main()
