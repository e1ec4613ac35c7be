"""From a log of dislikes to an adapter and back, through the flows, on a tiny base model."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lakehouse import Lakehouse, open_lakehouse
from schemas.errors import AdapterRefused, ConfigError
from schemas.feedback import Passage, Request
from tests.dataset.logged import THINGS, asked, vote
from tests.flows.test_keeping import newest_page
from tests.training.conftest import tiny_base  # noqa: F401 (a fixture)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prefect_api")]


@pytest.fixture
def config(tmp_path: Path, tiny_base: Any) -> Path:  # noqa: F811
    """Sixty requests: forty disliked with a correction that the context supports, twenty right."""
    requests = [_asked(number) for number in range(60)]
    votes = [_voted(at, request) for at, request in enumerate(requests)]
    lines = (json.dumps(request.as_row()) for request in requests)
    (tmp_path / "log.jsonl").write_text("\n".join(lines))
    (tmp_path / "votes.jsonl").write_text("\n".join(map(json.dumps, votes)))
    (tmp_path / "steps.yaml").write_text(
        "method: sft\nlearning_rate: 0.001\nmax_steps: 4\nsave_steps: 2\neval_steps: 2\n"
        "threads: 1\nlora: {r: 4, alpha: 8}\nmax_length: 512\n"
    )
    file = tmp_path / "almanac.toml"
    file.write_text(
        'lakehouse = "lake"\n[feedback]\nlog = "log.jsonl"\nvotes = "votes.jsonl"\n'
        f'[tuning]\nbase = "{tiny_base.path}"\nworkdir = "jobs"\nmin_questions = 4\n'
        "min_new_faults = 30\ncooldown_days = 7\n"
    )
    return file


def _voted(at: int, request: Request) -> dict[str, Any]:
    liked = at % 3 == 0
    said = vote(request, 1 if liked else -1, None if liked else _right(at))
    return {
        "request_id": said.request_id,
        "user_id": said.user_id,
        "rated_at": (request.asked_at + timedelta(minutes=5)).isoformat(),
        "rating": said.rating,
        "correction": said.correction,
    }


def _asked(number: int) -> Request:
    thing = THINGS[number % len(THINGS)]
    passage = Passage(f"c-{number}", f"Office {number} on floor {number} takes care of {thing}.")
    question = f"Which office on floor {number} takes care of {thing}?"
    liked = {"response": _right(number)} if number % 3 == 0 else {}
    return asked(number, question=question, context=(passage,), **liked)


def _right(number: int) -> str:
    return f"Office {number} takes care of {THINGS[number % len(THINGS)]}."


def lake_of(config: Path) -> Lakehouse:
    return open_lakehouse(str(config.parent / "lake"))


@pytest.mark.timeout(900)
def test_dislikes_become_an_adapter_that_the_gate_judges(config: Path) -> None:
    from flows.feedback import feedback
    from flows.promote import promote
    from flows.tune import tune

    taken = feedback(config=str(config))
    assert taken["import"]["requests"] == {"total": 60, "new": 60, "known": 0, "quarantined": 0}
    assert taken["triage"]["causes"] == {"model_fault": 40}
    assert (taken["tune"]["due"], taken["tune"]["faults"]) == (True, 40)
    assert "# Triage: 40 disliked answers" in newest_page("triage-report")

    with pytest.raises(ConfigError, match="is for sft, and the method is dpo"):
        tune(method="dpo", recipe=str(config.parent / "steps.yaml"), config=str(config))
    made = tune(recipe=str(config.parent / "steps.yaml"), config=str(config))
    # Four steps of a random model teach nothing, and the gate says so.
    assert made["status"] == "refused"
    assert made["metrics"]["steps"] == 4
    assert made["recipe"]["threads"] == 1  # the recipe's own, not the configured 2
    assert any("held-back" in reason for reason in made["verdict"]["reasons"])
    lake = lake_of(config)
    adapter = lake.adapters.find(made["adapter_id"])
    assert adapter.trained_on == tuple(lake.datasets.manifest(made["dataset"])["trained_on"])
    assert {row["part"] for row in lake.evaluations.rows(made["adapter_id"])} == {
        "held_back",
        "liked",
    }
    assert made["adapter_id"][:12] in newest_page("tune-report")
    assert newest_page("loss-curve").startswith("data:image/png;base64,")

    with pytest.raises(AdapterRefused, match="the gate refused it"):
        promote(who="ann", reason="fine", adapter=made["adapter_id"][:8], config=str(config))

    again = tune(recipe=str(config.parent / "steps.yaml"), config=str(config))
    assert (again["adapter_id"], again["metrics"]) == (made["adapter_id"], made["metrics"])
    assert tune(only_if_due=True, config=str(config)) == {"status": "not due"}
    assert feedback(config=str(config))["tune"]["faults"] == 0


def test_the_event_of_a_due_tune_is_the_one_that_is_deployed() -> None:
    import yaml

    from tasks.feedback import DUE

    root = Path(__file__).resolve().parents[2]
    deployments = yaml.safe_load((root / "prefect.yaml").read_text())["deployments"]
    tune = next(one for one in deployments if one["name"] == "tune")
    assert tune["triggers"][0]["expect"] == [DUE]
    assert tune["triggers"][0]["parameters"] == {"only_if_due": True}
