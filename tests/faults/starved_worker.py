"""The real worker on a device that is sometimes out of memory.

python starved_worker.py 1,3,4 DESCRIPTOR      the first, third and fourth look for faces find no memory
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from engine.worker import __main__ as worker


def main() -> None:
    import torch

    from engine.faces.detect import Face, FaceDetector

    starved = {int(number) for number in sys.argv.pop(1).split(",")}
    numbers = itertools.count(1)
    detect = FaceDetector.detect

    def starving(self: FaceDetector, image: np.ndarray) -> list[Face]:
        if next(numbers) in starved:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return detect(self, image)

    FaceDetector.detect = starving
    worker.main()


if __name__ == "__main__":
    main()
