"""Directions: discovered in closed form, kept with a model, named, flipped, hidden, shown, exported; labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from engine.errors import BadRequest, UnknownDirection
from engine.networks.features import FaceReading
from engine.networks.stylegan2 import Generator
from engine.paths import EMBEDDED_MODELS, Home
from engine.weights import model_directions
from engine.weights.directions import TABLE, Direction, directions_of, directions_toml, read_directions
from engine.weights.discovery import Discovered, pca, sefa
from engine.weights.export import export_model
from engine.weights.header import read_header
from engine.weights.imported import load_imported
from engine.weights.importing import import_model
from engine.weights.installed import verify
from engine.weights.labelling import correlations, labelled
from engine.weights.latents import Latents
from engine.weights.model_directions import Wishes, change_directions, directions_of_model
from engine.weights.store import WEIGHTS, parameter_names
from engine.weights.strips import write_strips
from tests.weights import layouts

ROWS, W_DIM = layouts.CONFIG.num_ws, layouts.W_DIM


@pytest.fixture
def generator() -> Generator:
    made = Generator(layouts.CONFIG)
    made.load_state_dict(layouts.generator_state())
    return made.freeze()


@pytest.fixture
def model(home: Home, tmp_path: Path) -> Path:
    path = tmp_path / "generator.pt"
    torch.save(layouts.rosinality(layouts.generator_state(), torch.zeros(W_DIM)), path)
    return import_model([path], "mine", home).folder


def change(home: Home, **wishes: object) -> dict[str, Direction]:
    change_directions("mine", home, Wishes(**wishes), lambda *_: None)  # pyright: ignore[reportArgumentType]
    return directions_of_model("mine", home)


def test_sefa_moves_the_styles_most(generator: Generator) -> None:
    """Of all unit steps in w, the first moves the styles of its layers most; the others are at right angles to it."""
    found = sefa(generator, None, 6)
    assert [one.direction.name for one in found[:3]] == ["sefa-coarse-1", "sefa-middle-1", "sefa-fine-1"]
    assert [one.direction.layers for one in found[:3]] == [(0, 2), (2, 6), (6, ROWS)]
    names = ["convs.1", "to_rgbs.0", "convs.2", "convs.3", "to_rgbs.1", "convs.4"]  # rows 2 to 5
    a = torch.cat([generator.get_parameter(f"{name}.conv.modulation.weight") for name in names])
    best = (a @ found[1].vector[0]).norm()
    others = torch.nn.functional.normalize(torch.randn(500, W_DIM, generator=torch.Generator().manual_seed(0)))
    assert (a @ others.T).norm(dim=0).max() < best
    assert best == pytest.approx(torch.linalg.matrix_norm(a, 2).item(), rel=1e-5)
    assert (found[1].vector @ found[4].vector.T).abs() < 1e-5


def test_pca_finds_what_was_put_in(generator: Generator) -> None:
    random = torch.Generator().manual_seed(0)
    axes = torch.linalg.qr(torch.randn(W_DIM, W_DIM, generator=random)).Q
    spread = torch.tensor([5.0, 3.0, 2.0] + [0.1] * (W_DIM - 3))
    samples = torch.randn(20_000, W_DIM, generator=random) * spread @ axes.T + 7
    found = pca(generator, samples, 3)
    for one, axis, scale in zip(found, axes.T, spread, strict=False):
        assert (one.vector[0] @ axis).abs() > 0.999
        assert one.direction.scale == pytest.approx(scale.item(), rel=0.03)
        assert one.vector.max() == one.vector.abs().max(), "its greatest component is positive"
        assert one.direction.layers == (0, ROWS)
    again = pca(generator, samples, 3)
    assert all(torch.equal(a.vector, b.vector) for a, b in zip(found, again, strict=True))


def test_kept_with_the_model(home: Home, model: Path) -> None:
    loaded = load_imported(model / "model.safetensors", "mine", torch.device("cpu"))
    assert len(loaded.directions) == 20
    step = loaded.step("sefa-middle-1")
    assert step[2:6].abs().amax(1).min() > 0
    assert not step[:2].any()
    assert not step[6:].any()
    direction = loaded.directions["sefa-middle-1"]
    assert torch.equal(step[3], direction.scale * loaded.vectors["sefa-middle-1"][0])
    assert list(directions_of_model("mine", home)) == list(loaded.directions)


def test_without_a_mapping(home: Home, tmp_path: Path) -> None:
    state = {key: value for key, value in layouts.generator_state().items() if not key.startswith("style.")}
    torch.save(layouts.rosinality(state, torch.zeros(W_DIM)), tmp_path / "a.pt")
    made = import_model([tmp_path / "a.pt"], "mine", home)
    assert any("PCA was left out" in note for note in made.notes)
    assert {d.scale for d in directions_of_model("mine", home).values()} == {1.0}


def test_changes(home: Home, model: Path) -> None:
    before = directions_of_model("mine", home)["pca-1"]
    change(home, flip=["pca-1"], scale=[("pca-1", 2.0)], hide=["pca-2"], rename=[("pca-1", "turn-left")])
    after = directions_of_model("mine", home)
    assert (after["turn-left"].scale, after["turn-left"].label) == (-2 * before.scale, "Turn left")
    assert after["turn-left"].vector == "pca-1"
    assert after["pca-2"].hidden
    assert "pca-2" not in load_imported(model / "model.safetensors", "mine", torch.device("cpu")).directions
    assert not change(home, show=["pca-2"])["pca-2"].hidden
    assert verify("mine", home).whole
    with pytest.raises(UnknownDirection, match="wings"):
        change(home, flip=["wings"])
    for new in ("pca-2", "../x", "Über", ""):
        with pytest.raises(BadRequest):
            change(home, rename=[("pca-3", new)])
    with pytest.raises(BadRequest, match="no scale"):
        change(home, scale=[("pca-3", -1.0)])
    assert directions_of_model("mine", home) == {**after, "pca-2": change(home, show=["pca-2"])["pca-2"]}


def test_discovering_again_keeps_what_was_changed(
    home: Home, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(home, rename=[("pca-1", "turn")], flip=["pca-2"])
    kept = directions_of_model("mine", home)

    def all_smile(_latents: object, found: list[Discovered], *_: object) -> dict[str, dict[str, float]]:
        return {one.direction.vector: {"smile": -0.9, "age": 0.1} for one in found}

    monkeypatch.setattr(model_directions, "correlations", all_smile)
    after = change(home, discover="pca", count=12)
    assert after["turn"] == kept["turn"]
    assert after["pca-2"] == kept["pca-2"]
    assert after["pca-3"].label == "Smile (PCA 3)"
    assert after["pca-3"].scale == -kept["pca-3"].scale, "+ is more of it"
    assert len(after) == len(kept) + 2
    assert verify("mine", home).whole


def test_f30_a_byte_of_the_directions_flipped(home: Home, model: Path) -> None:
    path = model / "directions.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x41")
    assert "directions.safetensors has changed" in verify("mine", home).sentence


def test_strips(home: Home, model: Path, tmp_path: Path) -> None:
    answer = change_directions("mine", home, Wishes(strips="all"), lambda *_: None)
    assert len(answer.strips) == 20
    paths = write_strips(answer.strips, tmp_path / "strips")
    with Image.open(paths["pca-1"]) as picture:
        assert picture.size == (5 * 32, 32)
    flipped = change_directions("mine", home, Wishes(flip=("pca-1",), strips="changed"), lambda *_: None).strips
    assert list(flipped) == ["pca-1"], "only what has changed is painted anew"
    pictures = [np.split(strip, 5, axis=1) for strip in (answer.strips["pca-1"], flipped["pca-1"])]
    for one, other in zip(pictures[0], reversed(pictures[1]), strict=True):
        assert np.array_equal(one, other), "turned round"


def test_exported_and_imported_again(home: Home, model: Path, tmp_path: Path) -> None:
    change(home, rename=[("pca-1", "turn")], hide=["pca-2"])
    export_model("mine", tmp_path / "mine.safetensors", home)
    import_model([tmp_path / "mine.safetensors"], "again", home)
    assert directions_of_model("again", home) == directions_of_model("mine", home)
    ours, theirs = (
        load_imported(home.models / name / "model.safetensors", name, torch.device("cpu"))
        for name in ("mine", "again")
    )
    assert torch.equal(ours.step("turn"), theirs.step("turn"))
    with pytest.raises(BadRequest, match="exists"):
        export_model("mine", tmp_path / "mine.safetensors", home)


def test_the_embedded_models_stay(home: Home) -> None:
    with pytest.raises(BadRequest, match="stays as it is"):
        change_directions("default", home, Wishes(hide=("smile",)), lambda *_: None)


def test_the_table_comes_back(tmp_path: Path) -> None:
    folder = EMBEDDED_MODELS / "default"
    parameters = parameter_names(read_header(folder / WEIGHTS).metadata)
    ours = read_directions(folder / TABLE, parameters)
    in_w = Direction("a", "Ä “b” \\", "G", {}, -3.0, 3.0, vector="v", layers=(1, 3), scale=-1e-5, hidden=True)
    text = directions_toml([*ours.values(), in_w])
    again = directions_of(text, parameters, ("v",), 4)
    assert directions_toml(again.values()) == text
    assert again["smile"] == ours["smile"]
    assert directions_of(directions_toml([]), ()) == {}


class Reader(nn.Module):
    """Reads brightness as `light`, and nothing else; its five points are a face's, or not."""

    def __init__(self, is_face: bool) -> None:
        super().__init__()
        self.config = type("Config", (), {"size": 32, "attributes": ("light", "smile")})
        points = [[0.35, 0.4], [0.65, 0.4], [0.5, 0.6], [0.4, 0.75], [0.6, 0.75]]
        self.points = torch.tensor(points if is_face else points[::-1])

    def forward(self, image: torch.Tensor) -> FaceReading:
        light = image.mean((1, 2, 3))
        attributes = torch.stack([light, torch.zeros_like(light)], 1)
        return FaceReading(attributes, self.points.expand(len(image), 5, 2), image)


def test_labels(generator: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A generator that paints brightness = −(first number of w's first row)."""
    monkeypatch.setattr(
        generator,
        "synthesis",
        lambda w, resolution: -w[:, 0, :1, None, None].expand(-1, 3, resolution, resolution),
    )
    latents = Latents(generator, torch.zeros(ROWS, W_DIM), 0.1 * torch.randn(50, W_DIM))
    found = [
        Discovered(
            Direction(f"d{i}", f"D{i}", "", {}, -3, 3, vector=f"d{i}", layers=(0, ROWS), scale=0.2), vector
        )
        for i, vector in enumerate(torch.eye(W_DIM)[:2, None])
    ]
    table = correlations(latents, found, Reader(True), lambda *_: None)  # pyright: ignore[reportArgumentType]
    assert table["d0"]["light"] < -0.9
    assert abs(table["d1"]["light"]) < 0.01
    assert table["d0"]["smile"] == 0
    first, second = (one.direction for one in labelled(found, table))
    assert (first.label, first.scale) == ("Light (D0)", -0.2)
    assert second == found[1].direction
    assert correlations(latents, found, Reader(False), lambda *_: None) == {}  # pyright: ignore[reportArgumentType]
