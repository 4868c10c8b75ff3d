"""Requests that are refused before any route sees them: without the token, by browsers, of other protocols. One engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.paths import Home
from plugin.likeness.client import Client
from tests.conftest import end_home, new_home
from tests.service.engines import ERROR_KEYS, raw_request, start


@pytest.fixture(scope="module")
def place() -> Iterator[Home]:
    home = new_home()
    start(home)
    yield home
    end_home(home)


def refused(place: Home, headers: dict[str, str | None]) -> tuple[int, str]:
    """Status and code with which a request with these headers is refused before it reaches any route."""
    status, answer = raw_request(place, "POST", "/v1/stop", headers)
    assert answer.keys() == ERROR_KEYS
    assert Client.connect(place.root).status()["protocol"] == 1  # it was not stopped
    return status, answer["code"]


@pytest.mark.parametrize("header", [None, "Bearer 00", "Bearer \xe4", "Basic 00", "Bearer"])
def test_f13_without_the_token(place: Home, header: str | None) -> None:
    assert refused(place, {"Authorization": header}) == (401, "unauthorized")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://likeness"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Mode": "no-cors"},
        {"Host": "rebound.example"},
        {"Host": "likeness.rebound.example:80"},
        {"Host": ""},
    ],
)
def test_f15_a_browser(place: Home, headers: dict[str, str | None]) -> None:
    """Even one that had the token: a page of another site, or a name that was made to point here."""
    assert refused(place, headers) == (403, "unauthorized")


def test_f15_a_form(place: Home) -> None:
    """What a page can post without asking first is not executed, with a token or without."""
    body = b'{"kind": "detect", "picture": "' + b"a" * 64 + b'"}'
    for token in ({}, {"Authorization": None}):
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            headers = {"Content-Type": kind, **token}
            assert raw_request(place, "POST", "/v1/jobs", headers, body)[0] in (401, 422)
    assert Client.connect(place.root).status()["jobs"] == []
    status = raw_request(place, "OPTIONS", "/v1/jobs", {"Access-Control-Request-Method": "POST"})[0]
    assert status == 405  # no preflight is granted


@pytest.mark.parametrize(
    ("length", "status", "code"),
    [
        ("-1", 400, "bad_request"),
        ("99999999999999999999", 400, "bad_request"),
        ("9223372036854775808", 400, "bad_request"),
        ("2000000", 413, "bad_request"),
    ],
)
def test_f16_lengths_that_make_no_sense(place: Home, length: str, status: int, code: str) -> None:
    assert refused(place, {"Content-Length": length}) == (status, code)


@pytest.mark.parametrize("protocol", ["2", "0", None, "one"])
def test_f09_a_client_of_another_protocol(place: Home, protocol: str | None) -> None:
    assert refused(place, {"X-Likeness-Protocol": protocol}) == (409, "version_mismatch")


def test_f09_version_mismatch_names_both(place: Home) -> None:
    _, answer = raw_request(place, "GET", "/v1/status", {"X-Likeness-Protocol": "7"})
    assert "protocol 7" in answer["sentence"]
    assert "protocol 1" in answer["sentence"]
