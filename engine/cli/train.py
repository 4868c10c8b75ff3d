"""`python -m engine train` and `evaluate`: these compute in their own process, not in the engine."""

from __future__ import annotations

import argparse
import os

from engine.cli.report import Outcome


def train(options: argparse.Namespace) -> Outcome:
    """Run the stages of a recipe that are not done yet."""
    from engine.training.stages import train_features, train_generator  # torch only where it is needed

    run = {"generator": train_generator, "features": train_features}[options.what]
    done = run(options.recipe, options.data, options.output, options.stage, options.resume)
    folders = [str(folder) for folder in done]
    text = "\n".join(f"Trained: {folder}" for folder in folders)
    return Outcome({"stages": folders}, text, is_said=os.environ.get("RANK", "0") != "0")  # one of them says it


def evaluate(options: argparse.Namespace) -> Outcome:
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
