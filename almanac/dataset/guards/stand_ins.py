"""Stand-ins for personal data: nobody's, and such that the text still reads as it did.

Placeholders in brackets teach a model to write brackets. Names are of no gender, and Russian ones
do not change their form; addresses and numbers are of ranges that are kept for examples.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

_ENGLISH = (
    "Alex Morgan",
    "Robin Hayes",
    "Sam Parker",
    "Chris Bailey",
    "Jamie Reed",
    "Taylor Quinn",
    "Casey Brooks",
    "Jordan Ellis",
)
_RUSSIAN = (
    "А. Черных",
    "С. Седых",
    "В. Долгих",
    "Е. Польских",
    "Н. Белых",
    "М. Сухих",
    "О. Кудрявых",
    "И. Косых",
)
_FORMS = {"EMAIL": "person{}@example.com", "PHONE": "+1 202 555 01{:02d}"}
_NAMES = frozenset((*_ENGLISH, *_RUSSIAN))
_NUMBERED = re.compile(r"person\d+@example\.com|\+1 202 555 01\d\d")
_MOST = 99


def labels_of(entities: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Of those (kind, key) whose kind has a stand-in, each its own by the order of coming."""
    numbers: Counter[str] = Counter()
    found = {}
    for entity in entities:
        kind = entity[0]
        numbers[kind] += 1
        if kind in _FORMS and numbers[kind] <= _MOST:
            found[entity] = _FORMS[kind].format(numbers[kind])
    return found


def name_labels(people: Sequence[str], lang: str) -> list[str]:
    """A stand-in for each person, in their order; `[PERSON_9]` beyond those that there are."""
    own = {word.casefold() for name in people for word in name.split()}
    every = _RUSSIAN if lang == "ru" else _ENGLISH
    names = [one for one in every if not own & set(one.casefold().split())]
    more = [f"[PERSON_{number}]" for number in range(len(names) + 1, len(people) + 1)]
    return [*names, *more][: len(people)]


def is_stand_in(text: str) -> bool:
    """Is it one already? Then it stays what it is."""
    return text in _NAMES or bool(_NUMBERED.fullmatch(text))
