"""The part of a recipe that makes the networks which invert: encoder, SAMM, decomposer; and the compositions they need."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from engine.training.tables import Name, Rate, Share, Table, Weight, Width


class CompositionSet(Table):
    """Compositions to train on: `python -m models.faces compose --count … --seed … --size … -o DATA/NAME`."""

    count: int = Field(gt=0)
    seed: int
    size: int = Field(ge=16)

    def command(self, folder: Path) -> str:
        """How to make them."""
        return (
            f"python -m models.faces compose --count {self.count} --seed {self.seed} --size {self.size} "
            f"--jobs 2 -o {folder}"
        )


class NetworkStage(Table):
    """What the training of one network needs to know."""

    name: Name
    images: int = Field(gt=0)
    batch: int = Field(gt=0)
    rate: Rate
    ema_images: int = Field(gt=0)  # half-life of the averaged weights
    seed: int
    hours: float | None = None

    @property
    def steps(self) -> int:
        return -(-self.images // self.batch)


class EncoderStage(NetworkStage):
    """The encoder. Of every four pictures `sampled` are the generator's own, `composed` compositions, the others renders."""

    renders: Name | None = None  # none: samples only, as for a generator whose faces have no labels
    held_out: Name | None = None
    compositions: Name | None = None
    sampled: int = Field(default=1, ge=0, le=4)
    composed: int = Field(default=1, ge=0, le=4)
    size: int = Field(default=128, ge=32, le=1024, multiple_of=32)  # pixels of the input's side
    widths: tuple[Width, ...] = Field(
        default=(16, 24, 48, 96, 128), min_length=4, max_length=6
    )  # at size, /2, /4, …
    units: tuple[Annotated[int, Field(gt=0)], ...] = (1, 2, 3, 2)  # IR-SE units at size/2, /4, …
    compared_at: int = Field(default=64, ge=8)  # pixels at which G(w) is compared with the picture
    offsets_from: Share = 0.6  # share of the steps after which rows of w_plus may differ; 1: never
    codes: Weight = 1.0
    picture: Weight = 2.0
    features: Weight = 0.2
    landmarks: Weight = 1.0
    shape: Weight = 1.0
    offsets: Weight = 0.05

    @model_validator(mode="after")
    def _fits(self) -> EncoderStage:
        if len(self.units) != len(self.widths) - 1:
            raise ValueError("there are as many numbers of units as widths after the first")
        if self.sampled + self.composed > 4:
            raise ValueError("of four pictures more than four are spoken for")
        if (self.renders is None) != (self.held_out is None):
            raise ValueError("renders and what is held out of them go together")
        if self.renders is None and self.sampled < 4:
            raise ValueError("without renders all four of four pictures are samples")
        if self.composed and self.sampled < 4 and self.compositions is None:
            raise ValueError("no compositions are named")
        return self

    def without_labels(self) -> EncoderStage:
        """The same for a generator whose faces have no labels: its own samples only."""
        alone = {"renders": None, "held_out": None, "compositions": None, "sampled": 4, "composed": 0}
        return self.model_copy(update=alone)


class SammStage(NetworkStage):
    """SAMM for one generator and its encoder. Weights are the published ones where the terms have their scale."""

    compositions: Name
    held_out: Name
    form: Literal["additive", "published"] = "additive"
    scales: tuple[int, ...] = Field(default=(32, 64, 128), min_length=1)  # pixels, coarse to fine
    scales_from: tuple[Share, ...] = (0.0, 0.15, 0.35)  # share of the steps after which each is switched on
    cycles: int = Field(default=2, ge=1, le=4)
    width: int = Field(default=32, gt=0, le=512, multiple_of=8)  # of the additive form's inner layers
    encoded: Share = 0.3  # of the pictures: w is the encoder's; of the others the true one, disturbed
    reconstruction: Weight = 1.0
    perceptual: Weight = 1.0
    style: Weight = 0.5
    identity: Weight = 0.1
    area: Weight = 5.0
    binarity: Weight = 0.2
    adversarial: Weight = 0.5
    discriminator_rate: float = Field(default=5e-4, gt=0)
    true_mask: Weight = 2.0
    true_flow: Weight = 1.0

    @model_validator(mode="after")
    def _fits(self) -> SammStage:
        if list(self.scales) != sorted(set(self.scales)) or any(
            scale.bit_count() != 1 for scale in self.scales
        ):
            raise ValueError("scales are powers of two, coarse to fine")
        if len(self.scales_from) != len(self.scales) or self.scales_from[0] != 0:
            raise ValueError("every scale is switched on at some share of the steps, the first at once")
        return self


class DecomposerStage(NetworkStage):
    """The decomposer."""

    compositions: Name
    held_out: Name
    size: int = Field(default=128, ge=32, le=512, multiple_of=8)
    channels: tuple[Width, Width, Width] = (16, 32, 64)
    hidden: tuple[Width, Width, Width] = (64, 48, 24)
    radii: tuple[int, int, int] = (3, 2, 1)
    generated: Share = 0.6  # of the pictures: the inversion is a generator's; of the others the plain render


class InversionRecipe(Table):
    """The networks that invert. SAMM may have several stages, each on its own: the published form is an ablation."""

    compositions: dict[Name, CompositionSet]
    encoder: EncoderStage | None = None
    samm: tuple[SammStage, ...] = ()
    decomposer: DecomposerStage | None = None

    @property
    def stages(self) -> tuple[NetworkStage, ...]:
        single = (self.encoder, self.decomposer)
        return (*(stage for stage in single if stage), *self.samm)

    def compositions_used(self) -> tuple[set[str], set[str]]:
        """Names of those that are trained on, and of those that are held out."""
        stages = (*self.samm, *([self.decomposer] if self.decomposer else []))
        seen = {stage.compositions for stage in stages}
        if self.encoder and self.encoder.compositions:
            seen.add(self.encoder.compositions)
        return seen, {stage.held_out for stage in stages}
