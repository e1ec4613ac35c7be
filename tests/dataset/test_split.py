from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from almanac.dataset.assemble import question_group
from almanac.dataset.candidates import Candidate, in_order
from almanac.dataset.split import Split, draw, keys_of, near_questions, split, surplus_likes
from almanac.guards.texts import essence
from schemas.examples import Example, Side
from tests.dataset.logged import asked, opinion, vote

HELD_BACK, SALT = 0.4, "salt"


def candidate(number: int, question: int, session: int | None, at: int) -> Candidate:
    request = asked(at, request_id=f"r-{number:03d}", question=f"Question {question}?")
    example = Example(
        request_id=request.request_id,
        prompt=({"role": "user", "content": request.question},),
        chosen="Yes.",
        rejected="No.",
        origin="correction",
        cause="model_fault",
        question=request.question,
        context=(),
        lang="en",
        source="wiki",
        group=question_group(request.question),
    )
    name = None if session is None else f"s-{session}"
    return Candidate(example, request.asked_at, "u", name, opinion(vote(request, -1)))


Near = dict[str, set[str]]


def divide(some: Sequence[Candidate], known: Mapping[str, Side], near: Near | None = None) -> Split:
    return split(in_order(some), known, HELD_BACK, SALT, near)


def sides(found: Split) -> dict[str, str]:
    return {one.example.request_id: one.example.side for one in found.kept}


@st.composite
def logs(draw_: st.DrawFn) -> list[list[Candidate]]:
    """Candidates that share questions and sessions, arriving in parts, in any order of time."""
    facts = draw_(
        st.lists(
            st.tuples(
                st.integers(0, 6),
                st.none() | st.integers(0, 5),
                st.integers(0, 30),
                st.integers(0, 3),
            ),
            max_size=25,
        )
    )
    parts: list[list[Candidate]] = [[], [], [], []]
    for number, (question, session, at, part) in enumerate(facts):
        parts[part].append(candidate(number, question, session, at))
    return parts


@st.composite
def likenesses(draw_: st.DrawFn) -> Near:
    """Which of the questions say nearly the same."""
    pairs = draw_(st.sets(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=5))
    near: Near = {}
    for one, other in pairs:
        if one != other:
            left, right = (question_group(f"Question {at}?") for at in (one, other))
            near.setdefault(left, set()).add(right)
            near.setdefault(right, set()).add(left)
    return near


@given(logs(), likenesses())
@settings(max_examples=200, deadline=None)
def test_nothing_changes_side_and_nothing_is_on_both_however_a_log_grows(
    parts: list[list[Candidate]], near: Near
) -> None:
    known: dict[str, Side] = {}
    placed: dict[str, str] = {}
    there: list[Candidate] = []
    for part in parts:
        there += part
        found = divide(there, known, near)
        known = {**found.drawn, **known}  # as `keep_sides` does: the first side of a key stays
        now = sides(found)
        assert {key: now.get(key) for key in placed} == placed  # none moved, none went
        placed = now
        check_apart(found, near)
        assert len(found.kept) + len(found.dropped) == len(there)
        assert {one.reason for one in found.dropped} <= {"bridges_split"}


def check_apart(found: Split, near: Near) -> None:
    """No question, no session and no near copy of a question is on both sides."""
    by_key: dict[str, set[str]] = {}
    by_group: dict[str, str] = {}
    for one in found.kept:
        by_group[one.example.group] = one.example.side
        for key in keys_of(one, SALT):
            by_key.setdefault(key, set()).add(one.example.side)
    assert all(len(some) == 1 for some in by_key.values())
    for group, side in by_group.items():
        assert {by_group.get(other, side) for other in near.get(group, ())} <= {side}


