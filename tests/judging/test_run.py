"""The judge's work: exactly once, resumed, and what is said while it is dead."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from almanac.judging.measures import measure
from almanac.judging.run import run, standing
from lakehouse import Lakehouse, open_lakehouse
from schemas.errors import ConfigError, StorageUnavailable
from schemas.feedback import Passage, Request, Vote
from schemas.settings import EmbedderSettings, EndpointSettings, JudgingSettings, Settings
from testing.chat_endpoint import DIMENSION, stub_model
from tests.llm.server import Answer, says, serving, status

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
COUNT = 60


class Planted:
    """A judge whose verdicts depend on the question alone, and who is dead for some of them."""

    def __init__(self) -> None:
        self.dead: set[int] = set()
        self.asked: Counter[int] = Counter()

    def __call__(self, request: dict[str, Any]) -> Answer:
        told = request["messages"][1]["content"]
        number = int(re.findall(r"question (\d+)", told)[0])
        self.asked[number] += 1
        if number in self.dead:
            return status(400)(request)
        mark = int(sha256(str(number).encode()).digest()[0] < 200)
        said = {"claims": [mark], "passages": [1], "questions": ["a", "b", "c"]}
        return says(json.dumps(said | {"noncommittal": False}))(request)


@pytest.fixture
def lake(tmp_path: Path) -> Lakehouse:
    lake = open_lakehouse(str(tmp_path / "lake"))
    lake.requests.append(
        Request(
            f"req-{at}", NOW - timedelta(hours=30, minutes=at), "ann", f"question {at}",
            "It is so [1].", (Passage("c", "It is so."),), assistant="handbook", version="v" * 64,
            status="answered", release=1,
        )
        for at in range(COUNT)
    )  # fmt: skip
    lake.votes.append([Vote("req-1", "bob", NOW, -1)])
    return lake


def settings_of(lake: Lakehouse, judge: str, embedder: str, **judging: Any) -> Settings:
    return Settings(
        lakehouse=lake.location.uri,
        judge=EndpointSettings(model="judge", base_url=judge, max_retries=0),
        embedder=EmbedderSettings(
            provider="openai", base_url=embedder, model="words", revision="1", dimension=DIMENSION
        ),
        judging=JudgingSettings(**({"share": 1.0} | judging)),
    )


def test_figures_say_unknown_while_it_is_dead_and_are_the_same_afterwards(lake: Lakehouse) -> None:
    planted = Planted()
    with serving(planted) as judge, stub_model() as model:
        settings = settings_of(lake, judge.url, model.url)
        planted.dead = set(range(0, COUNT, 5))  # 20 %, never three in a row
        first = run(settings, NOW)
        assert (first["asked"], first["waiting"], first["gave_up"]) == (COUNT, 12, False)
        assert first["late"] and first["lag_hours"] == pytest.approx(30 + 55 / 60, abs=0.1)
        (version,) = first["versions"]
        for one in version["measures"].values():
            assert (one["unknown"], one["mean"], one["judged"], one["asked"]) == (
                True, None, 48, COUNT
            )  # fmt: skip
        planted.dead = set(range(0, COUNT, 10))
        second = run(settings, NOW)
        assert (second["asked"], second["waiting"]) == (12, 6)
        partly = second["versions"][0]["measures"]["faithfulness"]
        planted.dead = set()
        third = run(settings, NOW)
        assert (third["asked"], third["waiting"], third["lag_hours"]) == (6, 0, None)
        whole = third["versions"][0]["measures"]["faithfulness"]
        expected = sum(sha256(str(at).encode()).digest()[0] < 200 for at in range(COUNT)) / COUNT
        assert whole["mean"] == pytest.approx(expected)
        assert partly["low"] <= whole["mean"] <= partly["high"]
        assert abs(partly["mean"] - whole["mean"]) < 0.06
        assert run(settings, NOW)["asked"] == 0
        assert planted.asked[1] == 1 and planted.asked[5] == 2
        assert standing(settings, NOW) == {
            key: value for key, value in third.items() if key not in ("asked", "gave_up", "busy")
        }


def test_it_goes_on_where_it_was_stopped_and_gives_up_on_a_dead_one(lake: Lakehouse) -> None:
    planted = Planted()
    with serving(planted) as judge, stub_model() as model:
        settings = settings_of(lake, judge.url, model.url, most_calls=20)
        assert run(settings, NOW)["waiting"] == COUNT - 20
        planted.dead = set(range(COUNT))
        dead = run(settings, NOW)
        assert (dead["asked"], dead["gave_up"], dead["waiting"]) == (3, True, COUNT - 20)
        planted.dead = set()
        assert run(settings, NOW)["waiting"] == COUNT - 40
        rows = [one for one in lake.judgements.of_answers(judged_by(settings, lake))]
        assert len({(one.request_id, one.measure) for one in rows}) == len(rows) == 40 * 3
        other = settings.model_copy(
            update={"judge": settings.judge.model_copy(update={"model": "another"})}
        )
        assert standing(other, NOW)["waiting"] == COUNT  # a series of its own


def test_what_it_costs_is_stored_and_a_second_run_beside_it_asks_nothing(
    lake: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted, beside = Planted(), list[dict[str, Any]]()

    def judge_(request: dict[str, Any]) -> Answer:
        if not beside:
            beside.append(run(settings, NOW))
        return planted(request)

    with serving(judge_) as judge, stub_model() as model:
        settings = settings_of(lake, judge.url, model.url, most_calls=5)
        done = run(settings, NOW)
        assert (done["asked"], done["busy"]) == (5, False)
        assert (beside[0]["asked"], beside[0]["busy"]) == (0, True)
        assert sum(planted.asked.values()) == 5
        calls = lake.costs.calls()
        assert [(one.purpose, one.model, one.usd) for one in calls] == [("judge", "judge", "0")] * 5

        def stopped(*arguments: Any) -> Any:
            if sum(planted.asked.values()) == 7:
                raise KeyboardInterrupt
            return measure(*arguments)

        monkeypatch.setattr("almanac.judging.run.measure", stopped)
        (no_folder := tmp_path / "a file").write_text("")
        own = settings.serving.model_copy(update={"journal": str(no_folder / "journal")})
        with pytest.raises(StorageUnavailable, match="cannot be written"):
            run(settings.model_copy(update={"serving": own}), NOW)
        with pytest.raises(KeyboardInterrupt):
            run(settings, NOW)
        assert standing(settings, NOW)["waiting"] == COUNT - 7
        assert len(lake.costs.calls()) == 7


def test_a_day_at_the_edge_is_whole_so_that_no_other_answers_are_drawn_hour_by_hour(
    lake: Lakehouse,
) -> None:
    settings = Settings(lakehouse=lake.location.uri, judging=JudgingSettings(share=0, least=5))
    later = NOW + timedelta(days=5, hours=18)  # seven days before stands amid the answers
    assert standing(settings, NOW)["chosen"] == standing(settings, later)["chosen"] == 6


def judged_by(settings: Settings, lake: Lakehouse) -> str:
    from almanac.judging.run import _series

    return _series(settings)


def test_choosing_reads_no_texts(lake: Lakehouse) -> None:
    whole, bare = lake.requests.rows(), lake.requests.rows(texts=False)
    none: dict[str, Any] = {"question": "", "response": "", "context": (), "details": {}}
    assert bare == [replace(one, **none) for one in whole] != whole


def test_without_a_judge_it_says_so(lake: Lakehouse) -> None:
    with pytest.raises(ConfigError, match=r"set model and base_url of \[judge\]"):
        run(Settings(lakehouse=lake.location.uri), NOW)
    assert standing(Settings(lakehouse=lake.location.uri), NOW)["judge"] is None
