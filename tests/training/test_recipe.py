"""Recipes are checked before anything is trained, and random numbers follow from them alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.cli import main
from engine.errors import BadRequest
from engine.paths import RECIPES
from engine.training import draws
from engine.training.face_task import FaceTask
from engine.training.generator import GeneratorTask
from engine.training.parallel import Team
from engine.training.rates import rate_at
from engine.training.recipe import Recipe, read_recipe
from engine.training.renders import read_renders
from engine.training.tables import Rate


@pytest.mark.parametrize("name", ["default", "smoke"])
def test_ours_are_right(name: str):
    recipe = read_recipe(RECIPES / f"{name}.toml")
    assert recipe.generator.stages[0].steps > 0
    for stage in recipe.generator.stages:
        assert 4 << len(recipe.generator.channels) > stage.resolution


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('renders = "tiny"', 'renders = "gone"', "no renders named gone"),
        ("resolution = 32", "resolution = 64", "does not pass through"),
        ("resolution = 32", "resolution = 24", "does not pass through"),
        ("train_from = 16", "train_from = 64", "nothing to train from"),
        ("seed = 1\nsize = 32", "seed = 1\nsize = 40", "no multiple of its resolution"),
        ("seed = 2", "seed = 1", "held out has the seed"),
        ('name = "regression-32"', 'name = "regression-16"', "the same name"),
        ('name = "regression-32"', 'name = "../x"', "generator.stages.1.name"),
        ("batch = 8", "batch = 0", "generator.stages.0.batch"),
        ("seed = 1", "sede = 1", r"renders\.tiny\.seed"),
        ("[generator]", "[generator", "cannot be read"),
        ('compositions = "tiny-composed"', 'compositions = "gone"', "no compositions named gone"),
        ('held_out = "tiny-held-out-composed"', 'held_out = "gone"', "no compositions named gone"),
        (
            'renders = "tiny"\nheld_out = "tiny-held-out"\ncompositions',
            'renders = "gone"\nheld_out = "tiny"\ncompositions',
            "gone",
        ),
        ("count = 16\nseed = 7", "count = 16\nseed = 6", "held out has the seed"),
        ("count = 16\nseed = 7", "count = 16\nseed = 1", "held out has the seed"),
        ("tiny-composed", "tiny", "both named tiny"),
        ('name = "samm-published"', 'name = "samm"', "the same name"),
        ("seed = 6\nsize = 32", "seed = 6\nsize = 40", "stage encoder: the side of its renders"),
        ("scales = [8, 16, 32]", "scales = [16, 8, 32]", "coarse to fine"),
    ],
)
def test_wrong_ones_say_where(tmp_path: Path, old: str, new: str, told: str):
    text = (RECIPES / "smoke.toml").read_text()
    assert old in text
    path = tmp_path / "recipe.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(BadRequest, match=told):
        read_recipe(path)


def test_the_networks_that_invert_change_no_other_run(tiny_data: Path):
    """What a run may be resumed by does not depend on them."""
    recipe = read_recipe(RECIPES / "smoke.toml")
    renders, held_out = (
        read_renders(tiny_data / name, recipe.renders[name]) for name in ("tiny", "tiny-held-out")
    )

    def described(one: Recipe) -> list[str]:
        generator = [
            GeneratorTask(one.generator, stage, renders, held_out, Team()) for stage in one.generator.stages
        ]
        features = [FaceTask(one.features.stages[0], renders, held_out, Team())]
        return [task.described for task in (*generator, *features)]

    without = Recipe.model_validate(recipe.model_dump(exclude={"inversion"}))
    assert without.inversion is None
    assert described(without) == described(recipe)
    # As it was before there were any.
    assert described(recipe)[0] == (
        '[32, 2, [32, 32, 32, 16], {"adversarial": null, "batch": 8, "ema_images": 80, "features": 0.0, "held_out": '
        '"tiny-held-out", "images": 160, "name": "regression-16", "rate": {"first": 0.02, "last": 0.005, "warm_up": 5}, '
        '"renders": "tiny", "resolution": 16, "seed": 1, "train_from": 4}, '
        '"RenderSet(count=32, seed=1, size=32, views=2) format 2", '
        '"RenderSet(count=16, seed=2, size=32, views=2) format 2", ""]'
    )


def test_the_command_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    recipe = str(RECIPES / "smoke.toml")
    arguments = ["train", "generator", "--recipe", recipe, "--data", str(tmp_path), "-o", str(tmp_path / "out")]
    assert main(arguments) == 1
    assert "python -m models.faces render --count 32 --seed 1 --size 32" in capsys.readouterr().err
    assert main([*arguments, "--stage", "nonsense"]) == 1
    assert "regression-16" in capsys.readouterr().err


@pytest.mark.parametrize("samples", ["0", "-1", "many"])
def test_a_number_of_samples_is_one_or_more(samples: str):
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "generator", "--samples", samples])
    assert ended.value.code == 2


def test_every_item_is_dealt_once_a_pass():
    dealt = torch.cat([draws.batch_indices(7, step, 4, 10) for step in range(5)])
    for one_pass in dealt.split(10):
        assert sorted(one_pass.tolist()) == list(range(10))
    assert dealt[:10].tolist() != dealt[10:].tolist()
    assert torch.equal(draws.batch_indices(7, 3, 4, 10), dealt[12:16])


def test_places_draw_apart():
    first, again, other = (torch.randn(4, generator=draws.generator(1, "noise", k)) for k in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_rates_warm_up_and_fall():
    rate = Rate(first=1e-2, last=1e-3, warm_up=10)
    values = [rate_at(rate, k, 100) for k in range(100)]
    assert values[0] < 2e-3
    assert max(values) == values[10]
    assert values[10:] == sorted(values[10:], reverse=True)
    assert values[-1] == pytest.approx(1e-3, rel=0.01)
