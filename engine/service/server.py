"""`serve`: one engine per home, from the lock to the last process gone."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Generator
from typing import cast

import filelock
import uvicorn

from engine import __version__
from engine.errors import EngineUnavailable
from engine.logs import log_to
from engine.messages import PROTOCOL
from engine.paths import Home
from engine.service import address
from engine.service.app import create_app
from engine.service.core import Commands, Engine
from engine.service.guard import Guard
from engine.service.protocol import PrivateProtocol
from engine.settings import load_settings
from plugin.likeness.client import Client, EngineProblem

LOCK_SECONDS = 10.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def serve(
    home: Home, commands: Commands | None = None, on_ready: Callable[[str], None] = lambda _: None
) -> bool:
    """Serve until stopped. Returns False, soon, when an engine of this home runs already.

    `on_ready` gets the address once the engine answers. Raises `LikenessError` when it cannot start.
    """
    os.umask(0o077)
    try:
        home.create()
    except OSError as error:
        raise EngineUnavailable(
            f"The folder {home.root} cannot be made: {error}.",
            "Set LIKENESS_HOME to a folder that you can write.",
        ) from error
    address.check_private(home)
    lock = filelock.FileLock(home.lock, mode=0o600)
    if not _acquired(lock, home):
        return False
    try:
        log_to(home.logs / "engine.log")
        logging.getLogger("uvicorn.error").setLevel(
            logging.ERROR
        )  # who sends nonsense is told; the log need not be
        settings = load_settings(home)
        sock, where = address.bind(home)
        try:
            asyncio.run(
                _serve(home, lambda: Engine(home, settings, commands or Commands()), sock, where, on_ready)
            )
        finally:
            sock.close()
            address.remove(home, where)
    finally:
        lock.release()
    return True


async def _serve(
    home: Home,
    make_engine: Callable[[], Engine],
    sock: socket.socket,
    where: str,
    on_ready: Callable[[str], None],
) -> None:
    engine = make_engine()
    token = secrets.token_hex(32)
    connection = address.Connection(where, token, PROTOCOL, __version__, engine.boot_id, os.getpid())
    server = _Server(_config(Guard(create_app(engine), token, engine.touch), token))
    _end_upon_signals(engine)
    engine.start()
    serving = asyncio.create_task(server.serve([sock]))
    try:
        up = asyncio.create_task(server.up.wait())
        await asyncio.wait({up, serving}, return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if serving.done():  # it cannot listen
            raise EngineUnavailable("The engine's socket cannot be listened at.", "See logs/engine.log.") from (
                serving.exception()
            )
        connection.write(home.connection_file)
        on_ready(where)
        await engine.until_stopped()
    finally:
        engine.stop()
        await engine.end()
        server.should_exit = True
        await asyncio.wait({serving})
    serving.result()


def _end_upon_signals(engine: Engine) -> None:
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, engine.stop)


def _acquired(lock: filelock.BaseFileLock, home: Home) -> bool:
    """Hold the lock, or know that an engine runs. One that is just starting or ending is waited for."""
    deadline = time.monotonic() + LOCK_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(filelock.Timeout):
            lock.acquire(timeout=0)
            return True
        with contextlib.suppress(EngineProblem):
            Client.connect(home.root)
            return False
        time.sleep(0.05)
    raise EngineUnavailable(
        f"Another process holds {home.lock} but does not answer.", "End it, then try again."
    )


class _Server(uvicorn.Server):
    """uvicorn's server, with our signals and a flag for when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def _config(app: Guard, token: str) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=cast("type[asyncio.Protocol]", functools.partial(PrivateProtocol, token=token)),
        loop="asyncio",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        headers=[("Connection", "close")],
        timeout_graceful_shutdown=2,
    )
