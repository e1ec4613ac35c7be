"""A file that holds no feedback at all is refused whole: nothing of it goes into quarantine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from schemas.errors import FeedbackUnreadable
from tests.feedback.conftest import Desk, request, vote

README = "\n".join(["# A page", "", *(f"Line {at} of a page about something." for at in range(99))])
WRONG: dict[str, str | bytes] = {
    "a page of Markdown": README,
    "a table of other things": "id,title,text\n1,One,Hello\n2,Two,World\n",
    "rows of other things": "".join(f'{{"id": {at}, "title": "a"}}\n' for at in range(50)),
    "one JSON object": json.dumps({"name": "package", "version": "1"}, indent=2),
    "bytes": bytes(range(256)) * 40,
    "an array of numbers": "[1, 2, 3]",
}


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("as_votes", [False, True])
def test_nothing_of_a_wrong_file_is_kept(desk: Desk, kind: str, as_votes: bool) -> None:
    content = WRONG[kind]
    file = desk.root / "wrong"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(FeedbackUnreadable, match=r"not one row of .*wrong can be taken in") as told:
        desk.take(None if as_votes else file, file if as_votes else None)
    assert 'A row of requests is one line like {"request_id": "r1"' in str(told.value)
    assert "Nothing was stored." in str(told.value)
    assert desk.lake.quarantine.rows(None) == []
    assert (desk.lake.requests.count(), desk.lake.votes.count()) == (0, 0)


def test_one_row_that_can_be_taken_lets_the_others_be_told(desk: Desk) -> None:
    log = desk.write("log.jsonl", [request(1), "a line of text", {"id": 1}])
    desk.take(log)
    assert desk.lake.requests.count() == 1
    assert len(desk.lake.quarantine.rows()) == 2


def test_rows_that_name_a_request_are_told_one_by_one(desk: Desk) -> None:
    desk.take(desk.write("log.jsonl", [request(1, asked_at="soon"), "{"]))
    assert len(desk.lake.quarantine.rows()) == 2


def test_an_empty_file_is_no_wrong_one(desk: Desk, tmp_path: Path) -> None:
    desk.take(desk.write("log.jsonl", []))
    desk.take(None, desk.write("votes.jsonl", [vote(1)]))
    assert desk.lake.votes.count() == 1
