"""Starting the service with fake processes beside it, and what tests ask of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from engine.paths import Home
from plugin.likeness.client import Client, EngineProblem, JobCancelled
from plugin.likeness.launch import ensure_engine
from plugin.likeness.wire import Connection

HERE = Path(__file__).parent
WORKER = [sys.executable, str(HERE / "fake_worker.py")]
DIALOG = [sys.executable, str(HERE / "fake_dialog.py")]
WEIGHTS = ["/bin/sh", "-c", "echo '{}'"]
CLOSING = {"done", "failed", "cancelled"}
ERROR_KEYS = {"code", "sentence", "remedy"}

Json = dict[str, Any]


def command(
    worker: list[str] | None = None,
    dialog: list[str] | None = None,
    deadlines: Mapping[str, object] | None = None,
) -> list[str]:
    """The command that starts such an engine."""
    commands = {"worker": worker or WORKER, "dialog": dialog or DIALOG, "weights": WEIGHTS}
    options = commands | {"deadlines": dict(deadlines or {})}
    return [sys.executable, str(HERE / "fake_serve.py"), json.dumps(options)]


def start(
    home: Home,
    worker: list[str] | None = None,
    dialog: list[str] | None = None,
    deadlines: Mapping[str, object] | None = None,
) -> Client:
    """An engine in this home that answers."""
    return ensure_engine(home.root, command(worker, dialog, deadlines), timeout=60)


def start_process(home: Home, arguments: list[str]) -> subprocess.Popen[bytes]:
    """The bare process."""
    environment = os.environ | {"LIKENESS_HOME": str(home.root)}
    return subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def picture(client: Client) -> str:
    """The id of a small picture that the engine has."""
    return client.send_picture(4, 4, "RGBA u8", bytes(range(64)))["id"]


def edit(client: Client, **edits: float) -> Json:
    """An edit request for the fake worker: what it does hangs on the edits."""
    return {"kind": "edit", "picture": picture(client), "edits": edits}


class Run:
    """A job in a thread of its own."""

    def __init__(self, client: Client, request: Json) -> None:
        self.client = client
        self.events: list[Json] = []
        self.outcome: Json | Exception | None = None
        self._request = request
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.outcome = self.client.run(self._request, self.events.append)
        except (EngineProblem, JobCancelled) as error:
            self.outcome = error

    @property
    def job(self) -> str:
        wait_until(lambda: bool(self.events))
        return self.events[0]["job"]

    def wait_for_work(self) -> None:
        """Until the worker has said something about it."""
        wait_until(lambda: any(event.get("message") == "Working" for event in self.events))

    def wait(self) -> Json | Exception | None:
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self.outcome


def wait_until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Fail when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def connection(home: Home) -> Json:
    return json.loads(home.connection_file.read_bytes())


def worker_pid(client: Client) -> int:
    """The worker's process, once it is ready."""
    wait_until(lambda: client.status()["worker"]["state"] in ("ready", "busy"))
    return client.status()["worker"]["pid"]


def opened_dialog(home: Home) -> Json:
    """What the fake dialog says of itself, once it is there."""
    note = home.root / "dialog.json"
    wait_until(note.exists)
    return json.loads(note.read_text("utf-8"))


def lives(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def raw_socket(home: Home) -> socket.socket:
    """A connection to the engine that no request was sent on."""
    facts = connection(home)
    made = Connection(facts["address"], facts["token"], timeout=10)
    made.connect()
    assert made.sock
    return made.sock


def raw_request(
    home: Home, method: str, path: str, headers: dict[str, str | None] | None = None, body: bytes = b""
) -> tuple[int, Json]:
    """Status and JSON of a request written by hand. The three usual headers may be replaced, or left out by None."""
    usual: dict[str, str | None] = {
        "Host": "likeness",
        "Authorization": f"Bearer {connection(home)['token']}",
        "X-Likeness-Protocol": "1",
    }
    if body:
        usual |= {"Content-Length": str(len(body)), "Content-Type": "application/json"}
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in (usual | (headers or {})).items() if value is not None]
    with raw_socket(home) as sock:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return parse_answer(read_all(sock))


def read_all(sock: socket.socket) -> bytes:
    """Everything until the engine closes."""
    data = b""
    while True:
        try:
            chunk = sock.recv(65_536)
        except ConnectionResetError:
            return data
        if not chunk:
            return data
        data += chunk


def parse_answer(data: bytes) -> tuple[int, Json]:
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body) if body.strip() else {}
