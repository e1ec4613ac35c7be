"""Replace personal data in an example by typed placeholders, or by stand-ins that read as text.

What has a form (addresses, numbers) is masked wherever it stands, in passages too. A name is masked
only where a *user* brought it: in the question, in earlier turns, or in a correction, and not where
the passages have it, for then it is what the documents are about. What the model says on its own
comes from its documents or its weights: a name in a wrong answer is a wrong fact, and to mask it
would teach that placeholders are wrong. A masked name is masked in every text of its example, in
each inflection.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from almanac.core.stems import words
from almanac.dataset.guards.stand_ins import is_stand_in, labels_of, name_labels
from almanac.guards.personal.detect import private_names
from almanac.guards.personal.patterns import find
from schemas.examples import Example

_POSSESSIVE = r"(?:['’]s?)?"
_ENDINGS = (
    "а|я|у|ю|е|ы|и|й|ь|ом|ем|им|ым|ой|ей|ий|ый|ою|ею|ию|ью|ия|ии|ея|ья|ьи|ье|ая|ую|ого|его|ому|ему"
    "|ием|еем|ьей"
)
_SHORT = 3  # letters of a name's word below which it is not replaced on its own


IsBorne = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Masked:
    """An example without personal data, and how many entities of each kind it had."""

    example: Example
    counts: Mapping[str, int]


def mask(
    example: Example,
    languages: tuple[str, ...],
    stand_ins: bool = False,
    is_borne: IsBorne = lambda name: False,
) -> Masked:
    """Numbered placeholders, `[EMAIL_1]`, where an example has several of a kind, else `[EMAIL]`.

    With `stand_ins` people, addresses and phone numbers get one that reads as text, the same in
    all texts of the example. Names that the documents bear (`is_borne`) stay. Depends on the
    example and on them alone. `group` stays: it is a hash of the question as it was asked.
    """
    spellings = _spellings(example)
    people = _people(example, languages, is_borne)
    if not spellings and not people:
        return Masked(example, {})
    kinds = Counter(kind for kind, _ in dict.fromkeys(spellings.values()))
    entities = list(dict.fromkeys(spellings.values()))
    named = _placeholders(entities, kinds) | (labels_of(entities) if stand_ins else {})
    labels = name_labels(people, example.lang) if stand_ins else None
    swap = _Swap({word: named[entity] for word, entity in spellings.items()}, people, labels)
    kinds.update({"PERSON": len(people)} if people else {})
    return Masked(_everywhere(example, swap), dict(sorted(kinds.items())))


Entity = tuple[str, str]  # kind and key


def _spellings(example: Example) -> dict[str, Entity]:
    """Each spelling of personal data with a form in an example, in the order of their coming."""
    found: dict[str, Entity] = {}
    for text in _texts(example):
        for one in find(text):
            spelling = text[one.start : one.end]
            if not is_stand_in(spelling):
                found.setdefault(spelling, (one.kind, one.key))
    return found


def _texts(example: Example) -> Iterable[str]:
    """Every text once: a prompt that holds question and passages is looked at without them."""
    yield example.question
    for message in example.prompt:
        yield _without(message["content"], (example.question, *example.context))
    answers = (example.chosen, example.written, example.rejected)
    yield from (text for text in answers if text is not None)
    yield from example.context


def _without(text: str, parts: Iterable[str]) -> str:
    for part in sorted(filter(None, parts), key=len, reverse=True):
        text = text.replace(part, "\n")
    return text


def _placeholders(entities: Iterable[Entity], kinds: Mapping[str, int]) -> dict[Entity, str]:
    numbers: Counter[str] = Counter()
    named = {}
    for entity in entities:
        kind = entity[0]
        numbers[kind] += 1
        named[entity] = f"[{kind}_{numbers[kind]}]" if kinds[kind] > 1 else f"[{kind}]"
    return named


def _people(example: Example, languages: tuple[str, ...], is_borne: IsBorne) -> list[str]:
    """The names that users brought and the documents do not have, each person's longest."""
    passages = _known(example.context)
    turns = [one["content"] for one in example.prompt[:-1] if one["role"] == "user"]
    own = [name for text in (example.question, *turns) for name in private_names(text, languages)]
    found = [name for name in own if not _stands(name, passages)]
    if example.origin == "correction":
        # A name that a correction shares with the answer it corrects came from the model.
        known = passages | words(example.rejected or "").known
        written = private_names(example.chosen or "", languages)
        found += [name for name in written if not _stands(name, known)]
    return _persons(one for one in found if not is_borne(one) and not is_stand_in(one))


