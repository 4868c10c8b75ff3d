"""`python -m engine train` and `evaluate`: these compute in their own process, not in the engine."""

from __future__ import annotations

import argparse
import os
from functools import partial
from typing import TYPE_CHECKING

from engine.cli.report import Outcome
from engine.errors import BadRequest
from engine.settings import PRESETS

if TYPE_CHECKING:
    from engine.evaluation.inversion import Wishes

_OF_A_MODEL = ("encoder", "samm", "decomposer", "decomposition", "inversion", "edits", "restoration")


def train(options: argparse.Namespace) -> Outcome:
    """Run the stages of a recipe that are not done yet."""
    _check_model(options)
    if options.photographs and options.what != "samm":
        raise BadRequest(f"--photographs is not for {options.what}.", "Leave it out, or train samm.")
    from engine.training import inversion_stages, stages  # torch only where it is needed

    train_it = {
        "generator": stages.train_generator,
        "features": stages.train_features,
        "model": stages.train_model,
        "encoder": partial(inversion_stages.train_encoder, model=options.model),
        "samm": partial(inversion_stages.train_samm, model=options.model, photographs=options.photographs),
        "decomposer": partial(inversion_stages.train_decomposer, model=options.model),
    }[options.what]
    done = train_it(options.recipe, options.data, options.output, options.stage, options.resume)
    folders = [str(folder) for folder in done]
    text = "\n".join(f"Trained: {folder}" for folder in folders)
    return Outcome({"stages": folders}, text, is_said=os.environ.get("RANK", "0") != "0")  # one of them says it


def evaluate(options: argparse.Namespace) -> Outcome:
    """Measure what training left."""
    _check_model(options)
    measure = {
        "generator": _evaluate_generator,
        "directions": _evaluate_directions,
        "features": _evaluate_features,
        "decomposition": _evaluate_decomposition,
        "inversion": _evaluate_inversion,
        "edits": _evaluate_edits,
        "restoration": _evaluate_restoration,
    }[options.what]
    return measure(options)


def _check_model(options: argparse.Namespace) -> None:
    """Raises `BadRequest` where a model is named that what is asked for has no use for."""
    if options.model and options.what not in _OF_A_MODEL:
        raise BadRequest(
            f"--model is not for {options.what}.", f"Leave it out; it is for {', '.join(_OF_A_MODEL)}."
        )


def _evaluate_generator(options: argparse.Namespace) -> Outcome:
    """Measure what a stage of the generator's training left, on the renders held out for it."""
    from dataclasses import asdict

    from engine.evaluation.generator import evaluate as measure
    from engine.training.loop import WEIGHTS
    from engine.training.stages import generator_stage, renders_of

    recipe, stage = generator_stage(options.recipe, options.stage)
    folder = options.output / "generator" / stage.name
    held_out = renders_of(recipe, stage.held_out, options.data)
    figures = measure(folder / WEIGHTS, held_out, folder / "evaluation", options.samples)
    return Outcome(asdict(figures), f"{figures.markdown()}\n\nPictures: {folder / 'evaluation'}")


def _evaluate_directions(options: argparse.Namespace) -> Outcome:
    """Make the directions of a stage's generator and say which of them move what they should not."""
    from engine.evaluation.directions import evaluate_directions
    from engine.training.loop import WEIGHTS
    from engine.training.stages import generator_stage, renders_of

    recipe, stage = generator_stage(options.recipe, options.stage)
    folder = options.output / "generator" / stage.name
    renders = renders_of(recipe, stage.renders, options.data)
    report = evaluate_directions(folder / WEIGHTS, renders, folder / "evaluation", options.samples)
    who = [f"{name}: {stray.attribute}, {stray.said} of its own" for name, stray in report.straying.items()]
    text = f"Straying by more than a third: {len(who)} of {len(report.strays)} directions."
    return Outcome(report.as_json(), "\n".join([text, *who, f"Tables and pictures: {folder / 'evaluation'}"]))


def _evaluate_features(options: argparse.Namespace) -> Outcome:
    """Measure the shipped feature networks, or the one that a stage left, on held-out renders and photographs."""
    from engine.evaluation.features import evaluate_features, photographs_of_the_repository

    photographs = options.photographs or photographs_of_the_repository()
    report, folder = evaluate_features(options.recipe, options.data, options.output, options.stage, photographs)
    return Outcome(report.as_json(), f"{report.markdown()}\n\nPictures: {folder}")


def _evaluate_inversion(options: argparse.Namespace) -> Outcome:
    """Methods × held-out renders, compositions and photographs × figures."""
    from engine.evaluation.inversion import evaluate_inversion

    report, folder = evaluate_inversion(_wishes(options))
    return Outcome(report.as_json(), f"{report.markdown()}\n\nPictures: {folder}")


def _evaluate_edits(options: argparse.Namespace) -> Outcome:
    """What each direction moves, whom it leaves, and whether the rest stays."""
    from engine.evaluation.edits import evaluate_edits

    data, text, folder = evaluate_edits(_wishes(options))
    return Outcome(data, f"{text}\n\nPictures: {folder}")


def _evaluate_restoration(options: argparse.Namespace) -> Outcome:
    """Random holes in faces, filled by us and by what knows no faces."""
    from engine.evaluation.restoration import evaluate_restoration

    data, text, folder = evaluate_restoration(_wishes(options))
    return Outcome(data, f"{text}\n\nPictures: {folder}")


def _wishes(options: argparse.Namespace) -> Wishes:
    from engine.evaluation.features import photographs_of_the_repository
    from engine.evaluation.inversion import Wishes

    return Wishes(
        recipe=options.recipe,
        data=options.data,
        output=options.output,
        model=options.model,
        photographs=options.photographs or photographs_of_the_repository(),
        seed=options.seed,
        limit=options.limit,
        refine_steps=PRESETS["balanced"] if options.refine_steps is None else options.refine_steps,
    )


def _evaluate_decomposition(options: argparse.Namespace) -> Outcome:
    """Measure encoder, SAMM and decomposer on held-out compositions, against thresholds."""
    from engine.evaluation.decomposition import evaluate_decomposition

    report, folder = evaluate_decomposition(
        options.recipe, options.data, options.output, options.model, options.seed, options.limit
    )
    return Outcome(report.as_json(), f"{report.markdown()}\n\nPictures: {folder}")
