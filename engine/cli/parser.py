"""The commands and their options. Everything wrong with them ends with exit code 2."""

from __future__ import annotations

import argparse
import importlib
import math
import os
from collections.abc import Callable
from pathlib import Path

from engine import __version__
from engine.cli.report import Outcome
from engine.paths import RECIPES
from engine.settings import PRESETS


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m engine", description="Invert, edit and blend faces; everything stays on this machine."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_work(commands)
    _add_control(commands)
    _add_models(commands)
    _add_training(commands)
    return parser


def _add_work(commands: argparse._SubParsersAction) -> None:
    invert = _command(commands, "invert", "photographs.invert", "find faces and invert them into the generator")
    _add_photo(invert)
    invert.add_argument(
        "-o", "--output", type=Path, metavar="DIR", required=True, help="a folder for the results"
    )
    invert.add_argument(
        "--flow", type=_file, metavar="FILE", help="write the alignment flow as well: .npy, or .png to look at"
    )

    edit = _command(commands, "edit", "photographs.edit", "edit faces along directions")
    _add_photo(edit)
    edit.add_argument("--set", type=_edit, action="append", required=True, metavar="NAME=NUMBER", dest="edits")
    edit.add_argument("-o", "--output", type=_file, metavar="OUT", required=True, help="the picture to write")
    _add_editing(edit)

    batch = _command(
        commands, "batch", "batch.batch", "edit a folder of photographs; goes on where it was stopped"
    )
    batch.add_argument("folder", type=Path, metavar="DIR", help="the photographs")
    batch.add_argument("-o", "--output", type=Path, metavar="DIR", required=True, help="for the results")
    batch.add_argument("--set", type=_edit, action="append", required=True, metavar="NAME=NUMBER", dest="edits")
    _add_choices(batch)
    _add_editing(batch)
    batch.add_argument("--jobs", type=_positive, default=1, metavar="N", help="so many at a time (1)")
    batch.add_argument(
        "--attended",
        action="store_true",
        help="for programs: progress as lines of JSON on stderr; it stops when its standard input is closed",
    )
    batch.add_argument(
        "--ray", metavar="ADDRESS", help="on a Ray cluster, such as auto or host:6379 (pip install ray)"
    )

    restore = _command(commands, "restore", "photographs.restore", "fill damage in faces from what is left")
    restore.add_argument("photo", type=Path, metavar="PHOTO")
    restore.add_argument(
        "--region", type=Path, metavar="MASK", required=True, help="as large as the photograph; white is filled"
    )
    restore.add_argument(
        "-o", "--output", type=_file, metavar="OUT", required=True, help="the picture to write"
    )
    _add_effort(restore)
    restore.add_argument("--model", metavar="NAME", help="default: the embedded one")

    dialog = _command(commands, "dialog", "photographs.dialog", "open the same window as in GIMP on a file")
    dialog.add_argument("window", choices=("invert", "edit"))
    _add_photo(dialog)
    dialog.add_argument("-o", "--output", type=_file, metavar="OUT", help="the picture to write")


def _add_control(commands: argparse._SubParsersAction) -> None:
    directions = _command(commands, "directions", "control.directions", "list what can be edited")
    directions.add_argument("--model", metavar="NAME")
    serve = _command(commands, "serve", "control.serve", "be the engine, until stopped")
    serve.add_argument("--memory", type=_positive, metavar="MB", help="that the worker may take, at most")
    _command(commands, "status", "control.status", "ask the running engine how it is")
    _command(commands, "stop", "control.stop", "end the running engine")
    _command(commands, "settings", "control.settings", "open the window with the settings")
    doctor = _command(commands, "doctor", "doctor.doctor", "look for what may be wrong")
    doctor.add_argument(
        "--bundle", type=Path, metavar="ZIP", help="collect what helps to find a fault; no pictures, no names"
    )
    forget = _command(
        commands, "forget", "forget.forget", "remove inversions, and the pictures that lie with them"
    )
    which = forget.add_mutually_exclusive_group()
    which.add_argument(
        "--all", action="store_true", help="all; only pictures of running jobs and of the last minute stay"
    )
    which.add_argument("id", nargs="?", metavar="ID", help="one; without it they are listed")


