"""Getting along with little memory: a limit that the system keeps, and smaller previews before a refusal."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Callable

from engine.errors import OutOfMemory
from engine.messages import DirectionList, EditRequest, InversionInfo, Message, WorkRequest
from engine.settings import Settings
from engine.spool import Spool
from engine.worker.link import PipelineLike, is_out_of_memory

LEAST_PREVIEW = 128  # px
MEMORY = "LIKENESS_MEMORY"  # megabytes, set by `serve --memory`


def limit_memory(settings: Settings) -> None:
    """Have the system refuse this process more than the setting, or `--memory`, allows; 0 = all there is.

    It counts what is the process's own and what is mapped privately, so weights too (RLIMIT_DATA). Linux keeps it;
    macOS and Windows do not.
    """
    megabytes = int(os.environ.get(MEMORY) or settings.memory_megabytes)
    if megabytes and sys.platform == "linux":
        import resource

        with contextlib.suppress(ValueError):  # the system itself allows less
            resource.setrlimit(resource.RLIMIT_DATA, (megabytes << 20, megabytes << 20))


class Frugal:
    """A pipeline that tries a preview again, half as large, where memory did not suffice."""

    def __init__(self, pipeline: PipelineLike) -> None:
        self._pipeline = pipeline
        self.device = pipeline.device

    def run(self, request: WorkRequest, spool: Spool, report: Callable[[float, str], None]) -> Message:
        """As the pipeline's; a preview may come smaller than was asked for. Raises `OutOfMemory`."""
        while True:
            try:
                return self._pipeline.run(request, spool, report)
            except Exception as error:
                smaller = _smaller(request)
                if smaller is None or not (is_out_of_memory(error) or isinstance(error, OutOfMemory)):
                    raise
            gc.collect()  # outside of the handler: its traceback held the tensors
            request = smaller

    def directions(self, model: str | None) -> DirectionList:
        return self._pipeline.directions(model)

    def check_inversion(self, data: bytes) -> InversionInfo:
        return self._pipeline.check_inversion(data)


def _smaller(request: WorkRequest) -> EditRequest | None:
    """The same preview, half as large; None where there is none, or it would show too little."""
    if not isinstance(request, EditRequest) or request.preview is None or request.preview < 2 * LEAST_PREVIEW:
        return None
    return request.model_copy(update={"preview": request.preview // 2})
