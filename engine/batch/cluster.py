"""A worker that is an actor of Ray (https://docs.ray.io), an optional dependency.

A node of the cluster needs this engine and its models; photographs and results travel with the calls. Ray restarts
nothing here: an actor whose process or node is lost is `WorkerLost`, as a process is.
"""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Callable
from typing import Any

from engine.errors import BadRequest, WorkerLost
from engine.paths import Home
from engine.private import PrivateFolder

END_SECONDS = 5.0

Json = dict[str, Any]


class RemoteEditor:
    """What the actor is: the editor in the home of its node."""

    def __init__(self) -> None:
        from engine.batch.editor import Editor  # torch, on the node

        home = Home.from_environment()
        self._private = PrivateFolder(home)
        self._editor = Editor(home, self._private.path)

    def answer(self, header: Json, data: bytes) -> tuple[Json, bytes]:
        """As `Editor.answer`."""
        return self._editor.answer(header, data)

    def close(self) -> None:
        """Leave no picture behind."""
        self._private.remove()


class RayWorker:
    """One actor. Ray chooses its node; it keeps no core to itself, so that no actor waits for another's end."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._actor = ray.remote(RemoteEditor).remote()

    def ask(self, header: Json, data: bytes = b"") -> tuple[Json, bytes]:
        """As `engine.batch.team.Worker`."""
        try:
            return self._ray.get(self._actor.answer.remote(header, data))
        except self._ray.exceptions.RayError as error:
            raise WorkerLost("The Ray worker was lost.", "Ray's logs say why.") from error

    def close(self) -> None:
        """As `engine.batch.team.Worker`."""
        with contextlib.suppress(self._ray.exceptions.RayError):  # it is lost, or does not heed
            self._ray.get(self._actor.close.remote(), timeout=END_SECONDS)
        self._ray.kill(self._actor)


def connect(address: str) -> Callable[[], RayWorker]:
    """Join the cluster at `address` (`auto`, `host:port`, `ray://…`, or `local` for one of this process's own).

    Returns what makes workers. Raises `BadRequest` without Ray, or without the cluster.
    """
    try:
        ray = importlib.import_module("ray")
    except ImportError:
        raise BadRequest("Ray is not installed here.", "pip install ray, or leave --ray out.") from None
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    try:
        own = {"include_dashboard": False} if address == "local" else {}
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", **own)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise BadRequest(
            f"There is no Ray cluster at {address}.", "Start one with: ray start --head"
        ) from error
    return lambda: RayWorker(ray)
