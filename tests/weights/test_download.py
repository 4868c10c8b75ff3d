"""Fault 29, and 34 where it is about downloads: a server of our own that behaves as badly as the web does."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.errors import BadRequest, DownloadFailed, LicenceNotAccepted
from engine.paths import Home
from engine.weights import acquire as acquiring
from engine.weights import download as downloading
from engine.weights.acquire import acquire
from engine.weights.catalogue import CatalogueFile, Entry, Licence, read_catalogue
from engine.weights.download import download

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PAGE = """<html><form id="other" action="/no"></form><form id="download-form" action="/confirmed" method="get">
<input type="submit" value="Download anyway"/><input type="hidden" name="id" value="abc">
<input type="hidden" name="confirm" value="t"></form></html>"""


class Server(ThreadingHTTPServer):
    """`asked` has every path and its Range; `cut` says how many bytes an answer to /cut gives before the end."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str]] = []
        self.cut = len(CONTENT) // 3
        self.etag = '"one"'
        self.elsewhere = ""

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"


class Handler(BaseHTTPRequestHandler):
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def log_message(self, format: str, *args: object) -> None: ...

    def do_GET(self) -> None:
        path, wanted = self.path.lstrip("/").partition("?")[0], self.headers.get("Range", "")
        self.server.asked.append((self.path.lstrip("/"), wanted))
        if path == "missing":
            self.send_error(404)
        elif path == "elsewhere":
            self.send_response(302)
            self.send_header("Location", self.server.elsewhere)
            self.end_headers()
        elif path in ("drive", "quota"):
            self._send(200, (PAGE if path == "drive" else "<html>Too many</html>").encode(), "text/html")
        elif path == "stalled":
            self._send(200, CONTENT, stop=1000, wait=True)
        else:
            self._file(path, wanted)

    def _file(self, path: str, wanted: str) -> None:
        content = CONTENT[::-1] if path == "wrong" else CONTENT
        continues = path != "plain" and wanted and self.headers.get("If-Range") in (None, self.server.etag)
        start = int(wanted[6:].rstrip("-")) if continues else 0
        stop = self.server.cut if path == "cut" else len(content)
        self._send(206 if continues else 200, content[start:], stop=stop, start=start)

    def _send(
        self, status: int, body: bytes, kind: str = "application/octet-stream", stop: int = 1 << 40, start: int = 0,
        wait: bool = False,
    ) -> None:  # fmt: skip
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if self.path != "/plain":
            self.send_header("ETag", self.server.etag)
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.end_headers()
        self.wfile.write(body[:stop])
        self.wfile.flush()
        if wait:
            threading.Event().wait(3)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(downloading, "PAUSE", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    made = Server()
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def fetch(server: Server, folder: Path, *paths: str, sha256: str = SHA256, size: int = 0) -> Path:
    addresses = tuple(path if "://" in path else server.address(path) for path in paths)
    return download(CatalogueFile("a.pt", addresses, "MIT", size, sha256), folder, lambda *_: None)


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.endswith(".lock")}


def test_whole(server: Server, tmp_path: Path) -> None:
    told = []
    file = CatalogueFile("a.pt", (server.address("good"),), "MIT", len(CONTENT), SHA256)
    path = download(file, tmp_path, lambda *at: told.append(at))
    assert path.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert left(tmp_path) == {"a.pt"}
    assert download(file, tmp_path, lambda *_: None) == path
    assert len(server.asked) == 1, "it was there already"


def test_f29_cut_and_resumed(server: Server, tmp_path: Path) -> None:
    assert fetch(server, tmp_path, "cut").read_bytes() == CONTENT
    starts = [int(wanted[6:-1]) for _, wanted in server.asked if wanted]
    assert starts == sorted(starts)
    assert len(starts) >= 2
    assert sum(not wanted for _, wanted in server.asked) == 1, "only once from the beginning"


