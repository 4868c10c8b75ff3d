"""The part of a crop that is the face: soft hulls drawn from the mesh's landmarks."""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image, ImageDraw

from engine.faces import mesh_points
from engine.inversion.fields import blur

MARGIN = 0.075  # how far the hull reaches beyond the jaw and the cheeks, crop units
SOFTNESS = 0.022
LENS_DROP, LENS_WIDTH, LENS_HEIGHT = 0.08, 0.53, 0.45  # of a pair of glasses, in distances between the eyes


def polygon(points: torch.Tensor, size: int) -> torch.Tensor:
    """A filled polygon [K,2] (crop units) as a mask [1,1,size,size] of 0 and 1."""
    picture = Image.new("L", (size * 2, size * 2))
    ImageDraw.Draw(picture).polygon([(x * size * 2, y * size * 2) for x, y in points.tolist()], fill=255)
    half = np.asarray(picture.resize((size, size), Image.Resampling.BOX), np.float32) / 255
    return torch.from_numpy(half)[None, None]


def oval(landmarks: torch.Tensor) -> torch.Tensor:
    """The face's outline [36,2] of landmarks [468,2]: forehead, cheeks, jaw."""
    return landmarks[list(mesh_points.FACE_OVAL)]


def hull_outline(landmarks: torch.Tensor) -> torch.Tensor:
    """The outline within which an edit may act [36,2]: the oval, widened at cheeks and jaw, not above the forehead."""
    outline = oval(landmarks)
    centre = outline.mean(0)
    up = outline[0] - landmarks[mesh_points.CHIN]
    up = up / up.norm()
    away = outline - centre
    away = away / away.norm(dim=1, keepdim=True)
    rise = (away @ up).clamp(min=0)  # 1 at the top of the forehead
    return outline + away * (MARGIN * (1 - 0.8 * rise))[:, None]


def face_hull(landmarks: torch.Tensor, size: int) -> torch.Tensor:
    """Soft mask [1,1,size,size]: 1 on the face, falling to 0 at the hull's outline and beyond."""
    return blur(polygon(_grown(hull_outline(landmarks), 0.93), size), SOFTNESS)


def anchors(landmarks: torch.Tensor) -> torch.Tensor:
    """Points [K,2] where nothing moves: around the hull, and around the crop."""
    outline = hull_outline(landmarks)
    far = torch.tensor(
        [[0.5 + 0.75 * math.cos(a / 8 * math.pi), 0.5 + 0.75 * math.sin(a / 8 * math.pi)] for a in range(16)]
    )
    return torch.cat([_grown(outline, 1.06), far])


def features(landmarks: torch.Tensor, size: int) -> torch.Tensor:
    """Soft mask [1,1,size,size] of what differs between any two faces: eyes, brows, nose, and mouth with its folds."""
    eyes = (mesh_points.IMAGE_LEFT_EYE, mesh_points.IMAGE_RIGHT_EYE)
    brows = (mesh_points.IMAGE_LEFT_BROW, mesh_points.IMAGE_RIGHT_BROW)
    mask = torch.zeros(1, 1, size, size)
    for part, growth in (*((p, 1.6) for p in eyes), *((p, 1.2) for p in brows), (mesh_points.NOSE_BASE, 1.5)):
        mask = torch.maximum(mask, polygon(_grown(landmarks[list(part)], growth), size))
    lips = landmarks[list(mesh_points.OUTER_LIPS)]
    wings = landmarks[[mesh_points.NOSE_BASE[0], mesh_points.NOSE_BASE[-1]]]
    mouth = _grown(lips, 1.5)
    left, right = mouth[mouth[:, 0].argmin()], mouth[mouth[:, 0].argmax()]
    folds = torch.stack([wings[0] - 0.02, wings[1] + torch.tensor([0.02, -0.02]), right, left])
    mask = torch.maximum(mask, torch.maximum(polygon(mouth, size), polygon(folds, size)))
    return blur(mask, 0.01)


def glasses(landmarks: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Where glasses would sit: masks [1,1,size,size] of the bridge of the nose, and of lenses and bridge together."""
    left, right = (landmarks[list(eye)] for eye in (mesh_points.IMAGE_LEFT_EYE, mesh_points.IMAGE_RIGHT_EYE))
    across = right.mean(0) - left.mean(0)
    down = torch.stack([-across[1], across[0]])
    turn = torch.linspace(0, 2 * math.pi, 33)[:-1, None]
    lenses = torch.zeros(1, 1, size, size)
    for eye in (left, right):
        centre = eye.mean(0) + LENS_DROP * down
        outline = centre + torch.cos(turn) * LENS_WIDTH * across + torch.sin(turn) * LENS_HEIGHT * down
        lenses = torch.maximum(lenses, polygon(outline, size))
    middle = (left.mean(0) + right.mean(0)) / 2
    corners = torch.tensor([[-0.15, -0.12], [0.15, -0.12], [0.15, 0.25], [-0.15, 0.25]])
    bridge = polygon(middle + corners[:, :1] * across + corners[:, 1:] * down, size)
    return bridge, torch.maximum(lenses, bridge)


def _grown(outline: torch.Tensor, factor: float) -> torch.Tensor:
    return outline.mean(0) + (outline - outline.mean(0)) * factor
