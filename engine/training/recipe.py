"""A training recipe: everything that decides what comes out, read from TOML and checked.

Lengths are counted in images, not in hours, so that a killed and resumed run does what an unbroken one does; `hours` are
what a stage took on the machine that the recipe names, for the reader.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from engine.errors import BadRequest
from engine.training.inversion_recipe import CompositionSet, InversionRecipe
from engine.training.tables import Name, Rate, Table


class RenderSet(Table):
    """Renders to train on: `python -m models.faces render --count … --seed … --size … --views … -o DATA/NAME`."""

    count: int = Field(gt=0)
    seed: int
    size: int = Field(ge=16)
    views: int = Field(1, ge=1)  # pictures of each head, in other light, pose and expression

    def command(self, folder: Path) -> str:
        """How to make them."""
        views = f" --views {self.views}" if self.views > 1 else ""
        return (
            f"python -m models.faces render --count {self.count} --seed {self.seed} --size {self.size}{views} "
            f"--jobs 2 -o {folder}"
        )


class Adversarial(Table):
    """The discriminator's part in a generator's stage."""

    weight: float = Field(gt=0)
    discriminator_rate: float = Field(gt=0)
    r1: float = Field(1e-3, ge=0)
    r1_every: int = Field(16, gt=0)
    noise_strength: float = Field(0.03, ge=0)  # of every trained layer at the start, at least
    anchor: float = Field(0.4, ge=0)  # weight of L1 at full resolution, beside the reconstruction at half of it
    strands: float = Field(1.0, ge=0)  # share of both that is left in hair and beard


class GeneratorStage(Table):
    """One run of the generator's training; it starts from the weights of the stage before it."""

    name: Name
    renders: Name
    held_out: Name
    resolution: int = Field(ge=8)
    images: int = Field(gt=0)
    batch: int = Field(gt=0)
    rate: Rate
    ema_images: int = Field(gt=0)  # half-life of the averaged weights
    seed: int
    features: float = Field(0.0, ge=0)  # weight of the perceptual term
    train_from: int = 4  # resolution of the first trained layer; below it everything is kept as it is
    adversarial: Adversarial | None = None
    hours: float | None = None

    @property
    def steps(self) -> int:
        return -(-self.images // self.batch)


class GeneratorRecipe(Table):
    """The generator's shape and its stages."""

    w_dim: int = Field(gt=0)
    mapping_layers: int = Field(gt=0)
    channels: tuple[Annotated[int, Field(gt=0)], ...] = Field(min_length=2)  # at 4, 8, … pixels
    stages: tuple[GeneratorStage, ...] = Field(min_length=1)

    @property
    def resolution(self) -> int:
        return 2 << len(self.channels)


class FeatureStage(Table):
    """One feature network and its training."""

    name: Literal["face", "identity"]
    renders: Name
    size: int = Field(gt=0, le=1024, multiple_of=32)  # pixels of the input's side
    channels: tuple[Annotated[int, Field(gt=0, le=1024, multiple_of=8)], ...] = Field(
        min_length=3, max_length=8
    )  # at size/2, /4, …
    images: int = Field(gt=0)
    batch: int = Field(gt=0)
    rate: Rate
    ema_images: int = Field(gt=0)
    seed: int
    hours: float | None = None

    @property
    def steps(self) -> int:
        return -(-self.images // self.batch)


class FeatureRecipe(Table):
    """The feature networks."""

    held_out: Name
    stages: tuple[FeatureStage, ...]


class ModelRecipe(Table):
    """The maps that go with a trained generator, and what its file says."""

    renders: Name
    held_out: Name
    samples: int = Field(gt=0)  # read by the landmark network
    epochs: int = Field(gt=0)  # of the landmark map, over the samples
    images: int = Field(gt=0)  # that the region map looks at
    seed: int
    licence: str
    hours: float | None = None


class Recipe(Table):
    """All of it. What goes across tables is checked here."""

    machine: str  # where `hours` were taken
    renders: dict[Name, RenderSet]
    generator: GeneratorRecipe
    features: FeatureRecipe
    model: ModelRecipe
    inversion: InversionRecipe | None = None

    @property
    def compositions(self) -> dict[str, CompositionSet]:
        return self.inversion.compositions if self.inversion else {}

    @model_validator(mode="after")
    def _names_exist(self) -> Recipe:
        seen, held_out = self._renders_used()
        composed, composed_held_out = self.inversion.compositions_used() if self.inversion else (set(), set())
        if unknown := (seen | held_out) - set(self.renders):
            raise ValueError(f"no renders named {', '.join(sorted(unknown))}")
        if unknown := (composed | composed_held_out) - set(self.compositions):
            raise ValueError(f"no compositions named {', '.join(sorted(unknown))}")
        if both := set(self.renders) & set(self.compositions):
            raise ValueError(f"renders and compositions are both named {', '.join(sorted(both))}")
        for stages in (
            self.generator.stages,
            self.features.stages,
            self.inversion.stages if self.inversion else (),
        ):
            if len({stage.name for stage in stages}) < len(stages):
                raise ValueError("two stages have the same name")
        # A composition is made from the render of its seed and number.
        seeds = {name: made.seed for name, made in (self.renders | self.compositions).items()}
        if {seeds[name] for name in seen | composed} & {seeds[name] for name in held_out | composed_held_out}:
            raise ValueError("what is held out has the seed of what is trained on")
        return self

    def _renders_used(self) -> tuple[set[str], set[str]]:
        """Names of the renders that are trained on, and of those that are held out."""
        seen = {stage.renders for stage in (*self.generator.stages, *self.features.stages, self.model)}
        held_out = {stage.held_out for stage in (*self.generator.stages, self.features, self.model)}
        encoder = self.inversion.encoder if self.inversion else None
        if encoder and encoder.renders and encoder.held_out:
            seen, held_out = seen | {encoder.renders}, held_out | {encoder.held_out}
        return seen, held_out

    @model_validator(mode="after")
    def _sizes_fit(self) -> Recipe:
        for stage in self.generator.stages:
            if stage.resolution.bit_count() != 1 or stage.resolution > self.generator.resolution:
                raise ValueError(f"stage {stage.name}: the generator does not pass through its resolution")
            if any(self.renders[name].size % stage.resolution for name in (stage.renders, stage.held_out)):
                raise ValueError(
                    f"stage {stage.name}: the side of its renders is no multiple of its resolution"
                )
            if stage.train_from.bit_count() != 1 or not 4 <= stage.train_from <= stage.resolution:
                raise ValueError(f"stage {stage.name}: there is nothing to train from {stage.train_from} px on")
        for stage in self.features.stages:
            self._check_size(stage.name, stage.size, stage.renders, self.features.held_out)
        if inversion := self.inversion:
            if encoder := inversion.encoder:
                self._check_size(
                    encoder.name, encoder.size, encoder.renders, encoder.held_out, encoder.compositions
                )
            if decomposer := inversion.decomposer:
                self._check_size(decomposer.name, decomposer.size, decomposer.compositions, decomposer.held_out)
        return self

    def _check_size(self, stage: str, size: int, *names: str | None) -> None:
        """Raise `ValueError` where a stage of `size` pixels cannot be trained on the sets called `names`."""
        sides = {name: made.size for name, made in (self.renders | self.compositions).items()}
        if any(sides[name] % size for name in names if name):
            raise ValueError(f"stage {stage}: the side of its renders is no multiple of its size")


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe. Raises `BadRequest` with the place that is wrong."""
    try:
        return Recipe.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"The recipe {path} cannot be read: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "as a whole"
        raise BadRequest(f"The recipe {path} is wrong, {place}: {first['msg']}.") from error
