"""Personal data that has a form: addresses, numbers with check digits, telephones.

Presidio's recognisers where it has them, with what they let through narrowed: data that names
nobody (example.com, 192.168.0.1) stays, and a number without check digits of its own needs either a
telling form or a telling word before it. Nothing is fetched: the list of domain endings is the one
that tldextract carries.
"""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any

from almanac.guards.personal.addressed import birth_dates, postal_addresses, worded_emails
from almanac.guards.personal.cued import cued, secrets
from almanac.guards.personal.digits import is_inn, is_ogrn, is_snils

REGIONS = ("RU", "GB", "US", "DE")
_BEFORE = 40  # characters in which a telling word is looked for
_NOBODY = re.compile(
    r"(?:^|[.@])(?:example\.(?:com|org|net)|example|test|invalid|localhost)$", re.I
)
# Of an address whose host is an example's: those of a sample, not of somebody.
_ANYBODY = re.compile(
    r"(?:user|users|name|you|your\.?name|info|test|admin|john|jane|foo|bar|alice|bob|someone|me|mail"
    r"|email|support|noreply|no-reply|contact|hello|help|sales|office|example|username|customer)\d?@",
    re.IGNORECASE,
)
_SAMPLES = tuple(map(ipaddress.ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")))
_AT, _BREAK = re.compile("@"), re.compile(r"[\s@]")
_ADDRESS = 320  # characters of an address at most (RFC 5321)
_SECRET_URL = re.compile(r"\b[a-z][a-z0-9+.-]{0,30}://[^\s/:@]+:[^\s/@]+@[^\s/]+", re.IGNORECASE)
_SNILS = re.compile(r"(?<!\d)\d{3}-\d{3}-\d{3}[ -]\d{2}(?!\d)|(?<![\d+])\d{11}(?!\d)")
_PASSPORT = re.compile(r"(?<!\d)\d{2} ?\d{2}[ ,]{0,2}(?:№|номер|N|No\.?)? ?\d{6}(?!\d)")
_DIGITS = re.compile(r"(?<![\d.,+-])\d{10,15}(?![\d-]|[.,]\d)")
_SSN = re.compile(r"(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])")
_CARD_2 = r"\b2[2-7]\d{2}[- ]?\d{4}[- ]?\d{4}[- ]?\d{4}\b"  # Mir, and Mastercard since 2017
_DIALLED = re.compile(r"(?<![\w+])[+(]{0,2}\d(?:[ ()./\u00a0-]{0,3}\d){6,24}(?!\w)")
_MOBILE = re.compile(r"[78]9\d{9}")
_THOUSANDS = re.compile(r"\d{1,3}(?:[ ,.]\d{3})+")
_YEARS = re.compile(r"(?:19|20)\d{2}\D{1,3}(?:19|20)\d{2}|(?:19|20)\d{2}[-. ]\d{2}[-. ]\d{2}.*")
_GROUPED = re.compile(r"\d[ ()./-]+\d")
_CALL = re.compile(
    r"\b(?:phone|tele?phone|tel|call|cell|mobile|fax|whatsapp|viber|telegram|sms|text(?: me)?|reach"
    r"|dial|ring|contact|helpline|тел|телефон\w*|номер\w*|звон\w*|позвон\w*|перезвон\w*|моб"
    r"|мобильн\w+|факс|ватсап|вотсап|вайбер|смс|связ\w+)\b",
    re.IGNORECASE,
)
_NO_CALL = re.compile(
    r"(?:\b(?:isbn|issn|doi|version|order|invoice|ticket|case|article|account|id|serial|part"
    r"|tracking|заказ\w*|счет\w*|счёт\w*|заявк\w*|обращени\w*|договор\w*|трек\w*|артикул\w*)\b"
    r"|[№#])\D{0,12}$",
    re.IGNORECASE,
)
_VERSION = re.compile(r"(?:\bv|версии?|versions?|release|build)\W*$", re.IGNORECASE)


# A country with its check digits and the ten characters that the shortest have after them; and the
# least length of an address of a wallet.
_ALIKE = {
    "IBAN": re.compile(r"[A-Za-z]{2}\d{2}(?:[ \-]?[A-Za-z0-9]){10}"),
    "CRYPTO": re.compile(r"[A-Za-z0-9]{25}"),
}


@dataclass(frozen=True, slots=True)
class Found:
    """One entity at text[start:end]; `key` is the same for every spelling of it."""

    kind: str
    start: int
    end: int
    key: str


@lru_cache(maxsize=20_000)
def find(text: str) -> tuple[Found, ...]:
    """Entities that do not overlap, in their order; the more certain kind wins a shared place."""
    taken: list[Found] = []  # in their order
    for found in _every(text):
        at = bisect_left(taken, found.start, key=lambda one: one.start)
        before, after = taken[max(0, at - 1) : at], taken[at : at + 1]
        if all(one.end <= found.start for one in before) and all(
            found.end <= one.start for one in after
        ):
            taken.insert(at, found)
    return tuple(taken)


def _every(text: str) -> Iterator[Found]:
    """From the most certain kind to the least; what a text has no signs of is not looked for."""
    digits = sum(map(str.isdigit, text))
    if "://" in text and "@" in text:
        yield from _matches("URL", _SECRET_URL, text)
    if "@" in text:
        yield from _emails(text)
    if digits >= 2:
        yield from _with_digits(text)
    if digits >= 9:
        yield from _numbers(text)
    if text.count(".") > 2 or text.count(":") > 1:
        yield from _presidio("IP", text, _is_somebodys)
    if digits >= 7:
        yield from _phones(text)
    yield from _spans("SECRET", secrets(text), text)
    yield from _spans("EMAIL", worded_emails(text), text)
    if digits >= 1:
        yield from _spans("ADDRESS", postal_addresses(text), text)
        yield from _spans("BIRTH_DATE", birth_dates(text), text)


def _with_digits(text: str) -> Iterator[Found]:
    # Presidio is imported for seconds, so ordinary texts do without.
    for kind, alike in _ALIKE.items():
        if alike.search(text):
            yield from _presidio(kind, text)
    for kind, (start, end) in cued(text):
        yield Found(kind, start, end, _key(kind, text[start:end]))


def _spans(kind: str, spans: Iterable[tuple[int, int]], text: str) -> Iterator[Found]:
    for start, end in spans:
        yield Found(kind, start, end, " ".join(text[start:end].casefold().split()))


def _emails(text: str) -> Iterator[Found]:
    """Only the text around each `@` is shown to Presidio, whose pattern is quadratic."""
    for sign in _AT.finditer(text):
        start, end = max(0, sign.start() - _ADDRESS), sign.end() + _ADDRESS
        before = _BREAK.split(text[start : sign.start()])[-1]
        after = _BREAK.split(text[sign.end() : end], maxsplit=1)[0]
        if not before or "." not in after:
            continue
        moved = sign.start() - len(before)
        for found in _presidio("EMAIL", f"{before}@{after}", _is_some_mail):
            yield replace(found, start=found.start + moved, end=found.end + moved)


def _numbers(text: str) -> Iterator[Found]:
    yield from _presidio("CARD", text)
    yield from _matches("SNILS", _SNILS, text, _is_snils)
    yield from _matches("PASSPORT", _PASSPORT, text, _told("паспорт", "passport", "серия"))
    yield from _matches("INN", _DIGITS, text, _is_inn)
    yield from _matches("OGRN", _DIGITS, text, _is_ogrn)
    yield from _matches("SSN", _SSN, text)


def _phones(text: str) -> Iterator[Found]:
    """Only stretches of seven digits or more are shown to phonenumbers, which reads slowly.

    A stretch that says it is one (a plus, a telling word) need not be a number in use.
    """
    for stretch in _DIALLED.finditer(text):
        before = text[max(0, stretch.start() - _BEFORE) : stretch.start()]
        said = stretch[0].startswith("+") or bool(_CALL.search(before))
        whole = [(0, len(stretch[0]))] if said and 10 <= len(_bare(stretch[0])) <= 15 else []
        for start, end in whole or _phone_spans(stretch[0]):
            at = stretch.start() + start
            word, before = stretch[0][start:end], text[max(0, at - _BEFORE) : at]
            if _is_phone(word, before):
                yield Found("PHONE", at, at + len(word), _key("PHONE", word))


@lru_cache(maxsize=20_000)
def _phone_spans(stretch: str) -> tuple[tuple[int, int], ...]:
    recogniser = _recognisers()["PHONE"]
    found = recogniser.analyze(stretch, recogniser.supported_entities)
    return tuple(sorted(((one.start, one.end) for one in found), key=lambda at: (at[0], -at[1])))


Test = Callable[[str, str], bool]  # of an entity and of what stands before it


def _matches(
    kind: str, pattern: re.Pattern[str], text: str, test: Test | None = None
) -> Iterator[Found]:
    for match in pattern.finditer(text):
        before = text[max(0, match.start() - _BEFORE) : match.start()]
        if test is None or test(match[0], before):
            yield Found(kind, match.start(), match.end(), _key(kind, match[0]))


def _presidio(kind: str, text: str, test: Test | None = None) -> Iterator[Found]:
    recogniser = _recognisers()[kind]
    found = recogniser.analyze(text, recogniser.supported_entities)
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        word, before = text[one.start : one.end], text[max(0, one.start - _BEFORE) : one.start]
        if test is None or test(word, before):
            yield Found(kind, one.start, one.end, _key(kind, word))


def _key(kind: str, word: str) -> str:
    if kind == "PHONE":
        return _bare(word)[-10:]  # +7 903 and 8 903 are the same
    if kind == "IBAN":
        return "".join(word.split()).casefold()
    if kind in ("EMAIL", "URL", "IP", "CRYPTO", "PLATE", "SECRET", "HANDLE", "NINO", "LICENCE"):
        return "".join(word.casefold().split())
    return _bare(word)


def _bare(word: str) -> str:
    return "".join(filter(str.isdigit, word))


def _told(*names: str) -> Test:
    said = re.compile("|".join(names), re.IGNORECASE)
    return lambda _, before: bool(said.search(before))


def _is_snils(word: str, before: str) -> bool:
    return is_snils(_bare(word)) and ("-" in word or _told("снилс", "snils")(word, before))


def _is_inn(word: str, before: str) -> bool:
    # One 12-digit number in a hundred passes by chance, of 10 digits one in ten.
    return is_inn(word) and (len(word) == 12 or _told("инн", r"\binn\b")(word, before))


def _is_ogrn(word: str, before: str) -> bool:
    return is_ogrn(word) and _told("огрн", "ogrn")(word, before)


def _is_some_mail(word: str, before: str) -> bool:
    return not (_NOBODY.search(word) and _ANYBODY.match(word))


def _is_somebodys(word: str, before: str) -> bool:
    address = ipaddress.ip_interface(word).ip
    somebodys = address.is_global or any(address in net for net in _SAMPLES)
    return somebodys and not _VERSION.search(before)


def _is_phone(word: str, before: str) -> bool:
    bare = _bare(word)
    if len(bare) < 7 or _YEARS.fullmatch(word):
        return False
    if word.startswith("+"):
        return True
    if _NO_CALL.search(before):
        return False
    if _CALL.search(before):
        return True
    return not _THOUSANDS.fullmatch(word) and _has_the_form(word, bare)


def _has_the_form(word: str, bare: str) -> bool:
    return bool(_MOBILE.fullmatch(bare)) or (len(bare) >= 10 and bool(_GROUPED.search(word)))


@cache
def _recognisers() -> dict[str, Any]:
    """Presidio's, by Almanac's names of the kinds."""
    import tldextract
    from presidio_analyzer import Pattern
    from presidio_analyzer import predefined_recognizers as known

    offline = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=())

    class Email(known.EmailRecognizer):
        def validate_result(self, pattern_text: str) -> bool:
            return bool(offline(pattern_text).fqdn)

    cards = [*known.CreditCardRecognizer.PATTERNS, Pattern("Mir, Mastercard 2", _CARD_2, 0.3)]
    return {
        "EMAIL": Email(),
        "IBAN": known.IbanRecognizer(),
        "CRYPTO": known.CryptoRecognizer(),
        "CARD": known.CreditCardRecognizer(patterns=cards),
        "IP": known.IpRecognizer(),
        "PHONE": known.PhoneRecognizer(supported_regions=REGIONS),
    }
