"""Download a model of the catalogue and import it; nothing is fetched that was not asked for and agreed to."""

from __future__ import annotations

from collections.abc import Callable

from engine.errors import LicenceNotAccepted
from engine.paths import Home
from engine.weights.catalogue import CatalogueFile, Entry
from engine.weights.download import download
from engine.weights.importing import Imported, free_name, import_model

_FOLDER = ".downloads"
Report = Callable[[float, str], None]


def acquire(entry: Entry, name: str, home: Home, accepted: bool, report: Report) -> Imported:
    """Files that have arrived stay until the import has succeeded, so nothing is fetched twice.

    Raises:
        LicenceNotAccepted, BadRequest: before anything is fetched.
        DownloadFailed, ImportRefused.
    """
    if not accepted:
        names = " and ".join(licence.name for licence in entry.licences)
        raise LicenceNotAccepted(
            f"“{entry.name}” was not downloaded: its terms ({names}) were not accepted.",
            "Read them, and give --accept-licence.",
        )
    free_name(name, home)
    home.create()
    folder = home.models / _FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    files = [download(file, folder, _telling(file, report)) for file in entry.files]
    report(1.0, "Importing")
    made = import_model(files, name, home)
    for file in files:
        file.unlink()
    return made


def arrived(entry: Entry, home: Home) -> int:
    """How many bytes of an entry's files an earlier download has left here."""
    folder = home.models / _FOLDER
    paths = (folder / f"{file.file}{end}" for file in entry.files for end in ("", ".part"))
    return sum(path.stat().st_size for path in paths if path.is_file())


def _telling(file: CatalogueFile, report: Report) -> Callable[[int, int], None]:
    last = [-1]

    def tell(have: int, total: int) -> None:
        percent = 100 * have // total if total else 0
        if percent != last[0]:
            last[0] = percent
            size = f" ({total / 1e6:.0f} MB)" if total else ""
            report(percent / 100, f"Downloading {file.file}{size}")

    return tell
