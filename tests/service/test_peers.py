"""Clients that are slow, silent, many or false, and engines that are false."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.paths import Home
from engine.service.protocol import MAX_CONNECTIONS
from plugin.likeness.client import Client, EngineProblem
from plugin.likeness.launch import read_location
from tests.conftest import LivingEngine, end_home, new_home
from tests.service.engines import connection, parse_answer, raw_socket, read_all, start, wait_until

SHORT = {
    "engine.service.protocol.HEADER_SECONDS": 0.5,
    "engine.service.protocol.BODY_SECONDS": 0.5,
    "engine.service.protocol.UNREAD_SECONDS": 0.5,
}

IMPOSTOR = """
import os, socket, sys
os.setgid(65534); os.setuid(65534)
sock = socket.socket(socket.AF_UNIX); sock.bind(sys.argv[1]); sock.listen()
print("ready", flush=True)
connection, _ = sock.accept()
print(len(connection.recv(100000)), flush=True)
"""

STRANGER = """
import os, socket, sys
os.setgid(65534); os.setuid(65534)
sock = socket.socket(socket.AF_UNIX); sock.connect(sys.argv[1])
print("connected")
try:
    sock.sendall(sys.argv[2].encode())
    print(len(sock.recv(1000)))
except ConnectionError:
    print(0)
"""


@pytest.fixture(scope="module")
def engine() -> Iterator[LivingEngine]:
    home = new_home()
    yield LivingEngine(home, start(home, deadlines=SHORT))
    end_home(home)


@pytest.fixture
def many_files() -> Iterator[None]:
    """This process may open more files than some systems let it at first."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_f17_headers_that_trickle(engine: LivingEngine) -> None:
    began = time.monotonic()
    with raw_socket(engine.home) as sock:
        try:
            for byte in b"GET /v1/status HTTP/1.1\r\nHost: likeness\r\n":
                sock.sendall(bytes([byte]))
                time.sleep(0.05)
        except OSError:
            pass
        assert read_all(sock) == b""
    assert time.monotonic() - began < 2.0
    assert engine.client.status()["protocol"] == 1


def test_f17_body_that_trickles(engine: LivingEngine) -> None:
    facts = connection(engine.home)
    head = (
        "POST /v1/jobs HTTP/1.1\r\nHost: likeness\r\nContent-Type: application/json\r\nContent-Length: 900\r\n"
        f"Authorization: Bearer {facts['token']}\r\nX-Likeness-Protocol: 1\r\n\r\n"
    )
    began = time.monotonic()
    with raw_socket(engine.home) as sock:
        sock.sendall(head.encode())
        assert read_all(sock) == b""
    assert time.monotonic() - began < 2.0
    assert engine.client.status()["jobs"] == []


def test_f18_answer_that_nobody_reads(engine: LivingEngine) -> None:
    sent = engine.client.send_picture(2000, 1000, "RGBA u8", bytes(8_000_000))
    head = (
        f"GET /v1/pictures/{sent['id']} HTTP/1.1\r\nHost: likeness\r\n"
        f"Authorization: Bearer {connection(engine.home)['token']}\r\nX-Likeness-Protocol: 1\r\n\r\n"
    )
    with raw_socket(engine.home) as sock:
        sock.sendall(head.encode())
        time.sleep(1.2)
        assert len(read_all(sock)) < 8_000_000
    assert engine.client.status()["protocol"] == 1


def test_f19_a_thousand_idle_connections(home: Home, many_files: None) -> None:
    client = start(home, deadlines={"engine.service.protocol.HEADER_SECONDS": 5.0})
    with contextlib.ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(raw_socket(home)) for _ in range(1000)]
        answers = [parse_answer(read_all(sock)) for sock in sockets[MAX_CONNECTIONS:]]
        assert {(status, answer["code"]) for status, answer in answers} == {(503, "busy")}
        with pytest.raises(EngineProblem) as caught:
            client.status()
        assert caught.value.code == "busy"
        wait_until(lambda: _answers(client))  # once the idle ones are past their deadline


def test_hanging_up_before_the_answer(engine: LivingEngine) -> None:
    for _ in range(20):
        with raw_socket(engine.home) as sock:
            sock.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: likeness\r\nContent-Length: 10\r\n\r\n123")
    assert engine.client.status()["jobs"] == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can pose as another user")
