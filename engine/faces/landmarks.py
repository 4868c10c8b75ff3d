"""468 landmarks of the face in a crop, differentiable, so that a latent can be fitted to them.

Convention: landmarks are in crop units (see `engine.faces.crop`): 0..1, x right, y down, corner-based. Which
point is what stands in `engine.faces.mesh_points`.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.faces.facemesh import INPUT_SIZE, FaceMeshNetwork

# The square that the network is shown of an FFHQ crop: centre x, y and side, in crop units. Found on two
# photographs at 128, 256 and 512 px against eleven points set by hand (a flat optimum); the mesh's extent times
# 1.5, which the network was trained with, gives nearly the same: .50, .58, .87.
FFHQ_ROI = (0.5, 0.56, 0.88)
ROI_SCALE = 1.5  # side of the square / longer side of the mesh, in the network's training


class FaceMesh(nn.Module):
    """MediaPipe's Face Mesh on crops. Frozen; gradients flow from landmarks to pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.network = FaceMeshNetwork()

    @classmethod
    def load(cls, path: Path | str) -> FaceMesh:
        """Read `models/facemesh/facemesh.safetensors`. Raises `ModelDamaged`."""
        mesh = cls()
        mesh.network = FaceMeshNetwork.load(path)
        return mesh.eval()

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """The network itself.

        Args:
            image: [N,3,192,192], RGB, 0..1.

        Returns:
            points [N,468,2] in pixels of the input, 0..192, corner-based; presence [N], a logit: above 0 a face
            is there, and a well-placed one gives 20–50.
        """
        points, presence = self.network(image)
        return points[..., :2], presence

    def landmarks(self, crops: Tensor, roi: Tensor | tuple[float, float, float] = FFHQ_ROI) -> Tensor:
        """Landmarks of FFHQ crops.

        Args:
            crops: [N,3,R,R], RGB, -1..1, any R.
            roi: what of the crop the network is shown: centre x, centre y, side, in crop units; one for all, or
                [N,3].

        Returns:
            [N,468,2] crop units.
        """
        return self.locate(crops, roi)[0]

    def locate(
        self, crops: Tensor, roi: Tensor | tuple[float, float, float] = FFHQ_ROI
    ) -> tuple[Tensor, Tensor]:
        """`landmarks`, and how surely a face is there: [N,468,2] crop units, presence logit [N]."""
        if crops.ndim != 4 or crops.shape[1] != 3 or crops.shape[2] != crops.shape[3]:
            raise ValueError(f"expected crops [N,3,R,R], not {tuple(crops.shape)}")
        roi = torch.as_tensor(roi, dtype=crops.dtype, device=crops.device).expand(len(crops), 3)
        points, presence = self((_cut_out(crops, roi) + 1) / 2)
        side, centre = roi[:, None, 2:], roi[:, None, :2]
        return centre + (points / INPUT_SIZE - 0.5) * side, presence

    def landmarks_in_two_passes(self, crops: Tensor) -> Tensor:
        """As `landmarks`, the second time around the mesh found first: for crops that are not quite FFHQ's."""
        with torch.no_grad():
            roi = roi_around(self.landmarks(crops))
        return self.landmarks(crops, roi)


def roi_around(landmarks: Tensor) -> Tensor:
    """The square in which the network likes to see a mesh: [N,468,2] → [N,3] centre x, centre y, side."""
    low, high = landmarks.amin(1), landmarks.amax(1)
    side = (high - low).amax(1, keepdim=True) * ROI_SCALE
    return torch.cat([(low + high) / 2, side], 1)


def _cut_out(crops: Tensor, roi: Tensor) -> Tensor:
    """Resample [N,3,R,R] to [N,3,192,192] over the squares [N,3]; the border is repeated outside."""
    fitting = max(1, round(INPUT_SIZE / max(float(roi[:, 2].min()), 1e-3)))
    if crops.shape[-1] > fitting:  # one pixel of the crop per pixel of the input at most: no aliasing
        crops = F.interpolate(
            crops, size=(fitting, fitting), mode="bilinear", align_corners=False, antialias=True
        )
    offset = (torch.arange(INPUT_SIZE, dtype=crops.dtype, device=crops.device) + 0.5) / INPUT_SIZE - 0.5
    across = roi[:, :1] + roi[:, 2:] * offset
    down = roi[:, 1:2] + roi[:, 2:] * offset
    grid = torch.stack(
        [
            across[:, None, :].expand(-1, INPUT_SIZE, -1),
            down[:, :, None].expand(-1, -1, INPUT_SIZE),
        ],
        -1,
    )
    return F.grid_sample(crops, grid * 2 - 1, padding_mode="border", align_corners=False)
