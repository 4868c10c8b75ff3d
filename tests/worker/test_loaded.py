"""Models in memory: mapped, loaded once, loaded anew when they change, on the device that suits them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import torch

from engine.errors import BadRequest, ModelDamaged, UnknownModel
from engine.networks.stylegan2 import Generator
from engine.paths import Home
from engine.settings import Settings, change_settings
from engine.weights import model_inverters
from engine.weights.imported import ImportedModel, load_imported, sample_w
from engine.weights.importing import import_model
from engine.weights.installed import remove
from engine.weights.model_directions import Wishes, change_directions
from engine.weights.model_inverters import NO_INVERTERS
from engine.worker.loaded import LoadedModels, choose_device
from tests.inversion.tiny_inverters import write_decomposer
from tests.weights import layouts

CPU = torch.device("cpu")


@pytest.fixture
def model(home: Home, tmp_path: Path) -> Path:
    torch.save(layouts.rosinality(layouts.generator_state(), torch.zeros(layouts.W_DIM)), tmp_path / "a.pt")
    return import_model([tmp_path / "a.pt"], "mine", home).folder


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_weights_are_mapped_from_their_file(model: Path) -> None:
    loaded = load_imported(model / "model.safetensors", "mine", CPU)
    maps = Path("/proc/self/maps").read_text().splitlines()
    places = [line.split()[0] for line in maps if line.endswith(str(model / "model.safetensors"))]
    ranges = [tuple(int(end, 16) for end in place.split("-")) for place in places]
    for name, weight in loaded.generator.named_parameters():
        assert any(low <= weight.data_ptr() < high for low, high in ranges), name


def test_loaded_once_and_anew_when_it_changed(home: Home, model: Path) -> None:
    dropped: list[bool] = []
    models = LoadedModels(home, Settings(), lambda: dropped.append(True))
    first = models.get("mine")
    assert models.get("mine") is first
    assert dropped == []
    change_directions("mine", home, Wishes(flip=("pca-1",)), lambda *_: None)
    again = models.get("mine")
    assert isinstance(first, ImportedModel)
    assert isinstance(again, ImportedModel)
    assert torch.equal(again.step("pca-1"), -first.step("pca-1"))
    assert dropped == [True]
    remove("mine", home)
    with pytest.raises(UnknownModel):
        models.get("mine")


def test_networks_beside_a_model_come_with_it(home: Home, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_inverters, "FOR_ALL", model / "none")
    dropped: list[bool] = []
    models = LoadedModels(home, Settings(), lambda: dropped.append(True))
    assert models.inverters(models.get("mine")) == NO_INVERTERS
    written = write_decomposer(model)
    assert models.inverters(models.get("mine")).detector == "decomposer"
    assert dropped == [True]
    written.write_bytes(written.read_bytes()[:-9])
    with pytest.raises(ModelDamaged, match="decomposer"):
        models.get("mine")
    written.unlink()
    assert models.inverters(models.get("mine")) == NO_INVERTERS


def test_the_model_chosen_later_is_the_one_that_is_used(home: Home, model: Path) -> None:
    models = LoadedModels(home, Settings(), lambda: None)
    assert models.get(None).name == "default"
    change_settings(home, model="mine")
    assert models.get(None).name == "mine"


def test_the_oldest_gives_its_place(home: Home, model: Path, tmp_path: Path) -> None:
    import_model([tmp_path / "a.pt"], "other", home)
    dropped: list[bool] = []
    models = LoadedModels(home, Settings(), lambda: dropped.append(True))
    first, _, _ = (models.get(name) for name in ("mine", "other", "default"))
    assert dropped == [True]
    assert models.get("mine") is not first


def test_a_device_that_is_not_there() -> None:
    assert choose_device("cpu") == CPU
    for wish in ("tpu", "", "cuda:7", *(["cuda"] if not torch.cuda.is_available() else [])):
        with pytest.raises(BadRequest, match="cpu"):
            choose_device(wish)


@pytest.mark.parametrize(
    ("cuda", "mps", "chosen"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")]
)
def test_the_best_device_that_is_there(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, chosen: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert choose_device("auto").type == chosen


@pytest.mark.gpu
def test_a_generator_on_the_device_answers_where_it_was_asked(home: Home, model: Path) -> None:
    """Its pictures, and the gradient that inversions need; never run on a GPU by us."""
    device = choose_device("auto").type
    plain, there = (
        LoadedModels(home, Settings(device=name), lambda: None).get("mine").generator
        for name in ("cpu", device)
    )
    assert there.input.input.device.type == device
    w = sample_w(plain, 2)
    assert torch.allclose(sample_w(there, 2), w, atol=1e-4)
    for resolution in (None, 16):
        (expected, slope), (picture, gradient) = (painted(one, w, resolution) for one in (plain, there))
        assert (picture - expected).abs().max() <= 2e-3
        assert (gradient - slope).abs().max() <= 2e-3 * slope.abs().max()


def painted(generator: Generator, w: torch.Tensor, resolution: int | None) -> tuple[torch.Tensor, torch.Tensor]:
    """A picture, and the gradient of its square with respect to w."""
    latent = w.clone().requires_grad_()
    picture = generator.synthesis(latent, resolution=resolution)
    assert picture.device == CPU
    (gradient,) = torch.autograd.grad(picture.square().mean(), latent)
    return picture.detach(), gradient


def test_no_other_place_computes_on_a_device_of_its_own() -> None:
    """A second place that moves tensors to a device would escape the setting."""
    engine = Path(__file__).resolve().parents[2] / "engine"
    asked = re.compile(r"torch\.(cuda|backends\.mps)\.is_available|\.cuda\(")
    runtime = (
        folder
        for name in ("worker", "editing", "inversion", "weights", "networks")
        for folder in [engine / name]
    )
    found = [
        path.name
        for folder in runtime
        for path in folder.rglob("*.py")
        if asked.search(path.read_text("utf-8"))
    ]
    assert found == ["loaded.py"]
