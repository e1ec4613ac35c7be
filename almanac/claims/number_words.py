"""Numbers, multipliers and units as words, in English and in Russian."""

from __future__ import annotations

import re

_EN = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty"
)
_TENS = "thirty forty fifty sixty seventy eighty ninety"
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth"
# By the letters that a declined Russian number begins with and those that may follow.
_RU = (
    (r"ноль|нол[яюе]м?", 0),
    (r"од(?:ин|на|но|ного|ной|ному|ним|ну)", 1),
    (r"дв(?:а|е|ух|ум|умя|ое|оих)", 2),
    (r"тр(?:и|ех|ем|емя|ое|оих)", 3),
    (r"четыр(?:е|ех|ем|ьмя)|четверо", 4),
    (r"пят(?:ь|и|ью|еро|ерых)", 5),
    (r"шест(?:ь|и|ью|еро|ерых)", 6),
    (r"сем(?:ь|и|ью|еро)", 7),
    (r"вос(?:емь|ьми|емью)", 8),
    (r"девят(?:ь|и|ью)", 9),
    (r"десят(?:ь|и|ью)", 10),
    (r"одиннадцат(?:ь|и|ью)", 11),
    (r"двенадцат(?:ь|и|ью)", 12),
    (r"тринадцат(?:ь|и|ью)", 13),
    (r"четырнадцат(?:ь|и|ью)", 14),
    (r"пятнадцат(?:ь|и|ью)", 15),
    (r"шестнадцат(?:ь|и|ью)", 16),
    (r"семнадцат(?:ь|и|ью)", 17),
    (r"восемнадцат(?:ь|и|ью)", 18),
    (r"девятнадцат(?:ь|и|ью)", 19),
    (r"двадцат(?:ь|и|ью)", 20),
    (r"тридцат(?:ь|и|ью)", 30),
    (r"сорока?", 40),
    (r"пят(?:ь|и)десяти?", 50),
    (r"шест(?:ь|и)десяти?", 60),
    (r"сем(?:ь|и)десяти?", 70),
    (r"вос(?:емь|ьми)десяти?", 80),
    (r"девяност[оа]", 90),
    (r"ст[оа]", 100),
    (r"двест[иа]|двухсот", 200),
    (r"триста|трехсот", 300),
    (r"четыреста|четырехсот", 400),
    (r"пят(?:ьсот|исот)", 500),
)
_RUSSIAN = tuple((re.compile(pattern), value) for pattern, value in _RU)
ENGLISH: dict[str, float] = (
    {word: value for value, word in enumerate(_EN.split())}
    | {word: 30.0 + 10 * at for at, word in enumerate(_TENS.split())}
    | {"twice": 2, "half": 0.5, "dozen": 12, "полтора": 1.5, "полутора": 1.5, "дважды": 2}
    | {"половина": 0.5, "пол": 0.5, "полчаса": 0.5}
)
# Without a unit they are mostly no number: `one of them`, `half of it`.
VAGUE = frozenset({"one", "half", "половина", "пол"})
ORDINALS: dict[str, int] = {word: at + 1 for at, word in enumerate(_ORDINALS.split())}
RUSSIAN_ORDINALS = tuple(
    (re.compile(pattern), at)
    for at, pattern in enumerate(
        (
            "перв(?:ое|ого)", "втор(?:ое|ого)", "треть(?:е|его)", "четверт(?:ое|ого)",
            "пят(?:ое|ого)", "шест(?:ое|ого)", "седьм(?:ое|ого)", "восьм(?:ое|ого)",
            "девят(?:ое|ого)", "десят(?:ое|ого)",
        ),
        1,
    )
)  # fmt: skip
MULTIPLIERS = (
    (re.compile(r"dozens?"), 12.0),
    (re.compile(r"hundreds?"), 1e2),
    (re.compile(r"k|thousands?|тысяч(?:а|и|у|е|ам|ей)?|тыс|к"), 1e3),
    (re.compile(r"millions?|mn|mln|миллион(?:а|ов|у|ы)?|млн"), 1e6),
    (re.compile(r"billions?|bn|миллиард(?:а|ов|у|ы)?|млрд"), 1e9),
)
# Unit: pattern of its words, the measure, and how many of the measure one is.
UNITS = tuple(
    (re.compile(pattern), measure, factor)
    for pattern, measure, factor in (
        (r"milliseconds?|ms|миллисекунд\w*|мс", "second", 1e-3),
        (r"seconds?|secs?|секунд\w*|сек", "second", 1.0),
        (r"minutes?|mins?|минут\w*|мин", "second", 60.0),
        (r"hours?|hrs?|h|час(?:а|ов|у|ы|ам|ах|ами|ом)?|ч|полчаса", "second", 3600.0),
        (r"days?|д(?:ень|ня|ней|ню|нями|ням|не)|сут(?:ки|ок|кам)", "second", 86400.0),
        (r"nights?|ноч(?:ь|и|ей)", "second", 86400.0),
        (r"weeks?|недел\w*", "second", 604800.0),
        (r"fortnights?", "second", 1209600.0),
        (r"months?|месяц\w*|мес", "month", 1.0),
        (r"quarters?|квартал\w*", "month", 3.0),
        (r"years?|yrs?|yo|год(?:а|у|ы|ом|ам|ах)?|лет", "month", 12.0),
        (r"decades?|десятилети\w*", "month", 120.0),
        (r"centur(?:y|ies)|век(?:а|ов|е)?|столети\w*", "month", 1200.0),
        (r"mm|millimet\w*|миллиметр\w*|мм", "metre", 1e-3),
        (r"cm|centimet\w*|сантиметр\w*|см", "metre", 1e-2),
        (r"km|kilomet\w*|километр\w*|км", "metre", 1e3),
        (r"m|met(?:re|er)s?|метр(?:а|ов|у|ы|ах)?|м", "metre", 1.0),
        (r"mi|miles?|мил[ьяие]\w*", "metre", 1609.344),
        (r"ft|foot|feet|фут\w*", "metre", 0.3048),
        (r"inch(?:es)?|дюйм\w*", "metre", 0.0254),
        (r"mg|milligrams?|миллиграмм\w*|мг", "gram", 1e-3),
        (r"kg|kilos?|kilograms?|килограмм\w*|кг", "gram", 1e3),
        (r"g|grams?|грамм\w*|г", "gram", 1.0),
        (r"tons?|tonnes?|тонн\w*", "gram", 1e6),
        (r"lbs?|фунт(?:а|ов)?", "gram", 453.59237),
        (r"ml|millilit\w*|миллилитр\w*|мл", "litre", 1e-3),
        (r"l|lit(?:re|er)s?|литр\w*|л", "litre", 1.0),
        (r"kb|kilobytes?|килобайт\w*|кб", "byte", 1e3),
        (r"mb|megabytes?|мегабайт\w*|мб", "byte", 1e6),
        (r"gb|gigabytes?|гигабайт\w*|гб", "byte", 1e9),
        (r"tb|terabytes?|терабайт\w*|тб", "byte", 1e12),
        (r"per ?cent|percent|percents|процент\w*|%", "percent", 1.0),
        (r"£|pounds?|gbp", "pound", 1.0),
        (r"pence", "pound", 0.01),
        (r"\$|dollars?|usd|доллар\w*", "dollar", 1.0),
        (r"cents?|цент(?:а|ов)?", "dollar", 0.01),
        (r"€|euros?|eur|евро", "euro", 1.0),
        (r"₽|rubles?|roubles?|rub|рубл\w*|руб", "rouble", 1.0),
        (r"degrees?|градус\w*|°c?|°", "degree", 1.0),
        (r"times|раза?", "times", 1.0),
    )
)


def russian_number(word: str) -> float | None:
    """The value of a declined Russian number word, `ё` written as `е`; None for another word."""
    return next((value for pattern, value in _RUSSIAN if pattern.fullmatch(word)), None)
