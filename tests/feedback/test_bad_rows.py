"""A bad row goes to quarantine with its reason, and its neighbours go in."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from almanac.feedback import importing, refusals
from lakehouse import erasing
from lakehouse.erasure_plan import Extent
from lakehouse.erasures import user_subject
from schemas.documents import Rejection
from tests.feedback.conftest import Desk, request, vote

AT = datetime(2026, 3, 3, 2, tzinfo=UTC)
HALF = "\ud800"
DEEP = json.loads("[" * 80 + "]" * 80)

REQUESTS: list[tuple[dict[str, Any] | str, str, str]] = [
    ('{"request_id": "q1", "user_id": "ann", "question": ', "q1", "row_is_valid"),
    ("[1, 2]", "", "row_is_valid"),
    ('{"a": 1, "a": 2}', "", "row_is_valid"),
    ("[" * 5000, "", "row_is_valid"),
    (request(1, request_id=None), "", "request_id_is_not_blank"),
    (request(1, request_id="x" * 600), "", "request_id_is_not_too_long"),
    (request(1, request_id={"a": 1}), "", "request_id_is_text"),
    (request(1, user_id="​ "), "q1", "user_id_is_not_blank"),
    (request(1, question=" "), "q1", "question_is_not_blank"),
    (request(1, question=[1]), "q1", "question_is_text"),
    (request(1, response=None), "q1", "response_is_present"),
    (request(1, asked_at="yesterday"), "q1", "asked_at_is_a_time"),
    (request(1, asked_at=None), "q1", "asked_at_is_a_time"),
    (request(1, asked_at=True), "q1", "asked_at_is_a_time"),
    (request(1, asked_at=1e300), "q1", "asked_at_is_a_time"),
    (request(1, asked_at="0001-01-01T00:00:00+14:00"), "q1", "asked_at_is_a_time"),
    (request(1, asked_at="0001-01-01"), "q1", "asked_at_is_plausible"),
    (request(1, question=f"a{HALF}"), "", "row_is_storable"),
    (request(1, extra=DEEP), "", "row_is_storable"),
    (request(1, question="a\0b"), "q1", "text_has_no_nul"),
    (request(1, context="x" * 2_000_001), "q1", "row_is_not_huge"),
    (request(1, context=7), "q1", "context_is_a_list"),
    (request(1, context=[{"text": 1}]), "q1", "context_holds_passages"),
    (request(1, context=[{"chunk_id": " ", "text": "a"}]), "q1", "passages_are_named"),
    (request(1, history=[{"content": "a"}]), "q1", "history_holds_messages"),
    (request(1, prompt_tokens=-1), "q1", "counts_are_not_negative"),
    (request(1, prompt_tokens="many"), "q1", "prompt_tokens_is_a_number"),
    (request(1, prompt_tokens=1.5), "q1", "prompt_tokens_is_whole"),
    (request(1, prompt_tokens=10**30), "q1", "prompt_tokens_is_whole"),
    (request(1, release=0), "q1", "release_is_a_number_from_one"),
]
VOTES: list[tuple[dict[str, Any], str, str]] = [
    (vote(1, rating=0), "q1", "rating_is_up_or_down"),
    (vote(1, rating="so so"), "q1", "rating_is_up_or_down"),
    (vote(1, rating=None), "q1", "rating_is_up_or_down"),
    (vote(1, rating=10**400), "q1", "rating_is_up_or_down"),
    (vote(1, rated_at="soon"), "q1", "rated_at_is_a_time"),
    (vote(1, user_id=None), "q1", "user_id_is_not_blank"),
    (vote(1, request_id=""), "", "request_id_is_not_blank"),
    (vote(1, comment=["a"]), "q1", "comment_is_text"),
    (vote(1, comment="x" * 200_001), "q1", "row_is_not_huge"),
    (vote(1, correction="a\0"), "q1", "text_has_no_nul"),
]


def expected(table: str, name: str, planted: list[Any]) -> list[tuple[str, str, str]]:
    """What stands in quarantine of rows that begin in the second line."""
    return sorted(
        (table, doc_id or f"{name}:{line}", rule)
        for line, (_, doc_id, rule) in enumerate(planted, start=2)
    )


def test_planted_bad_requests_are_told_apart_and_their_neighbours_go_in(desk: Desk) -> None:
    rows = [request(50), *[row for row, _, _ in REQUESTS], request(51)]
    found = desk.counts(desk.write("log.jsonl", rows))["requests"]
    assert found == (len(rows), 2, 0, len(REQUESTS))
    assert {one.request_id for one in desk.lake.requests.rows()} == {"q50", "q51"}
    assert desk.held() == expected("requests", "log.jsonl", REQUESTS)


def test_planted_bad_votes(desk: Desk) -> None:
    rows = [vote(50), *[row for row, _, _ in VOTES], vote(51)]
    votes = desk.write("votes.jsonl", rows)
    assert desk.counts(None, votes)["votes"] == (12, 2, 0, 10)
    assert desk.held() == expected("votes", "votes.jsonl", VOTES)
    before = desk.versions()
    assert desk.counts(None, votes)["votes"] == (12, 0, 2, 10)
    assert desk.versions() == before  # not even the lease was taken


@pytest.mark.parametrize(
    ("spelled", "meant"),
    [
        (1, 1),
        (-1, -1),
        (True, 1),
        (False, -1),
        (1.0, 1),
        ("-1", -1),
        ("Up", 1),
        (" down ", -1),
        ("thumbs up", 1),
        ("👎", -1),
        ("true", 1),
        ("FALSE", -1),
        ("dislike", -1),
    ],
)
def test_common_spellings_of_a_rating(spelled: object, meant: int) -> None:
    from almanac.feedback.fields import rating

    assert rating(spelled) == meant


@pytest.mark.parametrize(
    ("spelled", "meant"),
    [
        ("2026-03-03T02:00:00", AT),
        ("2026-03-03T05:00:00+03:00", AT),
        ("2026-03-03 02:00", AT),
        (1772503200, AT),
        (1772503200000, AT),
        (1772503200000000, AT),
        (1772503200000000000, AT),
        (1772503200.0, AT),
    ],
)
def test_a_time_without_an_offset_is_utc(spelled: object, meant: datetime) -> None:
    from almanac.feedback.fields import moment

    assert moment("asked_at", spelled) == meant


def test_a_row_says_where_it_stood_and_whose_it_is(desk: Desk) -> None:
    log = desk.write("log.jsonl", [request(1, asked_at="soon"), request(2, user_id=None)])
    desk.take(log)
    first, second = desk.lake.quarantine.rows()
    said = json.loads(first.value)
    assert (said["at"], said["user_id"], said["found"]) == (f"{log}:1", "ann", "'soon'")
    assert '"question": "What is 1?"' in said["row"]
    # Nobody's row could never be erased with its user: only where it stands is kept.
    assert set(json.loads(second.value)) == {"at", "sha256"}


def test_an_odd_row_goes_in_and_is_noted(desk: Desk) -> None:
    desk.take(
        desk.write("log.jsonl", [request(1, response="")]),
        desk.write("votes.jsonl", [vote(1, rating=1, correction="So.")]),
    )
    assert (desk.lake.requests.count(), desk.lake.votes.count()) == (1, 1)
    assert desk.held() == [
        ("requests", "q1", "response_is_not_blank"),
        ("votes", "q1", "correction_comes_with_a_dislike"),
    ]


def test_a_mended_row_resolves_its_own_row_alone(desk: Desk) -> None:
    log = desk.write("log.jsonl", [request(1, asked_at="soon"), request(2, question=""), "{"])
    bad = [vote(1, user_id="ann", rating="so so"), vote(1, user_id="bob", rating="so so")]
    votes = desk.write("votes.jsonl", bad)
    desk.take(log, votes)
    assert len(desk.held()) == 5
    # From another file: with an id, that tells. Another's vote on the request mends nothing.
    more = desk.write("more.jsonl", [vote(1, user_id="bob"), vote(1, user_id="eve")])
    desk.take(desk.write("mended.jsonl", [request(1)]), more)
    assert desk.held() == [
        ("requests", "log.jsonl:3", "row_is_valid"),
        ("requests", "q2", "question_is_not_blank"),
        ("votes", "q1", "rating_is_up_or_down"),
    ]
    assert json.loads(desk.lake.quarantine.rows()[2].value)["user_id"] == "ann"
    # A line without an id is mended in its place; a file of that name elsewhere says nothing.
    desk.take(desk.write("elsewhere/log.jsonl", [request(4), request(5), request(6)]))
    assert len(desk.held()) == 3
    desk.write("log.jsonl", [request(1), request(2), request(3)])
    desk.take(log, votes)
    assert desk.held() == [("votes", "q1", "rating_is_up_or_down")] * 2
    assert len(desk.held("resolved")) == 3


def test_documents_and_feedback_do_not_resolve_each_other(desk: Desk) -> None:
    blank = ("docs", Rejection("a.md", "text_is_not_blank", "must", "it is blank"))
    desk.lake.quarantine.record([blank], frozenset(), "night-1", AT)
    desk.take(desk.write("log.jsonl", [request(1, question="")]))
    assert [row.doc_id for row in desk.lake.quarantine.rows()] == ["a.md", "q1"]
    recorded = desk.lake.quarantine.record([], frozenset(), "night-2", AT)
    assert recorded[:3] == (0, 1, []) and not recorded.dismissed
    assert [row.doc_id for row in desk.lake.quarantine.rows()] == ["q1"]


def test_an_erased_user_stays_out_until_allowed(desk: Desk) -> None:
    log = desk.write("log.jsonl", [request(1, user_id="eve", rating=-1), request(2)])
    subject = user_subject("eve")
    desk.lake.erasures.append(subject, "user", "erased", AT, {})
    assert desk.counts(log) == {"requests": (2, 1, 0, 1), "votes": (0, 0, 0, 0)}
    held = desk.lake.quarantine.rows()
    assert [(row.doc_id, row.expectation) for row in held] == [
        ("log.jsonl:1", "user_is_not_erased")
    ]
    assert json.loads(held[0].value) == {"at": f"{log}:1"}
    desk.lake.erasures.append(subject, "user", "allowed", AT, {})
    assert desk.counts(log) == {"requests": (2, 1, 1, 0), "votes": (1, 1, 0, 0)}
    assert desk.held() == []


def test_a_user_and_what_a_document_showed_leave_quarantine_too(desk: Desk) -> None:
    shown = {"context": [{"chunk_id": "gone", "text": "Secret."}]}
    log = desk.write(
        "log.jsonl",
        [
            request(1, user_id="eve"),
            request(2, user_id="eve", asked_at="soon"),
            '{"request_id": "q3", "user_id": "eve", "question": "Wh',
            request(4, asked_at="soon"),
            request(5, asked_at="soon", **shown),
        ],
    )
    desk.take(log, desk.write("votes.jsonl", [vote(1, rating="so so"), vote(4, rating="so so")]))
    blank = ("docs", Rejection("q1", "text_is_not_blank", "must", "no JSON", "{"))
    desk.lake.quarantine.record([blank], frozenset(), "night-1", AT)
    of_eve = erasing.plan_user(desk.lake, "eve", receipt="r1", at="2026-03-01T00:00:00Z")
    assert (of_eve.counts["requests"], of_eve.counts["votes"]) == (1, 0)
    assert of_eve.counts["quarantine"] == 3  # with ann's vote on q1
    erasing.carry_out(desk.lake, of_eve)
    nothing = Extent((), (), (), (), ())
    common = {"receipt": "r2", "at": "2026-03-01T00:00:00Z"}
    shown = erasing.plan_documents(desk.lake, nothing, ["gone"], **common)
    assert shown.counts["quarantine"] == 1
    erasing.carry_out(desk.lake, shown)
    assert [row.doc_id for row in desk.lake.quarantine.rows()] == ["q1", "q4", "q4"]


def test_quarantine_is_settled_on_the_way_where_much_is_wrong(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "_MANY", 2)
    monkeypatch.setattr(importing, "_BYTES", 300)  # a batch of two or three rows
    bad = [vote(n, rating="so so") for n in range(4)]
    votes = desk.write("votes.jsonl", [*bad, *[vote(n) for n in range(4)]])
    for new in (4, 0):
        assert desk.counts(None, votes)["votes"] == (8, new, 4 - new, 4)
        assert [doc_id for _, doc_id, _ in desk.held()] == ["q0", "q1", "q2", "q3"]
    assert desk.held("resolved") == []


def test_a_file_that_breaks_off_gives_what_it_holds(desk: Desk) -> None:
    whole = gzip.compress("".join(json.dumps(request(n)) + "\n" for n in range(50)).encode())
    (desk.root / "log.gz").write_bytes(whole[:-20])
    result = desk.counts(str(desk.root / "log.gz"))["requests"]
    assert result[1] > 0 and result[3] == 1
    assert [rule for _, _, rule in desk.held()] == ["file_is_complete"]


def test_json_over_several_lines_and_lines_that_only_look_like_it(desk: Desk) -> None:
    (desk.root / "array.json").write_text(json.dumps([request(1), 7, request(2)], indent=1))
    assert desk.counts(str(desk.root / "array.json"))["requests"] == (3, 2, 0, 1)
    odd = desk.write("odd.jsonl", ["", "{", request(3), "", b"\xff".decode("latin-1"), request(4)])
    Path(odd).write_bytes(Path(odd).read_bytes().replace("ÿ".encode(), b"\xff"))
    assert desk.counts(odd)["requests"] == (4, 2, 0, 2)
    assert desk.held() == [
        ("requests", "array.json:2", "row_is_valid"),
        ("requests", "odd.jsonl:2", "row_is_valid"),
        ("requests", "odd.jsonl:5", "row_is_utf8"),
    ]
