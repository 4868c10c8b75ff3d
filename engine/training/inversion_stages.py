"""The stages of a recipe that make the networks which invert, each for one generator, each in its folder.

The folders are `OUTPUT/inversion/STAGE`, and `OUTPUT/models/NAME/inversion/STAGE` for the model installed as NAME.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from engine.errors import BadRequest
from engine.paths import EMBEDDED_MODELS, inside
from engine.training.checkpoint import digest
from engine.training.compositions import Compositions, CompositionSource, read_compositions
from engine.training.decomposer_task import DecomposerTask
from engine.training.encoder_task import EncoderSets, EncoderTask
from engine.training.face_source import ConditionalFaces, FaceSource, StyleFaces
from engine.training.inversion_recipe import DecomposerStage, EncoderStage, InversionRecipe, SammStage
from engine.training.loop import WEIGHTS, run
from engine.training.model_faces import faces_of
from engine.training.parallel import Team, team
from engine.training.photographs import read_photographs
from engine.training.recipe import Recipe, read_recipe
from engine.training.samm_losses import Readers
from engine.training.samm_task import SammTask
from engine.training.sampled_compositions import SampledCompositions
from engine.training.stages import chosen, renders_of
from engine.weights.features import load_face_reader, load_identity_reader
from engine.weights.inverters import TrainedEncoder, load_encoder


@dataclass(frozen=True)
class Workshop:
    """What the stages of one recipe have in common.

    Attributes:
        inversion: the recipe's part that they are in.
        output: where the feature networks and the model are that were trained here.
        folder: of the stages' folders.
        faces: the generator that the networks are for.
    """

    recipe: Recipe
    inversion: InversionRecipe
    data: Path
    output: Path
    folder: Path
    faces: FaceSource

    @classmethod
    def opened(
        cls, recipe: Path, data: Path, output: Path, model: str | None, device: torch.device
    ) -> Workshop:
        """Read recipe and generator. Raises `BadRequest`, and as `faces_of`."""
        read = read_recipe(recipe)
        if read.inversion is None:
            raise BadRequest(
                f"The recipe {recipe} trains no networks that invert.", "Give it a table [inversion]."
            )
        faces = faces_of(model, output, device)
        return cls(read, read.inversion, data, output, inversion_folder(output, model), faces)

    def compositions(self, name: str) -> CompositionSource:
        """The recipe's compositions of that name; for a generator whose faces have no labels, of its own faces."""
        wanted = self.inversion.compositions[name]
        there = self.rendered_compositions(name)
        if isinstance(self.faces, StyleFaces):
            return SampledCompositions.of(self.faces, there, wanted.seed)
        return there

    def rendered_compositions(self, name: str) -> Compositions:
        """Raises `BadRequest` with the command that makes them."""
        return read_compositions(self.data / name, self.inversion.compositions[name])

    def encoder(self, device: torch.device) -> TrainedEncoder:
        """The encoder that was trained for this generator. Raises `BadRequest` where there is none."""
        stage = self.inversion.encoder
        path = self.folder / stage.name / WEIGHTS if stage else None
        if path is None or not path.exists():
            raise BadRequest(
                f"The generator has no trained encoder: there is no {path or 'such stage in the recipe'}.",
                "Run “python -m engine train encoder” with this recipe, output and model first.",
            )
        encoder = load_encoder(path, device)
        if encoder.generator != self.faces.origin:
            raise BadRequest(
                f"The encoder {path} was trained for another generator.",
                "Remove its folder and train it again.",
            )
        return encoder

    def feature_file(self, kind: str) -> Path:
        """The feature network that was trained here, else the embedded one."""
        trained = self.output / "features" / kind / WEIGHTS
        return trained if trained.exists() else EMBEDDED_MODELS / "features" / f"{kind}.safetensors"


def inversion_folder(output: Path, model: str | None) -> Path:
    """Where the stages' folders are. Raises `BadRequest` for what is no name of a model."""
    return (inside(output / "models", model) if model else output) / "inversion"


