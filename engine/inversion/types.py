"""An inversion: everything that is found once about a face and then used for every edit; and its file.

The file (format version 1) is safetensors; later versions only add keys:

    crop_png               uint8 [n]            the crop as PNG, RGB, CROP_SIZE × CROP_SIZE
    geometry               float64 [4]          the crop's place in the photograph (engine.faces.crop)
    w_plus                 float32 [num_ws, w_dim]
    parameters             float32 [P]          c with w_plus = mapping(c); absent for models without a conditional mapping
    landmarks              float32 [468, 2]     of the photograph, crop units (engine.faces.landmarks)
    generated_landmarks    float32 [468, 2]     of G(w), crop units
    invertibility_mask     uint8 [S, S]         m · 255, composed
    alignment_flow         float16 [2, S, S]    crop units
    bare_skin           uint8 [256,256]         how surely a pixel is bare skin (engine.inversion.skin), from method 2 on
    weight_delta.<layer>.* float16 [n, m]       pivotal tuning's change to the generator (engine.inversion.pivotal), if any

with one metadata entry, `likeness`: a JSON object of `format`, `version`, `id`, `method`, `model`, `model_digest`,
`refine_steps`, `landmark_error`, `box`, `sha256` (of all that follows the header; files made before it was added lack
it). (One entry, because safetensors writes several in any order.) Where networks beside the model's file took part
(engine.weights.model_inverters), also `detector`, which of them found mask and flow, and `inverters_digest`. Of a SAMM's
scales the composed mask and flow are kept.

*Convention.* The invertibility mask is 1 (255) where the generator cannot make the pixel: it stays the photograph's.
The alignment flow points from the photograph into the generated image: position p of the crop shows what G(w) has
at p + flow(p). Both are found once, at d = 0, and frozen for all edits.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load, save

from engine.errors import InversionDamaged
from engine.faces.crop import CropGeometry
from engine.messages import Detector

FORMAT = "likeness-inversion"
VERSION = 1
METHOD = 2  # raised whenever refine, alignment or detection come to find something else
CROP_SIZE = 512
MAP_SIZE = 256  # S, of mask and flow
FARTHEST = 1e6  # pixels; nothing of a photograph lies farther away
LANDMARKS = 468
MAX_BYTES = 16_000_000
DELTA = "weight_delta."
LARGEST_DELTA = 1_000_000  # numbers in it
_DAMAGED = "Invert the face again."


@dataclass(frozen=True)
class Inversion:
    """What is known of one inverted face. Tensors lie on the CPU; see the module's text for shapes and conventions."""

    model: str
    model_digest: str
    crop: np.ndarray
    geometry: CropGeometry
    box: tuple[float, float, float, float]
    refine_steps: int
    w_plus: torch.Tensor
    parameters: torch.Tensor | None
    landmarks: torch.Tensor
    generated_landmarks: torch.Tensor
    invertibility_mask: torch.Tensor  # float [S,S] in [0,1], of 8 bits
    alignment_flow: torch.Tensor  # float32 [2,S,S], of half precision
    landmark_error: float
    method: int = METHOD
    weight_delta: Mapping[str, torch.Tensor] = field(default_factory=dict)
    bare_skin: torch.Tensor | None = None  # float [S,S] in [0,1], of 8 bits
    detector: Detector = "landmarks"
    inverters_digest: str = ""  # of the networks beside the model's file that took part

    @property
    def id(self) -> str:
        args = (self.model_digest, self.crop, self.geometry, self.refine_steps)
        return inversion_id(*args, self.inverters_digest, self.method)


def inversion_id(
    model_digest: str,
    crop: np.ndarray,
    geometry: CropGeometry,
    refine_steps: int,
    inverters_digest: str = "",
    method: int = METHOD,
) -> str:
    """The hash of what goes into an inversion: so one that was made before is found before it is made again."""
    digest = hashlib.sha256(f"{FORMAT} {VERSION} {method} {model_digest} {refine_steps}\n".encode())
    digest.update(inverters_digest.encode())
    digest.update(geometry.to_tensor().numpy().tobytes())
    digest.update(np.ascontiguousarray(crop).tobytes())
    return digest.hexdigest()


