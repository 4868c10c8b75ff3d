"""Faults 27, 30 and 31, and the commands: what is installed is verified, listed, removed, and never damaged."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from engine.cli import main, models
from engine.errors import (
    BadRequest,
    FileUnsafe,
    ImportRefused,
    LikenessError,
    ModelDamaged,
    TensorUnfit,
    UnknownModel,
)
from engine.paths import EMBEDDED_MODELS, Home
from engine.settings import load_settings
from engine.spool import Spool
from engine.weights import __main__ as process
from engine.weights import importing
from engine.weights.imported import load_imported
from engine.weights.importing import import_model
from engine.weights.installed import installed_models, remove, verify
from engine.weights.store import load_model
from tests.weights import layouts

CPU = torch.device("cpu")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "generator.pt"
    torch.save(layouts.rosinality(layouts.generator_state(), torch.zeros(layouts.W_DIM)), path)
    return path


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """`engine.weights` as a function of this process: loading torch once is enough."""

    def lines(*arguments: str) -> list[str]:
        with contextlib.redirect_stdout(io.StringIO()) as said:
            process.main(list(arguments))
        return said.getvalue().splitlines()

    monkeypatch.setattr(models, "_lines", lines)


def test_f27_the_model_in_use_stays(home: Home, checkpoint: Path, tmp_path: Path) -> None:
    made = import_model([checkpoint], "mine", home)
    before = (made.folder / "model.safetensors").read_bytes()
    with pytest.raises(BadRequest, match="already"):
        import_model([checkpoint], "mine", home)
    torch.save({"g_ema": {"input.input": torch.zeros(1)}}, tmp_path / "bad.pt")
    with pytest.raises(TensorUnfit, match=r"conv1\.conv\.modulation\.weight is missing"):
        import_model([tmp_path / "bad.pt"], "other", home)
    assert (made.folder / "model.safetensors").read_bytes() == before
    assert [path.name for path in home.models.iterdir()] == ["mine"]


def test_f30_one_byte_flipped(home: Home, checkpoint: Path) -> None:
    made = import_model([checkpoint], "mine", home)
    assert verify("mine", home).whole
    path = made.folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(bytes(content))
    verdict = verify("mine", home)
    assert not verdict.whole
    assert "changed since it was installed" in verdict.sentence
    assert "generator.pt --name mine" in verdict.remedy
    assert (home.models / verdict.set_aside).is_dir()
    assert [model.name for model in installed_models(home)] == ["default"]
    assert import_model([checkpoint], "mine", home).sha256 == made.sha256
    assert load_model("default", home, CPU).resolution == 128


@pytest.mark.parametrize("damage", ["cut", "header", "record", "empty"])
def test_f30_other_damage(home: Home, checkpoint: Path, damage: str) -> None:
    made = import_model([checkpoint], "mine", home)
    path = made.folder / "model.safetensors"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-10])
    elif damage == "header":
        path.write_bytes(b"\xff" * 8 + path.read_bytes()[8:])
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        (made.folder / "model.json").write_text("[" * 100_000)
    if damage != "record":
        with pytest.raises(ModelDamaged):
            load_imported(path, "mine", CPU)
        with pytest.raises(LikenessError):
            load_model("mine", home, CPU)
    assert not verify("mine", home).whole


def test_f31_deleted_while_in_use(home: Home, checkpoint: Path) -> None:
    shutil.copytree(EMBEDDED_MODELS / "default", home.models / "copy")
    conditional = load_model("copy", home, CPU)
    made = import_model([checkpoint], "mine", home)
    imported = load_imported(made.folder / "model.safetensors", "mine", CPU)
    expected = imported.generator.mapping(torch.ones(1, layouts.W_DIM)).clone()
    for name in ("copy", "mine"):
        remove(name, home)
    assert not list(home.models.iterdir())
    assert conditional.generate(torch.zeros(1, len(conditional.parameters.names))).isfinite().all()
    assert torch.equal(imported.generator.mapping(torch.ones(1, layouts.W_DIM)), expected)
    with pytest.raises(UnknownModel):
        remove("mine", home)
    with pytest.raises(BadRequest, match="comes with Likeness"):
        remove("default", home)
    with pytest.raises(BadRequest):
        remove("../models", home)


def test_a_reader_that_dies_or_hangs(home: Home, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = checkpoint.parent / "reader.py"
    monkeypatch.setattr(importing, "_READER", script)
    script.write_text("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(FileUnsafe, match=r"without an answer \(SIGKILL\)"):
        import_model([checkpoint], "mine", home)
    script.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(importing, "_SECONDS", 1)
    with pytest.raises(FileUnsafe, match="more than 1 seconds"):
        import_model([checkpoint], "mine", home)
    assert not list(home.models.iterdir())


def test_no_space(home: Home, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(ImportRefused, match="are free"):
        import_model([checkpoint], "mine", home)


def test_what_an_interrupted_import_left_goes(home: Home, checkpoint: Path) -> None:
    home.create()
    (home.models / ".importing-old").mkdir()
    os.utime(home.models / ".importing-old", (0, 0))
    (home.models / ".importing-new").mkdir()
    import_model([checkpoint], "mine", home)
    assert {path.name for path in home.models.iterdir()} == {".importing-new", "mine"}


@pytest.mark.usefixtures("in_process")
def test_commands(home: Home, checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "import", str(checkpoint), "--name", "mine"]) == 0
    said = capsys.readouterr().out
    for word in ("Imported as “mine”", "rosinality", "32 px, widths 16 16 12 8", "latent average in the file"):
        assert word in said
    for word in (
        "Missing: an encoder",
        "Missing: SAMM",
        "20 directions were discovered",
        "edits by painting new pixels",
    ):
        assert word in said
    assert main(["models", "import", str(checkpoint), "--name", "mine", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "bad_request"
    assert main(["models", "list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "default: 128 px, embedded, in use",
        "mine: 32 px, 0 MB",
    ]
    assert main(["models", "verify"]) == 0
    assert "mine: It is what was installed, byte for byte." in capsys.readouterr().out
    (home.models / "mine" / "model.safetensors").write_bytes(b"x")
    assert main(["models", "list"]) == 0
    assert "mine: damaged: model.safetensors cannot be read" in capsys.readouterr().out
    assert main(["models", "verify", "mine", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["models"][0]["set_aside"] == "mine.damaged-1"
    assert main(["models", "remove", "mine.damaged-1"]) == 0
    assert main(["models", "remove", "mine"]) == 1
    assert "No model named “mine” is installed." in capsys.readouterr().err


@pytest.mark.usefixtures("in_process")
def test_the_model_that_is_used(home: Home, checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Until it is removed."""
    import_model([checkpoint], "mine", home)
    assert main(["models", "use", "mine"]) == 0
    assert load_settings(home).model == "mine"
    assert main(["models", "use", "theirs"]) == 1
    capsys.readouterr()
    assert main(["models", "list"]) == 0
    assert capsys.readouterr().out.splitlines() == ["default: 128 px, embedded", "mine: 32 px, 0 MB, in use"]
    assert main(["models", "remove", "mine"]) == 0
    assert load_settings(home).model == "default"


@pytest.mark.usefixtures("in_process")
def test_strips_for_the_window(home: Home, checkpoint: Path) -> None:
    """Without a folder they are pictures of the engine's spool."""
    import_model([checkpoint], "mine", home)
    wishes = json.dumps({"hide": ["pca-1"], "strips": "changed"})
    *progress, answer = map(json.loads, models._lines("directions", "mine", wishes))
    assert {line["event"] for line in progress} == {"progress"}
    (picture,) = answer["strips"].values()
    assert Spool(home.spool).read(picture["id"]).shape == (32, 5 * 32, 3)
    assert [one["name"] for one in answer["directions"] if one["hidden"]] == ["pca-1"]


@pytest.mark.parametrize("arguments", [[], ["import"], ["import", "a.pt"], ["remove"], ["grow"]])
def test_wrong_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["models", *arguments])
    assert caught.value.code == 2
