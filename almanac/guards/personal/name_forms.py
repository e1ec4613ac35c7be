"""Names that their form gives away: behind `my name is` in any case, and with a father's name."""

from __future__ import annotations

import re

Span = tuple[int, int]
_CYRILLIC = re.compile(r"[А-Яа-яЁё]{3}")
_WORD = r"[А-ЯЁ][а-яё]{2,24}(?:-[А-ЯЁ][а-яё]{2,24})?"
_SMALL = r"[а-яё]{3,20}"
_SON, _DAUGHTER = r"(?:ович|евич|ьич|ич)(?:а|у|ем|е)?", r"(?:овн|евн|ичн|иничн)(?:а|е|у|ы|ой)"
_FATHER = rf"[А-ЯЁ][а-яё]{{2,20}}?(?:{_SON}|{_DAUGHTER})"
_FAMILY = r"(?:ов|ев|ёв|ин|ын|ский|цкий|ск|ко|ук|юк|ян)[а-яё]{0,3}"
_FORMS = (
    re.compile(rf"\b(?:{_WORD} )?{_WORD} {_FATHER}\b(?: {_WORD}\b)?"),
    re.compile(
        rf"\b[А-ЯЁ][а-яё]{{2,24}}{_FAMILY} [А-ЯЁ]\. ?[А-ЯЁ]\."
        rf"|\b[А-ЯЁ]\. ?[А-ЯЁ]\. ?[А-ЯЁ][а-яё]{{2,24}}{_FAMILY}\b"
    ),
    re.compile(
        rf"\b{_SMALL} [а-яё]{{3,20}}?(?:(?:ович|евич)(?:а|у|ем|е)?|(?:овн|евн)(?:а|е|у|ы|ой))\b"
        rf"(?: [а-яё]{{3,20}}{_FAMILY}\b)?"
    ),
)
_CUE = re.compile(
    r"(?:\b(?:my (?:full |last |first )?name is|my name's|name ?[:=]|signed,|regards,"
    r"|this is(?= \w+ (?:\w+ )?speaking)|it's(?= \w+ (?:again|here|from)\b)|belongs to"
    r"|m(?:rs|r|s)\.?|меня зовут|мо[её] имя|(?:фамилия|фио)(?=:|(?-i: [А-ЯЁ]))|алло, это"
    r"|имя:|с уважением,)[:\s]?)\s*",
    re.IGNORECASE,
)
_ANY = re.compile(r"[^\W\d_]{2,24}(?:[-'’][^\W\d_]{2,24})?")
_OTHERS = (
    "and but or so the a an my your his her our their its it this that these those not no in "
    "on at of to for from with by is am are was were be been i you he she we they who what "
    "where when why how can could do does did have has had will would please here there all "
    "everyone everybody nobody now just also as if again speaking because company team user "
    "department wrong spelled misspelt missing required "
    "и а но или то что как где когда куда откуда почему зачем кто чей какой какая сколько я ты "
    "вы мы он она они не нет да в на из от до по за к с о об у для это эта этот мой моя мне "
    "меня нужно надо можно хочу могу прошу подскажите скажите пожалуйста работаю живу был "
    "была есть указана указано неверно если через после уважаемый уважаемая"
)
_NONE = frozenset(_OTHERS.split())


# Two capitalised words of which a desk's question says something of a person.
_PAIR = re.compile(
    r"(?<![\w.-])[A-Z][a-z]{2,15} [A-Z][a-z]{2,15}(?:-[A-Z][a-z]{2,15})?(?= (?:take|need|use|have"
    r"|has|get|is|was|left|lost|want|ask|call|work|live|start|join|leave|keep|apply|claim)\w*\b)"
)
_PERSONAL = re.compile(
    r"\b(?:her|his|she|he|him|hers|at home|a visa|sick note|birthday|maternity|paternity)\b"
)
_FIRM = re.compile(r"\b(?:Ltd|Inc|Office|Street|Road|City|Park|Bank|University|Word|Windows)\b")


def said_of_a_person(text: str) -> list[Span]:
    """`Can Wilhelmina Strandquist take her days`: unusual names that the model does not know."""
    spans = []
    for pair in _PAIR.finditer(text):
        behind = text[pair.end() : pair.end() + 80]
        start = pair.start()
        first = pair[0].split()[0]
        if first.casefold() in _NONE or _FIRM.search(pair[0]) or not _PERSONAL.search(behind):
            continue
        spans.append((start, pair.end()))
    return spans


def has_cyrillic(text: str) -> bool:
    """Is there a Russian word in a text?"""
    return bool(_CYRILLIC.search(text))


def introduced(text: str) -> list[Span]:
    """`my name is jane roe`, `меня зовут ольга смирнова`: one to three words that are no others."""
    spans = []
    for cue in _CUE.finditer(text):
        words = list(_ANY.finditer(text, cue.end(), cue.end() + 60))[:3]
        kept, at = 0, cue.end()
        for word in words:
            if text[at : word.start()].strip(" ") or word[0].casefold() in _NONE:
                break
            kept, at = kept + 1, word.end()
        if kept:
            spans.append((words[0].start(), words[kept - 1].end()))
    return spans


def russian_forms(text: str) -> list[Span]:
    """Names with a father's name or initials, in any inflection."""
    spans = []
    for form in _FORMS:
        for match in form.finditer(text):
            start = match.start()
            for word in match[0].split()[:-2]:  # "Почему Ивана Сергеевича"
                if word.casefold() not in _NONE:
                    break
                start += len(word) + 1
            spans.append((start, match.end()))
    return spans
