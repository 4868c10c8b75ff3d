"""./run: what is on the contact sheet, and the whole command as somebody else would type it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.paths import Home
from installer import showcase

ROOT = Path(__file__).resolve().parents[2]


def first_tile(sheet: Path) -> np.ndarray:
    with Image.open(sheet) as image:
        return np.asarray(image)[showcase.GAP :, showcase.GAP :][: showcase.TILE, : showcase.TILE].astype(int)


def test_tiles_are_read_as_photographs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(showcase, "OUTPUT", tmp_path)
    Image.fromarray(np.full((90, 90), 128 * 257, np.uint16)).save(tmp_path / "deep.png")
    tile = first_tile(showcase._sheet([("sixteen bits", tmp_path / "deep.png")], [30, 30, 30, 30]))
    assert (tile == 128).all()


@pytest.mark.long
def test_run_from_another_folder_with_a_turned_photograph(home: Home, tmp_path: Path) -> None:
    with Image.open(ROOT / "tests/photos/astronaut.png") as image:
        upright = image.convert("RGB")
    tags = Image.Exif()
    tags[0x0112] = 6  # stored turned by 90° to the left
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "a phone's.jpg", quality=95, exif=tags)
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = subprocess.run(
        [str(ROOT / "run"), "a phone's.jpg"],
        cwd=tmp_path,
        env=environment | {"LIKENESS_HOME": str(home.root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    sheet = next(line for line in done.stdout.splitlines() if line.startswith("Contact sheet: "))
    sheet_path = Path(sheet.removeprefix("Contact sheet: "))
    tile = first_tile(sheet_path)
    with Image.open(sheet_path.with_name("result.png")) as result:
        assert result.size == upright.size
        assert abs(np.asarray(result).astype(int) - np.asarray(upright)).mean() < 3
    assert tile[: showcase.TILE // 2].mean() > 20  # the face, not what lies beyond the picture
    missing = subprocess.run([str(ROOT / "run"), "none.jpg"], cwd=tmp_path, capture_output=True, text=True)
    assert missing.returncode == 1
    assert str(tmp_path / "none.jpg") in missing.stderr
