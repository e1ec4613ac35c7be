"""No rule over texts takes more than about linear time, on inputs that are made to be slow."""

from __future__ import annotations

import json

import pytest

from testing.growth import PIECES, STRUCTURE, SUBJECTS, Subject, growth

# What takes microseconds a line is tried on every piece, the others on what makes structure, and
# on what was slow once.
CHEAP = (
    "redaction", "credentials", "text", "guard hidden", "guard names", "sentences",
    "guard duplicates", "guard addresses", "guard numbers and secrets",
    "rules before pandoc", "parser csv, columns", "thoughts", "heading", "passage",
)  # fmt: skip
ONCE = ("\n", "\u0301\u0316", "a.", "a-", "@", "a@", "#", "<", "1", "  ", "a://b:", "https://")
DEAR = (
    "guard injection", "guard documents", "guard answers", "chunker markdown", "chunker plain",
    "parser markdown", "parser html", "parser csv, one cell", "parser jsonl, one value", "shown",
)  # fmt: skip
MOST = 1.5  # measured as the best of several runs, and of nothing that takes less than 30 ms
N = 2_500


def _key_twice(text: str) -> object:
    from almanac.sources.jsonrows import jsonl_rows

    pairs = [f'"k{at}": 1' for at in range(len(text) // 3)]
    return list(jsonl_rows("{" + ", ".join([*pairs, pairs[-1]]) + "}"))


def _with_an_address(text: str) -> object:
    """Rules that look only where an address is: behind one."""
    return SUBJECTS["guard personal data"](f"x@y.com a://u:p@host {text}")


MORE: dict[str, Subject] = {
    "a key twice": _key_twice,
    "personal data behind an address": _with_an_address,
    "front matter": lambda text: SUBJECTS["parser markdown, front matter"](json.dumps(text)),
}


WARM = "Ann <ann@b.com> lives at https://h/x, call 1234567890 or 1.2.3.4"


@pytest.mark.parametrize("name", CHEAP)
def test_a_cheap_rule_grows_with_the_text(name: str) -> None:
    _check(name, SUBJECTS[name], PIECES)


@pytest.mark.parametrize("name", DEAR)
def test_a_dear_rule_grows_with_the_text(name: str) -> None:
    _check(name, SUBJECTS[name], (*STRUCTURE, *ONCE))


@pytest.mark.parametrize("name", MORE)
def test_a_rule_that_looks_only_where_something_is(name: str) -> None:
    _check(name, MORE[name], ONCE)


def test_the_headers_of_a_mail_grow_with_the_text() -> None:
    _check("parser email", SUBJECTS["parser email"], ('"', ",", "(", "<", "a,"))


@pytest.mark.slow  # each address is shown to Presidio
def test_personal_data_grows_with_the_text() -> None:
    _check("personal data", SUBJECTS["guard personal data"], (*STRUCTURE, *ONCE))


def _check(name: str, subject: Subject, pieces: tuple[str, ...]) -> None:
    subject(WARM)  # what is loaded at the first use is not counted
    found = [growth(name, subject, piece, N) for piece in pieces]
    slow = [one for one in found if one.exponent >= MOST]
    assert not [one for one in slow if growth(name, subject, one.piece, N).exponent >= MOST]
