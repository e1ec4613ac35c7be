from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from almanac.evaluation.cases import GoldenAnswer, cases, read_cases, read_golden, write_cases
from schemas.errors import ConfigError
from schemas.examples import Example, Origin
from schemas.feedback import Message


def example(name: str, origin: Origin = "correction", group: str | None = None) -> Example:
    return Example(
        request_id=f"r-{name}",
        prompt=({"role": "user", "content": name},),
        chosen=None if origin == "dislike" else f"right {name}",
        rejected=None if origin == "like" else f"wrong {name}",
        origin=origin,
        cause="liked" if origin == "like" else "model_fault",
        question=f"{name}?",
        context=("one", "two"),
        lang="ru",
        source="s",
        group=group or name,
        side="held_back",
    )


def prompter(question: str, context: Sequence[str]) -> tuple[Message, ...]:
    return ({"role": "user", "content": f"{' | '.join(context)} {question}"},)


def retrieve(questions: Sequence[str]) -> list[list[str]]:
    return [[f"found for {question}"] for question in questions]


def test_the_three_parts() -> None:
    examples = [
        example("a"),
        example("b", "teacher"),
        example("c", "like"),
        example("d", "dislike"),  # has no right answer
        replace(example("e"), side="train"),
    ]
    golden = [
        GoldenAnswer(id="g1", text="Golden?", answers=["yes", "aye"]),
        GoldenAnswer(id="g2", text="Own?", answers=["no"], context=["own"], lang="en"),
        GoldenAnswer(id="g3", text="None?", answers=["no"], context=[]),
    ]
    found = {one.request_id: one for one in cases(examples, golden, 10, prompter, retrieve)}
    assert {name: one.part for name, one in found.items()} == {
        "r-a": "held_back",
        "r-b": "held_back",
        "golden:g1": "golden",
        "golden:g2": "golden",
        "golden:g3": "golden",
        "r-c": "liked",
    }
    held = found["r-a"]
    assert (held.question, held.prompt, held.context) == ("a?", examples[0].prompt, ("one", "two"))
    assert (held.references, held.rejected, held.lang) == (("right a",), "wrong a", "ru")
    assert (found["r-c"].references, found["r-c"].rejected) == (("right c",), None)
    assert found["golden:g1"].references == ("yes", "aye")
    assert found["golden:g1"].context == ("found for Golden?",)
    assert found["golden:g1"].prompt[0]["content"] == "found for Golden? Golden?"
    assert found["golden:g2"].prompt[0]["content"] == "own Own?"
    assert found["golden:g3"].context == ()


def test_nothing_is_retrieved_where_nothing_is_wanted() -> None:
    def refuse(questions: Sequence[str]) -> list[list[str]]:
        raise AssertionError(questions)

    golden = [GoldenAnswer(id="g", text="?", answers=["a"], context=["c"])]
    assert [one.context for one in cases([], golden, 5, prompter, refuse)] == [("c",)]
    assert cases([], [], 5, prompter, refuse) == []


def test_a_question_stands_once() -> None:
    examples = [example(name, group="same") for name in "abcd"]
    (kept,) = cases(examples, [], 10, prompter, retrieve)
    assert cases(examples[::-1], [], 10, prompter, retrieve) == [kept]
    liked = example("e", "like", "same")
    assert [one.part for one in cases([*examples, liked], [], 10, prompter, retrieve)] == [
        "held_back",
        "liked",
    ]


def test_a_part_is_bounded_by_hash_and_stable_under_growth() -> None:
    examples = [example(f"q{number}") for number in range(60)]
    golden = [GoldenAnswer(id=f"g{at}", text=f"{at}?", answers=["a"]) for at in range(9)]
    few = cases(examples[:40], golden, 5, prompter, retrieve)
    assert [one.part for one in few] == ["held_back"] * 5 + ["golden"] * 5
    assert cases(examples[39::-1], golden[::-1], 5, prompter, retrieve) == few
    every = cases(examples, [], 60, prompter, retrieve)
    grown = cases(examples, [], 5, prompter, retrieve)
    assert grown == every[:5]
    # Whoever left was pushed out by a smaller id.
    left = {one.case_id for one in few if one.part == "held_back"} - {one.case_id for one in grown}
    assert all(case_id > grown[-1].case_id for case_id in left)


def test_cases_come_back_from_their_file(tmp_path: Path) -> None:
    golden = [GoldenAnswer(id="g", text="Что?", answers=["да", "yes"])]
    found = cases([example("a"), example("b", "like")], golden, 5, prompter, retrieve)
    write_cases(found, tmp_path / "one.parquet")
    write_cases(found, tmp_path / "two.parquet")
    assert read_cases(tmp_path / "one.parquet") == found
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_golden_rows(tmp_path: Path) -> None:
    file = tmp_path / "golden.jsonl"
    file.write_text(
        '{"id": "a", "text": "A?", "answers": ["x", "y"], "relevant": ["doc"]}\n\n'
        '{"id": "b", "text": " B? ", "answers": ["z"], "context": ["c"], "lang": "ru"}\n',
        encoding="utf-8",
    )
    assert read_golden(str(file)) == [
        GoldenAnswer(id="a", text="A?", answers=["x", "y"]),
        GoldenAnswer(id="b", text="B?", answers=["z"], context=["c"], lang="ru"),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "Invalid JSON"),
        ("[1]", "the row: "),
        ('{"id": "b", "text": "B?"}', "answers: Field required"),
        ('{"id": "b", "text": "B?", "answers": []}', "answers: .*at least 1"),
        ('{"id": "b", "text": "B?", "answers": "x"}', "answers: .*array"),
        ('{"id": "b", "text": "B?", "answers": ["x", " "]}', "an answer is empty"),
        ('{"id": "b", "text": " ", "answers": ["x"]}', "text: .*at least 1"),
        ('{"id": 7, "text": "B?", "answers": ["x"]}', "id: .*string"),
        ('{"id": "a", "text": "B?", "answers": ["x"]}', "the id 'a' stands in line 1 too"),
        (b"\xff", "Invalid JSON"),
    ],
)
def test_a_bad_row_names_its_line(tmp_path: Path, line: str | bytes, reason: str) -> None:
    file = tmp_path / "golden.jsonl"
    data = line if isinstance(line, bytes) else line.encode()
    file.write_bytes(b'{"id": "a", "text": "A?", "answers": ["x"]}\n\n' + data)
    with pytest.raises(ConfigError, match=f"golden.jsonl, line 3: .*{reason}"):
        read_golden(str(file))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_golden(str(tmp_path / "none.jsonl"))
