"""The wire between service and worker, and the worker's loop on it. No torch here.

A frame is two big-endian lengths, a JSON object and raw bytes; nothing is pickled:

    | uint32 n | uint32 m | n bytes of JSON | m bytes |

    to the worker        {"run": ID, "request": WorkRequest}
                         {"directions": ID, "model": NAME or null}
                         {"check_inversion": ID}, with the file's bytes
                         {"cancel": ID}
    to the service       {"ready": PID, "device": NAME}
                         {"progress": ID, "fraction": F, "message": …}
                         {"done": ID, "result": …}
                         {"failed": ID, "error": {…}}
                         {"cancelled": ID}

The worker does one thing at a time and answers it with exactly one of done, failed, cancelled. What keeps it from
making its pipeline fails each request, and is tried again at the next. One that fails with
`worker_lost`, its device gone, is ended. When the service's end closes, the worker's process ends at once, whatever
it is doing.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import TypeAdapter

from engine.errors import InternalError, LikenessError, OutOfMemory, WorkerLost, from_dict
from engine.messages import DirectionList, InversionInfo, Message, WorkRequest
from engine.spool import Spool
from engine.worker.stop import JobStopped

HEAD = struct.Struct(">II")
MAX_JSON = 64 << 20
MAX_DATA = 256 << 20
REPORT_SECONDS = 0.05
IDLE_SECONDS = 10.0

Json = dict[str, Any]
Report = Callable[[float, str], None]
_REQUEST: TypeAdapter[WorkRequest] = TypeAdapter(WorkRequest)
log = logging.getLogger("likeness.worker")


class PipelineLike(Protocol):
    """What the loop needs of `engine.worker.pipeline.Pipeline`."""

    device: str

    def run(self, request: WorkRequest, spool: Spool, report: Report) -> Message: ...
    def directions(self, model: str | None) -> DirectionList: ...
    def check_inversion(self, data: bytes) -> InversionInfo: ...


@dataclass(frozen=True)
class Frame:
    header: Json
    data: bytes = b""


def pack(header: Json, data: bytes = b"") -> bytes:
    """A frame's bytes."""
    body = json.dumps(header, allow_nan=False).encode()
    return HEAD.pack(len(body), len(data)) + body + data


def lengths(head: bytes) -> tuple[int, int]:
    """The two lengths of a frame's head. Raises `ValueError` when they are more than a frame may have."""
    json_length, data_length = HEAD.unpack(head)
    if json_length > MAX_JSON or data_length > MAX_DATA:
        raise ValueError(f"a frame of {json_length} + {data_length} bytes")
    return json_length, data_length


class Link:
    """The worker's end of the socketpair. `send` may be called from any thread, `receive` from one."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._file = sock.makefile("rb")
        self._lock = threading.Lock()

    def send(self, header: Json) -> None:
        with self._lock:
            self._sock.sendall(pack(header))

    def receive(self) -> Frame | None:
        """The next frame, or None when the service has gone."""
        try:
            head = self._file.read(HEAD.size)
            if len(head) < HEAD.size:
                return None
            json_length, data_length = lengths(head)
            body, data = self._file.read(json_length), self._file.read(data_length)
        except ConnectionError:
            return None
        if len(body) + len(data) < json_length + data_length:
            return None
        return Frame(json.loads(body), data)

    def close(self) -> None:
        self._file.close()
        self._sock.close()


def serve_worker(
    link: Link,
    make_pipeline: Callable[[], PipelineLike],
    spool: Spool,
    rest: Callable[[], None] = lambda: None,
    make_modest: Callable[[], PipelineLike] | None = None,
) -> None:
    """Work until the service goes; does not return. `rest` is called once when nothing has come for a while.

    The pipeline works in this thread, another one reads, so that a cancel is seen at the next report. A job that
    finds no memory is tried once more, when all that the pipeline held has gone, by `make_modest`'s (the CPU's),
    where there is that.
    """
    inbox = _Inbox(link)
    threading.Thread(target=inbox.read, name="link", daemon=True).start()
    pipeline = _made(make_pipeline)
    link.send({"ready": os.getpid(), "device": pipeline.device})
    idle = False
    while True:
        try:
            frame = inbox.frames.get(timeout=None if idle else IDLE_SECONDS)
        except queue.Empty:
            idle = True
            rest()
            continue
        idle = False
        if isinstance(pipeline, _Unmade):
            pipeline = _made(make_pipeline)
        answer = _answer(frame, pipeline, spool, inbox, link)
        if _code(answer) == OutOfMemory.code:
            del pipeline
            rest()
            answer = _answer(frame, _made(make_modest or make_pipeline), spool, inbox, link)
            pipeline = _made(make_pipeline)
        try:
            link.send(answer)
        except ValueError as error:  # a number that JSON does not have
            link.send({"failed": answer["done"], "error": _explained(error).to_dict()})


class _Unmade:
    """In the place of a pipeline that could not be made: whatever is asked fails with its error."""

    device = "none"

    def __init__(self, error: LikenessError) -> None:
        self._error = error.to_dict()  # as itself it would hold, by its traceback, what was loaded

    def run(self, request: WorkRequest, spool: Spool, report: Report) -> Message:
        raise from_dict(self._error)

    def directions(self, model: str | None) -> DirectionList:
        raise from_dict(self._error)

    def check_inversion(self, data: bytes) -> InversionInfo:
        raise from_dict(self._error)


def _made(make: Callable[[], PipelineLike]) -> PipelineLike:
    try:
        return make()
    except Exception as error:
        return _Unmade(_explained(error))


def _code(answer: Json) -> str | None:
    """The error's, where the answer is one."""
    return answer.get("error", {}).get("code")


