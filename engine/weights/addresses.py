"""From an address to the answer that holds the file: redirects, private addresses, Google Drive's confirm page.

Google Drive shows a page in place of a large file (it was too large to be scanned): a form whose hidden fields, sent to
its action, give the file. Any other page in place of a file is an error that says so.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import requests

from engine.errors import DownloadFailed

SECONDS = (15.0, 30.0)  # to connect, and without a byte
_MOST_STEPS = 10
_LONGEST_PAGE = 1 << 20
_BY_HAND = "Fetch the file with a browser, and `models import` it."


def open_address(session: requests.Session, address: str, headers: Mapping[str, str]) -> requests.Response:
    """The answer whose body is the file, not yet read: its status is 200, 206 or 416.

    Raises:
        DownloadFailed: another status, a page in place of the file, or a way that leads where it must not.
        requests.RequestException: the connection failed.
    """
    first = urlsplit(address).netloc
    for _ in range(_MOST_STEPS):
        _check(address, first)
        answer = session.get(
            address, headers=dict(headers), stream=True, allow_redirects=False, timeout=SECONDS
        )
        if answer.is_redirect:
            address = urljoin(address, answer.headers["Location"])
        elif answer.status_code not in (200, 206, 416):
            status = answer.status_code
            answer.close()
            raise DownloadFailed(f"{_host(address)} answered with status {status}.", _BY_HAND)
        elif answer.headers.get("Content-Type", "").startswith("text/html"):
            address = _confirmed(address, answer)
        else:
            return answer
        answer.close()
    raise DownloadFailed(f"{_host(address)} leads on and on.", _BY_HAND)


def _check(address: str, first: str) -> None:
    """A way may begin where the catalogue says; from there it leads only to http(s), and never into a private network."""
    parts = urlsplit(address)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise DownloadFailed(f"The download leads to “{address[:80]}”, which is no web address.", _BY_HAND)
    if parts.netloc != first and _is_private(parts.hostname):
        raise DownloadFailed(
            f"The download leads to {parts.hostname}, an address in a private network; that was refused.",
            _BY_HAND,
        )


def _is_private(host: str) -> bool:
    try:
        found = socket.getaddrinfo(host, None)
    except OSError:
        return False  # a proxy may know it
    return any(not ipaddress.ip_address(str(entry[4][0]).partition("%")[0]).is_global for entry in found)


def _confirmed(address: str, answer: requests.Response) -> str:
    """Where the page's form leads."""
    form = _Form()
    form.feed(answer.raw.read(_LONGEST_PAGE, decode_content=True).decode("utf-8", "replace"))
    if "confirm" not in form.fields or not form.action:
        raise DownloadFailed(
            f"{_host(address)} shows a page in place of the file; too many may have asked for it today.",
            _BY_HAND,
        )
    return requests.Request("GET", urljoin(address, form.action), params=form.fields).prepare().url or ""


class _Form(HTMLParser):
    """The last form of a page: its action and its hidden fields."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {key: value or "" for key, value in attrs}
        if tag == "form":
            self.action, self.fields = found.get("action", ""), {}
        elif tag == "input" and found.get("type") == "hidden":
            self.fields[found.get("name", "")] = found.get("value", "")


def _host(address: str) -> str:
    return urlsplit(address).hostname or address[:80]