def _known(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(stem for text in texts for stem in words(text).known)


def _stands(name: str, known: frozenset[str]) -> bool:
    """By its last or its longest word: documents often say the family name alone."""
    stems = words(name).stems
    return not stems or stems[-1] in known or max(stems, key=len) in known


def _persons(found: Iterable[str]) -> list[str]:
    """Each person once: a name whose words another name has is the same person's."""
    kept: list[str] = []
    for name in sorted(dict.fromkeys(found), key=lambda name: -len(words(name).known)):
        if not any(words(name).known <= words(other).known for other in kept):
            kept.append(name)
    return kept


class _Swap:
    """Replaces entities in one text."""

    def __init__(
        self, spellings: Mapping[str, str], people: list[str], labels: list[str] | None = None
    ) -> None:
        self._spellings = spellings
        longest = sorted(spellings, key=len, reverse=True)
        self._forms = _union(rf"(?<!\w){re.escape(word)}(?!\w)" for word in longest)
        self._people = []
        for number, name in enumerate(people, 1):
            label = f"[PERSON_{number}]" if len(people) > 1 else "[PERSON]"
            label = labels[number - 1] if labels else label
            self._people.append((_name_pattern(name), label, name))

    def __call__(self, text: str, passages: frozenset[str]) -> str:
        if self._forms is not None:
            text = self._forms.sub(lambda found: self._spellings[found[0]], text)
        for pattern, label, name in self._people:
            text = pattern.sub(partial(_labelled, label, name, passages), text)
        return text


def _labelled(label: str, name: str, passages: frozenset[str], found: re.Match[str]) -> str:
    """A single word of a name is left alone where the documents use it, or if it is no name.

    Of a stand-in a first name stands for a first name, and a last one for a last one.
    """
    word = found[0]
    if not word[0].isupper() or (" " not in word and words(word).known & passages):
        return word
    if " " in word or " " not in label or "." in label:
        return label
    first, last = label.split()
    return first if words(name.split()[0]).known & words(word).known else last


def _union(patterns: Iterable[str]) -> re.Pattern[str] | None:
    joined = "|".join(patterns)
    return re.compile(joined) if joined else None


def _name_pattern(name: str) -> re.Pattern[str]:
    """The whole name in any inflection, else one of its words."""
    parts = name.split()
    whole = r"\s+".join(map(_bent, parts))
    single = [_bent(part) for part in parts if len(part) >= _SHORT and part.isalpha()]
    return re.compile(rf"(?<!\w)(?:{'|'.join([whole, *single])})(?!\w)", re.IGNORECASE)


def _bent(word: str) -> str:
    stems = words(word).stems
    if len(stems) != 1 or not "а" <= stems[0][0] <= "я":
        return re.escape(word) + _POSSESSIVE
    return f"(?:{re.escape(word)}|{re.escape(stems[0])}(?:{_ENDINGS})?)"


def _everywhere(example: Example, swap: _Swap) -> Example:
    passages = _known(example.context)

    def masked(text: str) -> str:
        return swap(text, passages)

    return replace(
        example,
        prompt=tuple({**one, "content": masked(one["content"])} for one in example.prompt),
        chosen=None if example.chosen is None else masked(example.chosen),
        written=None if example.written is None else masked(example.written),
        rejected=None if example.rejected is None else masked(example.rejected),
        question=masked(example.question),
        context=tuple(masked(text) for text in example.context),
    )
