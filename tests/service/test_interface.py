"""What the routes answer, and what they refuse. One engine for all."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.messages import BYTES_PER_PIXEL as THEIRS
from engine.messages import PROTOCOL as ENGINE_PROTOCOL
from engine.paths import Home
from plugin.likeness.client import BYTES_PER_PIXEL, PROTOCOL, Client, EngineProblem
from tests.conftest import LivingEngine, end_home, new_home
from tests.service.engines import (
    ERROR_KEYS,
    edit,
    parse_answer,
    picture,
    raw_request,
    raw_socket,
    read_all,
    start,
    worker_pid,
)


@pytest.fixture(scope="module")
def engine() -> Iterator[LivingEngine]:
    home = new_home()
    yield LivingEngine(home, start(home))
    end_home(home)


@pytest.fixture
def client(engine: LivingEngine) -> Client:
    return engine.client


@pytest.fixture
def place(engine: LivingEngine) -> Home:
    return engine.home


def test_client_and_engine_agree() -> None:
    assert PROTOCOL == ENGINE_PROTOCOL
    assert BYTES_PER_PIXEL == THEIRS


def test_status(client: Client) -> None:
    worker_pid(client)
    status = client.status()
    assert status["protocol"] == 1
    assert status["worker"]["device"] == "fake"
    assert status["jobs"] == []


def test_service_loads_no_torch(client: Client) -> None:
    maps = Path(f"/proc/{client.status()['pid']}/maps").read_text("utf-8")
    assert "libtorch" not in maps


def test_f14_files_are_private(place: Home) -> None:
    for path in (place.connection_file, place.run / "engine.sock", place.lock):
        assert path.stat().st_mode & 0o777 == 0o600, path
    for path in (place.root, place.run, place.spool, place.logs):
        assert path.stat().st_mode & 0o777 == 0o700, path


def test_pictures_come_back(client: Client) -> None:
    for pixel_format, size in BYTES_PER_PIXEL.items():
        pixels = bytes(i % 251 for i in range(5 * 3 * size))
        sent = client.send_picture(5, 3, pixel_format, pixels)
        facts, back = client.fetch_picture(sent["id"])
        assert facts == sent
        assert back == pixels


def test_large_picture(client: Client) -> None:
    pixels = bytes(4000 * 3000 * 4)
    sent = client.send_picture(4000, 3000, "RGBA u8", pixels)
    assert client.fetch_picture(sent["id"])[1] == pixels


@pytest.mark.parametrize(
    ("width", "height", "code"),
    [
        (4, 5, "bad_request"),
        (0, 4, "bad_request"),
        (65_535, 65_535, "photo_too_large"),
        (70_000, 1, "bad_request"),
    ],
)
def test_f16_f21_pictures_that_lie(client: Client, width: int, height: int, code: str) -> None:
    with pytest.raises(EngineProblem) as caught:
        client.send_picture(width, height, "RGBA u8", bytes(64))
    assert caught.value.code == code


def test_f16_picture_longer_than_it_says(place: Home) -> None:
    headers: dict[str, str | None] = {
        "X-Likeness-Width": "2",
        "X-Likeness-Height": "1",
        "X-Likeness-Format": "RGBA u8",
        "Transfer-Encoding": "chunked",
        "Content-Length": None,
    }
    body = b"8\r\n12345678\r\n8\r\n12345678\r\n0\r\n\r\n"
    status, answer = raw_request(place, "POST", "/v1/pictures", headers, body)
    assert (status, answer["code"]) == (400, "bad_request")


def test_unknown_picture(client: Client) -> None:
    with pytest.raises(EngineProblem, match="no longer with the engine"):
        client.fetch_picture("0" * 64)
    with pytest.raises(EngineProblem, match="no longer with the engine"):
        client.run({"kind": "detect", "picture": "0" * 64}, lambda event: None)


def test_directions(client: Client) -> None:
    assert client.directions()["directions"][0]["name"] == "smile"
    with pytest.raises(EngineProblem) as caught:
        client.directions("other")
    assert caught.value.code == "unknown_model"


@pytest.mark.parametrize(
    ("what", "code"), [("fail", "no_face"), ("memory", "out_of_memory"), ("broken", "internal")]
)
def test_errors_of_the_work(client: Client, place: Home, what: str, code: str) -> None:
    with pytest.raises(EngineProblem) as caught:
        client.run(edit(client, **{what: 1.0}), lambda event: None)
    assert caught.value.code == code
    assert "Traceback" not in caught.value.sentence
    if code == "internal":
        assert "ZeroDivisionError" in (place.logs / "worker.log").read_text("utf-8")


def test_inversions(client: Client, place: Home) -> None:
    header = json.dumps({"__metadata__": {"likeness": json.dumps({"model": "default"})}}).encode()
    data = struct.pack("<Q", len(header)) + header
    (place.inversions / f"{'cd' * 32}.safetensors").write_bytes(data)
    (place.inversions / f"{'ef' * 32}.safetensors").write_bytes(b"\xff" * 40)
    status, listed = raw_request(place, "GET", "/v1/inversions")
    assert status == 200
    assert [{**one, "used": 0} for one in listed] == [  # pyright: ignore[reportGeneralTypeIssues]
        {"id": "cd" * 32, "model": "default", "used": 0, "bytes": len(data)}
    ]
    assert client.inversion("cd" * 32) == data
    with pytest.raises(EngineProblem) as caught:
        client.inversion("00" * 32)
    assert caught.value.code == "inversion_missing"
    assert client.add_inversion(b"good one")["id"] == "ab" * 32
    with pytest.raises(EngineProblem) as caught:
        client.add_inversion(b"bad one")
    assert caught.value.code == "inversion_damaged"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("PUT", "/v1/status", 405),
        ("GET", "/v1/jobs/00", 422),
        ("GET", f"/v1/jobs/{'0' * 32}", 404),
        ("DELETE", f"/v1/jobs/{'0' * 32}", 404),
        ("GET", "/v1/pictures/..%2f..%2fengine.json", 404),
        ("GET", "/v1/directions?model=../x", 422),
    ],
)
def test_refused_by_routes(place: Home, method: str, path: str, status: int) -> None:
    found, answer = raw_request(place, method, path)
    assert found == status
    assert answer.keys() == ERROR_KEYS


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[" * 100_000,
        b"\xff\xfe",
        b"null",
        b'{"kind": "edit"}',
        b'{"kind": "detect", "picture": "' + b"a" * 64 + b'", "more": 1}',
        b'{"kind": "edit", "picture": "' + b"a" * 64 + b'", "edits": {"smile": NaN}}',
        b'{"kind": "edit", "picture": "' + b"a" * 64 + b'", "face": ' + b"9" * 5000 + b"}",
        b'{"kind": "dialog", "window": "edit", "picture": "' + b"a" * 64 + b'", "title": "\\ud800"}',
    ],
    ids=["cut", "deep", "bytes", "null", "lacking", "unknown key", "nan", "huge number", "lone surrogate"],
)
def test_f16_malformed_jobs(place: Home, client: Client, body: bytes) -> None:
    status, answer = raw_request(place, "POST", "/v1/jobs", body=body)
    assert status in (400, 422)
    assert answer.keys() == ERROR_KEYS
    assert client.status()["jobs"] == []


def test_f16_not_http(place: Home) -> None:
    with raw_socket(place) as sock:
        sock.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        status, answer = parse_answer(read_all(sock))
    assert (status, answer["code"]) == (400, "bad_request")


def test_f16_body_in_bits_beyond_the_limit(place: Home) -> None:
    body = b"%x\r\n" % 1_100_000 + b" " * 1_100_000 + b"\r\n0\r\n\r\n"
    headers: dict[str, str | None] = {"Transfer-Encoding": "chunked", "Content-Length": None}
    status, answer = raw_request(place, "POST", "/v1/jobs", headers, body)
    assert (status, answer["code"]) == (413, "bad_request")


def test_second_request_on_a_connection_is_not_answered(place: Home, client: Client) -> None:
    one = b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n"
    with raw_socket(place) as sock:
        sock.sendall(one + one)
        assert read_all(sock).count(b"HTTP/1.1 ") <= 1
    assert client.status()["protocol"] == 1


def test_openapi_describes_every_route(place: Home) -> None:
    status, description = raw_request(place, "GET", "/openapi.json")
    assert status == 200
    assert {
        "/v1/status",
        "/v1/stop",
        "/v1/directions",
        "/v1/pictures",
        "/v1/pictures/{identity}",
        "/v1/jobs",
        "/v1/jobs/{identity}",
        "/v1/jobs/{identity}/request",
        "/v1/jobs/{identity}/answer",
        "/v1/inversions",
        "/v1/inversions/{identity}",
        "/v1/models",
        "/v1/models/dialog",
    } == description["paths"].keys()
    stream = description["paths"]["/v1/jobs"]["post"]["responses"]["200"]["content"]
    assert "application/x-ndjson" in stream


def test_spool_is_named_by_content(client: Client) -> None:
    assert picture(client) == picture(client)
