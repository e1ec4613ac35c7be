"""What the second rules keep out, write and warn of, in whole builds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from almanac.assistants.prompts import push
from almanac.core.base_facts import BaseFacts
from almanac.dataset.build import build
from almanac.dataset.guards.mask import mask
from almanac.dataset.teacher_rewrites import keeps
from lakehouse import Lakehouse
from schemas.feedback import Passage, Request, Vote
from schemas.settings import Settings
from tests.dataset.guard_rows import candidate as row
from tests.dataset.guard_rows import example, guarded, reasons
from tests.dataset.logged import THINGS, asked, configured, fill, lake_of, vote

BASE = BaseFacts(lambda text: len(text.split()), 8192, ("en",), "a small one")


def fault(number: int, correction: str = "", **fields: Any) -> tuple[Request, Vote]:
    thing = THINGS[number]
    passage = Passage(f"c-{number}", f"The office on floor {number} looks after {thing}.")
    request = asked(number, question=f"Which office looks after {thing}?", context=(passage,))
    request = asked(number, question=request.question, context=(passage,), **fields)
    return request, vote(request, -1, correction or f"floor {number}")


def like(number: int, response: str, **fields: Any) -> tuple[Request, Vote]:
    request, _ = fault(number)
    request = asked(
        number,
        **{"question": request.question, "context": request.context} | fields,
        response=response,
    )
    return request, vote(request, 1)


def built(root: Path, asks: list[tuple[Request, Vote]], **rules: Any) -> tuple[Any, Lakehouse]:
    settings: Settings = configured(root, held_back=0, like_share=1, **{"rules": 2} | rules)
    lake = lake_of(settings)
    fill(lake, asks)
    return build(settings, None, None, base=BASE), lake


def test_answers_are_written_out_and_spans_are_for_preference_alone(tmp_path: Path) -> None:
    asks = [fault(1), fault(2, "Bob")]
    result, lake = built(tmp_path, asks)
    first, second = lake.datasets.examples(lake.datasets.manifest())
    chosen = {one.request_id: (one.chosen, one.style, one.serves) for one in (first, second)}
    sentence = "The office on floor 1 looks after a parental leave [1]."
    assert chosen == {
        "r-001": (sentence, "passage", ("dpo", "kto", "sft")),
        "r-002": ("Bob", "span", ("dpo", "kto")),
    }
    assert (result["styles"], result["examples"]["sft"]) == ({"passage": 1, "span": 1}, 1)
    assert result["warnings"] == [
        "2 of 2 prompts are Almanac's own, not those that production sent: the log has neither "
        "`prompt` nor a `prompt_version` that is stored here. What is learnt on them may not show "
        "under yours. Log `prompt`; or `almanac prompt push` your template and log its "
        "NAME@NUMBER; or set dataset.prompt.",
        "1 of 2 right answers are a word or two without a sentence of a passage that says them: "
        "SFT is not trained on these. A [teacher] may write them out.",
        "Only 1 example to train on by SFT. With fewer than 50, a better prompt, or some of "
        "them in the prompt, is the surer cure.",
    ]
    card = result["card"]
    assert all(f"- **{one}" in card for one in ("2 of 2 prompts", "1 of 2 right", "Only 1"))
    assert "## 20 drawn rows" in card and "style: sentences of the passage" in card


def test_likes_must_have_passages_that_bear_them_out(tmp_path: Path) -> None:
    asks = [
        fault(1),
        like(3, "The office on floor 3 looks after Kubernetes."),
        like(4, "The office on floor 9 looks after our canteen."),
        like(5, "The office on floor 5 looks after a lost passport.", context=()),
        like(6, "Coffee is brewed from roasted beans, says every barista in this town [4]."),
    ]
    result, lake = built(tmp_path, asks)
    assert result["dropped"] == {"like_not_grounded": 2, "like_without_context": 1}
    kept = {one.request_id for one in lake.datasets.examples(lake.datasets.manifest())}
    assert kept == {"r-001", "r-003"}
    of_6 = next(
        one.details
        for one in lake.datasets.rejected(result["dataset"])
        if one.request_id == "r-006"
    )
    assert (of_6["citations_of_nothing"], of_6["least"]) == (1, 0.7)


def test_the_base_decides_language_and_length(tmp_path: Path) -> None:
    asks = [fault(1), fault(2, lang="ru"), fault(3)]
    result, lake = built(tmp_path, asks)
    assert result["dropped"] == {"language_of_base": 1}
    assert lake.datasets.manifest()["rules"]["max_tokens"] == 8192 - 128
    assert (
        "The base a small one knows en: left out are 1 in ru. Take a base that knows the language, "
        "or set tuning.languages." in result["warnings"]
    )


def test_the_prompt_that_production_sent(tmp_path: Path) -> None:
    file = tmp_path / "handbook.j2"
    file.write_text(
        "{% block system %}Be kind.{% endblock %}"
        "{% block user %}{% for p in passages %}({{ p.n }}) {{ p.text }} {% endfor %}"
        "{{ question }}{% endblock %}",
        encoding="utf-8",
    )
    settings = configured(tmp_path)
    stored, _ = push(lake_of(settings), file, "ann")
    asks = [
        fault(1, prompt_version="handbook@1"),
        fault(2, prompt_version=stored.prompt_id),
        fault(3, prompt_version="handbook"),
    ]
    result, lake = built(tmp_path, asks)
    assert result["prompts"] == {"logged": 0, "stored": 2, "template": 1}
    first = lake.datasets.examples(lake.datasets.manifest())[0]
    assert first.prompt == (
        {"role": "system", "content": "Be kind."},
        {
            "role": "user",
            "content": "(1) The office on floor 1 looks after a parental leave. "
            "Which office looks after a parental leave?",
        },
    )
    # Passages that the prompt does not number are not cited.
    assert first.chosen == "The office on floor 1 looks after a parental leave."
    assert result["warnings"][0].startswith("1 of 3 prompts are Almanac's own")


@pytest.mark.parametrize(
    ("lang", "question", "expected"),
    [
        (
            "en",
            "My colleague Jane Roe (jane.roe@acme.com) lost her badge. Can Jane get another?",
            "My colleague Alex Morgan (person1@example.com) lost her badge. Can Alex get another?",
        ),
        (
            "ru",
            "Наш сотрудник Иван Петров потерял пропуск. Кому Иван Петров должен позвонить?",
            "Наш сотрудник А. Черных потерял пропуск. Кому А. Черных должен позвонить?",
        ),
    ],
)
def test_private_people_get_stand_ins_that_read(lang: str, question: str, expected: str) -> None:
    found = mask(example(question, lang=lang), ("en", "ru"), stand_ins=True)
    assert found.example.question == expected
    again = mask(found.example, ("en", "ru"), stand_ins=True)
    assert again.example == found.example


def test_names_that_documents_bear_are_kept() -> None:
    question = "My customer Jane Roe asks for a badge"
    found = mask(example(question), ("en",), True, lambda name: name == "Jane Roe")
    assert found.example.question == question


def test_what_a_teacher_wrote_must_say_the_correction_and_no_more() -> None:
    span = example(
        "How long is the notice period?",
        context=("The notice period is six weeks. In the first year it is two.",),
        rejected="One month.",
        chosen="six weeks",
    )
    assert keeps(span, "The notice period is six weeks [1].")
    assert not keeps(span, "The notice period is eight weeks [1].")
    assert not keeps(span, "The notice period is six weeks, as Marlow & Sons require.")
    assert not keeps(span, "six weeks")


def test_the_first_rules_still_keep_everything() -> None:
    found = guarded(row(1, "Who has keys?", chosen="The fairy of Narnia does."), rules=1)
    assert reasons(found) == {}
    found = guarded(row(1, "Who has keys?", chosen="The fairy of Narnia does."), rules=2)
    assert reasons(found) == {"r-001": ("like_without_context", {})}
