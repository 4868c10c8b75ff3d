"""Training our encoder for one generator: codes, pictures, landmarks, and by stages offsets for W+.

The first part of the run learns codes alone, so that w is on the generator's manifold; then the rows of w_plus are let go
one after the other, coarse to fine, held near by their own term (e4e's progressive training and delta regularisation; Tov
et al., SIGGRAPH 2021). Of a generator whose faces have no labels only its own samples are used.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
import torch.nn.functional as F

from engine.errors import BadRequest
from engine.networks.parameter_encoder import ParameterEncoder, ParameterEncoderConfig
from engine.training import checkpoint, draws
from engine.training.ahead import Ahead
from engine.training.compositions import Compositions
from engine.training.dice import Dice
from engine.training.encoder_data import Examples, Exposure, of_compositions, of_renders, of_samples
from engine.training.face_source import ConditionalFaces, FaceSource
from engine.training.face_task import heat_loss, landmark_loss
from engine.training.inversion_recipe import EncoderStage
from engine.training.losses import psnr, reconstruction
from engine.training.network_task import SEEN_AT_ONCE, NetworkTask
from engine.training.parallel import Team
from engine.training.renders import Renders
from engine.training.sheets import with_points, write_sheet

_HEAT = 0.1  # weight beside the landmarks' distance, as in the face reader
_SHAPE_UNIT = 0.02  # of the crop's side: an error of the generated landmarks that counts as 1
_KINDS = 4  # pictures of which the stage says how many are samples, how many compositions
_ALL_FREE = 0.5  # of the way from the first freed row to the end of the run: all rows are free
_LOOKED_AT, _SHOWN = 128, 16


class Perceptual(Protocol):
    """What a feature network offers to the loss."""

    def distance(self, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """How different two batches [N,3,R,R] look: a scalar of about unit scale."""
        ...


@dataclass(frozen=True)
class EncoderSets:
    """Labelled pictures: to learn from, and held out. A conditional generator's encoder needs them, others have none."""

    renders: Renders
    held_out: Renders
    compositions: Compositions | None = None

    @property
    def made(self) -> str:
        more = self.compositions.made if self.compositions else ""
        return " ".join([self.renders.made, self.held_out.made, more])


