"""A claim against a passage, rule by rule, in English and in Russian."""

from __future__ import annotations

import time

import pytest

from almanac.claims.check import agree, check, differ
from almanac.claims.yes_no import refuses

VACCINE = "The vaccine is not free for adults. Children need a guardian's consent."
YARD = "All staff may park in the yard, except visitors. Bicycles stand behind the gate."
LEAVE = "Clerks get twenty-eight days of leave. Night guards have thirty-two days."
SMOKING = "Курить в здании запрещено. Во дворе курить можно."


@pytest.mark.parametrize(
    ("question", "claim", "passage", "says"),
    [
        ("How long is the notice?", "14 days", "Staff give two weeks notice.", "supports"),
        ("How long is the notice?", "a month", "Staff give two weeks notice.", "contradicts"),
        ("When was he born?", "5 февраля 1953", "He was born on February 5, 1953.", "supports"),
        ("Who founded it?", "It was Anna Kern", "The firm was founded by Anna Kern.", "supports"),
        ("Who founded it?", "It was Anna Kern", "The firm was founded by Otto Lang.", "unclear"),
        ("Кто основал?", "Это был Джобс", "Apple was founded by Steve Jobs.", "unclear"),
        ("Who gets it for free?", "The vaccine is free for children", VACCINE, "contradicts"),
        ("May visitors park in the yard?", "no", YARD, "supports"),
        ("May visitors park in the yard?", "Yes, they may.", YARD, "contradicts"),
        ("May staff park in the yard?", "yes", YARD, "supports"),
        ("Можно ли курить в здании?", "Нет", SMOKING, "supports"),
        ("Можно ли курить в здании?", "Да", SMOKING, "contradicts"),
        ("Who has more?", "Night guards have more leave than clerks", LEAVE, "supports"),
        ("Who has more?", "Clerks have more leave than night guards", LEAVE, "contradicts"),
        ("What colour is it?", "green", "The badge is orange.", "unclear"),
        ("", "", "", "unclear"),
    ],
)
def test_what_a_passage_says_of_a_claim(question: str, claim: str, passage: str, says: str) -> None:
    found = check(question, claim, passage)
    assert found.says == says, found


@pytest.mark.parametrize(
    ("question", "response", "expected", "rules"),
    [
        ("Who is older?", "Kim is older than Mary", "Mary", ("comparison",)),
        ("Who is older?", "Mary is older than Kim", "Mary", ()),
        ("Is it open?", "Yes, it is.", "no", ("yes_no",)),
        ("Can I smoke here?", "You can smoke here.", "No", ("yes_no",)),
        ("How many?", "It holds six people", "ten people", ("number",)),
        ("How long?", "It lasts two weeks", "14 days", ()),
        ("Who wrote it?", "It was Otto Lang", "It was Anna Kern", ("name",)),
    ],
)
def test_how_two_answers_differ(
    question: str, response: str, expected: str, rules: tuple[str, ...]
) -> None:
    assert differ(question, response, expected) == rules


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("1.5h", "90 minutes"),
        ("30 days", "a month"),
        ("two weeks", "10 working days"),
        ("Backups are made every week.", "Backups are made once a week."),
        ("You get 25 days of annual leave.", "Employees get 25 days of leave a year."),
        ("Another manager must also approve.", "A second manager must approve."),
        ("One manager must approve.", "1 manager must approve."),
        ("5 Feb 2024", "2/5/2024"),
        ("from 9 to 17", "9 a.m. to 5 p.m."),
        ("5:00", "17:00"),
        ("£1,500,000", "£1.5m"),
        ("1200.50 euros", "€1.200,50"),
        ("first floor", "1st floor"),
        ("Open the settings, then save.", "1. Open the settings.\n2. Save."),
        ("20 °C", "68 °F"),
        ("8 km", "5 miles"),
        ("25% of the staff", "a quarter of the staff"),
        ("90 minutes", "an hour and a half"),
        ("2½ hours", "2.5 hours"),
        ("24", "two dozen"),
        ("every six months", "twice a year"),
        ("none", "0 days"),
        ("Payment starts once probation is over.", "You are paid after the probation ends."),
        ("It is for everyone but contractors.", "It is for everyone except contractors."),
        ("Paris is smaller than London.", "London is larger than Paris."),
    ],
)
def test_the_same_answer_in_other_clothes_does_not_differ(response: str, expected: str) -> None:
    assert differ("What is it?", response, expected) == ()
    assert differ("What is it?", expected, response) == ()


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("5 miles", "5 km"),
        ("9 a.m.", "9 p.m."),
        ("09:00", "21:00"),
        ("£1.5m", "£1.5bn"),
        ("1 week", "2 weeks"),
        ("It takes a week.", "It takes two weeks."),
        ("60 days", "30 days"),
        ("2/3/2024", "4/3/2024"),
    ],
)
def test_other_amounts_differ_though_they_look_alike(response: str, expected: str) -> None:
    assert differ("What is it?", response, expected) == ("number",)


def test_answers_that_agree_by_their_amounts() -> None:
    assert agree("How long?", "It lasts two weeks", "14 days")
    assert not agree("How long?", "It lasts two weeks", "15 days")
    assert not agree("How long?", "long", "for long")


@pytest.mark.parametrize(
    ("answer", "yes"),
    [
        ("The documents do not say how often.", True),
        ("I don't know.", True),
        ("В документах не говорится о сапогах.", True),
        ("The documents are kept for ten years.", False),
        ("Сапоги дают.", False),
    ],
)
def test_an_answer_that_refuses(answer: str, yes: bool) -> None:
    assert refuses(answer) is yes


def test_long_texts_take_linear_time() -> None:
    began = time.process_time()
    check("Is it so? " * 2_000, "not " * 5_000, "It is not so, except here. " * 2_000)
    check("a", "(" * 20_000, "than er " * 10_000)
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    ("claim", "passage", "agrees"),
    [
        ("It fails if no token is given.", "Without a token it fails.", True),
        ("It works if no token is given.", "Without a token it fails.", False),
        ("If the token is missing, the call fails.", "Without a token the call fails.", True),
        ("With a token the call fails.", "Without a token the call fails.", False),
        ("You may not enter without a badge.", "A badge is needed to enter.", True),
        ("You can enter without a badge.", "You may not enter without a badge.", False),
        ("Вызов не проходит, если токен не указан.", "Без токена вызов не проходит.", True),
        ("Вызов проходит, если токен не указан.", "Без токена вызов не проходит.", False),
    ],
)
def test_what_is_lacking_in_other_words(claim: str, passage: str, agrees: bool) -> None:
    found = check("What happens without it?", claim, passage)
    assert ("negation" in found.contradicts) is not agrees