class _Inbox:
    """What has come in, and which job was cancelled last."""

    def __init__(self, link: Link) -> None:
        self.frames: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        self.cancelled = ""
        self._link = link

    def read(self) -> None:
        try:
            while frame := self._link.receive():
                if "cancel" in frame.header:
                    self.cancelled = frame.header["cancel"]
                else:
                    self.frames.put(frame)
        finally:
            os._exit(0)  # the service has gone: no job of ours outlives it


def _answer(frame: Frame, pipeline: PipelineLike, spool: Spool, inbox: _Inbox, link: Link) -> Json:
    header = frame.header
    identity = header.get("run") or header.get("directions") or header["check_inversion"]
    try:
        if "run" in header:
            report = _reporter(identity, inbox, link)
            result = pipeline.run(_REQUEST.validate_python(header["request"]), spool, report)
        elif "directions" in header:
            result = pipeline.directions(header["model"])
        else:
            result = pipeline.check_inversion(frame.data)
        return {"done": identity, "result": result.model_dump(mode="json")}
    except JobStopped:
        return {"cancelled": identity}
    except Exception as error:
        return {"failed": identity, "error": _explained(error).to_dict()}


def _reporter(job: str, inbox: _Inbox, link: Link) -> Report:
    """The job's `report(fraction, message)`: raises `JobStopped` once the job is cancelled."""
    last_time, last_message = 0.0, ""

    def report(fraction: float, message: str) -> None:
        nonlocal last_time, last_message
        if inbox.cancelled == job:
            raise JobStopped
        now = time.monotonic()
        if message != last_message or now - last_time >= REPORT_SECONDS:
            last_time, last_message = now, message
            link.send({"progress": job, "fraction": min(max(float(fraction), 0.0), 1.0), "message": message})

    return report


def _explained(error: Exception) -> LikenessError:
    """What a person is told about an exception; only the log gets the traceback."""
    if isinstance(error, LikenessError):
        return error
    log.error("a job failed", exc_info=error)
    if _is_device_lost(error):
        return WorkerLost(
            "The device that computes was lost.", "It is being looked for again: try once more in a moment."
        )
    if is_out_of_memory(error):
        return OutOfMemory(
            "There was not enough memory for this.", "Close other programs, or take a smaller picture or model."
        )
    return InternalError(
        f"The engine made a mistake ({type(error).__name__}).", "The traceback is in logs/worker.log."
    )


def is_out_of_memory(error: Exception) -> bool:
    """Of the machine or of its device."""
    # By name, because torch is not imported here: torch.OutOfMemoryError, what its CPU allocator raises, and what is
    # a plain RuntimeError or an AcceleratorError: “MPS backend out of memory”, “CUDA error: out of memory”.
    said = str(error)
    return isinstance(error, MemoryError) or (
        type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in said or "out of memory" in said
    )


def _is_device_lost(error: Exception) -> bool:
    """Whether torch's context of the device is gone, which only a new process can make again.

    torch.AcceleratorError, and what its drivers say in earlier releases; not for want of memory.
    """
    said = str(error)
    lost = type(error).__name__ == "AcceleratorError" or any(
        f"{driver} error" in said for driver in ("CUDA", "HIP", "MPS")
    )
    return lost and "out of memory" not in said
