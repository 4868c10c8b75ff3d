"""`python -m engine invert --flow`: the flow as numbers and as a picture. The engine has a fake worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save

from engine.cli import main
from engine.cli.flow import write_flow
from engine.flow_colours import coloured
from tests.conftest import LivingEngine, end_home, new_home
from tests.service.engines import start

FLOW = np.zeros((2, 256, 256), np.float16)
FLOW[0, :, :128] = 0.03
FLOW[1, :, 192:] = -0.2
INVERSION = save({"alignment_flow": FLOW})


@pytest.fixture(scope="module")
def engine() -> Iterator[LivingEngine]:
    home = new_home()
    living = LivingEngine(home, start(home))
    (home.inversions / f"{'ab' * 32}.safetensors").write_bytes(INVERSION)
    yield living
    end_home(home)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.new("RGB", (30, 40), (90, 120, 60)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_no_motion_is_white_and_directions_have_colours() -> None:
    picture = coloured(FLOW.astype(np.float32))
    right, nothing, up = picture[128, 10].astype(int), picture[128, 160], picture[128, 200].astype(int)
    assert nothing.tolist() == [255, 255, 255]
    assert right.argmax() == 0
    assert up.argmin() == 1
    assert np.ptp(up) > np.ptp(right)  # farther


def test_numbers_come_back(tmp_path: Path) -> None:
    write_flow(INVERSION, tmp_path / "flow.NPY")
    read = np.load(tmp_path / "flow.NPY", allow_pickle=False)
    assert read.dtype == np.float32
    assert np.array_equal(read, FLOW.astype(np.float32))


def test_the_command_writes_it_and_says_what_found_it(
    engine: LivingEngine,
    photo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LIKENESS_HOME", str(engine.home.root))
    flow = tmp_path / "flow.png"
    assert main(["invert", str(photo), "-o", str(tmp_path / "out"), "--flow", str(flow)]) == 0
    said = capsys.readouterr().out
    assert str(flow) in said
    assert "Mask and flow were found by landmarks and differences." in said
    with Image.open(flow) as picture:
        assert (picture.size, picture.mode) == ((512, 512), "RGB")
        assert picture.getpixel((320, 256)) == (255, 255, 255)


@pytest.mark.parametrize("name", ["flow", "flow.jpg", "nowhere/flow.png", "folder.npy"])
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_done(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / "folder.npy").mkdir()
    out = tmp_path / "out"
    assert main(["invert", str(photo), "-o", str(out), "--flow", str(tmp_path / name)]) == 1
    assert "written" in capsys.readouterr().err
    assert not out.exists()