class EncoderTask(NetworkTask[ParameterEncoder]):
    """The encoder's stage. Raises `BadRequest` where stage, generator and sets do not go together."""

    def __init__(
        self,
        stage: EncoderStage,
        faces: FaceSource,
        sets: EncoderSets | None,
        team: Team,
        features: Perceptual | None = None,
        origin: str = "",  # what else the result depends on: the digest of the feature network
    ) -> None:
        self.stage, self.faces, self.sets, self.features = stage, faces, sets, features
        self._check()
        generator = faces.generator.config
        points = 5 + len(sets.renders.landmark_names) if sets else 0
        self.exposure = Exposure(stage.size, min(stage.compared_at, generator.resolution), points)
        torch.manual_seed(stage.seed)  # for the first weights; nothing else is drawn from it
        network = ParameterEncoder(
            ParameterEncoderConfig(
                stage.size, stage.widths, stage.units, faces.length, generator.num_ws, generator.w_dim, points
            )
        )
        network.code_mean.copy_(faces.mean)
        network.code_std.copy_(faces.std)
        described = checkpoint.described(stage, faces.origin, sets.made if sets else "", origin)
        super().__init__(network, stage, team, described)
        self._ahead = Ahead(self.steps)

    def _check(self) -> None:
        stage, sets = self.stage, self.sets
        if sets is None and stage.sampled < _KINDS:
            raise BadRequest(f"Stage {stage.name} wants labelled pictures, and there are none.")
        if sets and not isinstance(self.faces, ConditionalFaces):
            raise BadRequest("A generator without known parameters cannot learn from labelled pictures.")
        if sets and sets.compositions is None and stage.composed and stage.sampled < _KINDS:
            raise BadRequest(f"Stage {stage.name} wants compositions, and there are none.")

    def loss(self, k: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        stage = self.stage
        examples = self._ahead(self.batch_of, k).to(self.team.device)
        found = self.network(examples.picture)
        offsets = found.offsets * self.freed(k)
        made = self.painted(found.code, offsets)
        figures = {
            "codes": F.smooth_l1_loss(found.code, examples.code),
            "picture": reconstruction(made, examples.target, examples.weight),
            "offsets": offsets.square().mean(),
        }
        loss = stage.codes * figures["codes"] + stage.picture * figures["picture"]
        loss = loss + stage.offsets * figures["offsets"]
        if self.features is not None and stage.features:
            figures["features"] = self.features.distance(made, examples.target)
            loss = loss + stage.features * figures["features"]
        if self.faces.landmark_map is not None and stage.shape:
            figures["shape"] = self._shape_distance(found.code, examples.code)
            loss = loss + stage.shape * figures["shape"]
        if self.exposure.landmarks:
            figures["landmarks"] = landmark_loss(found.landmarks, examples.landmarks)
            spread = heat_loss(found.heat, examples.landmarks)
            loss = loss + stage.landmarks * (figures["landmarks"] + _HEAT * spread)
        return loss, {"loss": loss} | figures

    def batch_of(self, k: int) -> Examples:
        """This process's share of batch number k: of every four pictures some samples, some compositions, some renders."""
        (places,) = self.team.share(torch.arange(self.batch))
        first, second = self.stage.sampled, self.stage.sampled + self.stage.composed
        turn = places % _KINDS
        groups = [places[turn < first], places[(turn >= first) & (turn < second)], places[turn >= second]]
        parts = [self._examples(kind, k, group) for kind, group in enumerate(groups) if len(group)]
        order = torch.cat(groups).argsort()
        joined = Examples.joined(parts)
        return Examples(*(getattr(joined, name)[order] for name in Examples.__annotations__))

    def _examples(self, kind: int, k: int, places: torch.Tensor) -> Examples:
        dice = [self.dice(k, place) for place in places.tolist()]
        sets, faces = self.sets, self.faces
        if kind == 0 or sets is None:
            return of_samples(faces, dice, self.exposure)
        assert isinstance(faces, ConditionalFaces)
        if kind == 1 and sets.compositions is not None:
            index = draws.batch_indices(self.seed + 1, k, self.batch, len(sets.compositions))[places]
            return of_compositions(sets.compositions, faces, index, dice, self.exposure)
        index = draws.batch_indices(self.seed, k, self.batch, len(sets.renders))[places]
        return of_renders(sets.renders, faces, index, dice, self.exposure)

    def painted(self, code: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
        """G of codes [N,K] and offsets [N,num_ws,w_dim]: [N,3,T,T], not clamped."""
        generator = self.faces.generator
        w_plus = generator.broadcast(self.faces.latent(code)) + offsets
        return generator.synthesis(w_plus, resolution=self.exposure.compared_at)

    def freed(self, k: int) -> torch.Tensor:
        """Which rows of w_plus may differ from the first at step k: 1 or 0, [num_ws,1]."""
        rows = self.faces.generator.num_ws
        first = self.stage.offsets_from * self.steps
        apart = _ALL_FREE * (self.steps - first) / rows
        free = [row > 0 and first < self.steps and k >= first + (row - 1) * apart for row in range(rows)]
        return torch.tensor(free, device=self.team.device).float()[:, None]

    def _shape_distance(self, code: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        """Mean distance of the generated faces' landmarks in `_SHAPE_UNIT`, through the model's landmark map."""
        landmark_map = self.faces.landmark_map
        assert landmark_map is not None
        apart = (landmark_map(code) - landmark_map(wanted)) / _SHAPE_UNIT
        return ((apart.square().sum(2) + 1e-4).sqrt() - 1e-2).mean()

    @torch.no_grad()
    def look(self, picture: Path) -> dict[str, float]:
        """On what is held out (or samples of their own), undisturbed and disturbed, always the same."""
        examples, found, made, on_manifold = [], [], [], []
        for part in torch.arange(self._held_out).split(SEEN_AT_ONCE):
            one = self._held_out_examples(part)
            said = self.ema(one.picture.to(self.team.device))
            examples.append(one)
            found.append(said)
            offsets = said.offsets * self.freed(self.steps)
            made.append(self.painted(said.code, offsets).cpu())
            on_manifold.append(self.painted(said.code, torch.zeros_like(offsets)).cpu())
        seen, y, plain = Examples.joined(examples), torch.cat(made), torch.cat(on_manifold)
        code, landmarks = (
            torch.cat([getattr(one, name).cpu() for one in found]) for name in ("code", "landmarks")
        )
        self._write_sheet(picture, seen, plain, y, landmarks)
        figures = {
            "psnr": psnr(y, seen.target),
            "psnr_code": psnr(plain, seen.target),
            "code_correlation": _mean_correlation(code, seen.code),
        }
        if self.exposure.landmarks:
            figures["landmarks_percent"] = 100 * float((landmarks - seen.landmarks).norm(dim=2).mean())
        if self.faces.landmark_map is not None:
            a, b = (self.faces.landmark_map(one.to(self.team.device)) for one in (code, seen.code))
            figures["shape_percent"] = 100 * float((a - b).norm(dim=2).mean())
        return figures

    @property
    def _held_out(self) -> int:
        return min(_LOOKED_AT, len(self.sets.held_out)) if self.sets else _LOOKED_AT

    def _held_out_examples(self, index: torch.Tensor) -> Examples:
        """Every other one as a photograph might look."""
        parts = []
        for one in index.tolist():
            exposure = Exposure(
                self.exposure.size, self.exposure.compared_at, self.exposure.landmarks, disturbed=one % 2 == 1
            )
            dice = [Dice(draws.generator(self.seed, "look", one))]
            if self.sets and isinstance(self.faces, ConditionalFaces):
                where = torch.tensor([one])
                parts.append(of_renders(self.sets.held_out, self.faces, where, dice, exposure))
            else:
                parts.append(of_samples(self.faces, dice, exposure))
        return Examples.joined(parts)

    def _write_sheet(
        self, picture: Path, seen: Examples, plain: torch.Tensor, y: torch.Tensor, landmarks: torch.Tensor
    ) -> None:
        """What it sees, with the landmarks it reads; the target; G of the code; G of code and offsets."""
        size = self.exposure.size
        marked = torch.stack(
            [with_points(x, points) for x, points in zip(seen.picture[:_SHOWN], landmarks, strict=False)]
        )
        rows = [F.interpolate(one[:_SHOWN], (size, size), mode="bilinear") for one in (seen.target, plain, y)]
        write_sheet(picture, marked, *rows)

    def metadata(self) -> dict[str, str]:
        faces = self.faces
        names = faces.names if isinstance(faces, ConditionalFaces) else ()
        points = self.sets.renders.landmark_names if self.sets else ()
        return {
            "kind": "encoder",
            "generator": faces.origin,
            "parameters": json.dumps(names),
            "landmark_names": json.dumps(points),  # after the face reader's `FIVE`
        } | self.network.config.metadata()


def _mean_correlation(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """Pearson's correlation of columns [N,K], mean over those that vary."""
    a, b = found - found.mean(0), wanted - wanted.mean(0)
    size = a.norm(dim=0) * b.norm(dim=0)
    return float(((a * b).sum(0) / size.clamp(min=1e-6))[size > 1e-6].mean())
