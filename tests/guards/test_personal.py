"""Personal data in words and behind telling words, and what only looks like it."""

from __future__ import annotations

import time

import pytest

from almanac.guards.personal.detect import masked, personal
from almanac.guards.personal.patterns import find

BOTH = ("en", "ru")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to joan dot p at example dot org please", "Write to [EMAIL] please"),
        ("почта olga точка м собака example точка ru", "почта [EMAIL]"),
        ("I live at 9 Elm Grove, Flat 2, Stoke, ST1 1AA.", "I live at [ADDRESS]."),
        ("живу: г. Тверь, ул. Мира, д. 3, кв. 14", "живу: [ADDRESS]"),
        ("I was born on 3 May 1987, may I apply?", "I was born on [BIRTH_DATE], may I apply?"),
        ("дата рождения 03.05.1987", "дата рождения [BIRTH_DATE]"),
        ("my passport number is 512345678", "my passport number is [PASSPORT]"),
        ("СНИЛС 112 233 445 96", "СНИЛС [SNILS]"),
        ("my NI number is QQ 12 34 56 C", "my NI number is [NINO]"),
        ("парковка: А123ВС 77", "парковка: [PLATE]"),
        ("my car is AB12 CDE", "my car is [PLATE]"),
        ("the password is Blue!42sky", "the password is [SECRET]"),
        ("пароль от почты: лето2031зной", "пароль от почты: [SECRET]"),
        ("token ghp_abcdefghijklmnopqrst0123", "token [SECRET]"),
        ("my name is jane roe and i lost it", "my name is [PERSON] and i lost it"),
        ("меня зовут ольга смирнова, где пропуск?", "меня зовут [PERSON], где пропуск?"),
        ("передайте ивану сергеевичу петрову", "передайте [PERSON]"),
        ("Can Ottilie Vanderhoek take her days in May?", "Can [PERSON] take her days in May?"),
    ],
)
def test_it_is_masked(text: str, expected: str) -> None:
    assert masked(text, personal(text, BOTH)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Look at example.com for the form",
        "The registered office is at 9 Dock Parade, Port Ellery.",
        "Магазин работает на улице Гагарина, дом 5.",
        "The act of 4 May 1990 was repealed",
        "The password must have 12 characters",
        "Пароль меняется раз в полгода",
        "A passport or identity card is needed",
        "Marie Curie won the Nobel Prize in 1903",
        "Пушкин учился в лицее с 1811 года",
        "Order AB12-CDE is late",
        "my name is required in the form",
    ],
)
def test_it_stays(text: str) -> None:
    assert personal(text, BOTH) == []


def test_what_documents_bear_stays() -> None:
    text = "Is 020 7946 0321 the number of the desk?"
    assert [one.kind for one in personal(text, (), names=False)] == ["PHONE"]
    assert personal(text, (), lambda entity: entity == "020 7946 0321", names=False) == []


@pytest.mark.parametrize(
    "text",
    ["rows\n\n@app.get(items)", "Use @router.post in it", "rows @ table.mean()", "a @app.get b"],
)
def test_code_with_an_at_sign_is_no_address(text: str) -> None:
    assert find(text) == ()
    assert [one.kind for one in find("write to anna @ gmail.com")] == ["EMAIL"]


@pytest.mark.parametrize(
    "text",
    [
        "password=os.environ['PW']",
        "api_key = settings.api_key",
        "password: ${PASSWORD}",
        "secret: true",
        "password: <your password>",
        "password: SecretStr",
    ],
)
def test_where_code_gets_a_secret_from_is_none(text: str) -> None:
    assert find(text) == ()


def test_only_the_secret_itself_is_masked() -> None:
    assert masked("password=hunter2!x", list(find("password=hunter2!x"))) == "password=[SECRET]"
    assert masked("the pin is 4821", list(find("the pin is 4821"))) == "the pin is [SECRET]"


def test_many_entities_take_linear_time() -> None:
    began = time.process_time()
    found = find("8.8.8.8 " * 30_000)
    assert len(found) == 30_000
    assert [one.start for one in found] == list(range(0, 240_000, 8))
    assert time.process_time() - began < 6
