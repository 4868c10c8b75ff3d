"""Thousands of requests that are wrong in every way bytes can be wrong, against one running engine."""

from __future__ import annotations

import random
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import LivingEngine, end_home, new_home
from tests.service.engines import (
    ERROR_KEYS,
    connection,
    parse_answer,
    picture,
    raw_socket,
    read_all,
    start,
    wait_until,
    worker_pid,
)

CLIENTS = 8
DEADLINES = {"engine.service.protocol.HEADER_SECONDS": 1.0, "engine.service.protocol.BODY_SECONDS": 1.0}
LENGTHS = (
    "0",
    "-1",
    "1",
    "+5",
    "1e3",
    "0x10",
    "9" * 17,
    str(2**31),
    str(2**63),
    str(2**64),
    "9" * 60,
    "1, 1",
    "",
    "½",
)
JSON = (
    b"{",
    b"[" * 50_000,
    b'{"a":' * 20_000,
    b"NaN",
    b'{"kind": "edit", "picture": "%s", "edits": {"smile": NaN}}',
    b'{"kind": "edit", "picture": "%s", "edits": {"smile": -1e999}}',
    b'{"kind": "edit", "picture": "%s", "face": ' + b"9" * 5000 + b"}",
    b'{"kind": "edit", "picture": "%s", "kind": "dialog"}',
    b'{"kind": "invert", "picture": "\xff\xfe"}',
    b'{"kind": "invert", "picture": "\\ud800"}',
    b"\xef\xbb\xbf{}",
    b"\x00" * 100,
    b'"' + b"a" * 900_000,
    b"",
)
PATHS = ("/v1/jobs", "/v1/pictures", "/v1/inversions", "/v1/status", "/v1/models", f"/v1/jobs/{'0' * 32}")
MEMORY_GROWTH = 64e6


@pytest.fixture(scope="module")
def engine() -> Iterator[LivingEngine]:
    home = new_home()
    yield LivingEngine(home, start(home, deadlines=DEADLINES))
    end_home(home)


class Malformer:
    """One request after the other, from a seed."""

    def __init__(self, seed: int, token: str, picture_id: str) -> None:
        self._random = random.Random(seed)
        self._token = token
        self._picture = picture_id.encode()

    def request(self) -> tuple[bytes, bool]:
        """The bytes of a request, and whether its sender hangs up half-way."""
        pick = self._random
        body = pick.choice(JSON).replace(b"%s", self._picture)
        data = self._head(str(len(body))) + body
        kind = pick.randrange(5)
        if kind == 0:
            return data, False
        if kind == 1:
            return self._head(pick.choice(LENGTHS)) + body, False
        if kind == 2:
            return data[: pick.randrange(len(data))], True
        if kind == 3:
            return self._damaged(data), False
        return self._chunked(body), False

    def _head(self, length: str | None) -> bytes:
        pick = self._random
        lines = [
            f"{pick.choice(('POST', 'POST', 'GET', 'DELETE', 'PUT', 'HEAD'))} {pick.choice(PATHS)} HTTP/1.1",
            "Host: likeness",
            f"Authorization: Bearer {self._token}",
            "X-Likeness-Protocol: 1",
            "Content-Type: application/json",
        ]
        if pick.random() < 0.5:
            sizes = ("1", "0", "-1", "65535", "9" * 30, "ten")
            lines += [f"X-Likeness-Width: {pick.choice(sizes)}", f"X-Likeness-Height: {pick.choice(sizes)}"]
            lines.append(f"X-Likeness-Format: {pick.choice(('RGBA u8', 'RGBA float', 'CMYK', ''))}")
        lines.append("Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}")
        if pick.random() < 0.05:
            lines.append("X-Long: " + "x" * 80_000)
        return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n"

    def _damaged(self, data: bytes) -> bytes:
        pick, damaged = self._random, bytearray(data)
        for _ in range(pick.randint(1, 8)):
            at = pick.randrange(min(len(damaged), 600))
            damaged[at : at + pick.randrange(3)] = pick.randbytes(pick.randrange(3))
        return bytes(damaged)

    def _chunked(self, body: bytes) -> bytes:
        size = self._random.choice((b"%x" % len(body), b"ffffffffffffffff", b"-1", b"0", b"zz", b"", b"1" * 40))
        return self._head(None) + size + b"\r\n" + body + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize("count", [10_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_f16_generated_requests(engine: LivingEngine, count: int) -> None:
    """Every answer is a success or a typed refusal; nothing is executed, and no memory is taken."""
    worker, service = worker_pid(engine.client), engine.client.status()["pid"]
    peak = _peak_memory(service)
    token, picture_id = connection(engine.home)["token"], picture(engine.client)

    def send(client: int) -> int:
        malformer = Malformer(client, token, picture_id)
        return sum(_is_answered(engine, *malformer.request()) for _ in range(count // CLIENTS))

    with ThreadPoolExecutor(CLIENTS) as pool:
        answered = sum(pool.map(send, range(CLIENTS)))
    assert answered > count / 2  # the others broke off or were dropped
    wait_until(lambda: engine.client.status()["jobs"] == [])
    assert (engine.client.status()["pid"], worker_pid(engine.client)) == (service, worker)
    assert _peak_memory(service) - peak < MEMORY_GROWTH


def _is_answered(engine: LivingEngine, data: bytes, hangs_up: bool) -> bool:
    """Send and look at the answer, which there may be none of."""
    with raw_socket(engine.home) as sock:
        try:
            sock.sendall(data)
            if hangs_up:
                sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it was refused before all had been sent
        answer = read_all(sock)
    if not answer:
        return False
    status = int(answer.split()[1])
    assert status < 500, (data[:300], answer)
    if status >= 400 and not data.startswith(b"HEAD"):
        assert parse_answer(answer)[1].keys() == ERROR_KEYS, (data[:300], answer)
    return True


def _peak_memory(process: int) -> int:
    """Bytes (Linux); elsewhere 0."""
    try:
        status = Path(f"/proc/{process}/status").read_text("ascii")
    except OSError:
        return 0
    return 1024 * int(re.findall(r"VmHWM:\s*(\d+)", status)[0])
