"""The worker: the process that owns torch and the loaded models. Started by the service, never by hand.

python -m engine.worker DESCRIPTOR      an inherited end of a socketpair (engine/worker/link.py)
"""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import replace

from engine.logs import log_to
from engine.paths import Home
from engine.settings import Settings, load_settings
from engine.spool import Spool
from engine.worker.frugal import Frugal, limit_memory
from engine.worker.link import Link, PipelineLike, serve_worker

# glibc's malloc.h
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_PR_SET_PDEATHSIG = 1


def main() -> None:
    link = Link(socket.socket(fileno=int(sys.argv[1])))
    home = Home.from_environment()
    _log(home)
    faulthandler.register(signal.SIGTERM, chain=True)  # where it hangs goes to the log, then it ends
    settings = load_settings(home)
    limit_memory(settings)
    libc = _libc()
    _die_with_the_service(libc)
    _keep_memory(libc)
    serve_worker(
        link,
        lambda: _pipeline(home, load_settings(home)),  # what made no sense may have been mended since
        Spool(home.spool),
        lambda: _give_memory_back(libc),
        _modest(home, settings),
    )


def _pipeline(home: Home, settings: Settings) -> PipelineLike:
    import torch

    torch.set_num_threads(settings.threads or os.cpu_count() or 1)
    from engine.worker.pipeline import Pipeline

    return Frugal(Pipeline(home, settings))


def _modest(home: Home, settings: Settings) -> Callable[[], PipelineLike] | None:
    """Makes the CPU's pipeline; none where the settings name the device to compute on."""
    if settings.device != "auto":
        return None
    return lambda: _pipeline(home, replace(settings, device="cpu"))


def _log(home: Home) -> None:
    """Warnings and tracebacks go to logs/worker.log."""
    log_to(home.logs / "worker.log")
    logging.captureWarnings(True)
    sys.excepthook = lambda kind, error, trace: logging.critical(
        "the worker ends", exc_info=(kind, error, trace)
    )


def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_the_service(libc: ctypes.CDLL | None) -> None:
    """The kernel kills us when the service dies. (The closed socket tells too, but only a thread that runs.)"""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C in a terminal is the service's to handle
    if libc is not None and hasattr(libc, "prctl"):
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _keep_memory(libc: ctypes.CDLL | None) -> None:
    """Keep freed memory instead of returning it after every large tensor: its page faults are half the time.

    Measured: 1.5–1.7× on unmodified code, with glibc. It goes back when the worker rests.
    """
    if libc is not None and hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, -1)
        libc.mallopt(_M_TOP_PAD, 64 << 20)


def _give_memory_back(libc: ctypes.CDLL | None) -> None:
    gc.collect()
    if libc is not None and hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)


if __name__ == "__main__":
    main()
