"""The figures of decompositions: right ones are perfect, wrong ones are not, and the command leaves tables and sheets."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.errors import BadRequest
from engine.evaluation.decomposition import Subject, see
from engine.evaluation.decomposition_figures import (
    Truth,
    best_threshold,
    feature_difference,
    iou,
    measure_flow,
    measure_mask,
    pixel_difference,
    roc_auc,
)
from engine.evaluation.decomposition_sheets import flow_colours, one_of_each
from engine.networks.decomposer import Decomposer, DecomposerConfig
from engine.networks.features import FIVE, FaceReader, FaceReaderConfig
from engine.networks.flow import warp
from engine.networks.parameter_encoder import ParameterEncoder, ParameterEncoderConfig, ParameterEncoding
from engine.training.compositions import Compositions
from engine.training.face_source import ConditionalFaces
from engine.weights.inverters import TrainedEncoder
from tests.training.inversion_workshop import command, first_compositions, workshop
from tests.training.tiny_faces import tiny_faces

__all__ = ["workshop"]

OCCLUDERS = {"none": 0, "cap": 2, "patch": 11}


def truth(count: int = 6, size: int = 16) -> Truth:
    """Noise, shifted by two pixels; a square of something else in every picture but the first."""
    generator = torch.Generator().manual_seed(2)
    inversion, other = (torch.rand(count, 3, size, size, generator=generator) * 2 - 1 for _ in range(2))
    flow = torch.zeros(count, 2, size, size)
    flow[:, 0] = 2 / size
    mask = torch.zeros(count, 1, size, size)
    mask[1:, :, 4:10, 5:12] = 1
    photograph = torch.lerp(warp(inversion, flow), other, mask)
    known = torch.ones_like(mask)
    return Truth(
        photograph, inversion, inversion, mask, flow, known, torch.tensor([0, 2, 2, 2, 11, 11][:count])
    )


# Masks


def test_the_best_threshold_is_the_best() -> None:
    generator = torch.Generator().manual_seed(1)
    is_out = torch.rand(3, 1, 8, 8, generator=generator) < 0.3
    score = torch.rand(3, 1, 8, 8, generator=generator) + 0.5 * is_out
    chosen = iou(score >= best_threshold(score, is_out), is_out)
    assert chosen == pytest.approx(max(iou(score >= bound, is_out) for bound in score.flatten().tolist()))


def test_the_area_under_the_curve_counts_pairs() -> None:
    score = torch.tensor([0.1, 0.4, 0.4, 0.8, 0.3])
    is_out = torch.tensor([False, True, False, True, False])
    pairs = [
        1.0 if a > b else 0.5 if a == b else 0.0
        for a in score[is_out].tolist()
        for b in score[~is_out].tolist()
    ]
    assert roc_auc(score, is_out) == pytest.approx(sum(pairs) / len(pairs))
    assert roc_auc(score, torch.ones(5, dtype=torch.bool)) is None


def test_a_right_mask_is_perfect_and_an_empty_one_is_not() -> None:
    t = truth()
    right = measure_mask(t.invertibility_mask, t, 0.5, OCCLUDERS)
    assert (right.iou, right.auc, right.false_share) == (1, 1, 0)
    assert right.by_kind == {"cap": 1, "patch": 1}
    halved = t.invertibility_mask.clone()
    halved[4:] = 0
    part = measure_mask(halved, t, 0.5, OCCLUDERS)
    assert part.iou == pytest.approx(3 / 5)
    assert part.by_kind == {"cap": 1, "patch": 0}
    everything = measure_mask(torch.ones_like(halved), t, 0.5, OCCLUDERS)
    assert (everything.false_share, everything.auc) == (1, 0.5)


def test_baselines_see_what_differs() -> None:
    torch.manual_seed(1)
    reader = FaceReader(FaceReaderConfig(32, (8, 8, 8), ("age",), FIVE, ("skin",))).eval()
    x = torch.rand(2, 3, 32, 32) * 2 - 1
    g = x.clone()
    g[:, :, :8, :8] = 0
    for difference in (pixel_difference(x, g), feature_difference(reader, x, g)):
        assert difference.shape == (2, 1, 32, 32)
        assert difference[..., :8, :8].mean() > 4 * difference[..., 20:, 20:].mean()


# Flows


def test_the_right_flow_helps_every_picture_and_no_flow_helps_none() -> None:
    t = truth()
    assert t.alignment_flow is not None
    right = measure_flow(t.alignment_flow, warp(t.inversion, t.alignment_flow), t)
    assert (right.error_percent, right.ratio, right.improved) == (0, 0, 1)
    assert right.unaligned_percent == pytest.approx(100 * 2 / 16)
    assert right.psnr > 60 > right.psnr_unaligned
    none = measure_flow(torch.zeros_like(t.alignment_flow), t.inversion, t)
    assert (none.ratio, none.improved) == (pytest.approx(1), 0)
    unknown = measure_flow(t.alignment_flow, t.inversion, replace(t, alignment_flow=None))
    assert (unknown.error_percent, unknown.ratio) == (None, None)


def test_what_is_out_of_domain_does_not_count() -> None:
    t = truth()
    assert t.alignment_flow is not None
    aligned = warp(t.inversion, t.alignment_flow)
    spoilt = torch.where(t.is_out, 1.0, aligned)
    assert measure_flow(t.alignment_flow, spoilt, t) == measure_flow(t.alignment_flow, aligned, t)


def test_sheets_begin_with_one_of_each_kind() -> None:
    assert one_of_each(torch.tensor([2, 2, 0, 2, 11, 0])).tolist() == [2, 0, 4, 5, 1, 3]


def test_no_flow_is_white_and_directions_have_colours() -> None:
    flow = torch.zeros(3, 2, 4, 4)
    flow[1, 0], flow[2, 0] = 0.05, -0.05
    colours = flow_colours(flow)
    assert (colours[0] == 1).all()
    assert colours[1, 0].min() > colours[1, 1].max()
    assert colours[2, 0].max() < colours[2, 1].min()


# What the networks see


class Knowing(ParameterEncoder):
    """An encoder that knows the codes of what it will be shown."""

    def __init__(self, config: ParameterEncoderConfig, codes: torch.Tensor) -> None:
        super().__init__(config)
        self.codes = codes

    def forward(self, image: torch.Tensor) -> ParameterEncoding:
        count, config = len(image), self.config
        offsets = torch.zeros(count, config.num_ws, config.w_dim)
        return ParameterEncoding(self.codes, offsets, torch.zeros(count, 0, 2), torch.zeros(count, 0), ())


@pytest.fixture(scope="module")
def compositions(workshop: Path) -> Compositions:
    return first_compositions(workshop / "data")


@pytest.fixture(scope="module")
def faces(compositions: Compositions) -> ConditionalFaces:
    return tiny_faces(compositions)


def subject(faces: ConditionalFaces, codes: torch.Tensor) -> Subject:
    config = ParameterEncoderConfig(32, (8, 8, 8, 16), (1, 1, 1), faces.length, 8, 32, 0)
    encoder = Knowing(config, codes)
    torch.manual_seed(1)
    decomposer = Decomposer(DecomposerConfig(32, (8, 8, 8), (8, 8, 8), (1, 1, 1))).eval()
    return Subject(faces, TrainedEncoder(encoder, "", faces.origin), {"decomposer": decomposer}, {})


def test_with_the_true_code_the_flow_is_the_compositions_own(
    compositions: Compositions, faces: ConditionalFaces
) -> None:
    index = torch.tensor([5, 1, 7])
    codes = faces.codes_of(compositions.parameters[index], compositions.names)
    seen = see(subject(faces, codes), compositions, index)
    assert seen.truth.alignment_flow is not None
    torch.testing.assert_close(seen.truth.alignment_flow, compositions.flows(index, 32))
    torch.testing.assert_close(
        seen.truth.inversion, faces.generator.synthesis(faces.latent(codes)).clamp(-1, 1)
    )
    assert torch.equal(seen.truth.photograph, compositions.photographs(index, 32))
    assert seen.shape is not None
    assert not seen.shape.any()
    assert seen.found["decomposer"].mask.shape == (3, 1, 32, 32)
    codes[:, 3] += 1  # that moves the face of `tiny_faces` to the right
    moved = see(subject(faces, codes), compositions, index)
    assert moved.truth.alignment_flow is not None
    further = moved.truth.alignment_flow - compositions.flows(index, 32)
    assert further[:, 0, 16, 16].min() > 0.02
    assert moved.shape is not None
    torch.testing.assert_close(moved.shape.mean(), torch.tensor(0.04))


def test_nothing_to_measure_is_refused(faces: ConditionalFaces) -> None:
    one = subject(faces, torch.zeros(1, faces.length))
    with pytest.raises(BadRequest, match="Neither SAMM nor a decomposer"):
        replace(one, decomposers={})


def test_the_command_leaves_tables_and_sheets(workshop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = (workshop / "data", workshop / "output")
    folder = workshop / "output" / "inversion" / "evaluation"
    assert command("evaluate", "decomposition", *where, "--seed", "3") == 0
    said = capsys.readouterr().out
    figures = json.loads((folder / "decomposition.json").read_text())
    assert (figures["validated"], figures["tested"]) == (8, 8)
    assert set(figures["masks"]) == {"pixels", "features", "decomposer", "samm", "samm-published"}
    assert set(figures["leads"]) == set(figures["flows"]) == {"decomposer", "samm", "samm-published"}
    assert all(0 <= one["iou"] <= 1 for one in figures["masks"].values())
    assert figures["encoder"]["landmarks_percent"] > 0
    best = max(figures["masks"], key=lambda name: figures["masks"][name]["iou"])
    detectors = {"decomposer": "decomposer", "samm": "samm", "samm-published": "samm"}
    assert figures["detector"] == detectors.get(best, "landmarks")
    assert f'`detector = "{figures["detector"]}"` into inversion.toml' in said
    for name in figures["flows"]:
        assert (folder / f"sheet-{name}.png").exists()
        assert f"| {name} | {figures['masks'][name]['iou']:.3f} |" in said
    before = (folder / "decomposition.json").read_text()
    assert command("evaluate", "decomposition", *where, "--seed", "3") == 0
    assert (folder / "decomposition.json").read_text() == before
    assert command("evaluate", "decomposition", *where, "--limit", "1") == 1
    assert "Two compositions at least" in capsys.readouterr().err