@given(logs(), likenesses(), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_the_order_in_which_rows_are_read_changes_nothing(parts, near, random) -> None:  # type: ignore[no-untyped-def]
    every = [one for part in parts for one in part]
    shuffled = random.sample(every, len(every))
    assert divide(every, {}, near) == divide(shuffled, {}, near)


@given(logs(), likenesses())
@settings(max_examples=100, deadline=None)
def test_a_second_build_is_the_first(parts: list[list[Candidate]], near: Near) -> None:
    every = [one for part in parts for one in part]
    first = divide(every, {}, near)
    again = divide(every, first.drawn, near)
    assert (again.kept, again.dropped) == (first.kept, first.dropped)


def drawn_to(side: Side, start: int = 0) -> int:
    """The first question from `start` on that is drawn to a side."""
    number = start
    while draw(question_group(f"Question {number}?"), HELD_BACK, SALT) != side:
        number += 1
    return number


def test_a_session_follows_its_first_question() -> None:
    train, held_back = drawn_to("train"), drawn_to("held_back")
    some = [candidate(0, held_back, 1, at=0), candidate(1, train, 1, at=1)]
    assert sides(divide(some, {})) == {"r-000": "held_back", "r-001": "held_back"}
    # And the question, once drawn, takes other sessions along.
    more = [*some, candidate(2, train, 2, at=2)]
    assert sides(divide(more, {}))["r-002"] == "held_back"


def test_a_near_copy_of_a_question_follows_it() -> None:
    train, held_back = drawn_to("train"), drawn_to("held_back")
    groups = [question_group(f"Question {number}?") for number in (train, held_back)]
    near = {groups[0]: {groups[1]}, groups[1]: {groups[0]}}
    some = [candidate(0, held_back, None, at=0), candidate(1, train, None, at=1)]
    assert sides(divide(some, {}, near)) == {"r-000": "held_back", "r-001": "held_back"}


def test_near_questions_are_found_among_many() -> None:
    texts = [
        "How do I reset the password of my work laptop?",
        "Could you tell me how to reset the password of my work laptop, please?",
        "How do I reset the password of my phone?",
        "How do I not reset the password of my work laptop?",
        *(
            f"What is on floor {number} of the {word} tower?"
            for number in range(20)
            for word in ("north", "south")
        ),
    ]
    some = [
        replace(candidate(at, at, None, 0).example, question=text, group=f"g{at}")
        for at, text in enumerate(texts)
    ]
    slow = {
        one.group: tuple(
            sorted(
                other.group
                for other in some
                if other is not one
                and essence(one.question).similarity(essence(other.question)) >= 0.85
            )
        )
        for one in some
    }
    found = near_questions(some, 0.85)
    assert {key: found.get(key, ()) for key in slow} == slow
    assert slow["g0"] == ("g1",)


def test_what_would_stand_on_both_sides_is_dropped() -> None:
    train, held_back = drawn_to("train"), drawn_to("held_back")
    some = [candidate(0, train, 1, 0), candidate(1, held_back, 2, 1), candidate(2, train, 2, 2)]
    found = divide(some, {})
    assert sides(found) == {"r-000": "train", "r-001": "held_back"}
    assert [(one.request_id, one.reason) for one in found.dropped] == [("r-002", "bridges_split")]


def test_the_share_held_back_is_near_the_one_asked_for() -> None:
    found = split([candidate(n, n, None, 0) for n in range(2_000)], {}, 0.2, "almanac")
    counts = Counter(one.example.side for one in found.kept)
    assert counts == {"train": 1605, "held_back": 395}


def test_the_ends_of_the_share() -> None:
    some = [candidate(n, n, None, 0) for n in range(50)]
    assert {one.example.side for one in split(some, {}, 0, SALT).kept} == {"train"}
    assert {one.example.side for one in split(some, {}, 1, SALT).kept} == {"held_back"}


def examples(likes: Sequence[int], others: int) -> list[Example]:
    made = [candidate(n, n, None, 0).example for n in range(others)]
    return made + [
        Example(f"like-{n}", (), "Yes.", None, "like", "liked", "q", (), "en", "wiki", "g")
        for n in likes
    ]


@given(st.sets(st.integers(0, 500)), st.integers(0, 60), st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0]))
def test_likes_are_at_most_their_share_and_as_many_as_fit(
    likes: set[int], others: int, share: float
) -> None:
    surplus = surplus_likes(examples(sorted(likes), others), share)
    kept = len(likes) - len(surplus)
    assert kept <= share * (kept + others) + 1e-9
    assert not surplus or kept + 1 > share * (kept + 1 + others)


@given(st.sets(st.integers(0, 500), min_size=1), st.integers(0, 30), st.integers(0, 30))
def test_more_faults_take_no_like_away(likes: set[int], others: int, more: int) -> None:
    some = sorted(likes)
    before = surplus_likes(examples(some, others), 0.3)
    assert surplus_likes(examples(some, others + more), 0.3) <= before
