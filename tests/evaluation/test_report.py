from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from almanac.evaluation import plots
from almanac.evaluation.gate import judge_adapter
from almanac.evaluation.report import page
from almanac.training.base import Base
from almanac.training.jobs import Job
from almanac.training.recipe import Recipe
from schemas.settings import TuningSettings
from tests.evaluation.made_up import LONG, RIGHT, WRONG, scored

PNG = b"\x89PNG\r\n\x1a\n"
RULES = TuningSettings(min_questions=10, min_golden=0)
MERGED = {"max_abs_difference": 1e-4, "tolerance": 1e-3, "passed": True}
LOSSES = [
    (0, None, 2.4),
    (5, 2.3, None),
    (10, 1.4, 1.6),
    (15, 1.0, None),
    (20, 0.8, 1.3),
    (30, 0.5, 1.5),
]
MANIFEST: dict[str, Any] = {
    "dataset": "d" * 64,
    "counts": {
        "cause": {"liked": 20, "model_fault": 50},
        "origin": {"correction": 50, "like": 20},
        "lang": {"en": 40, "ru": 30},
        "source": {"halueval-qa": 70},
        "side": {"train": 60},
    },
    "views": {"sft": {"train": 60, "held_back": 10}},
    "dropped": {"near_duplicate": 3, "flood": 1},
    "masked": {"email": 2},
}


@pytest.fixture
def job(tmp_path: Path) -> Job:
    base = Base("tiny/llama", tmp_path, "r1", "0" * 64, None)
    spec = {
        "adapter_id": "abcdef0123456789" * 4,
        "recipe": Recipe(method="sft", learning_rate=2e-4).model_dump(mode="json"),
        "base": base.as_json(),
    }
    rows = [
        {"step": step, "of": 30, "loss": loss, "eval_loss": held} for step, loss, held in LOSSES
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows) + '{"step": 31, "lo'
    (tmp_path / "progress.jsonl").write_text(lines, encoding="utf-8")
    (tmp_path / "metrics.json").write_text('{"best_step": 20, "steps": 30}', encoding="utf-8")
    return Job(tmp_path, spec)


def found() -> list[Any]:
    held = [(WRONG, RIGHT)] * 12 + [(LONG, RIGHT)] * 6 + [(RIGHT, "The | <b>printer</b>\n# 1")] * 2
    return scored(
        (-0.5, 1.0),
        held_back=[*held, (None, None)],
        golden=[(RIGHT, RIGHT)] * 14,
        liked=[(LONG, RIGHT), (RIGHT, RIGHT)] * 8 + [(RIGHT, LONG)],
    )


def test_the_page_of_an_adapter_that_is_offered(job: Job) -> None:
    some = [one for one in found() if one.case.part != "liked"]
    verdict = judge_adapter(some, MERGED, RULES)
    assert verdict.offered
    text = page(job, MANIFEST, some, verdict)
    assert text == page(job, MANIFEST, some, verdict)
    assert text.startswith("# Adapter abcdef012345: offered\n\n- Better: right as a whole, by")
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings[1:] == [
        "## Conditions",
        "## What went in",
        "## Training",
        "## Figures",
        "## What got better: 18 of 35 answers",
        "## What got worse: 2 of 35 answers",
        "## Next",
    ]
    assert "| dataset | `dddddddddddd`: 60 train, 10 held back (SFT) |" in text
    assert "| left out | near duplicate 3, flood 1 |" in text
    assert "| there are golden questions | yes |" in text
    assert f"| Room seven | {WRONG} | Room seven |" in text
    assert "Context: The printer is in room seven since 2019." in text
    assert "| The \\| \\<b\\>printer\\</b\\> \\# 1 |" in text
    assert "almanac adapters approve abcdef0123456789 --reason" in text
    assert "Not asked, because they do not fit the model's window: 1." in text
    assert text.count("](data:image/png;base64,") == 2
    assert len(text) < 300_000


def test_the_page_of_an_adapter_that_is_not(job: Job) -> None:
    some = scored(held_back=[(WRONG, WRONG)] * 12)
    text = page(job, MANIFEST, some, judge_adapter(some, None, RULES))
    assert text.startswith("# Adapter abcdef012345: not offered\n\n- Not shown to be better: ")
    assert "approve" not in text.split("## Next")[1].replace("be approved", "")
    assert "## What got better: 0 of 12 answers" in text


def test_pictures_are_the_same_bytes_each_time(job: Job) -> None:
    verdict = judge_adapter(found(), MERGED, RULES)
    for draw in (
        lambda: plots.loss_curve(job.folder / "progress.jsonl"),
        lambda: plots.figures(verdict.figures),
    ):
        first = draw()
        assert first.startswith(PNG)
        assert len(first) < 100_000
        assert draw() == first


def test_pictures_of_nothing(tmp_path: Path) -> None:
    assert plots.loss_curve(tmp_path / "none.jsonl").startswith(PNG)
    assert plots.figures(()).startswith(PNG)
    assert plots.figures(judge_adapter([], None, RULES).figures).startswith(PNG)