def _add_models(commands: argparse._SubParsersAction) -> None:
    description = (
        "bring your own StyleGAN2: import or download checkpoints, look after models and their directions"
    )
    models = commands.add_parser("models", help=description, description=description)
    actions = models.add_subparsers(title="actions", required=True, metavar="ACTION")
    bring = _command(
        actions, "import", "models.import_", "make one model of checkpoint files; no code in them runs"
    )
    bring.add_argument(
        "files", type=Path, nargs="+", metavar="FILE", help="generator, encoder, SAMM, directions"
    )
    bring.add_argument("--name", required=True, metavar="NAME", help="what the model will be called")
    listed = _command(actions, "list", "models.list_", "the models that are installed")
    listed.add_argument("--all", action="store_true", help="those that can be downloaded, too")
    fetch = _command(actions, "download", "models.download", "fetch a model of the catalogue and import it")
    fetch.add_argument("name", metavar="NAME", help="as `models list --all` says")
    fetch.add_argument("--as", dest="as_", metavar="NAME", help="what the model will be called")
    fetch.add_argument("--accept-licence", action="store_true", help="you have read its terms and accept them")
    export = _command(actions, "export", "models.export", "write a model as one safetensors file")
    export.add_argument("name", metavar="NAME")
    export.add_argument("-o", "--output", type=_file, required=True, metavar="FILE")
    _add_model_directions(actions)
    use = _command(actions, "use", "models.use", "choose the model that is used where none is named")
    use.add_argument("name", metavar="NAME")
    _command(actions, "dialog", "models.dialog", "open the window that does all this")
    verify = _command(actions, "verify", "models.verify", "whether models are still what was installed")
    verify.add_argument("name", nargs="?", metavar="NAME", help="default: all")
    remove = _command(actions, "remove", "models.remove", "delete an imported model")
    remove.add_argument("name", metavar="NAME")


def _add_model_directions(actions: argparse._SubParsersAction) -> None:
    directions = _command(
        actions, "directions", "models.directions", "discover a model's edit directions, name, flip, hide them"
    )
    directions.add_argument("name", metavar="NAME", help="of the model")
    directions.add_argument(
        "--discover", choices=("sefa", "pca", "both"), help="find directions, and label them"
    )
    directions.add_argument("--count", type=_positive, default=10, metavar="N", help="of each method (10)")
    for option, what in (("flip", "turn it round"), ("hide", "do not offer it"), ("show", "offer it again")):
        directions.add_argument(f"--{option}", action="append", default=[], metavar="DIRECTION", help=what)
    directions.add_argument(
        "--scale", type=_edit, action="append", default=[], metavar="DIRECTION=NUMBER", help="make steps longer"
    )
    directions.add_argument("--rename", type=_renaming, action="append", default=[], metavar="OLD=NEW")
    directions.add_argument("--strips", type=Path, metavar="DIR", help="write preview strips, PNG")


