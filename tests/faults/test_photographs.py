"""Row 22, from the file to the file: what people have in their folders is edited, or refused in one clear sentence.

Rows 21, 23 and 24 have their tests in tests/photo, tests/worker and tests/test_cli.py.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.cli import main
from engine.photo import load_photo
from tests.conftest import LivingEngine
from tests.photo.pictures import png

PORTRAIT = Image.open(Path(__file__).parents[1] / "photos" / "grace_hopper.jpg").convert("RGB")


def encoded(image: Image.Image, kind: str) -> bytes:
    data = io.BytesIO()
    image.save(data, kind)
    return data.getvalue()


def sixteen_bits() -> bytes:
    deep = np.asarray(PORTRAIT).astype(">u2") * 257
    return png(PORTRAIT.width, PORTRAIT.height, 16, 2, b"".join(b"\0" + row.tobytes() for row in deep))


def with_alpha() -> Image.Image:
    image = PORTRAIT.convert("RGBA")
    image.putalpha(Image.new("L", image.size, 200))
    return image


KINDS: dict[str, Callable[[], bytes]] = {
    "cmyk.jpg": lambda: encoded(PORTRAIT.convert("CMYK"), "JPEG"),
    "16 bits.png": sixteen_bits,
    "float.tif": lambda: encoded(Image.fromarray(np.asarray(PORTRAIT.convert("L")) / np.float32(255)), "TIFF"),
    "indexed.png": lambda: encoded(PORTRAIT.quantize(64), "PNG"),
    "grey.jpg": lambda: encoded(PORTRAIT.convert("L"), "JPEG"),
    "alpha.webp": lambda: encoded(with_alpha(), "WEBP"),
}
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "truncated.jpg": (lambda: encoded(PORTRAIT, "JPEG")[:20_000], "photo_unreadable"),
    "empty.png": (lambda: b"", "photo_unreadable"),
    "1x1.png": (lambda: encoded(Image.new("RGB", (1, 1)), "PNG"), "no_face"),
    "1x20000.png": (lambda: encoded(Image.new("RGB", (1, 20_000)), "PNG"), "no_face"),
}


def edited(path: Path, output: Path) -> int:
    edit = ["edit", str(path), "--set", "smile=1", "--refine-steps", "0", "-o", str(output), "--json"]
    return main(edit)


@pytest.fixture(autouse=True)
def engine(real_engine: LivingEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKENESS_HOME", str(real_engine.home.root))


@pytest.mark.parametrize("name", KINDS)
def test_f22_edited(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, output = tmp_path / name, tmp_path / f"out{Path(name).suffix}"
    path.write_bytes(KINDS[name]())
    assert edited(path, output) == 0, capsys.readouterr()
    before, after = load_photo(path), load_photo(output)
    assert (after.alpha is None) == (before.alpha is None)
    difference = np.abs(after.pixels.astype(int) - before.pixels)
    assert difference.max() > 20, "something was edited"
    assert difference.mean() < 5, "but it is the same picture"


@pytest.mark.parametrize("name", REFUSED)
def test_f22_refused(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make, code = REFUSED[name]
    path, output = tmp_path / name, tmp_path / "out.png"
    path.write_bytes(make())
    assert edited(path, output) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == code
    assert error["sentence"].endswith(".")
    assert error["remedy"].endswith(".")
    assert not output.exists()
