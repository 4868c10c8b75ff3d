"""The routes that forget: inversions, and with them the pictures that no job is about."""

from __future__ import annotations

from fastapi import FastAPI

from engine.forgetting import Forgotten, forget
from engine.messages import InversionId
from engine.service.core import Engine


def add_forgetting(app: FastAPI, engine: Engine) -> None:
    @app.delete("/v1/inversions")
    def forget_all() -> Forgotten:
        return forget(engine.home, None, _needed(engine))

    @app.delete("/v1/inversions/{identity}")
    def forget_one(identity: InversionId) -> Forgotten:
        return forget(engine.home, identity, _needed(engine))


def _needed(engine: Engine) -> set[str]:
    return {picture for job in engine.jobs.live for picture in job.pictures()}
