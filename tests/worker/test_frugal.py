"""Little memory: previews get smaller before anything is refused, and the limit is the system's to keep."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine.messages import DetectRequest, DetectResult, EditRequest, Message, WorkRequest
from engine.spool import Spool
from engine.worker.frugal import Frugal

PICTURE = "a" * 64
ROOT = Path(__file__).resolve().parents[2]


class Narrow:
    """A pipeline that has room for previews of `most` pixels."""

    device = "cpu"

    def __init__(self, most: int) -> None:
        self.most = most
        self.asked: list[int | None] = []

    def run(self, request: WorkRequest, spool: Spool, report: object) -> Message:
        self.asked.append(request.preview if isinstance(request, EditRequest) else None)
        if self.asked[-1] is None or self.asked[-1] > self.most:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes.")
        return DetectResult(faces=[])


def run(pipeline: Narrow, request: WorkRequest) -> Message:
    return Frugal(pipeline).run(request, Spool(Path("/nowhere")), lambda *_: None)  # type: ignore[arg-type]


def test_a_preview_gets_smaller() -> None:
    pipeline = Narrow(300)
    assert run(pipeline, EditRequest(picture=PICTURE, preview=1024)) == DetectResult(faces=[])
    assert pipeline.asked == [1024, 512, 256]


def test_there_is_an_end() -> None:
    pipeline = Narrow(0)
    with pytest.raises(RuntimeError, match="allocate"):
        run(pipeline, EditRequest(picture=PICTURE, preview=1024))
    assert pipeline.asked == [1024, 512, 256, 128]


@pytest.mark.parametrize("request_", [EditRequest(picture=PICTURE), DetectRequest(picture=PICTURE)])
def test_only_previews_may_be_smaller(request_: WorkRequest) -> None:
    pipeline = Narrow(0)
    with pytest.raises(RuntimeError):
        run(pipeline, request_)
    assert len(pipeline.asked) == 1


def test_other_errors_pass() -> None:
    pipeline = Narrow(0)
    pipeline.run = lambda *_: 1 / 0  # type: ignore[assignment,return-value]
    with pytest.raises(ZeroDivisionError):
        run(pipeline, EditRequest(picture=PICTURE, preview=1024))


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA")
@pytest.mark.parametrize(
    ("setting", "override", "refused"), [(150, "", True), (0, "", False), (0, "150", True)]
)
def test_the_limit(setting: int, override: str, refused: bool) -> None:
    program = (
        "from engine.settings import Settings; from engine.worker.frugal import limit_memory\n"
        f"limit_memory(Settings(memory_megabytes={setting}))\n"
        "try: bytearray(300 << 20)\nexcept MemoryError: print('refused')"
    )
    environment = {"LIKENESS_MEMORY": override, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert (done.stdout.strip() == "refused") == refused
