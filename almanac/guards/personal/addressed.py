"""Personal data in words: written-out e-mail addresses, postal addresses, dates of birth.

Each rule looks around an anchor (an at sign in words, a kind of street, a date) at a bounded
stretch of text, so that the time stays linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

Span = tuple[int, int]
_AT = re.compile(
    r"\s{0,2}[\[({<]\s{0,2}(?:at|@|собак[аи]|эт)\s{0,2}[\])}>]\s{0,2}|\s{1,2}(?:at|собак[аи]|собачка|эт)\s{1,2}"
    r"|[^\S\n]{1,3}@\s{0,3}"
    r"|@\s{1,3}",
    re.IGNORECASE,
)
_DOT = (
    r"(?:\s{0,2}[\[({<]\s{0,2}(?:dot|\.|точка)\s{0,2}[\])}>]\s{0,2}"
    r"|\s{1,2}(?:dot|точка|тчк)\s{1,2}|\.)"
)
_LOCAL = re.compile(rf"[\w+-]{{1,40}}(?:{_DOT}[\w+-]{{1,40}}){{0,3}}$", re.IGNORECASE)
_DOMAIN = re.compile(rf"[\w-]{{1,40}}(?P<dots>(?:{_DOT}[\w-]{{2,24}}){{1,3}})", re.IGNORECASE)
_ENDING = re.compile(r"\.(?:com|org|net|edu|gov|info|biz|[a-z]{2})\Z", re.IGNORECASE)
_WORDED = re.compile(r"dot|точка|тчк|[\[({<]", re.IGNORECASE)
_MAIL_CUE = re.compile(
    r"\b(?:e-?mails?|mail|reach|write|contact|почт\w*|мейл\w*|имейл\w*|пишите|писать|напиши\w*"
    r"|адрес\w*)\b",
    re.IGNORECASE,
)
_AROUND = 90  # characters that are looked at on each side of an anchor
_EN_STREET = re.compile(
    r"\b\d{1,5}[A-Za-z]?,? (?:[A-Z][\w'’-]{1,20} ){1,4}"
    r"(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Close|Court|Ct|Crescent|Terrace|Way|Place"
    r"|Square|Gardens|Grove|Hill|Mews|Boulevard|Blvd|Row|Walk|Park|Parade|Rise|Green)\b\.?"
)
_EN_REST = re.compile(
    r"(?:,? (?:Apt|Apartment|Flat|Unit|Suite|Floor|No)\.? ?[\w-]{1,6}(?!\w))?"
    r"(?:, ?[A-Z][a-z'’-]+(?: [A-Z][a-z'’-]+){0,2}(?!\w)){0,3}"
    r"(?:,? ?(?:[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}|(?:[A-Z]{2} )?\d{5}(?:-\d{4})?)(?!\w))?"
)
_RU_STREET = re.compile(
    r"(?<!\w)(?:улиц[аеуы]|ул\.|проспект[ае]?|пр-т|пр\.|пер\.|переул\w+|бульвар[ае]?|б-р|шоссе"
    r"|набережн\w+|наб\.|площад[иь]|пл\.|проезд[ае]?|мкр\.?|микрорайон[ае]?)\s{1,2}"
    r"[«\"]?[А-ЯЁ\d][\w.-]{1,30}(?: [А-ЯЁ][\w.-]{1,30}){0,2}[»\"]?"
    r",?\s{0,2}(?:д\.|дом|д)?\s{0,2}\d{1,4}[а-яА-Я]?(?:/\d{1,3})?(?!\d)",
    re.IGNORECASE,
)
_RU_BARE = re.compile(
    r"(?<!\w)[А-ЯЁ][а-яё-]{2,25}(?: [А-ЯЁ][а-яё-]{2,25})?,? (?:д\. ?)?\d{1,4}[а-я]?"
    r"(?=[ ,]{1,2}(?:кв\.?|квартир\w+|корп\.?) ?\d)"
)
_RU_REST = re.compile(
    r"(?:[ ,]{1,3}(?:корп\.?|корпус|к\.|стр\.?|строение|кв\.?|квартир[аеу]|под\.|подъезд|эт\."
    r"|этаж|офис|комн\.?) ?\d{1,4}[а-я]?){0,4}",
    re.IGNORECASE,
)
_RU_TOWN = re.compile(
    r"(?:\d{6},? ?)?(?:(?:[А-ЯЁ][а-яё-]+ обл(?:асть|\.),? )?(?:г\.|город|пос\.|пгт|с\.|дер\.) ?)?"
    r"[А-ЯЁ][а-яё-]+(?: [А-ЯЁ][а-яё-]+)?, ?$|\d{6},? ?$"
)
_LIVES = re.compile(
    r"\b(?:i live|lives?|living|(?:my|her|his|their|home|private) (?:\w+ )?address|deliver|ship"
    r"|send|sent|moved|move|reside[sd]?|resident|tenant|at home|here's the address|живу|жив[её]т"
    r"|живут|проживаю?\w*|пропис\w+|зарегистрирован\w*|отправ\w+|пришл\w+|доставь\w*|достав\w+"
    r"|перее\w+|домашн\w+|мой адрес|его адрес|её адрес|по адресу)\b",
    re.IGNORECASE,
)
_FLAT = re.compile(r"\b(?:apt|apartment|flat|кв|квартир\w+)\b", re.IGNORECASE)
_PUBLIC_PLACE = re.compile(
    r"\b(?:office|headquarters?|shop|store|branch|company|ltd|inc|plc|llc|registered|museum|hotel"
    r"|school|hospital|station|магазин\w*|офис\w*|завод\w*|компани\w+|филиал\w*|отделени\w+|музе\w+"
    r"|гостиниц\w+|школ\w+|больниц\w+|вокзал\w*|склад\w*|поликлиник\w+|ооо|оао|зао|пао)\b",
    re.IGNORECASE,
)
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?|января|февраля|марта|апреля|мая"
    r"|июня|июля|августа|сентября|октября|ноября|декабря)"
)
_ORDINAL = (
    r"(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth"
    r"|thirteenth|fourteenth|fifteenth|sixteenth|seventeenth|eighteenth|nineteenth|twentieth"
    r"|twenty-\w+|thirtieth|thirty-first)"
)
_DATE = re.compile(
    rf"(?<![\w.])(?:(?:19|20)\d{{2}}[-./]\d{{1,2}}[-./]\d{{1,2}}"
    rf"|\d{{1,2}}[-./]\d{{1,2}}[-./](?:19|20)?\d{{2}}"
    rf"|(?:the )?(?:\d{{1,2}}(?:st|nd|rd|th)?|{_ORDINAL}) (?:of )?{_MONTH},? (?:19|20)\d{{2}}"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? (?:19|20)\d{{2}})(?!\w)",
    re.IGNORECASE,
)
_BIRTH = re.compile(
    r"\b(?:born|birth ?da(?:y|te)|date of birth|birth|d\.?o\.?b\b|родил(?:ся|ась|и)|рожд[её]н\w*"
    r"|рождени\w+|д\. ?р\.|дата рожд|др)\b|д\. ?р\.",
    re.IGNORECASE,
)
_BIRTH_AFTER = re.compile(r"^,? ?(?:г\. ?р\.|года рождения|г\.р)", re.IGNORECASE)


def worded_emails(text: str) -> Iterator[Span]:
    """`anna dot k at example dot org`, `ivan (собака) mail точка ru`."""
    for sign in _AT.finditer(text):
        start = max(0, sign.start() - _AROUND)
        local = _LOCAL.search(text[start : sign.start()])
        domain = _DOMAIN.match(text, sign.end(), sign.end() + _AROUND)
        if local is None or domain is None:
            continue
        begin = start + local.start()
        plain = sign[0].strip().isalpha()
        if plain and not _WORDED.search(domain["dots"]):
            before = text[max(0, begin - 40) : begin]
            if not (_MAIL_CUE.search(before) and re.search(r"[\d._]", local[0])):
                continue  # "look at example.com"
        if sign[0].strip() == "@" and not _WORDED.search(domain["dots"]):
            called = text[domain.end() : domain.end() + 1] == "("
            if called or not _ENDING.search(domain["dots"]):
                continue  # `@app.get("/")`, `rows @ table.mean()`
        yield begin, domain.end()


def postal_addresses(text: str) -> Iterator[Span]:
    """Streets with a number, from the town to the flat; offices and shops are no person's."""
    for street in _EN_STREET.finditer(text):
        rest = _EN_REST.match(text, street.end(), street.end() + _AROUND)
        yield from _private(text, street.start(), rest.end() if rest else street.end())
    for pattern in (_RU_STREET, _RU_BARE):
        for street in pattern.finditer(text):
            rest = _RU_REST.match(text, street.end(), street.end() + _AROUND)
            before = text[max(0, street.start() - _AROUND) : street.start()]
            town = _RU_TOWN.search(before)
            start = street.start() - (len(before) - town.start() if town else 0)
            yield from _private(text, start, rest.end() if rest else street.end())


def _private(text: str, start: int, end: int) -> Iterator[Span]:
    sentence = text[max(0, start - _AROUND) : end]
    is_home = _FLAT.search(text[start:end]) or _LIVES.search(sentence)
    is_public = _PUBLIC_PLACE.search(sentence)
    if is_home or (not is_public and _person_before(text[max(0, start - 40) : start])):
        yield start, end


def _person_before(before: str) -> bool:
    """`Leonie Falk-Hansen, 12 Aspen Close`."""
    return bool(re.search(r"[A-ZА-ЯЁ][\w-]+ [A-ZА-ЯЁ][\w-]+,\s*$", before))


def birth_dates(text: str) -> Iterator[Span]:
    """Full dates behind a word for birth, of this century and the last."""
    for date in _DATE.finditer(text):
        before = text[max(0, date.start() - 45) : date.start()]
        if _BIRTH.search(before) or _BIRTH_AFTER.match(text[date.end() : date.end() + 20]):
            yield date.span()