def to_bytes(inversion: Inversion) -> bytes:
    """The inversion as a file."""
    png = io.BytesIO()
    Image.fromarray(inversion.crop).save(png, "PNG")
    tensors = {
        "crop_png": torch.frombuffer(bytearray(png.getvalue()), dtype=torch.uint8),
        "geometry": inversion.geometry.to_tensor(),
        "w_plus": inversion.w_plus.float(),
        "landmarks": inversion.landmarks.float(),
        "generated_landmarks": inversion.generated_landmarks.float(),
        "invertibility_mask": (inversion.invertibility_mask * 255).round().to(torch.uint8),
        "alignment_flow": inversion.alignment_flow.half(),
    }
    if inversion.parameters is not None:
        tensors["parameters"] = inversion.parameters.float()
    if inversion.bare_skin is not None:
        tensors["bare_skin"] = (inversion.bare_skin * 255).round().to(torch.uint8)
    tensors |= {f"{DELTA}{key}": tensor.half() for key, tensor in inversion.weight_delta.items()}
    facts = {
        "format": FORMAT,
        "version": VERSION,
        "id": inversion.id,
        "method": inversion.method,
        "model": inversion.model,
        "model_digest": inversion.model_digest,
        "refine_steps": inversion.refine_steps,
        "landmark_error": inversion.landmark_error,
        "box": inversion.box,
    }
    if inversion.inverters_digest:
        facts |= {"detector": inversion.detector, "inverters_digest": inversion.inverters_digest}
    tensors = {key: tensor.contiguous() for key, tensor in tensors.items()}
    facts["sha256"] = _hash_of_tensors(save(tensors))
    return save(tensors, {"likeness": json.dumps(facts)})


def from_bytes(data: bytes) -> Inversion:
    """Read a file that may come from anywhere. Raises `InversionDamaged` that says what is wrong with it."""
    try:
        facts = _facts(data)
        tensors = load(data)
        mask = _bytes_map(tensors, "invertibility_mask")
        flow = _tensor(tensors, "alignment_flow", torch.float16, (2, MAP_SIZE, MAP_SIZE)).float()
        box = tuple(float(v) for v in facts["box"])
        if len(box) != 4 or not all(abs(v) < FARTHEST for v in box):
            raise ValueError("its box is none")
        detector, inverters_digest = _found_by(facts)
        inversion = Inversion(
            model=facts["model"],
            model_digest=facts["model_digest"],
            crop=_crop(_tensor(tensors, "crop_png", torch.uint8, (None,))),
            geometry=CropGeometry.from_tensor(_tensor(tensors, "geometry", torch.float64, (4,))),
            box=box,  # type: ignore[arg-type]
            refine_steps=int(facts["refine_steps"]),
            w_plus=_tensor(tensors, "w_plus", torch.float32, (None, None)),
            parameters=_tensor(tensors, "parameters", torch.float32, (None,))
            if "parameters" in tensors
            else None,
            landmarks=_tensor(tensors, "landmarks", torch.float32, (LANDMARKS, 2)),
            generated_landmarks=_tensor(tensors, "generated_landmarks", torch.float32, (LANDMARKS, 2)),
            invertibility_mask=mask,
            alignment_flow=flow,
            landmark_error=float(facts["landmark_error"]),
            method=int(facts["method"]),
            weight_delta=_weight_delta(tensors),
            bare_skin=_bytes_map(tensors, "bare_skin") if "bare_skin" in tensors else None,
            detector=detector,
            inverters_digest=inverters_digest,
        )
        _check_ranges(inversion)
        if inversion.id != facts["id"]:
            raise ValueError("its id is not that of its contents")
    except (SafetensorError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise InversionDamaged(f"This inversion cannot be used: {error}.", _DAMAGED) from error
    return inversion


def _check_ranges(inversion: Inversion) -> None:
    """Numbers that no face has. Raises `ValueError`."""
    for name, largest in (
        ("landmarks", 4.0),
        ("generated_landmarks", 4.0),
        ("alignment_flow", 2.0),
        ("w_plus", 1e3),
    ):
        if getattr(inversion, name).abs().max() > largest:
            raise ValueError(f"its {name} lie out of range")
    if inversion.parameters is not None and inversion.parameters.abs().max() > 50:
        raise ValueError("its parameters lie out of range")
    if inversion.landmarks.std(0).min() < 0.02:
        raise ValueError("its landmarks are no face")
    if not 1 <= inversion.geometry.side < FARTHEST or max(map(abs, inversion.geometry.origin)) > FARTHEST:
        raise ValueError("its geometry lies out of range")
    if not 0 <= inversion.refine_steps <= 5000 or not 0 <= inversion.landmark_error < 10:
        raise ValueError("its numbers lie out of range")


def _facts(data: bytes) -> dict[str, Any]:
    if not 8 < len(data) <= MAX_BYTES:
        raise ValueError(f"{len(data)} bytes are no inversion")
    length = int.from_bytes(data[:8], "little")
    if length > min(len(data) - 8, 100_000):
        raise ValueError("its header is cut short or too long")
    facts = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["likeness"])
    if facts["format"] != FORMAT:
        raise ValueError("it is something else")
    if facts["version"] != VERSION:
        raise ValueError(f"its format version is {facts['version']!r}, this engine reads {VERSION}")
    if facts.get("sha256", digest := _hash_of_tensors(data)) != digest:
        raise ValueError("its numbers are not those that were written")
    if not isinstance(facts["model"], str) or not isinstance(facts["model_digest"], str):
        raise ValueError("its model has no name")
    return facts


