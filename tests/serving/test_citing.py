"""What of a model's text is shown, and what it cites."""

from __future__ import annotations

import pytest

from almanac.assistants.files import configured_prompt
from almanac.assistants.template import Prompt
from almanac.llm.usage import tokens
from almanac.serving.budget import newest_within, within
from almanac.serving.citing import CitedText, Mark
from schemas.errors import ConfigError
from schemas.feedback import Passage

PASSAGES = [
    "Your manager approves travel that costs over 500 euro.",
    "Mail is read daily by the office.",
]


def shown(text: str, question: str = "Who approves?", size: int = 7) -> list[str]:
    """What is given out piece by piece, for a text that comes in pieces of a size."""
    cited = CitedText(PASSAGES, question, "I don't know.")
    pieces = [cited.feed(text[at : at + size]) for at in range(0, len(text), size)]
    pieces.append(cited.finish())
    assert "".join(pieces) == cited.text
    return [piece for piece in pieces if piece]


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("Your manager [1].", "Your manager [1]."),
        ("Your manager. [1]", "Your manager. [1]"),
        ("Your manager [1, 2].", "Your manager [1][2]."),
        ("Your manager [1] [7].", "Your manager [1]."),
        ("Your manager [7] does [1].", "Your manager does [1]."),
        (
            "Travel over 500 euro is approved by your manager.",
            "Travel over 500 euro is approved by your manager. [1]",
        ),
        ("Well. Your manager [1]. Good day.", "Well. Your manager [1]. Good day."),
        ("Travel over 900 euro is approved by your manager.", ""),
        ("The moon consists of cheese and wine.", ""),
        ("I don't know.", ""),
        ("I don’t know", ""),
        ("Who approves?", ""),
        ("", ""),
        ("See a[1] in the code.", ""),
        ("Ваш руководитель [1].", "Ваш руководитель [1]."),
        ("- a list\n- of items [2]\n", "- a list\n- of items [2]"),
        (
            "So:\n```python\nx = [1, 7]. y\nz = [3]\n```\nSee your manager [1].",
            "So:\n```python\nx = [1, 7]. y\nz = [3]\n```\nSee your manager [1].",
        ),
        (
            "```\ntravel over 500 euro. approved by your manager\n```\nWell.",
            "```\ntravel over 500 euro. approved by your manager\n```\n[1]\nWell.",
        ),
        ("```\ntravel over 500 euro approved by your manager", ""),
    ],
)
def test_what_is_shown(said: str, text: str) -> None:
    for size in (1, 7, 1_000):
        assert "".join(shown(said, size=size)) == text


@pytest.mark.parametrize("short", ["ext. 4410", "ca. 30", "т.е. два", "руб. за"])
def test_an_abbreviation_ends_no_sentence(short: str) -> None:
    said = f"Travel over 500 euro, at {short}, is approved by your manager."
    cited = CitedText([said], "Who approves?", "I don't know.")
    assert cited.feed(f"{said} Then go.") + cited.finish() == f"{said} [1] Then go."


def test_nothing_is_shown_before_the_first_citation() -> None:
    pieces = shown("Let me think. It is your manager [1]. Mail is daily. And more [2].", size=1)
    assert pieces == [
        "Let me think. It is your manager [1].",
        " Mail is daily.",
        " And more [2].",
    ]


def test_marks_are_where_they_stand() -> None:
    assert CitedText.marks_in("Yes [1]. No [2][1].") == [
        Mark(1, 4, 7),
        Mark(2, 12, 15),
        Mark(1, 15, 18),
    ]


def test_the_budget() -> None:
    passages = [Passage(str(n), "x" * 300) for n in range(4)]
    assert tokens("x" * 300) == 100
    assert within(passages, 250) == passages[:2]
    assert within(passages, 10) == passages[:1]
    talk = [{"role": "user", "content": "x" * 300} for _ in range(3)]
    assert newest_within(talk, 250) == talk[1:]


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{% block system %}{% endblock %}", "has no block 'user'"),
        ("{% block system %}{% endblock %}{% block user %}{{ nope }}{% endblock %}", "nope"),
        ("{% block system %}{% block user %}", "prompt"),
        (
            "{% block system %}{% endblock %}"
            "{% block user %}{{ question.__class__.__mro__ }}{% endblock %}",
            "unsafe",
        ),
        (
            "{% block system %}{% endblock %}"
            "{% block user %}{{ passages.append(1) }}{% endblock %}",
            "unsafe",
        ),
    ],
)
def test_a_wrong_prompt_is_refused_when_it_is_read(template: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Prompt(template, "mine.j2")


def test_the_same_prompt_has_the_same_id() -> None:
    ours = configured_prompt(None)
    assert ours.prompt_id == Prompt(ours.template, "another").prompt_id
    assert ours.prompt_id != configured_prompt(None, small=True).prompt_id


def test_a_list_in_code_is_no_citation() -> None:
    text = "```\nx = [1, 2]\n```\nYour manager [2]."
    assert CitedText.marks_in(text) == [Mark(2, 32, 35)]
    assert text[32:35] == "[2]"
