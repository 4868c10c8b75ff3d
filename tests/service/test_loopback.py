"""Where there are no unix sockets: an engine at a port of this machine, where anyone may listen or call."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping

import pytest

from engine.cli import health
from engine.paths import Home
from engine.service import address
from engine.service.protocol import MAX_CONNECTIONS
from plugin.likeness.client import Client, EngineProblem, JobCancelled
from plugin.likeness.wire import GREETING, NONCE_BYTES, proof, read_connection_file
from tests.conftest import LivingEngine, end_home, new_home
from tests.service.engines import (
    Run,
    connection,
    edit,
    kill,
    lives,
    raw_request,
    raw_socket,
    read_all,
    start,
    wait_until,
)

SHORT = {"engine.service.protocol.HEADER_SECONDS": 2.0}
WHOLE = len(GREETING) + NONCE_BYTES
PIXELS = bytes(range(64))

Answer = Callable[[bytes], bytes]


@pytest.fixture(autouse=True)
def over_tcp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKENESS_TRANSPORT", "tcp")


@pytest.fixture(scope="module")
def engine() -> Iterator[LivingEngine]:
    home = new_home()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIKENESS_TRANSPORT", "tcp")
        yield LivingEngine(home, start(home, deadlines=SHORT))
    end_home(home)


class Impostor:
    """A program that listens at a port, answers each greeting as it likes and keeps all that each caller sends."""

    def __init__(self, answer: Answer) -> None:
        self.heard: list[bytes] = []
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp:127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            with caller:
                caller.settimeout(5)
                greeting = caller.recv(WHOLE, socket.MSG_WAITALL)
                with contextlib.suppress(OSError):  # the other end has gone
                    caller.sendall(self._answer(greeting))
                    caller.shutdown(socket.SHUT_WR)
                self.heard.append(greeting + read_all(caller))

    def __enter__(self) -> Impostor:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()


def test_the_main_path(engine: LivingEngine) -> None:
    client = engine.client
    assert connection(engine.home)["address"].startswith("tcp:127.0.0.1:")
    assert not (engine.home.run / "engine.sock").exists()
    large = bytes(2000 * 1000 * 4)
    assert client.fetch_picture(client.send_picture(2000, 1000, "RGBA u8", large)["id"])[1] == large
    result = Run(client, edit(client, age=-2)).wait()
    assert isinstance(result, dict)
    layer = client.fetch_picture(result["faces"][0]["layer"]["id"])[1]
    assert layer == bytes(255 if i % 4 == 3 else 255 - PIXELS[i] for i in range(64))
    assert client.directions()["model"] == "default"
    leaving = Run(Client.connect(engine.home.root), edit(client, seconds=10))
    leaving.wait_for_work()
    leaving.client.hang_up()
    assert isinstance(leaving.wait(), JobCancelled)
    wait_until(lambda: client.status()["jobs"] == [])


def test_a_dialog(engine: LivingEngine) -> None:
    """Its process finds the engine by itself."""
    sent = engine.client.send_picture(4, 4, "RGBA u8", PIXELS)["id"]
    request = {"kind": "dialog", "window": "edit", "title": "accept", "picture": sent}
    assert isinstance(Run(engine.client, request).wait(), dict)


def test_f07_after_a_kill_another_has_another_port(home: Home) -> None:
    first = start(home)
    pid, stale = first.status()["pid"], connection(home)
    kill(pid)
    wait_until(lambda: not lives(pid))
    with pytest.raises(EngineProblem) as caught:
        first.status()
    assert caught.value.code == "engine_unavailable"
    client = start(home)
    assert client.status()["pid"] != pid
    assert connection(home)["token"] != stale["token"]
    client.stop()
    wait_until(lambda: not home.connection_file.exists())


@pytest.mark.parametrize(
    "kind", ["wrong", "short", "silent", "http", "echo", "another port's", "another engine's"]
)
def test_f13_impostor_gets_neither_token_nor_picture(engine: LivingEngine, home: Home, kind: str) -> None:
    facts = connection(engine.home)
    answers: dict[str, Answer] = {
        "wrong": lambda greeting: bytes(32),
        "short": lambda greeting: proof(facts["token"], int(facts["address"].rsplit(":", 1)[1]), b"")[:5],
        "silent": lambda greeting: b"",
        "http": lambda greeting: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        "echo": lambda greeting: greeting,
        "another port's": lambda greeting: _asked(engine.home, greeting),
        "another engine's": lambda greeting: proof("00" * 32, port, greeting[len(GREETING) :]),
    }
    with Impostor(answers[kind]) as impostor:
        port = int(impostor.address.rsplit(":", 1)[1])
        _write_connection(home, facts | {"address": impostor.address})
        with pytest.raises(EngineProblem, match="nothing was sent") as caught:
            Client.connect(home.root)
        assert caught.value.code == "engine_unavailable"
        greeted = Client(impostor.address, facts["token"])  # one that found the true engine once
        for call in (
            lambda: greeted.send_picture(4, 4, "RGBA u8", PIXELS),
            lambda: greeted.run({"kind": "detect", "picture": "0" * 64}, print),
        ):
            with pytest.raises(EngineProblem, match="nothing was sent"):
                call()
        wait_until(lambda: len(impostor.heard) == 3)
        assert all(len(sent) == WHOLE and sent.startswith(GREETING) for sent in impostor.heard)
        assert start(home).status()["boot_id"] != facts["boot_id"], "whoever needs an engine starts a true one"


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /v1/status HTTP/1.1\r\nHost: likeness\r\n",  # the rest, a true token in it, follows
        GREETING + bytes(NONCE_BYTES) + b"GET /v1/status HTTP/1.1\r\n",  # does not wait for the proof
        GREETING.lower() + bytes(NONCE_BYTES),
        GREETING + bytes(5),  # and nothing more
    ],
)
def test_f13_f15_who_does_not_greet_is_not_spoken_to(engine: LivingEngine, sent: bytes) -> None:
    facts = connection(engine.home)
    rest = f"Authorization: Bearer {facts['token']}\r\nX-Likeness-Protocol: 1\r\n\r\n"
    with _called(engine.home) as sock:
        sock.sendall(sent + (rest.encode() if sent.startswith(b"GET") else b""))
        assert read_all(sock) == b""
    assert engine.client.status()["jobs"] == []


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.1", ""])
def test_f15_wrong_host(engine: LivingEngine, host: str) -> None:
    """DNS rebinding: a page of that host, the port right, even the token known."""
    status, answer = raw_request(engine.home, "GET", "/v1/status", {"Host": host})
    assert (status, answer["code"]) == (403, "unauthorized")


@pytest.mark.parametrize("header", ["Origin", "Sec-Fetch-Site"])
def test_f15_browser(engine: LivingEngine, header: str) -> None:
    status, answer = raw_request(engine.home, "POST", "/v1/stop", {header: "http://127.0.0.1"})
    assert (status, answer["code"]) == (403, "unauthorized")


@pytest.mark.parametrize("token", [None, "", "Bearer", f"Bearer {'0' * 64}"])
def test_f13_no_token_or_a_wrong_one(engine: LivingEngine, token: str | None) -> None:
    status, answer = raw_request(engine.home, "POST", "/v1/stop", {"Authorization": token})
    assert (status, answer["code"]) == (401, "unauthorized")


def test_f19_too_many(home: Home) -> None:
    client = start(home)
    sockets = [raw_socket(home) for _ in range(MAX_CONNECTIONS)]
    with pytest.raises(EngineProblem) as caught:
        client.status()
    assert caught.value.code == "busy"
    strangers = [_called(home) for _ in range(MAX_CONNECTIONS + 10)]
    assert read_all(strangers[-1]) == b""
    for sock in (*sockets, *strangers):
        sock.close()
    wait_until(lambda: _answers(client))


def test_taken_where_there_are_no_unix_sockets(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.create()
    monkeypatch.delenv("LIKENESS_TRANSPORT")
    monkeypatch.delattr(socket, "AF_UNIX")
    sock, where = address.bind(home)
    with sock:
        assert where == f"tcp:127.0.0.1:{sock.getsockname()[1]}"
    _write_connection(home, {"address": where, "token": "00"})
    assert read_connection_file(home.connection_file)["address"] == where
    _write_connection(home, {"address": f"unix:{home.run / 'engine.sock'}", "token": "00"})
    with pytest.raises(EngineProblem, match="damaged"):
        read_connection_file(home.connection_file)


def test_doctor_names_the_port(engine: LivingEngine) -> None:
    (finding,) = health.socket(engine.home)
    port = connection(engine.home)["address"].removeprefix("tcp:")
    assert (finding.level, finding.sentence) == ("ok", f"{port}, of this machine only")


@pytest.mark.parametrize(
    "where",
    ["tcp:10.0.0.1:80", "tcp:127.0.0.1:0", "tcp:127.0.0.1:65536", "tcp:127.0.0.1:", "tcp:::1:80", "udp:x"],
)
def test_addresses_beyond_this_machine(home: Home, where: str) -> None:
    _write_connection(home, {"address": where, "token": "00"})
    with pytest.raises(EngineProblem, match="damaged") as caught:
        read_connection_file(home.connection_file)
    assert caught.value.code == "engine_unavailable"


def test_f14_files_are_private(engine: LivingEngine) -> None:
    assert engine.home.connection_file.stat().st_mode & 0o777 == 0o600


def _called(home: Home) -> socket.socket:
    """A connection to the engine's port that nothing was sent on."""
    port = int(connection(home)["address"].rsplit(":", 1)[1])
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def _asked(home: Home, greeting: bytes) -> bytes:
    """What the true engine answers to this greeting, at its own port."""
    with _called(home) as sock:
        sock.sendall(greeting)
        return sock.recv(32, socket.MSG_WAITALL)


def _answers(client: Client) -> bool:
    try:
        return bool(client.status())
    except EngineProblem:
        return False


def _write_connection(home: Home, facts: Mapping[str, object]) -> None:
    home.create()
    home.connection_file.touch(0o600)
    home.connection_file.write_text(json.dumps({"protocol": 1, "version": "9.9.9", "boot_id": "0", **facts}))
