"""The torch ports against the original networks' answers (`golden/make.py`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import ModelDamaged
from engine.faces.facemesh import FaceMeshNetwork
from engine.faces.yunet import YuNet
from tests.faces.conftest import FACEMESH, YUNET
from tests.faces.references import PHOTOS, STRIDES, canvas_640, square_192

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", PHOTOS)
def test_yunet_equals_onnxruntime(name: str) -> None:
    network = YuNet.load(YUNET)
    golden = np.load(GOLDEN / f"yunet_{Path(name).stem}.npz")
    with torch.no_grad():
        levels = network.levels(torch.from_numpy(canvas_640(name).copy())[None])
    for stride, level in zip(STRIDES, levels, strict=True):
        rows = level[0].permute(1, 2, 0).reshape(-1, 16)[golden[f"index_{stride}"]]
        rows[:, :2] = rows[:, :2].sigmoid()
        np.testing.assert_allclose(rows.numpy(), golden[f"rows_{stride}"], rtol=0, atol=2e-5)


@pytest.mark.parametrize("name", PHOTOS)
def test_mesh_equals_tflite(name: str) -> None:
    network = FaceMeshNetwork.load(FACEMESH)
    golden = np.load(GOLDEN / f"mesh_{Path(name).stem}.npz")
    points, presence = network(torch.from_numpy(square_192(name).copy())[None])
    np.testing.assert_allclose(points[0].numpy(), golden["points"], rtol=0, atol=1e-3)  # pixels of 192
    assert presence.item() == pytest.approx(float(golden["presence"]), abs=1e-3)


def test_decoded_candidates_lie_on_the_face() -> None:
    with torch.no_grad():
        found = YuNet.load(YUNET)(torch.from_numpy(canvas_640("astronaut.png").copy())[None])
    best = int(found.score[0].argmax())
    x, y, w, h = found.box[0, best].tolist()
    assert 170 < x < 190
    assert 55 < y < 75
    assert 80 < w < 100
    assert 100 < h < 120
    assert found.points.shape == (1, 80 * 80 + 40 * 40 + 20 * 20, 5, 2)


def test_sizes_are_checked() -> None:
    with pytest.raises(ValueError, match="multiples of 32"):
        YuNet().levels(torch.zeros(1, 3, 100, 128))
    with pytest.raises(ValueError, match="192"):
        FaceMeshNetwork()(torch.zeros(1, 3, 128, 128))


class TestDamagedWeights:
    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(ModelDamaged, match=r"none\.safetensors"):
            YuNet.load(tmp_path / "none.safetensors")

    def test_cut_short(self, tmp_path: Path) -> None:
        cut = tmp_path / "cut.safetensors"
        cut.write_bytes(YUNET.read_bytes()[:-100])
        with pytest.raises(ModelDamaged, match="cannot be read"):
            YuNet.load(cut)

    def test_another_network(self) -> None:
        with pytest.raises(ModelDamaged, match="tensor"):
            YuNet.load(FACEMESH)

    @pytest.mark.parametrize("fault", ["shape", "numbers"])
    def test_one_bad_tensor_is_named(self, tmp_path: Path, fault: str) -> None:
        from safetensors.torch import load_file, save_file

        tensors = load_file(YUNET)
        tensors["stem.bias"] = torch.zeros(17) if fault == "shape" else torch.full((16,), torch.nan)
        save_file(tensors, tmp_path / "bad.safetensors")
        with pytest.raises(ModelDamaged, match=rf"stem\.bias.*{fault}"):
            YuNet.load(tmp_path / "bad.safetensors")
