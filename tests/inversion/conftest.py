"""An inversion made of noise, for tests of its file and of the cache."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.faces.crop import CropGeometry
from engine.inversion.types import CROP_SIZE, Inversion


@pytest.fixture(scope="session")
def inversion() -> Inversion:
    draw = torch.Generator().manual_seed(0)
    noise = np.random.default_rng(0).integers(0, 256, (CROP_SIZE, CROP_SIZE, 3), dtype=np.uint8)
    return Inversion(
        model="default",
        model_digest="ab" * 32,
        crop=noise,
        geometry=CropGeometry((10.25, -3.5), (200.0, 12.0)),
        box=(1.0, 2.0, 3.5, 4.0),
        refine_steps=7,
        w_plus=torch.randn(12, 16, generator=draw),
        parameters=torch.randn(95, generator=draw),
        landmarks=torch.rand(468, 2, generator=draw),
        generated_landmarks=torch.rand(468, 2, generator=draw),
        invertibility_mask=torch.randint(0, 256, (256, 256), generator=draw) / 255,
        alignment_flow=(0.1 * torch.randn(2, 256, 256, generator=draw)).half().float(),
        landmark_error=0.004,
    )
