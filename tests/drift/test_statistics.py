"""Planted drift is seen, habits and bursts are not, and the same input gives the same figures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from almanac.drift.answers import judge_answers
from almanac.drift.blocks import Blocks, compare
from almanac.drift.measures import Measure, Seen, judged
from almanac.drift.questions import judge_questions
from almanac.drift.requests import blocks_of, too_few
from schemas.settings import DriftSettings
from tests.drift.worlds import RULES, asked, hits, in_language, vectors


def measured(seen: Seen) -> dict[str, Measure]:
    return {one.name: one for one in judged([seen], RULES.significance)[0].measures}


def moved(seen: Seen) -> set[str]:
    return {name for name, one in measured(seen).items() if one.moved}


def test_a_block_is_what_a_user_asked_in_a_slot() -> None:
    rows = asked(9, 1)
    blocks = blocks_of(rows)
    assert (blocks.window.tolist(), blocks.reference.tolist()) == (
        list(range(9)),
        list(range(9, 45)),
    )
    for at, one in enumerate(rows):
        assert blocks.of[at] == one.slot * 9 + int(one.user_id[1:])


def test_where_all_ask_under_one_name_a_block_is_a_day() -> None:
    rows = [replace(one, user_id="everybody") for one in asked()]
    blocks = blocks_of(rows)
    assert blocks.window.tolist() == list(range(7))
    assert blocks.count == len({(one.slot, one.day) for one in rows})
    assert too_few(rows, 10, "questions") == ""
    some = [one for one in rows if one.slot or one.day < 3]
    said = "too few: 3 of 5 users, or days of users, in the window"
    assert too_few(some, 10, "questions") == said


def test_the_p_value_of_all_permutations_is_exact() -> None:
    """Four pairs: 16 ways to exchange them, and what is seen is the one greatest."""
    of = np.arange(8)
    blocks = Blocks(of[::2], of[1::2], of, np.ones(8), paired=True)
    values = np.array([[1.0], [0.0]] * 4)
    found = compare(blocks, "more", values, 999, 0)
    assert (found.p, found.effect) == (1 / 16, 1.0)
    free = compare(replace(blocks, paired=False), "more", values, 999, 0)
    assert (free.p, free.effect) == (pytest.approx(1 / 70), 1.0)  # 8 over 4


@pytest.mark.parametrize("kind", ["energy", "share", "other", "less"])
def test_two_equal_sides_are_no_distance_apart(kind: Any) -> None:
    of = np.arange(20)
    blocks = Blocks(of[::2], of[1::2], of, np.ones(20), paired=True)
    found = compare(blocks, kind, np.repeat(np.eye(10), 2, axis=0), 999, 0)
    assert (found.p, found.effect) == (1.0, 0.0)


def test_a_week_with_few_users_moves_nothing() -> None:
    rows = [one for one in asked(60) if one.slot or int(one.user_id[1:]) < 10]
    seen = judge_questions(rows, vectors(rows), hits(rows), RULES)
    assert (seen.window < 100, moved(seen)) == (True, set())


@pytest.mark.parametrize("seed", range(4))
def test_users_who_keep_to_their_subjects_move_nothing(seed: int) -> None:
    rows = asked(seed=seed)
    seen = judge_questions(rows, vectors(rows, seed=seed), hits(rows, seed=seed), RULES)
    assert moved(seen) == set()


def test_a_user_who_asks_all_week_about_something_else_moves_nothing() -> None:
    rows = asked()
    some = [one for one in rows if one.slot == 0 and one.user_id == "u3"]
    burst = [replace(some[0], request_id=f"b{at}") for at in range(40)]
    both = [*rows, *burst]
    made = vectors(both)
    made[len(rows) :] = np.eye(made.shape[1])[0]
    assert moved(judge_questions(both, made, hits(both), RULES)) == set()


def test_questions_about_something_else_move_the_meaning() -> None:
    rows = asked()
    found = measured(judge_questions(rows, vectors(rows, 0.4), hits(rows), RULES))
    assert found["meaning"].moved and found["meaning"].adjusted <= 0.01
    assert not found["distance"].moved and not found["language"].moved


def test_the_effect_grows_with_the_planted_share() -> None:
    rows = asked(60)
    effects = [
        measured(judge_questions(rows, vectors(rows, share), hits(rows, share), RULES))
        for share in (0.1, 0.2, 0.4)
    ]
    for name in ("meaning", "distance"):
        least, middle, most = (one[name].effect for one in effects)
        assert least < middle < most
    assert 0.25 < effects[2]["distance"].effect <= 0.4  # about the share, less what chance gives


def test_questions_far_from_the_index_move_the_distance_and_are_shown() -> None:
    rows = asked()
    seen = judge_questions(rows, vectors(rows), hits(rows, 0.3), RULES)
    assert moved(seen) == {"distance"}
    shown = seen.drawn["farthest"]
    assert len(shown) == 20 and all(row["similarity"] < 0.4 for row in shown)
    assert [row["similarity"] for row in shown] == sorted(row["similarity"] for row in shown)


def test_questions_that_come_nearer_move_nothing() -> None:
    rows = asked()
    window = [one.slot == 0 for one in rows]
    near = [
        replace(hit, score=0.99) if new else hit
        for hit, new in zip(hits(rows), window, strict=True)
    ]
    assert moved(judge_questions(rows, vectors(rows), near, RULES)) == set()


def test_another_language_is_seen_as_logged_and_else_by_its_script() -> None:
    rows = asked()
    seen = judge_questions(in_language(rows, 0.3), vectors(rows), hits(rows), RULES)
    assert moved(seen) == {"language"}
    russian = [
        replace(one, lang=None, question="где пароль" if one.lang == "ru" else one.question)
        for one in in_language(rows, 0.3)
    ]
    seen = judge_questions(russian, vectors(rows), hits(rows), RULES)
    assert moved(seen) == {"language"}
    assert set(seen.drawn["languages"]) == {"cyrillic", "latin"}


def causes_of(rows: list, share: float, later: float, cause: str = "model_fault") -> dict[str, str]:
    rng = np.random.default_rng(0)
    return {
        one.request_id: cause for one in rows if rng.random() < (later if one.slot == 0 else share)
    }


def test_more_dislikes_and_their_cause_are_seen() -> None:
    rows = asked()
    assert moved(judge_answers(rows, causes_of(rows, 0.3, 0.3), RULES)) == set()
    assert moved(judge_answers(rows, causes_of(rows, 0.6, 0.2), RULES)) == set()  # better
    seen = judge_answers(rows, causes_of(rows, 0.2, 0.5), RULES)
    assert moved(seen) == {"dislikes", "model_faults"}
    missed = judge_answers(rows, causes_of(rows, 0.2, 0.5, "retrieval_missed"), RULES)
    assert moved(missed) == {"dislikes", "retrieval_misses"}


def test_nothing_is_said_of_causes_that_triage_did_not_look_into() -> None:
    rows = asked()
    causes = causes_of(rows, 0.2, 0.5)
    waiting = [name for name in causes if "-0-" in name][:10]
    seen = judge_answers(rows, causes | dict.fromkeys(waiting, ""), RULES)
    assert [one.name for one in seen.measures] == ["dislikes"]
    assert seen.measures[0].window == pytest.approx(0.5, abs=0.08)


def test_weeks_are_drawn_oldest_first_with_wilsons_interval() -> None:
    rows = asked()
    weeks = judge_answers(rows, {}, RULES).drawn["weeks"]
    assert [one["slot"] for one in weeks] == [4, 3, 2, 1, 0]
    assert all(one["low"] == 0.0 and 0.0 < one["high"] < 0.06 for one in weeks)


def test_the_same_input_gives_the_same_figures_and_another_seed_others() -> None:
    rows = asked()
    causes = causes_of(rows, 0.3, 0.35)
    first, again = (judge_answers(rows, causes, RULES).to_json() for _ in range(2))
    assert first == again
    other = judge_answers(rows, causes, DriftSettings(resamples=999, seed=1)).to_json()
    assert first["measures"][0]["p"] != other["measures"][0]["p"]


def test_too_few_are_never_judged() -> None:
    rows = [one for one in asked(8, 1) if one.slot == 0 or one.user_id < "u5"]
    window = sum(one.slot == 0 for one in rows)
    assert too_few(rows, 50, "questions") == f"too few: {window} of 50 questions in the window"
    seen = judge_answers(rows, {}, RULES)
    assert (seen.state, seen.measures) == ("unknown", ())
    assert seen.reason == f"too few: {window} of 50 voted requests in the window"
    assert judge_answers([], {}, RULES).reason.startswith("too few: 0 of 50 voted requests")


def test_a_measure_moves_by_p_and_effect_together() -> None:
    def one(p: float, effect: float) -> Measure:
        return Measure("dislikes", effect, 0.1, p)

    seen = Seen("answers", "quiet", "", 1, 1, (one(0.001, 0.05), one(0.3, 0.5), one(0.001, 0.1)))
    found = judged([seen], 0.01)[0]
    assert [one.moved for one in found.measures] == [False, False, True]
    assert [one.adjusted for one in found.measures] == [0.0015, 0.3, 0.0015]
    assert (found.state, found.reason) == ("drift", "moved: dislikes")
