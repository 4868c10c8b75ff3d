"""`python -m engine train` and `evaluate`: these compute in their own process, not in the engine."""

from __future__ import annotations

import argparse
import os

from engine.cli.report import Outcome


def train(options: argparse.Namespace) -> Outcome:
    """Run the stages of a recipe that are not done yet."""
    from engine.training import stages  # torch only where it is needed

    train_it = {
        "generator": stages.train_generator,
        "features": stages.train_features,
        "model": stages.train_model,
    }[options.what]
    done = train_it(options.recipe, options.data, options.output, options.stage, options.resume)
    folders = [str(folder) for folder in done]
    text = "\n".join(f"Trained: {folder}" for folder in folders)
    return Outcome({"stages": folders}, text, is_said=os.environ.get("RANK", "0") != "0")  # one of them says it


def evaluate(options: argparse.Namespace) -> Outcome:
    """Measure what training left."""
    measure = {
        "generator": _evaluate_generator,
        "directions": _evaluate_directions,
        "features": _evaluate_features,
    }[options.what]
    return measure(options)


def _evaluate_generator(options: argparse.Namespace) -> Outcome:
    """Measure what a stage of the generator's training left, on the renders held out for it."""
    from dataclasses import asdict

    from engine.evaluation.generator import evaluate as measure
    from engine.training.loop import WEIGHTS
    from engine.training.stages import generator_stage, renders_of

    recipe, stage = generator_stage(options.recipe, options.stage)
    folder = options.output / "generator" / stage.name
    held_out = renders_of(recipe, stage.held_out, options.data)
    figures = asdict(measure(folder / WEIGHTS, held_out, folder / "evaluation", options.samples))
    lines = [f"{name}: {value:.4g}" for name, value in figures.items()]
    return Outcome(figures, "\n".join([*lines, f"Pictures: {folder / 'evaluation'}"]))


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
