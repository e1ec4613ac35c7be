"""Numbers and secrets that a word before them gives away: documents, plates, passwords, accounts.

A number behind such a word need not be valid: who mistypes a digit still tells whose it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

Span = tuple[int, int]
_BEFORE = 40  # characters in which the word is looked for
_BROKEN = re.compile(r"[.!?]\s+[A-ZА-ЯЁ]|\n\n")  # a word of another sentence says nothing


@dataclass(frozen=True, slots=True)
class _Rule:
    """`form` finds the value, `cue` the word before it; `form` alone is enough without a cue."""

    kind: str
    form: re.Pattern[str]
    cue: re.Pattern[str] | None = None


def _form(pattern: str, flags: int = 0) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w+]){pattern}(?!\w)", flags)


def _cue(*words: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)", re.IGNORECASE)


_PASSPORTS = _cue(r"passports?", r"(?:загран)?паспорт\w*", r"сери[яиейю]")
_PLATES = _cue(
    "plates?", "reg", "registration", "cars?", "van", "vehicle", "parked", "estate", "licen[cs]e",
    r"номер\w*", r"машин\w+", r"авто\w*", r"госномер\w*",
)  # fmt: skip
_RU_PLATE = r"[АВЕКМНОРСТУХABEKMHOPCTYX]\s?\d{3}\s?[АВЕКМНОРСТУХABEKMHOPCTYX]{2}\s?\d{2,3}"
_RULES = (
    _Rule("SNILS", _form(r"\d{3}[ -]\d{3}[ -]\d{3}[ -]\d{2}|\d{11}"), _cue("снилс", "snils")),
    _Rule("SNILS", _form(r"\d{3}-\d{3}-\d{3} \d{2}")),
    _Rule("INN", _form(r"\d{12}|\d{10}|\d{4}(?: \d{4}){2}|\d{4} \d{6}"), _cue(r"инн\w*", "inn")),
    _Rule(
        "PASSPORT",
        _form(
            r"\d{2} ?\d{2}[ ,]{0,2}(?:№|номер|N|No\.?)? ?\d{6}|\d{2} ?\d{7}"
            r"|[A-Z]{1,2} ?\d{6,8}|\d{9}"
        ),
        _PASSPORTS,
    ),
    _Rule(
        "NINO",
        _form(r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?(?:\d{2} ?){3}[A-D]"),
    ),
    _Rule(
        "NINO",
        _form(r"[A-Z]{2} ?(?:\d{2} ?){3}[A-D]", re.IGNORECASE),
        _cue("national insurance", r"ni(?:no)?", "insurance number"),
    ),
    _Rule("NHS", _form(r"\d{3}[ -]\d{3}[ -]\d{4}|\d{10}"), _cue("nhs")),
    _Rule("SSN", _form(r"\d{3}-\d{2}-\d{4}"), _cue("ssn", "social", "social security")),
    _Rule("SSN", _form(r"9\d{2}-(?:[5-9]\d)-\d{4}")),
    _Rule("POLICY", _form(r"\d{4}(?: \d{4}){3}|\d{16}"), _cue(r"полис\w*", "омс")),
    _Rule(
        "LICENCE",
        _form(r"\d{2} ?(?:\d{2}|[А-Я]{2}) ?\d{6}|[A-Z9]{5}\d{6}[A-Z9]{2}\d[A-Z]{2}"),
        _cue("driving licen[cs]e", "driver['’]?s licen[cs]e", r"водительск\w+", "права", "ву"),
    ),
    _Rule("PLATE", _form(_RU_PLATE, re.IGNORECASE)),
    _Rule("PLATE", _form(r"[A-Z]{2}\d{2} ?[A-Z]{3}"), _PLATES),
    _Rule("PLATE", _form(r"[A-Z]{2}\d{2} [A-Z]{3}")),
    _Rule("ACCOUNT", _form(r"40[0-9]\d{17}|42[0-9]\d{17}")),
    _Rule(
        "ACCOUNT",
        _form(r"\d{2}-\d{2}-\d{2}|\d{8}|\d{20}"),
        _cue("sort code", "account(?: number| no)?", r"сч[её]т\w*", "р/с"),
    ),
    _Rule("CVV", _form(r"(?:cvv2?|cvc2?|цвв)\W{0,3}(?:is |code |код )?\d{3,4}", re.IGNORECASE)),
    _Rule("CARD", _form(r"3[47]\d{2}[ -]?\d{6}[ -]?\d{5}"), _cue("amex", "card", r"карт\w+")),
    _Rule("PHONE", _form(r"8 ?\(\d{3}\) ?\d{3}-\d{2}-\d{2}")),
    _Rule("PHONE", re.compile(r"(?<![\w(])(?<!\+\d )(?<!\+\d\d )\(\d{3}\) ?\d{3}-\d{4}(?!\w)")),
    _Rule(
        "SECRET",
        _form(
            r"(?:sk|pk|rk)[-_](?:live[-_]|test[-_])?[A-Za-z0-9_-]{16,80}|gh[pousr]_[A-Za-z0-9]{20,80}"
            r"|AKIA[0-9A-Z]{16}|xox[abp]-[A-Za-z0-9-]{10,80}|glpat-[A-Za-z0-9_-]{16,60}"
        ),
    ),
    _Rule(
        "HANDLE",
        _form(r"@[A-Za-z]\w{3,31}"),
        _cue("telegram", "insta(?:gram)?", "twitter", r"телеграм\w*", r"телег\w*", "тг", "ник"),
    ),
)
_SECRET_WORD = re.compile(
    r"(?<!\w)(?:pass(?:word|code|phrase|wd)s?|pwd|pin(?:[- ]?code)?|api[- _]?key|access[- _]?token"
    r"|auth[- _]?token|secret(?:[- _]?key)?|wi-?fi|login code|пароль|пароля|паролем|пароле"
    r"|пин(?:-?код)?\w{0,2}|код из смс|ключ (?:api|доступа)|вай-?фай)(?!\w)",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[^\s,;:=«»\"“”'’()][^\s,;:«»\"“”'’()]{3,63}")
# What stands in code and configurations in the place of a secret.
_REFERENCE = re.compile(
    r"[$%<{]|(?:os|env|self|this|settings|config|cfg|process|request|args|form\w{0,10}|user|data"
    r"|options|params|secrets)\.\w|(?:true|false|null|none|str|string|secretstr|optional|required)\b",
    re.IGNORECASE,
)
_SAID = re.compile(r"(?:[:=]|\b(?:is|was|это|такой|такая)\b)\s*$", re.IGNORECASE)
_AFTER = 48  # characters behind the word in which the secret is looked for


def cued(text: str) -> Iterator[tuple[str, Span]]:
    """Kind and place of each value; the same place may come under several kinds."""
    for rule in _RULES:
        for value in rule.form.finditer(text):
            if rule.cue is None or _said_before(rule.cue, text, value.start()):
                yield rule.kind, value.span()


def _said_before(cue: re.Pattern[str], text: str, at: int) -> bool:
    before = text[max(0, at - _BEFORE) : at]
    parts = _BROKEN.split(before)
    return bool(cue.search(parts[-1]))


def secrets(text: str) -> Iterator[Span]:
    """What follows a word for a password and is none: signs and digits, or letters that are mixed.

    `password: hunter` is one by its colon; `the password is long` says something of passwords.
    """
    for word in _SECRET_WORD.finditer(text):
        start = word.end()
        for token in _TOKEN.finditer(text, start, start + _AFTER):
            value = token[0].rstrip(".!?") if token[0].rstrip(".!?") else token[0]
            if _REFERENCE.match(value):
                break
            if _BROKEN.search(text[start : token.start() + 1]):
                break
            if _looks_secret(value) or (
                re.search(r"[:=]\s*$", text[start : token.start()])
                and not _PLAIN_AFTER.match(value)
                and not re.search(r"\s", text[start : token.start()].strip(" :="))
            ):
                end = token.start() + len(value)
                if text[end : end + 1] == "!":
                    end += 1
                yield token.start(), end
                break


_PLAIN_AFTER = re.compile(
    r"(?:is|was|not|must|should|has|have|the|your|how|what|where|why|who|не|как|что|где|почему|надо"
    r"|нужно|можно|должен|меня\w*)(?!\w)",
    re.IGNORECASE,
)


def _looks_secret(value: str) -> bool:
    """Letters beside digits or signs, but no amount, date, version or word with a hyphen."""
    if re.fullmatch(r"[\d.,:/%-]+(?:st|nd|rd|th|-\w+)?|\w+-\w+|[\w-]+\.\w{2,4}", value):
        return bool(re.fullmatch(r"\d{4,8}", value)) and not re.fullmatch(r"(?:19|20)\d\d", value)
    has_digit, has_letter = bool(re.search(r"\d", value)), bool(re.search(r"[^\W\d_]", value))
    has_sign = bool(re.search(r"[^\w.-]|_", value))
    return (has_digit and (has_letter or has_sign)) or (has_letter and has_sign)