def test_f29_goes_on_after_a_stop(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.pt.part").write_bytes(CONTENT[:5000])
    (tmp_path / "a.pt.part.json").write_text(json.dumps({"version": '"one"'}))
    assert fetch(server, tmp_path, "good", sha256="").read_bytes() == CONTENT
    assert server.asked == [("good", "bytes=5000-")]


def test_f29_another_version_begins_anew(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.pt.part").write_bytes(b"x" * 5000)
    (tmp_path / "a.pt.part.json").write_text(json.dumps({"version": '"older"'}))
    assert fetch(server, tmp_path, "good", sha256="").read_bytes() == CONTENT


def test_f29_without_range(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.pt.part").write_bytes(CONTENT[:5000])
    assert fetch(server, tmp_path, "plain").read_bytes() == CONTENT
    (tmp_path / "a.pt").unlink()
    (tmp_path / "a.pt.part").write_bytes(CONTENT[:5000])
    assert fetch(server, tmp_path, "plain", sha256="").read_bytes() == CONTENT
    assert server.asked[-1] == ("plain", ""), "nothing says that the part is of this version"


def test_f29_corrupt_part(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.pt.part").write_bytes(b"x" * 5000)
    (tmp_path / "a.pt.part.json").write_text("[" * 9)
    assert fetch(server, tmp_path, "good").read_bytes() == CONTENT
    assert [wanted for _, wanted in server.asked] == ["bytes=5000-", ""]


def test_f29_wrong_content(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match="sha256 differs"):
        fetch(server, tmp_path, "wrong")
    assert left(tmp_path) == set()
    assert len(server.asked) == 1
    with pytest.raises(DownloadFailed, match=r"should have 7 bytes, and the server has 1,024,000"):
        fetch(server, tmp_path, "good", size=7)


def test_f29_mirrors_in_turn(server: Server, tmp_path: Path) -> None:
    assert fetch(server, tmp_path, "missing", "wrong", "good").read_bytes() == CONTENT
    assert [path for path, _ in server.asked] == ["missing", "wrong", "good"]
    with pytest.raises(DownloadFailed, match="answered with status 404"):
        fetch(server, tmp_path / "..", "missing", sha256="0" * 64)


def test_f29_stalled(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.weights.addresses.SECONDS", (5.0, 0.3))
    monkeypatch.setattr(downloading, "TRIES", 2)
    with pytest.raises(DownloadFailed, match=r"The connection to 127\.0\.0\.1 failed") as caught:
        fetch(server, tmp_path, "stalled")
    assert "goes on from there" in caught.value.remedy
    assert (tmp_path / "a.pt.part").exists()


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/a", "http://10.0.0.1/a", "http://[::1]/a"]
)
def test_f29_redirected_where_it_must_not(server: Server, tmp_path: Path, target: str) -> None:
    server.elsewhere = target
    with pytest.raises(DownloadFailed, match=r"no web address|private network"):
        fetch(server, tmp_path, "elsewhere")
    assert left(tmp_path) == set()


def test_redirects_are_followed(server: Server, tmp_path: Path) -> None:
    server.elsewhere = "/good"
    assert fetch(server, tmp_path, "elsewhere").read_bytes() == CONTENT
    server.elsewhere = "/elsewhere"
    with pytest.raises(DownloadFailed, match="leads on and on"):
        fetch(server, tmp_path, "elsewhere", sha256="0" * 64)


def test_a_confirm_page_like_google_drives(server: Server, tmp_path: Path) -> None:
    assert fetch(server, tmp_path, "drive?export=download&id=abc").read_bytes() == CONTENT
    assert [path for path, _ in server.asked] == ["drive?export=download&id=abc", "confirmed?id=abc&confirm=t"]
    with pytest.raises(DownloadFailed, match="shows a page in place of the file"):
        fetch(server, tmp_path, "quota", sha256="0" * 64)


def test_f34_no_space(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(DownloadFailed, match="are free"):
        fetch(server, tmp_path, "good")
    assert left(tmp_path) == set()


def test_proxies_come_from_the_environment(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("http_proxy", server.address(""))
    assert fetch(server, tmp_path, "http://models.invalid/good").read_bytes() == CONTENT
    assert server.asked[0][0] == "http://models.invalid/good"


def test_nothing_without_the_licence(home: Home, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    file = CatalogueFile("a.pt", (server.address("good"),), "MIT", len(CONTENT), SHA256)
    entry = Entry("small", "for the test", (file,), (Licence("MIT", "…", "https://example.org"),))
    with pytest.raises(LicenceNotAccepted):
        acquire(entry, "mine", home, False, lambda *_: None)
    with pytest.raises(BadRequest, match="comes with Likeness"):
        acquire(entry, "default", home, True, lambda *_: None)
    assert server.asked == []
    told: list[tuple[float, str]] = []
    monkeypatch.setattr(
        acquiring, "import_model", lambda files, name, _: (name, [path.read_bytes() for path in files])
    )
    assert acquire(entry, "mine", home, True, lambda *at: told.append(at)) == ("mine", [CONTENT])
    assert told[0][1] == "Downloading a.pt (1 MB)"
    assert left(home.models / ".downloads") == set()


def test_what_arrived_stays_where_the_import_fails(home: Home, server: Server) -> None:
    file = CatalogueFile("a.pt", (server.address("good"),), "MIT", 0, SHA256)
    entry = Entry("small", "", (file,), ())
    for _ in range(2):
        with pytest.raises(Exception, match=r"a\.pt: "):
            acquire(entry, "mine", home, True, lambda *_: None)
    assert len(server.asked) == 1


def test_the_catalogue() -> None:
    catalogue = read_catalogue()
    assert catalogue["ffhq-1024"].bytes == 381_624_121
    for entry in catalogue.values():
        assert entry.licences
        assert not entry.fetched
        assert all(address.startswith("https://") for file in entry.files for address in file.addresses)
