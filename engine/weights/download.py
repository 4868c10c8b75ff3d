"""Download one file of the catalogue: resumed where it was cut, checked, and only then given its name.

What has arrived is `FILE.part`; `FILE.part.json` says of which version it is (ETag or Last-Modified). A server that has
another version by now, or cannot continue, sends the whole file, and it begins anew (RFC 9110, Range and If-Range).
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import filelock
import requests

from engine.errors import BadRequest, DownloadFailed
from engine.paths import inside
from engine.weights.addresses import open_address
from engine.weights.catalogue import CatalogueFile
from engine.weights.record import digest

Report = Callable[[int, int], None]  # bytes that are there, of how many (0: not known)
TRIES = 4  # of one address, without a single byte more
PAUSE = 1.0  # seconds, times the number of the try
_PIECE = 1 << 16  # what is lost where the connection is cut
_MARGIN = 64 << 20
_LARGEST = 8 << 30
_LATER = "What has arrived is kept: the same command goes on from there."


def download(file: CatalogueFile, folder: Path, report: Report) -> Path:
    """The file in `folder`, whole and with the checksum that was published, if one was.

    Raises:
        DownloadFailed: no address gave it, or there is no space for it.
        BadRequest: it is being downloaded by somebody else.
    """
    target = inside(folder, file.file)
    try:
        with filelock.FileLock(folder / f".{file.file}.lock", timeout=0), requests.Session() as session:
            if target.exists() and _problem(target, file) == "":
                return target
            failures = []
            for address in file.addresses:
                try:
                    return _from(session, address, file, _Part.of(target), report)
                except DownloadFailed as error:
                    failures.append(error)
            said = " ".join(dict.fromkeys(error.sentence for error in failures))
            raise DownloadFailed(f"{file.file} could not be downloaded. {said}", failures[-1].remedy)
    except filelock.Timeout:
        raise BadRequest(f"{file.file} is being downloaded already.", "Wait until that is done.") from None


@dataclass
class _Part:
    """What has arrived so far."""

    target: Path
    path: Path
    about: Path

    @classmethod
    def of(cls, target: Path) -> _Part:
        return cls(
            target, target.with_name(f"{target.name}.part"), target.with_name(f"{target.name}.part.json")
        )

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    @property
    def version(self) -> str:
        try:
            return str(json.loads(self.about.read_text("utf-8"))["version"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self.about.unlink(missing_ok=True)


def _from(session: requests.Session, address: str, file: CatalogueFile, part: _Part, report: Report) -> Path:
    """Try one address until nothing more comes from it."""
    tries = 0
    while True:
        before, resumed = part.size, part.size > 0
        try:
            _receive(session, address, file, part, report)
        except requests.RequestException as error:
            tries = 1 if part.size > before else tries + 1
            if tries >= TRIES:
                host = urlsplit(address).hostname
                raise DownloadFailed(
                    f"The connection to {host} failed ({type(error).__name__}).", _LATER
                ) from None
            time.sleep(PAUSE * tries)
            continue
        problem = _problem(part.path, file)
        if not problem:
            part.path.replace(part.target)
            part.discard()
            return part.target
        part.discard()
        if not resumed:
            raise DownloadFailed(problem, "Do not use this file; ask its publisher for it.")


def _receive(session: requests.Session, address: str, file: CatalogueFile, part: _Part, report: Report) -> None:
    """Add what is missing. Raises `requests.RequestException` where it was cut."""
    have, version = part.size, part.version
    headers = {"Accept-Encoding": "identity"}
    if have and (version or file.sha256):
        headers |= {"Range": f"bytes={have}-"} | ({"If-Range": version} if version else {})
    with open_address(session, address, headers) as answer:
        continues = answer.status_code == 206 and answer.headers.get("Content-Range", "").startswith(
            f"bytes {have}-"
        )
        if answer.status_code != 200 and not continues:  # it has another length by now
            part.discard()
            raise requests.ConnectionError("the part does not fit")
        have = have if continues else 0
        total = have + int(answer.headers.get("Content-Length") or 0)
        _check_size(file, have, total, part)
        part.about.write_text(json.dumps({"version": _version(answer)}), "utf-8")
        with part.path.open("ab" if continues else "wb") as out:
            for piece in answer.iter_content(_PIECE):
                have += out.write(piece)
                if have > (file.bytes or total or _LARGEST):
                    raise DownloadFailed(f"{file.file} is longer than was announced.", _LATER)
                report(have, file.bytes or total)
    if have < total:
        raise requests.ConnectionError("cut")


def _check_size(file: CatalogueFile, have: int, total: int, part: _Part) -> None:
    size = total or file.bytes
    if size > _LARGEST or (file.bytes and total and total != file.bytes):
        raise DownloadFailed(
            f"{file.file} should have {file.bytes:,} bytes, and the server has {size:,}.",
            "It may have changed; see its publisher's page.",
        )
    free = shutil.disk_usage(part.path.parent).free
    if free < size - have + _MARGIN:
        raise DownloadFailed(
            f"{file.file} needs {(size - have) / 1e9:.2f} GB in {part.path.parent}, and {free / 1e9:.2f} GB are free.",
            "Make space, or set LIKENESS_HOME to a folder on another disk.",
        )


def _version(answer: requests.Response) -> str:
    """A validator that stands for these very bytes; "" where there is none."""
    etag = answer.headers.get("ETag", "")
    return answer.headers.get("Last-Modified", "") if etag.startswith("W/") or not etag else etag


def _problem(path: Path, file: CatalogueFile) -> str:
    """Why this is not the file, or ""."""
    if file.bytes and path.stat().st_size != file.bytes:
        return f"{file.file} has {path.stat().st_size:,} bytes and should have {file.bytes:,}."
    if file.sha256 and digest(path) != file.sha256:
        return f"{file.file} is not what was published: its sha256 differs."
    return ""