def _add_training(commands: argparse._SubParsersAction) -> None:
    train = _command(commands, "train", "train.train", "train the embedded default's networks on renders")
    train.add_argument("what", choices=("generator", "features", "model", "encoder", "samm", "decomposer"))
    train.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    train.add_argument(
        "--photographs",
        type=Path,
        metavar="DIR",
        help="for samm: a folder of your photographs, to learn from as well",
    )
    evaluate = _command(commands, "evaluate", "train.evaluate", "measure trained networks")
    evaluate.add_argument(
        "what",
        choices=("generator", "directions", "features", "decomposition", "inversion", "edits", "restoration"),
    )
    evaluate.add_argument(
        "--photographs",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="for features: of one person each; for inversion, edits, restoration: files or folders",
    )
    evaluate.add_argument(
        "--samples", type=_positive, default=64, metavar="N", help="faces drawn at random (64)"
    )
    evaluate.add_argument(
        "--limit", type=_positive, metavar="N", help="for all but the first three: so many of each set, not all"
    )
    evaluate.add_argument(
        "--seed",
        type=_count,
        default=0,
        metavar="S",
        help="for the same: which of them (0); for restoration the holes, too",
    )
    _add_effort(evaluate)
    for command in (train, evaluate):
        command.add_argument(
            "--model",
            metavar="NAME",
            help="for all but generator, directions, features, model: an installed one; default: the one in OUTPUT/model, "
            "else the embedded one; for inversion, edits, restoration always that",
        )
        command.add_argument("--recipe", type=Path, default=RECIPES / "default.toml", metavar="TOML")
        command.add_argument(
            "--data", type=Path, default=Path("build/renders"), metavar="DIR", help="where the renders are"
        )
        command.add_argument("-o", "--output", type=Path, default=Path("build/training"), metavar="DIR")
        command.add_argument("--stage", metavar="NAME", help="only this stage of the recipe")


def _command(
    commands: argparse._SubParsersAction, name: str, function: str, description: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=description, description=description)
    parser.add_argument("--json", action="store_true", help="print one machine-readable object on stdout")
    parser.set_defaults(run=_loaded_when_run(function))
    return parser


def _loaded_when_run(function: str) -> Callable[[argparse.Namespace], Outcome]:
    """`module.function` of this package. `serve` has no use for Pillow, nor `invert` for FastAPI."""
    module, _, name = function.partition(".")
    return lambda options: getattr(importlib.import_module(f"engine.cli.{module}"), name)(options)


def _add_photo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("photo", type=Path, metavar="PHOTO")
    _add_choices(parser)


def _add_choices(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--face", type=_count, default=0, metavar="N", help="the N-th largest face; 0 = all (the default)"
    )
    _add_effort(parser)
    parser.add_argument("--model", metavar="NAME", help="default: the embedded one")


def _add_editing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--keep-identity",
        type=_share,
        metavar="T",
        help="weaken all strengths of a face together until its identity similarity is T or more, 0…1",
    )
    parser.add_argument(
        "--blend",
        choices=("replace", "transfer"),
        help="take generated pixels, or move the photograph's own; default: what suits model and face",
    )


def _add_effort(parser: argparse.ArgumentParser) -> None:
    effort = parser.add_mutually_exclusive_group()
    effort.add_argument(
        "--refine-steps",
        type=_count,
        metavar="N",
        help="steps of an inversion; default: as in settings.json, else 80",
    )
    effort.add_argument(
        "--preset",
        type=_preset,
        dest="refine_steps",
        metavar="NAME",
        help=f"the same as a word: {', '.join(PRESETS)}",
    )


def _preset(text: str) -> int:
    if text not in PRESETS:
        raise argparse.ArgumentTypeError(f"“{text}” is none of {', '.join(PRESETS)}")
    return PRESETS[text]


def _file(text: str) -> Path:
    if text.endswith(("/", os.sep)):
        raise argparse.ArgumentTypeError(f"“{text}” is a folder; name a file in it")
    return Path(text)


def _positive(text: str) -> int:
    if not (number := _count(text)):
        raise argparse.ArgumentTypeError("expected 1 or more")
    return number


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"“{text}” is not a whole number from 0 on")
    return int(text)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"“{text}” is not a number from 0 to 1")
    return share


def _edit(text: str) -> tuple[str, float]:
    """`name=number`."""
    name, equals, number = text.partition("=")
    try:
        strength = float(number)
    except ValueError:
        strength = math.nan
    if not name or not equals or not math.isfinite(strength):
        raise argparse.ArgumentTypeError(f"“{text}” is not of the form NAME=NUMBER, such as smile=1.0")
    return name, strength


def _renaming(text: str) -> tuple[str, str]:
    """`old=new`."""
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise argparse.ArgumentTypeError(f"“{text}” is not of the form OLD=NEW")
    return old, new
