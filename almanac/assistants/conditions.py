"""When a model of a route answers: conditions on a question, joined by `and`.

tokens<=400                  the question's length, as the budget estimates it
language=ru                  ru or en
topic(leave)>=0.6            how near it is to the nearest example of a topic of the version
tools, no tools              does the client offer tools?
history, no history          does it go on with a conversation?
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from schemas.errors import ConfigError

_TERM = re.compile(
    r"tokens\s*(?P<tokens><=|>=|<|>)\s*(?P<number>\d+)"
    r"|language\s*(?P<language>!=|=)\s*(?P<which>ru|en)"
    r"|topic\((?P<topic>[\w-]+)\)\s*(?P<near>>=|<)\s*(?P<share>0(?:\.\d+)?|1(?:\.0+)?)"
    r"|(?P<no>no )?(?P<has>tools|history)"
)
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_RIGHT = (
    "right are tokens<=400, language=ru, topic(NAME)>=0.6, tools, no tools, history, no history, "
    "joined by ' and '"
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What conditions look at. `nearness` gives the cosine to a topic's nearest example."""

    tokens: int
    language: str
    has_tools: bool
    has_history: bool
    nearness: Callable[[str], float]


def holds(when: str | None, facts: Facts) -> tuple[bool, str]:
    """Does a condition hold, and why: the first part that does not, or all of them."""
    said = []
    for term in _terms(when or ""):
        is_so, found = _term(term, facts)
        if not is_so:
            return False, f"{term[0]} does not hold: {found}"
        said.append(f"{term[0]} ({found})")
    return True, " and ".join(said) or "no condition"


def topics_in(when: str | None) -> list[str]:
    """The topics that a condition names. Raises ConfigError where it cannot be read."""
    return [term["topic"] for term in _terms(when or "") if term["topic"]]


def _terms(when: str) -> Iterator[re.Match[str]]:
    for part in when.split(" and ") if when.strip() else ():
        term = _TERM.fullmatch(part.strip())
        if term is None:
            raise ConfigError(f"the condition {part.strip()!r} cannot be read; {_RIGHT}")
        yield term


def _term(term: re.Match[str], facts: Facts) -> tuple[bool, str]:
    if term["tokens"]:
        is_so = _COMPARE[term["tokens"]](facts.tokens, int(term["number"]))
        return is_so, f"{facts.tokens} tokens"
    if term["language"]:
        is_so = (facts.language == term["which"]) == (term["language"] == "=")
        return is_so, facts.language
    if term["topic"]:
        near = round(facts.nearness(term["topic"]), 3)
        return _COMPARE[term["near"]](near, float(term["share"])), f"{near:.3f}"
    has = facts.has_tools if term["has"] == "tools" else facts.has_history
    return has != bool(term["no"]), f"{'has' if has else 'no'} {term['has']}"
