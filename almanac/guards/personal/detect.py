"""All personal data of a text: what has a form, what a word before it tells, and private names."""

from __future__ import annotations

from collections.abc import Callable

from almanac.guards.personal.names import name_spans
from almanac.guards.personal.patterns import Found, find
from almanac.guards.personal.publicity import is_public

PERSON = "PERSON"
IsBorne = Callable[[str], bool]


def personal(
    text: str, languages: tuple[str, ...], is_borne: IsBorne = lambda _: False, names: bool = True
) -> list[Found]:
    """Entities that do not overlap, in their order.

    Names of public persons, and what `is_borne` says that documents bear, are left out. Without
    `names` no language model is opened.

    Raises:
        ConfigError: a model for the names of a language is not installed.
    """
    found = [one for one in find(text) if not is_borne(text[one.start : one.end])]
    if not names:
        return found
    for start, end in name_spans(text, languages):
        name = text[start:end]
        if any(start < one.end and one.start < end for one in found):
            continue
        if not is_public(text, start, end) and not is_borne(name):
            found.append(Found(PERSON, start, end, name.casefold()))
    return sorted(found, key=lambda one: one.start)


def private_names(text: str, languages: tuple[str, ...]) -> tuple[str, ...]:
    """Names in a text, in their order, each once, without those of public persons.

    Raises:
        ConfigError: a model for the names of a language is not installed.
    """
    spans = name_spans(text, languages)
    private = [text[start:end] for start, end in spans if not is_public(text, start, end)]
    return tuple(dict.fromkeys(private))


def masked(text: str, found: list[Found]) -> str:
    """The text with `[KIND]` for each entity; several of a kind are numbered by their key."""
    labels = _labels(found)
    parts, at = [], 0
    for one in found:
        parts += [text[at : one.start], labels[one.kind, one.key]]
        at = one.end
    return "".join([*parts, text[at:]])


def _labels(found: list[Found]) -> dict[tuple[str, str], str]:
    keys: dict[str, list[str]] = {}
    for one in found:
        known = keys.setdefault(one.kind, [])
        if one.key not in known:
            known.append(one.key)
    return {
        (kind, key): f"[{kind}]" if len(known) == 1 else f"[{kind}_{number}]"
        for kind, known in keys.items()
        for number, key in enumerate(known, 1)
    }