def _found_by(facts: dict[str, Any]) -> tuple[Detector, str]:
    """The detector, and the digest of the networks that took part."""
    digest = facts.get("inverters_digest", "")
    if not isinstance(digest, str) or not re.fullmatch(r"([0-9a-f]{64})?", digest):
        raise ValueError("its networks have no digest")
    detector = facts["detector"] if digest else "landmarks"
    if detector not in get_args(Detector):
        raise ValueError("nobody knows what found its mask")
    return detector, digest


def _hash_of_tensors(data: bytes) -> str:
    """sha256 of what follows a safetensors file's header."""
    return hashlib.sha256(memoryview(data)[8 + int.from_bytes(data[:8], "little") :]).hexdigest()


def _weight_delta(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    keys = [key for key in tensors if key.startswith(DELTA)]
    delta = {
        key.removeprefix(DELTA): _tensor(tensors, key, torch.float16, (None, None)).float() for key in keys
    }
    if sum(tensor.numel() for tensor in delta.values()) > LARGEST_DELTA:
        raise ValueError("its change to the generator is too large")
    return delta


def _tensor(
    tensors: dict[str, torch.Tensor], key: str, dtype: torch.dtype, shape: tuple[int | None, ...]
) -> torch.Tensor:
    tensor = tensors[key]
    fits = len(shape) == tensor.ndim and all(s in (None, a) for s, a in zip(shape, tensor.shape, strict=True))
    if tensor.dtype != dtype or not fits:
        raise ValueError(f"{key} is {tensor.dtype} {list(tensor.shape)}, expected {dtype} {list(shape)}")
    if tensor.is_floating_point() and not torch.isfinite(tensor).all():
        raise ValueError(f"{key} holds values that are not finite")
    return tensor


def _bytes_map(tensors: dict[str, torch.Tensor], key: str) -> torch.Tensor:
    return _tensor(tensors, key, torch.uint8, (MAP_SIZE, MAP_SIZE)).float() / 255


def _crop(png: torch.Tensor) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(png.numpy().tobytes()), formats=["PNG"]) as image:
            if image.size != (CROP_SIZE, CROP_SIZE) or image.mode != "RGB":
                raise ValueError(f"its crop is {image.size[0]}×{image.size[1]} {image.mode}")
            return np.asarray(image)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError("its crop is no picture") from error
