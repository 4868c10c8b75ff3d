"""What detects: landmarks, decomposer, SAMM; each through a whole inversion, and what they hand on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from engine.faces.landmarks import FaceMesh
from engine.inversion import invert as whole
from engine.inversion.align import alignment_flow, landmark_error
from engine.inversion.detection import FARTHEST, ByDecomposer, ByLandmarks, BySamm, Generated, detector_of
from engine.inversion.fields import resize, warp
from engine.inversion.invert import crop_tensor, take_crop
from engine.inversion.invert_latent import LatentNetworks, invert_latent, start_of
from engine.inversion.mask import invertibility_mask
from engine.inversion.objective import Readers
from engine.inversion.pivotal import tuned
from engine.inversion.presets import Preset
from engine.inversion.refine import refine
from engine.inversion.skin import beyond_face, skin_map
from engine.inversion.types import Inversion, from_bytes, to_bytes
from engine.messages import Detector
from engine.networks.decomposer import Decomposer, DecomposerConfig, Decomposition
from engine.weights import model_inverters
from engine.weights.model_inverters import CHOICE, NO_INVERTERS, Inverters, load_inverters
from engine.weights.models import Model
from tests.faces_inverted import PHOTOS, Studio
from tests.inversion.tiny_inverters import tiny_imported, write_decomposer, write_encoder, write_samm

DETECTORS: tuple[Detector, ...] = ("landmarks", "decomposer", "samm")


@pytest.fixture(autouse=True)
def nothing_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_inverters, "FOR_ALL", tmp_path / "none")


def inverters_of(model: Model, folder: Path, detector: Detector) -> Inverters:
    write_encoder(folder, model)
    write_samm(folder, model)
    write_decomposer(folder)
    (folder / CHOICE).write_text(f'detector = "{detector}"\n', "utf-8")
    return load_inverters(model, folder)


def inverted(studio: Studio, inverters: Inverters) -> Inversion:
    photo = np.asarray(Image.open(PHOTOS / "astronaut.png").convert("RGB"))
    face = studio.detector.detect(photo)[0]
    args = (studio.model, studio.mesh, *take_crop(photo, face), face, 1, lambda _: None)
    return whole.invert(*args, reader=studio.reader, inverters=inverters)


# Whole inversions


def test_without_networks_all_is_as_it_was_before_there_were_any(studio: Studio, tmp_path: Path) -> None:
    found = inverted(studio, load_inverters(studio.model, tmp_path))
    photo = crop_tensor(found.crop)
    with torch.no_grad():
        landmarks = studio.mesh.landmarks(photo)[0]
    c = refine(studio.model, photo, landmarks, 1, lambda _: None).c
    with torch.no_grad():
        generated = studio.model.generate(c)
        generated_landmarks = studio.mesh.landmarks(generated)[0]
        flow = alignment_flow(landmarks, generated_landmarks)
        aligned = warp(resize(generated, 256), flow)
        bare = skin_map(studio.reader, photo, landmarks)
        mask = invertibility_mask(photo, aligned, landmarks)
        mask = torch.minimum(mask, 1 - bare * beyond_face(landmarks))
    expected = {
        "parameters": c[0],
        "w_plus": studio.model.latent(c).expand(studio.model.generator.num_ws, -1),
        "landmarks": landmarks,
        "generated_landmarks": generated_landmarks,
        "alignment_flow": flow[0].half().float(),
        "invertibility_mask": (mask[0, 0] * 255).round() / 255,
        "bare_skin": (bare[0, 0] * 255).round() / 255,
    }
    for name, value in expected.items():
        assert torch.equal(getattr(found, name), value), name
    assert found.landmark_error == landmark_error(landmarks, studio.mesh.landmarks(aligned)[0])
    assert (found.detector, found.inverters_digest) == ("landmarks", "")
    assert to_bytes(found) == to_bytes(inverted(studio, NO_INVERTERS))


@pytest.mark.parametrize("detector", DETECTORS)
def test_each_through_an_inversion_of_known_parameters(
    studio: Studio, tmp_path: Path, detector: Detector
) -> None:
    inverters = inverters_of(studio.model, tmp_path, detector)
    found = inverted(studio, inverters)
    assert (found.detector, found.inverters_digest) == (detector, inverters.digest)
    data = to_bytes(found)
    read = from_bytes(data)
    assert (read.detector, read.inverters_digest, read.id) == (detector, inverters.digest, found.id)
    assert to_bytes(inverted(studio, inverters)) == data
    plain = inverted(studio, NO_INVERTERS)
    assert plain.id != found.id
    assert torch.equal(plain.landmarks, found.landmarks)
    assert 0 <= found.invertibility_mask.min() < found.invertibility_mask.max() <= 1
    assert detector == "landmarks" or not torch.equal(plain.alignment_flow, found.alignment_flow)


@pytest.mark.parametrize("detector", DETECTORS)
def test_each_through_an_inversion_into_w(studio: Studio, tmp_path: Path, detector: Detector) -> None:
    model = tiny_imported()
    networks = LatentNetworks(studio.mesh, Readers(), inverters_of(model, tmp_path, detector))
    photo = np.asarray(Image.open(PHOTOS / "astronaut.png").convert("RGB"))
    face = studio.detector.detect(photo)[0]
    args = (model, networks, *take_crop(photo, face), face, Preset(1, 2, 1, 32, 0.1, 10, 1, 1), lambda _: None)
    found = invert_latent(*args)
    assert (found.detector, found.inverters_digest) == (detector, networks.inverters.digest)
    assert from_bytes(to_bytes(found)).detector == detector
    assert to_bytes(invert_latent(*args)) == to_bytes(found)
    again = Generated.of(tuned(model.generator, found.weight_delta), found.w_plus[None])
    mask, flow = detector_of(networks.inverters, studio.mesh, found.landmarks)(crop_tensor(found.crop), again)
    torch.testing.assert_close(found.invertibility_mask, mask[0, 0], atol=0.51 / 255, rtol=0)
    torch.testing.assert_close(found.alignment_flow, flow[0], atol=3e-4, rtol=0)


def test_an_encoder_trained_for_an_imported_model_is_where_work_begins(tmp_path: Path) -> None:
    model, photo = tiny_imported(), torch.rand(1, 3, 64, 64) * 2 - 1
    write_encoder(tmp_path, model)
    encoder = load_inverters(model, tmp_path).encoder
    assert encoder is not None
    found = encoder.network(photo)
    start = start_of(model, photo, encoder)
    assert torch.equal(start, encoder.network.raw(found.code)[:, None] + found.offsets)
    assert not torch.equal(start, start_of(model, photo))


def test_a_file_of_an_older_engine_says_nothing_of_networks(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(to_bytes(inverted(studio, NO_INVERTERS)))
    with safe_open(tmp_path / "old", "pt") as file:
        facts = json.loads(file.metadata()["likeness"])
    assert facts.keys() == {
        "format", "version", "id", "method", "model", "model_digest", "refine_steps", "landmark_error", "box", "sha256",
    }  # fmt: skip
    assert from_bytes((tmp_path / "old").read_bytes()).detector == "landmarks"


# The detectors themselves


class PointingMesh(FaceMesh):
    """A mesh that always answers the same points [468,2]."""

    def __init__(self, points: torch.Tensor) -> None:
        super().__init__()
        self.points = points

    def landmarks(self, crops: torch.Tensor, roi: object = None) -> torch.Tensor:
        return self.points[None]


class Knowing(Decomposer):
    """A decomposer that always finds one mask and one motion; it remembers what it was shown."""

    def __init__(self, motion: tuple[float, float]) -> None:
        super().__init__(DecomposerConfig(32, (8, 8, 8), (8, 8, 8), (1, 1, 1)))
        self.motion = torch.tensor(motion)[None, :, None, None]

    def forward(self, photograph: torch.Tensor, inversion: torch.Tensor) -> Decomposition:
        self.shown = photograph, inversion
        logits = torch.linspace(-4, 4, 32).expand(1, 1, 32, 32)
        return Decomposition((logits,), (self.motion.expand(1, 2, 16, 16),))


@pytest.fixture
def scene(studio: Studio) -> tuple[torch.Tensor, Generated, ByLandmarks]:
    """A photograph of noise, a generated picture, and landmarks by which it is off to the right."""
    model = tiny_imported()
    generated = Generated.of(model.generator, start_of(model, torch.zeros(1, 3, 8, 8)))
    with torch.no_grad():
        points = studio.model.landmark_map(torch.zeros(1, len(studio.model.parameters.names)))[0]
    photo = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return photo, generated, ByLandmarks(PointingMesh(points + torch.tensor([0.05, 0.0])), points)


def test_a_decomposer_that_finds_no_motion_leaves_that_of_the_landmarks(
    scene: tuple[torch.Tensor, Generated, ByLandmarks],
) -> None:
    photo, generated, landmarks = scene
    network = Knowing((0.0, 0.0))
    mask, flow = ByDecomposer(network, landmarks)(photo, generated)
    first = landmarks.flow(generated)
    assert first[0, 0, 140, 128] > 0.04
    torch.testing.assert_close(flow, first, atol=1e-5, rtol=0)
    assert mask.shape == (1, 1, 256, 256)
    assert mask[..., 0].max() < 0.05 < 0.95 < mask[..., -1].min()
    aligned = warp(resize(generated.picture.clamp(-1, 1), 256), first)
    assert torch.equal(network.shown[1], aligned)


def test_a_decomposers_motion_follows_the_landmarks(
    scene: tuple[torch.Tensor, Generated, ByLandmarks],
) -> None:
    """What is moved twice is what is moved by the one flow that both make."""
    photo, generated, landmarks = scene
    motion = torch.tensor([0.02, -0.03])
    _, flow = ByDecomposer(Knowing((0.02, -0.03)), landmarks)(photo, generated)
    ramp = torch.linspace(0, 1, 256).expand(1, 1, 256, 256)
    twice = warp(warp(ramp, landmarks.flow(generated)), motion[None, :, None, None].expand(1, 2, 256, 256))
    inner = np.s_[..., 32:-32, 32:-32]
    assert (warp(ramp, flow)[inner] - twice[inner]).abs().max() < 2e-3


def test_no_motion_goes_far(scene: tuple[torch.Tensor, Generated, ByLandmarks]) -> None:
    photo, generated, landmarks = scene
    _, flow = ByDecomposer(Knowing((1e6, -1e6)), landmarks)(photo, generated)
    assert flow.abs().max() == FARTHEST


def test_samm_paints_the_latent_with_the_generator_that_it_is_given(tmp_path: Path) -> None:
    model = tiny_imported()
    inverters = inverters_of(model, tmp_path, "samm")
    assert inverters.aligner is not None
    assert inverters.encoder is not None
    detect = BySamm(inverters.aligner, inverters.encoder.network)
    photo = torch.rand(1, 3, 64, 64) * 2 - 1
    generated = Generated.of(model.generator, start_of(model, photo))
    mask, flow = detect(photo, generated)
    with torch.no_grad():
        encoding = inverters.encoder.network(photo)
        features = {scale: encoding.feature(scale) for scale in (8, 16, 32)}
        made = inverters.aligner(model.generator, generated.w_plus, features)
    assert torch.equal(mask, resize(made.invertibility_mask, 256))
    assert torch.equal(flow, resize(made.alignment_flow, 256))
    other = tiny_imported().generator
    other.conv1.conv.weight.mul_(0.5).add_(0.1)
    assert not torch.equal(detect(photo, Generated.of(other, generated.w_plus))[0], mask)
