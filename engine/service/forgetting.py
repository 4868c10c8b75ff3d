"""The routes that forget: inversions, and with them the pictures that no job is about or has made.

What a job has made is not known before it ends, and its client fetches it afterwards: nothing goes that was written
in the last minute, or since the oldest job began that lives or has ended in that minute.
"""

from __future__ import annotations

import time

from fastapi import FastAPI

from engine.forgetting import Forgotten, forget
from engine.messages import InversionId
from engine.service.core import Engine

FETCH_SECONDS = 60.0  # in which a client fetches what its job has made


def add_forgetting(app: FastAPI, engine: Engine) -> None:
    @app.delete("/v1/inversions")
    def forget_all() -> Forgotten:
        return forget(engine.home, None, *_needed(engine))

    @app.delete("/v1/inversions/{identity}")
    def forget_one(identity: InversionId) -> Forgotten:
        return forget(engine.home, identity, *_needed(engine))


def _needed(engine: Engine) -> tuple[set[str], float]:
    """The pictures to keep, and the time from which on all are."""
    recently = time.time() - FETCH_SECONDS
    jobs = [job for job in engine.jobs.remembered if job.ended is None or job.ended > recently]
    needed = {picture for job in engine.jobs.live for picture in job.pictures()}
    return needed, min([recently, *(job.born for job in jobs)])
