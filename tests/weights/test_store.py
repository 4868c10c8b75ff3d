"""Loading models: the embedded one, and files that do not hold what they promise."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.editing.directions import effective_edits
from engine.errors import BadRequest, ModelDamaged, UnknownDirection, UnknownModel
from engine.paths import EMBEDDED_MODELS, Home
from engine.weights.store import load_model, read_weights

CPU = torch.device("cpu")


@pytest.fixture
def imported(home: Home) -> Path:
    """A copy of the embedded model, in the home, under the name `mine`."""
    home.create()
    folder = home.models / "mine"
    shutil.copytree(EMBEDDED_MODELS / "default", folder)
    return folder


def test_the_embedded_default_makes_faces(home: Home) -> None:
    model = load_model("default", home, CPU)
    image = model.generate(torch.zeros(2, len(model.parameters.names)))
    assert image.shape == (2, 3, 128, 128)
    assert image.abs().max() < 3
    assert {"smile", "brows", "pitch", "yaw", "face-width", "light", "make-up", "skin-tone", "gaze"} <= set(
        model.directions
    )


def test_an_unknown_name(home: Home) -> None:
    with pytest.raises(UnknownModel):
        load_model("nobody", home, CPU)
    with pytest.raises(BadRequest):
        load_model("../default", home, CPU)


@pytest.mark.parametrize(
    "damage", ["nan", "missing", "shape", "metadata", "cut", "directions", "range", "text", "spread"]
)
def test_damage_is_named_and_the_embedded_model_still_loads(imported: Path, home: Home, damage: str) -> None:
    path, table = imported / "model.safetensors", imported / "directions.toml"
    tensors = load_file(path)
    metadata, _ = read_weights(path, CPU)
    if damage == "nan":
        tensors["generator.conv1.conv.weight"][0, 0, 0, 0, 0] = float("nan")
    elif damage == "missing":
        del tensors["mapping.map.1.bias"]
    elif damage == "shape":
        tensors["parameters.mean"] = tensors["parameters.mean"][:-1].clone()
    elif damage == "spread":
        tensors["parameters.std"] = tensors["parameters.std"] * 0
    elif damage == "metadata":
        metadata = {}
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "directions":
        table.write_text(table.read_text().replace("smile = 0.3339", "grin = 0.3339"))
    elif damage == "text":
        table.write_text(table.read_text().replace("minimum = -2.7", 'minimum = "little"', 1))
    elif damage == "range":
        table.write_text(table.read_text().replace("maximum = 2.0", "maximum = -3.0", 1))
    else:
        save_file(tensors, path, metadata)
    with pytest.raises(ModelDamaged):
        load_model("mine", home, CPU)
    assert load_model("default", home, CPU).resolution == 128


def test_edits_are_checked(home: Home) -> None:
    model = load_model("default", home, CPU)
    asked = {"light": 0.5, "smile": -1.0, "brows": 0.0}
    assert effective_edits(model, asked) == ({"smile": -1.0, "light": 0.5}, [])
    with pytest.raises(UnknownDirection, match="smile"):
        effective_edits(model, {"grin": 1.0})
    weakened, (note,) = effective_edits(model, {"smile": 4.0, "yaw": -0.5})
    assert weakened == {"smile": 2.0, "yaw": -0.5}
    assert note.startswith("Smile +4 is more")
