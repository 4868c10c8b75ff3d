"""A worker without torch, for tests of the service. What it does hangs on the request's edits:

seconds      how long the job takes (0.05), in reported steps
minutes      added to that (0)
deaf         it reports nothing, so a cancel is not seen
stubborn     it ignores SIGTERM
hold         it holds so many GB of memory
lost         its device is lost at the end
die          its process ends with SIGKILL in the middle
memory       it raises MemoryError
fail         it raises NoFace
broken       it raises ZeroDivisionError
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from engine.errors import InversionDamaged, NoFace, UnknownModel
from engine.messages import (
    DetectResult,
    DirectionInfo,
    DirectionList,
    EditRequest,
    EditResult,
    FaceFound,
    FaceResult,
    InversionInfo,
    InvertResult,
    Message,
    RestoredFace,
    RestoreResult,
    WorkRequest,
)
from engine.paths import Home
from engine.spool import Spool
from engine.worker.link import Link, Report, serve_worker


class AcceleratorError(RuntimeError):
    """As torch's."""


class FakePipeline:
    device = "fake"

    def run(self, request: WorkRequest, spool: Spool, report: Report) -> Message:
        edits = request.edits if isinstance(request, EditRequest) else {}
        if "fail" in edits:
            raise NoFace("No face was found.", "Choose a picture with a larger face.")
        if "memory" in edits:
            raise MemoryError
        if "broken" in edits:
            raise ZeroDivisionError
        if edits.get("stubborn"):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if "deaf" in edits:
            time.sleep(edits["deaf"] * 10)
        held = np.ones(int(edits.get("hold", 0) * 1e9), np.uint8)
        self._take_time(60 * edits.get("minutes", 0.0) + edits.get("seconds", 0.05), "die" in edits, report)
        del held
        if "lost" in edits:
            raise AcceleratorError("CUDA error: unspecified launch failure")
        return _result(request, spool, edits)

    def _take_time(self, seconds: float, die: bool, report: Report) -> None:
        began = time.monotonic()
        while (elapsed := time.monotonic() - began) < seconds:
            report(elapsed / seconds, "Working")
            if die and elapsed > seconds / 2:
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(0.01)

    def directions(self, model: str | None) -> DirectionList:
        if model not in (None, "default"):
            raise UnknownModel(f"No model “{model}” is installed.")
        sliders = [
            DirectionInfo(name=name, label=name.title(), group="Expression", minimum=-2, maximum=2)
            for name in ("smile", "age", "seconds", "fail")
        ]
        return DirectionList(model="default", notice="a fake", directions=sliders)

    def check_inversion(self, data: bytes) -> InversionInfo:
        if not data.startswith(b"good"):
            raise InversionDamaged("The file is no inversion.")
        return InversionInfo(id="ab" * 32, model="default", used=1.0, bytes=len(data))


def _result(request: WorkRequest, spool: Spool, edits: dict[str, float]) -> Message:
    if request.kind == "detect":
        return DetectResult(faces=[FaceFound(number=1, box=(0, 0, 1, 1), points=[], score=1.0)])
    photo = spool.read(request.picture)
    height, width = photo.shape[:2]
    layer = np.ascontiguousarray(255 - np.asarray(photo))
    layer[..., 3] = 255
    if request.kind == "restore":
        region = np.ascontiguousarray(spool.read(request.region))
        return RestoreResult(
            model="default",
            rect=(0, 0, width, height),
            layer=spool.add(layer),
            layer_mask=spool.add(region),
            faces=[RestoredFace(number=1, box=(0, 0, width, height), landmark_error=0.01, hidden=0.1)],
            warning="Some of it is smooth." if region.max() < 255 else "",
        )
    half = np.zeros((height, width), np.uint8)
    half[: height // 2] = 255
    face = FaceResult(
        number=1,
        inversion="ab" * 32,
        box=(0, 0, width, height),
        rect=(0, 0, width, height),
        layer=spool.add(layer),
        layer_mask=spool.add(half),
        generated=spool.add(layer),
        invertibility_mask=spool.add(255 - half),
        landmark_error=0.01,
        invertibility_mask_area=0.5,
        from_cache=False,
        edits=edits,
        warning="The face fits badly." if edits.get("age", 0) < -1 else "",
    )
    kind = InvertResult if request.kind == "invert" else EditResult
    return kind(model="default", faces=[face])


if __name__ == "__main__":
    serve_worker(
        Link(socket.socket(fileno=int(sys.argv[1]))), FakePipeline, Spool(Home.from_environment().spool)
    )
