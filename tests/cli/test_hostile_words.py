"""Words of documents, users and operators can't steer the terminal, whatever verb shows them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from almanac.cli.terminal import json_line, shown
from testing.command_line import almanac
from testing.full_house import CONFIG_FILE
from testing.house import FIRST_NIGHT, House
from testing.power_cut.house import without_expectations

# A new title of the window, red letters, a screen wiped by a C1 control, text turned around.
EVIL = "\x1b]0;owned\x07\x1b[31mred\x9b2J\u202eevil"
DOC, REQUEST = f"bad{EVIL}.md", f"r{EVIL}"
STORED = (
    ("feedback", "import", "log.jsonl"),
    ("prompt", "push", "answer.j2", "--note", EVIL, "--author", f"a{EVIL}"),
    ("assistant", "create", "documents", "--note", EVIL, "--set", "retrieval.k=4"),
    ("restore", "--as-of", "1", "--reason", EVIL, "--yes"),
    ("quarantine", "dismiss", "--rule", "pdf_is_readable", "--reason", EVIL, "--yes"),
)
ASKED = (
    ("history",),
    ("history", "--json"),
    ("documents",),
    ("documents", DOC),
    ("documents", f"none{EVIL}"),
    ("search", "printer badge", "--mode", "text"),
    ("search", "printer badge", "--mode", "text", "--json"),
    ("diff", "1", "2"),
    ("trace", REQUEST),
    ("trace", DOC),
    ("access", "who", DOC),
    ("quarantine", "list", "--all"),
    ("feedback", "show", REQUEST),
    ("feedback", "show", f"none{EVIL}"),
    ("prompt", "list"),
    ("prompt", "show", "answer"),
    ("assistant", "list"),
    ("erase", "--doc", DOC, "--dry-run"),
    ("status",),
    ("verify",),
    (f"verb{EVIL}",),
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with without_expectations():
        yield _hostile(House(tmp_path_factory.mktemp("evil"), durability="none"))


def _hostile(house: House) -> House:
    config = CONFIG_FILE.format(durability="none")
    (house.root / "almanac.toml").write_text(config, encoding="utf-8")
    text = f"# Title {EVIL}\n\nThe printer {EVIL} wants a badge.\n"
    (house.docs / DOC).write_text(text, encoding="utf-8")
    (house.docs / f"broken{EVIL}.pdf").write_bytes(b"no PDF")
    house.put("plain", "The printer wants a badge.")
    house.night(1)
    house.put("plain", "The printer wants none.")
    house.night(2)
    request = {
        "request_id": REQUEST,
        "asked_at": FIRST_NIGHT.isoformat(),
        "user_id": f"u{EVIL}",
        "question": f"Which badge {EVIL}?",
        "response": f"Green {EVIL}.",
        "model": f"m{EVIL}",
        "rating": -1,
        "correction": f"Orange {EVIL}",
    }
    (house.root / "log.jsonl").write_text(json.dumps(request) + "\n", encoding="utf-8")
    blocks = "{% block system %}" + EVIL + "{% endblock %}{% block user %}{{ question }}"
    (house.root / "answer.j2").write_text(blocks + "{% endblock %}", encoding="utf-8")
    return house


def test_no_verb_lets_a_word_steer_the_terminal(house: House) -> None:
    told = {}
    for arguments in (*STORED, *ASKED):
        done = almanac(house, *arguments)
        assert not done.raw, done.said
        told[arguments] = done
        steering = {sign for sign in EVIL if not sign.isprintable()} & set(done.said)
        assert not steering, (arguments[0], done.said)
    assert all(not told[arguments].code for arguments in STORED)
    assert "red·2J·evil" in told["feedback", "show", REQUEST].said
    rows = json.loads(told["history", "--json"].out)["releases"]
    assert json.dumps(EVIL)[1:-1] in json.dumps(rows)  # the value is what was given


def test_what_is_shown_keeps_lines_and_letters() -> None:
    assert shown("a\tb\nПривет, 字, ‍é\u00a0!") == "a\tb\nПривет, 字, ‍é\u00a0!"
    assert shown("one\rtwo\x1b[2J") == "one·two·[2J"


def test_json_is_the_same_value() -> None:
    value = {"text": EVIL, "letters": "Привет", "lines": "a\nb"}
    assert json.loads(json_line(value)) == value
    assert json_line(value).isprintable()