def train_encoder(
    recipe: Path, data: Path, output: Path, only: str | None, resume: bool, model: str | None = None
) -> list[Path]:
    """Train the encoder; returns its folder.

    It is for the model installed as `model`; without a name for the one in OUTPUT/model, else for the embedded one. For a
    generator whose faces have no labels it learns from its samples alone.

    Raises:
        BadRequest: the recipe, its pictures, the stage's name or the folder is not right.
        UnknownModel, ModelDamaged, TensorUnfit: of the generator or a feature network.
    """
    with team() as together:
        shop = Workshop.opened(recipe, data, output, model, together.device)
        stages = chosen([shop.inversion.encoder] if shop.inversion.encoder else [], only)
        for stage in stages:
            run(_encoder_task(shop, stage, together), shop.folder / stage.name, resume, together)
    return [shop.folder / stage.name for stage in stages]


def train_samm(
    recipe: Path,
    data: Path,
    output: Path,
    only: str | None,
    resume: bool,
    model: str | None = None,
    photographs: Path | None = None,
) -> list[Path]:
    """Train SAMM's stages, or the one called `only`, on compositions and the faces in the folder `photographs`.

    Otherwise as `train_encoder`, whose encoder it needs.
    """
    with team() as together:
        shop = Workshop.opened(recipe, data, output, model, together.device)
        stages = chosen(shop.inversion.samm, only)
        for stage in stages:
            run(_samm_task(shop, stage, photographs, together), shop.folder / stage.name, resume, together)
    return [shop.folder / stage.name for stage in stages]


def train_decomposer(
    recipe: Path, data: Path, output: Path, only: str | None, resume: bool, model: str | None = None
) -> list[Path]:
    """Train the decomposer. It serves every generator; `model` says whose faces it sees. Otherwise as `train_encoder`."""
    with team() as together:
        shop = Workshop.opened(recipe, data, output, model, together.device)
        stages = chosen([shop.inversion.decomposer] if shop.inversion.decomposer else [], only)
        for stage in stages:
            run(_decomposer_task(shop, stage, together), shop.folder / stage.name, resume, together)
    return [shop.folder / stage.name for stage in stages]


def _encoder_task(shop: Workshop, stage: EncoderStage, together: Team) -> EncoderTask:
    sets = None
    if not isinstance(shop.faces, ConditionalFaces):
        stage = stage.without_labels()
    elif stage.renders and stage.held_out:
        renders, held_out = (
            renders_of(shop.recipe, name, shop.data) for name in (stage.renders, stage.held_out)
        )
        composed = shop.rendered_compositions(stage.compositions) if stage.compositions else None
        sets = EncoderSets(renders, held_out, composed)
    face = shop.feature_file("face")
    features = load_face_reader(face, together.device)
    return EncoderTask(stage, shop.faces, sets, together, features, origin=digest(face))


def _samm_task(shop: Workshop, stage: SammStage, photographs: Path | None, together: Team) -> SammTask:
    files = [shop.feature_file(kind) for kind in ("face", "identity")]
    device = together.device
    readers = Readers(load_face_reader(files[0], device), load_identity_reader(files[1], device))
    return SammTask(
        stage,
        shop.faces,
        shop.encoder(device),
        shop.compositions(stage.compositions),
        shop.compositions(stage.held_out),
        together,
        readers,
        read_photographs(photographs, shop.faces.generator.config.resolution) if photographs else None,
        origin=" ".join(map(digest, files)),
    )


def _decomposer_task(shop: Workshop, stage: DecomposerStage, together: Team) -> DecomposerTask:
    # Compositions of a generator's own faces show what it makes already.
    faces = shop.faces if isinstance(shop.faces, ConditionalFaces) else None
    composed, held_out = (shop.compositions(name) for name in (stage.compositions, stage.held_out))
    return DecomposerTask(stage, composed, held_out, together, faces)
