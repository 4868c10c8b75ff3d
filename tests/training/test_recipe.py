"""Recipes are checked before anything is trained, and random numbers follow from them alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.cli import main
from engine.errors import BadRequest
from engine.paths import RECIPES
from engine.training import draws
from engine.training.rates import rate_at
from engine.training.recipe import Rate, read_recipe


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
    ],
)
def test_wrong_ones_say_where(tmp_path: Path, old: str, new: str, told: str):
    text = (RECIPES / "smoke.toml").read_text()
    assert old in text
    path = tmp_path / "recipe.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(BadRequest, match=told):
        read_recipe(path)


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
