from __future__ import annotations

from pathlib import Path

import pytest
import torch

from almanac.training.recipe import Recipe, load_recipe, resolve
from schemas.errors import ConfigError


@pytest.mark.parametrize("method", ["sft", "dpo", "kto"])
def test_each_method_has_a_recipe(method: str) -> None:
    recipe = load_recipe(method)
    assert recipe.method == method
    assert recipe.batch_size == 8


def test_overrides_win_and_none_leaves_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("method: dpo\nlearning_rate: 1e-4\nlora: {r: 8}\nepochs: 3\n")
    recipe = load_recipe(file, max_steps=5, threads=1, epochs=None)
    assert recipe == Recipe(
        method="dpo", learning_rate=1e-4, lora={"r": 8}, epochs=3, max_steps=5, threads=1
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("method: sft\nlearning_rate: 1e-4\nwarmpu: 0.1", "warmpu: Extra inputs"),
        ("method: sft\nlearning_rate: 0", "learning_rate: Input should be greater than 0"),
        ("method: sft\nlearning_rate: 1\nlora: {r: 128}", "lora.r: Input should be less than or"),
        ("method: sft\nlearning_rate: 1\nsave_steps: 4", "as a whole: .*save_steps eval_steps"),
        ("method: kto\nlearning_rate: 1\nmicro_batch: 1", "as a whole: .*must have 2 examples"),
        ("method: sft\nlearning_rate: 1\nmicro_batch: 3", "as a whole: .*micro_batch must divide"),
        ("method: [", "is not valid YAML"),
        ("just text", "holds no table"),
    ],
)
def test_a_wrong_recipe_is_refused_by_its_key(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_recipe(file)


def test_an_unknown_recipe_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="there is no recipe ppo: say dpo, kto, sft"):
        load_recipe("ppo")


def test_steps_are_those_of_the_epochs_or_fewer() -> None:
    recipe = load_recipe("sft", epochs=2)
    assert [recipe.steps(rows) for rows in (1, 8, 9, 250)] == [2, 2, 4, 64]
    assert load_recipe("sft", epochs=2, max_steps=3).steps(250) == 3


@pytest.mark.skipif(torch.cuda.is_available(), reason="asserts what holds without a GPU")
def test_nothing_stays_open_where_there_is_no_gpu() -> None:
    found = resolve(load_recipe("kto"), desirable=10, undesirable=40)
    assert (found.device, found.micro_batch, found.gradient_accumulation) == ("cpu", 4, 2)
    assert found.precision in ("float32", "bfloat16")
    assert resolve(found, 1, 1) == found
    assert resolve(load_recipe("sft")).gradient_accumulation == 8
    assert (found.desirable_weight, found.undesirable_weight) == (4.0, 1.0)
    assert resolve(load_recipe("kto", desirable_weight=2.0), 10, 40).desirable_weight == 2.0
    only_wrong = resolve(load_recipe("kto"), desirable=0, undesirable=5)
    assert (only_wrong.desirable_weight, only_wrong.undesirable_weight) == (1.0, 1.0)
    with pytest.raises(ConfigError, match="there is no such device"):
        resolve(load_recipe("sft", device="cuda"))
    with pytest.raises(ConfigError, match="4bit needs a GPU"):
        resolve(load_recipe("sft", precision="4bit"))