def test_f13_impostor_gets_nothing(home: Home) -> None:
    public = home.root / "public"
    home.create()
    home.root.chmod(0o755)
    public.mkdir()
    public.chmod(0o777)
    path = public / "engine.sock"
    impostor = subprocess.Popen([sys.executable, "-c", IMPOSTOR, str(path)], stdout=subprocess.PIPE)
    assert impostor.stdout
    assert impostor.stdout.readline() == b"ready\n"
    _write_connection(home, address=f"unix:{path}")
    with pytest.raises(EngineProblem) as caught:
        Client.connect(home.root)
    assert caught.value.code == "unauthorized"
    assert impostor.communicate(timeout=10)[0] == b"0\n"  # not a byte arrived


@pytest.mark.skipif(os.getuid() != 0, reason="only root can pose as another user")
def test_f14_other_users_are_not_heard(engine: LivingEngine) -> None:
    """Even one who reached the socket and has the token."""
    facts = connection(engine.home)
    path = Path(facts["address"].removeprefix("unix:"))
    head = (
        f"GET /v1/status HTTP/1.1\r\nHost: likeness\r\nAuthorization: Bearer {facts['token']}\r\n"
        "X-Likeness-Protocol: 1\r\n\r\n"
    )
    opened = ((engine.home.root, 0o711), (engine.home.run, 0o711), (path, 0o666))
    before = [place.stat().st_mode for place, _ in opened]
    try:
        for place, mode in opened:
            place.chmod(mode)
        said = subprocess.run([sys.executable, "-c", STRANGER, str(path), head], capture_output=True, text=True)
    finally:
        for (place, _), mode in zip(opened, before, strict=True):
            place.chmod(mode)
    assert (said.stdout, said.stderr) == ("connected\n0\n", "")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660])
def test_f14_connection_file_open_to_others(home: Home, mode: int) -> None:
    _write_connection(home)
    home.connection_file.chmod(mode)
    with pytest.raises(EngineProblem) as caught:
        Client.connect(home.root)
    assert caught.value.code == "unauthorized"


def test_connection_file_that_is_a_link(home: Home) -> None:
    _write_connection(home)
    real = home.connection_file.rename(home.run / "elsewhere.json")
    home.connection_file.symlink_to(real)
    with pytest.raises(EngineProblem, match="No engine is running"):
        Client.connect(home.root)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"address": 1, "token": 2}', '{"address": "tcp:x", "token": ""}']
)
def test_connection_file_that_is_damaged(home: Home, content: str) -> None:
    home.create()
    home.connection_file.touch(0o600)
    home.connection_file.write_text(content)
    with pytest.raises(EngineProblem) as caught:
        Client.connect(home.root)
    assert caught.value.code == "engine_unavailable"


def test_f09_engine_of_another_protocol(home: Home) -> None:
    _write_connection(home, protocol=2)
    with pytest.raises(EngineProblem) as caught:
        Client.connect(home.root)
    assert caught.value.code == "version_mismatch"
    assert "protocol 1" in caught.value.sentence
    assert "protocol 2" in caught.value.sentence


def test_engine_that_does_not_speak_http(home: Home) -> None:
    home.create()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(home.run / "engine.sock"))
        sock.listen()
        _write_connection(home)
        program = (
            "import sys; sys.path.insert(0, '.'); from pathlib import Path\n"
            "from plugin.likeness.client import *\n"
            "try: Client.connect(Path(sys.argv[1]))\n"
            "except EngineProblem as problem: print(problem.code)\n"
        )
        client = subprocess.Popen([sys.executable, "-c", program, str(home.root)], stdout=subprocess.PIPE)
        other, _ = sock.accept()
        other.sendall(b"SSH-2.0-hello\r\n")
        other.close()
        assert client.communicate(timeout=10)[0] == b"engine_unavailable\n"


def test_location(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "location.json"
    file.write_text(json.dumps({"home": "/somewhere", "command": ["python", "-m", "engine", "serve"]}))
    assert read_location(tmp_path) == (home.root, ["python", "-m", "engine", "serve"])
    monkeypatch.delenv("LIKENESS_HOME")
    assert read_location(tmp_path)[0] == Path("/somewhere")
    for content in ("", "[]", '{"home": 1, "command": ["x"]}', '{"home": "x", "command": []}'):
        file.write_text(content)
        with pytest.raises(EngineProblem, match="Install Likeness again"):
            read_location(tmp_path)


def _answers(client: Client) -> bool:
    try:
        return bool(client.status())
    except EngineProblem:
        return False


def _write_connection(home: Home, **changes: object) -> None:
    home.create()
    facts = {
        "address": f"unix:{home.run / 'engine.sock'}",
        "token": "00",
        "protocol": 1,
        "version": "9.9.9",
        "boot_id": "0",
        "pid": 1,
    }
    home.connection_file.touch(0o600)
    home.connection_file.write_text(json.dumps(facts | changes))
