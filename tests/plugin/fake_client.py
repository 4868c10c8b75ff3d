"""An engine that a test scripts: `FakeEngine` holds what it knows, `FakeClient` speaks for it like the real one.

Its faces are ovals in the photograph; an edit makes them warmer or brighter, so that a picture can be told from
another. Jobs wait at a `gate` when a test closes it, and notice hanging up there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from engine.spool import picture_id
from plugin.likeness.client import EngineProblem, JobCancelled
from tests.plugin.fake_shelf import FakeShelf

Json = dict[str, Any]
Box = tuple[float, float, float, float]
PATIENCE = 20.0

DIRECTIONS: list[Json] = [
    {"name": n, "label": label, "group": group, "minimum": low, "maximum": high, "hint": hint}
    for n, label, group, low, high, hint in (
        ("smile", "Smile", "Expression", -2.0, 2.0, "Corners of the mouth up or down"),
        ("mouth_open", "Mouth open", "Expression", -1.5, 2.0, "Lips closed or apart"),
        ("surprise", "Surprise", "Expression", -1.0, 1.5, ""),
        ("age", "Age", "Age and hair", -3.0, 3.0, "Younger to the left, older to the right"),
        ("grey", "Grey hair", "Age and hair", -2.0, 2.0, ""),
        ("beard", "Beard", "Age and hair", -1.0, 2.0, ""),
        ("yaw", "Turn left – right", "Pose", -2.0, 2.0, ""),
        ("pitch", "Look up – down", "Pose", -2.0, 2.0, ""),
        ("light", "Light from the side", "Light", -2.0, 2.0, ""),
        ("warm", "Warm light", "Light", -2.0, 2.0, ""),
        ("cheeks", "Cheeks", "More", -2.0, 2.0, ""),
        ("brows", "Brow height", "More", -2.0, 2.0, ""),
        ("nose", "Width of the nose", "More", -2.0, 2.0, ""),
    )
]
NOTICE = (
    "A small model, trained on rendered heads: likenesses are rough. Bring a larger one with "
    "“python -m engine models import”."
)


@dataclass
class FakeEngine:
    """What the engine knows, and what a test makes it do."""

    pixels: np.ndarray
    pixel_format: str = "RGB u8"
    boxes: list[Box] = field(default_factory=lambda: [(180.0, 70.0, 92.0, 118.0)])
    points: dict[int, list[tuple[float, float]]] = field(default_factory=dict)  # of faces, by number
    directions: list[Json] = field(default_factory=lambda: list(DIRECTIONS))
    steps: int = 3
    step_seconds: float = 0.0
    warning: str = ""
    strength_factor: float = 1.0
    problems: dict[str, EngineProblem] = field(default_factory=dict)  # by kind of job, or name of a call
    shelf: FakeShelf = field(default_factory=FakeShelf)  # the models

    def __post_init__(self) -> None:
        self.pictures: dict[str, tuple[str, np.ndarray]] = {}
        self.picture = self.add(self.pixels, self.pixel_format)["id"]
        self.requests: list[Json] = []
        self.answers: list[tuple[str, Json]] = []
        self.cancelled: list[Json] = []
        self.gate = threading.Event()
        self.gate.set()
        self.lock = threading.Lock()

    def connect(self) -> FakeClient:
        self.complain("connect")
        return FakeClient(self)

    def add(self, pixels: np.ndarray, pixel_format: str) -> Json:
        height, width = pixels.shape[:2]
        identity = picture_id(width, height, pixel_format, pixels.tobytes())
        self.pictures[identity] = (pixel_format, pixels)
        return {"id": identity, "width": width, "height": height, "format": pixel_format}

    def complain(self, about: str) -> None:
        if about in self.problems:
            raise self.problems[about]

    def kinds(self) -> list[str]:
        return [request["kind"] for request in self.requests]

    def last(self, kind: str) -> Json:
        return next(request for request in reversed(self.requests) if request["kind"] == kind)


class FakeClient:
    """The methods of `plugin.likeness.client.Client` that dialogs use."""

    def __init__(self, engine: FakeEngine) -> None:
        self.engine = engine
        self._hung_up: threading.Event | None = None

    def status(self) -> Json:
        self.engine.complain("status")
        worker = {"state": "ready", "pid": 1, "device": "cpu"}
        return {"version": "0.1.0", "uptime_seconds": 300.0, "worker": worker, "jobs": []}

    def directions(self, model: str | None = None, /) -> Json:
        self.engine.complain("directions")
        return {"model": model or "default", "notice": NOTICE, "directions": self.engine.directions}

    def job_request(self, job: str, /) -> Json:
        return {"kind": "dialog", "window": "edit", "picture": self.engine.picture}

    def answer(self, job: str, answer: Json, /) -> None:
        self.engine.complain("answer")
        self.engine.answers.append((job, answer))

    def send_picture(self, width: int, height: int, pixel_format: str, pixels: bytes, /) -> Json:
        self.engine.complain("send_picture")
        assert pixel_format == "Y u8"
        return self.engine.add(np.frombuffer(pixels, np.uint8).reshape(height, width), pixel_format)

    def fetch_picture(self, identity: str, /) -> tuple[Json, bytes]:
        self.engine.complain("fetch_picture")
        pixel_format, pixels = self.engine.pictures[identity]
        height, width = pixels.shape[:2]
        return {"id": identity, "width": width, "height": height, "format": pixel_format}, pixels.tobytes()

    def hang_up(self) -> None:
        hung_up = self._hung_up
        if hung_up is not None:
            hung_up.set()

    def models(self, request: Json, on_event: Callable[[Json], None]) -> Json:
        engine = self.engine
        hung_up = self._hung_up = threading.Event()
        engine.shelf.requests.append(request)
        for step in range(engine.steps):
            self._wait(request, hung_up)
            message = f"Downloading {request['entry']} (382 MB)" if request["do"] == "download" else "Working"
            on_event({"event": "progress", "fraction": (step + 0.5) / engine.steps, "message": message})
        self._wait(request, hung_up)
        engine.complain(request["do"])
        return engine.shelf.answer(request, lambda pixels: engine.add(pixels, "RGB u8"))

    def run(self, request: Json, on_event: Callable[[Json], None]) -> Json:
        engine = self.engine
        hung_up = self._hung_up = threading.Event()
        with engine.lock:
            engine.requests.append(request)
        on_event({"event": "accepted", "job": "0" * 32})
        for step in range(engine.steps):
            self._wait(request, hung_up)
            on_event(
                {
                    "event": "progress",
                    "fraction": (step + 0.5) / engine.steps,
                    "message": {"detect": "Looking for faces", "invert": "Searching for the face"}.get(
                        request["kind"], "Rendering"
                    ),
                    "seconds_left": (engine.steps - step) * engine.step_seconds or None,
                }
            )
        self._wait(request, hung_up)
        engine.complain(request["kind"])
        if request["kind"] == "detect":
            return {"kind": "detect", "faces": [self._found(n) for n in range(1, len(engine.boxes) + 1)]}
        numbers = [int(i, 16) for i in request.get("inversions", [])] or (
            [request["face"]] if request["face"] else range(1, len(engine.boxes) + 1)
        )
        own = {edit["number"]: edit for edit in request.get("face_edits", {}).values()}
        faces = [
            self._face(
                n,
                own.get(n, request).get("edits", {}) if request["kind"] == "edit" else {},
                request.get("preview"),
                own.get(n, {}).get("layer_mask"),
            )
            for n in numbers
        ]
        return {"kind": request["kind"], "model": "default", "faces": faces}

    def _wait(self, request: Json, hung_up: threading.Event) -> None:
        """A step of the work; hanging up is noticed, also at a closed gate."""
        end = time.monotonic() + self.engine.step_seconds
        late = time.monotonic() + PATIENCE
        while time.monotonic() < end or not self.engine.gate.is_set():
            if hung_up.wait(0.005):
                self.engine.cancelled.append(request)
                raise JobCancelled
            assert time.monotonic() < late, "the gate was never opened"

    def _found(self, number: int) -> Json:
        points = self.engine.points.get(number, [])
        return {"number": number, "box": self.engine.boxes[number - 1], "points": points, "score": 0.9}

    def _face(self, number: int, edits: dict[str, float], preview: int | None, layer_mask: str | None) -> Json:
        """An oval crop of the photograph, warmer with the sum of the edits, blurred where it is `generated`."""
        engine = self.engine
        height, width = engine.pixels.shape[:2]
        x, y, w, h = engine.boxes[number - 1]
        left, top = max(0, int(x - w * 0.7)), max(0, int(y - h * 0.55))
        right, bottom = min(width, int(x + w * 1.7)), min(height, int(y + h * 1.5))
        crop = Image.fromarray(engine.pixels[top:bottom, left:right, :3])
        size = crop.size
        if preview and max(size) > preview:
            scale = preview / max(size)
            size = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
            crop = crop.resize(size, Image.Resampling.LANCZOS)
        warmth = np.clip(sum(edits.values()), -3, 3) * np.array([22, 4, -18])
        edited = np.clip(np.asarray(crop, np.float32) + warmth, 0, 255).astype(np.uint8)
        soft = crop.filter(ImageFilter.GaussianBlur(max(size) / 140))
        generated = np.clip(np.asarray(soft, np.float32) + warmth, 0, 255).astype(np.uint8)
        across, down = np.linspace(-1, 1, size[0]), np.linspace(-1, 1, size[1])
        oval = 4 - 5 * np.hypot(across[None] / 0.62, down[:, None] / 0.78)
        shows = (oval.clip(0, 1) * 255).astype(np.uint8)
        if layer_mask is not None:
            shows = np.asarray(Image.fromarray(engine.pictures[layer_mask][1]).resize(size))
        opaque = np.full((*shows.shape, 1), 255, np.uint8)
        return {
            "number": number,
            "inversion": f"{number:064x}",
            "box": engine.boxes[number - 1],
            "rect": (left, top, right - left, bottom - top),
            "layer": engine.add(np.concatenate([edited, opaque], 2), "RGBA u8"),
            "layer_mask": engine.add(shows, "Y u8"),
            "generated": engine.add(np.concatenate([generated, opaque], 2), "RGBA u8"),
            "flow": engine.add(np.full((64, 64, 4), (255, 128, 255, 255), np.uint8), "RGBA u8"),
            "invertibility_mask": engine.add(255 - shows, "Y u8"),
            "landmark_error": 0.012,
            "invertibility_mask_area": 0.18,
            "from_cache": False,
            "edits": edits,
            "identity_similarity": max(0.0, 1 - 0.06 * sum(abs(v) for v in edits.values())),
            "strength_factor": engine.strength_factor,
            "warning": engine.warning,
        }
