"""The feature networks: shapes, what their outputs promise, gradients, and weights that survive a file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.networks.features import FIVE, FaceReader, FaceReaderConfig, expectation, map_distance
from engine.networks.identity import IdentityReader, IdentityReaderConfig, face_only, face_window
from engine.networks.trunk import at_size

CHANNELS = (8, 16, 24, 32)
FACE = FaceReaderConfig(64, CHANNELS, ("smile", "yaw"), (*FIVE, "chin", "brow"), ("background", "skin", "hair"))
IDENTITY = IdentityReaderConfig(64, CHANNELS, 12, ("z0", "age", "male"))


@pytest.fixture(scope="module")
def face() -> FaceReader:
    torch.manual_seed(1)
    return FaceReader(FACE)


@pytest.fixture(scope="module")
def identity() -> IdentityReader:
    torch.manual_seed(2)
    return IdentityReader(IDENTITY)


def pictures(count: int, size: int, seed: int = 3) -> torch.Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize("size", [32, 64, 96])
def test_what_a_reading_holds(face: FaceReader, size: int) -> None:
    reading = face(pictures(2, size))
    assert reading.attributes.shape == (2, 2)
    assert reading.landmarks.shape == (2, 7, 2)
    assert reading.five.shape == (2, 5, 2)
    assert reading.segmentation.shape == (2, 3, size // 4, size // 4)
    assert reading.regions(size).shape == (2, size, size)
    assert ((reading.landmarks > 0) & (reading.landmarks < 1)).all()


def test_one_picture_reads_the_same_alone_and_in_a_batch(face: FaceReader, identity: IdentityReader) -> None:
    x = pictures(3, 64)
    assert torch.equal(face(x).attributes, face(x).attributes)
    torch.testing.assert_close(face(x[1:2]).landmarks, face(x).landmarks[1:2], rtol=0, atol=1e-5)
    torch.testing.assert_close(identity(x[1:2]), identity(x)[1:2], rtol=0, atol=1e-5)


def test_a_heat_map_means_the_place_of_its_cell() -> None:
    heat = torch.zeros(1, 2, 8, 4)
    heat[0, 0, 6, 1] = 1  # row 6 of 8, column 1 of 4
    heat[0, 1] = 1 / 32
    torch.testing.assert_close(expectation(heat)[0], torch.tensor([[1.5 / 4, 6.5 / 8], [0.5, 0.5]]))


def test_raw_values_undo_the_normalisation(face: FaceReader) -> None:
    attributes = torch.tensor([[1.0, -2.0]])
    mean, std = torch.tensor([0.5, 0.1]), torch.tensor([0.2, 0.4])
    reader = FaceReader(FACE)
    reader.attribute_mean.copy_(mean)
    reader.attribute_std.copy_(std)
    torch.testing.assert_close(reader.raw(attributes), torch.tensor([[0.7, -0.7]]))


@pytest.mark.parametrize("size", [32, 64, 128])
def test_distance_is_zero_for_the_same_and_reaches_y_only(face: FaceReader, size: int) -> None:
    x = pictures(2, size)
    y = (x + 0.1 * pictures(2, size, 4)).requires_grad_()
    x.requires_grad_()
    assert face.distance(x.detach(), x).item() == 0
    distance = face.distance(y, x)
    distance.backward()
    assert 0 < distance.item() < 3
    assert y.grad is not None
    assert y.grad.abs().sum() > 0
    assert x.grad is None


def test_a_map_twice_as_strong_counts_no_more() -> None:
    a, b = pictures(1, 8), pictures(1, 8, 5)
    torch.testing.assert_close(map_distance([10 * a], [10 * b]), map_distance([a], [b]))


def test_every_weight_of_the_face_reader_gets_a_gradient(face: FaceReader) -> None:
    face.zero_grad()
    reading = face(pictures(2, 64))
    places = torch.linspace(1, 2, 14).view(7, 2)
    loss = reading.attributes.square().sum() + (reading.landmarks * places).sum()
    (loss + reading.segmentation.square().sum()).backward()
    # Where a block begins as the identity its inner weights wait for its last one to move.
    missing = [name for name, p in face.named_parameters() if p.grad is None]
    idle = [name for name, p in face.named_parameters() if p.grad is not None and not p.grad.abs().sum() > 0]
    assert not missing
    assert all(name.startswith("trunk.blocks") for name in idle), idle


def test_embeddings_have_unit_length_and_resemble_themselves(identity: IdentityReader) -> None:
    x = pictures(3, 64)
    embeddings, shape = identity.read(x)
    assert embeddings.shape == (3, 12)
    assert shape.shape == (3, 3)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(3))
    torch.testing.assert_close(identity.similarity(x, x), torch.ones(3))
    assert (identity.similarity(x, x.roll(1, 0)) < 1).all()


def test_identity_does_not_see_what_is_around_the_face(identity: IdentityReader) -> None:
    x = pictures(1, 64)
    around = x.clone()
    around[..., :14, :] = 1
    around[..., :, :9] = -1
    around[..., :, -9:] = 0.5
    assert torch.equal(identity(x), identity(around))
    inside = x.clone()
    inside[..., 30:40, 28:36] += 0.5
    assert not torch.equal(identity(x), identity(inside))


@pytest.mark.parametrize("size", [32, 64, 128])
def test_the_window_is_on_the_face(size: int) -> None:
    window = face_window(size)
    assert window.shape == face_only(torch.zeros(1, size, size)).shape[1:]
    assert window.max() == 1
    assert window[0, 0] == 0
    torch.testing.assert_close(window, window.flip(1))


def test_gradients_reach_the_picture_through_the_identity(identity: IdentityReader) -> None:
    x = pictures(1, 96).requires_grad_()
    identity.similarity(x, pictures(1, 96, 6)).sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0


def test_a_picture_of_the_right_size_is_left_alone() -> None:
    x = pictures(1, 64)
    assert at_size(x, 64) is x
    assert at_size(x, 32).shape == (1, 3, 32, 32)


def test_weights_survive_a_file(face: FaceReader, identity: IdentityReader, tmp_path: Path) -> None:
    x = pictures(1, 64)
    for network, twin in ((face, FaceReader(FACE)), (identity, IdentityReader(IDENTITY))):
        save_file(network.state_dict(), tmp_path / "weights.safetensors")
        twin.load_state_dict(load_file(tmp_path / "weights.safetensors"))
        torch.testing.assert_close(first(twin, x), first(network, x), rtol=0, atol=0)


def first(network: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    return network(x).landmarks if isinstance(network, FaceReader) else network(x)


@pytest.mark.parametrize(
    "change",
    [{"size": 48}, {"size": 0}, {"channels": (8, 8)}, {"channels": (8, 8, 12)}, {"landmarks": ("chin",)}, {"regions": ()}],
)  # fmt: skip
def test_nonsense_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        FaceReader(FaceReaderConfig(**{**vars(FACE), **change}))  # type: ignore[arg-type]
