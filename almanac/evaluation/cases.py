"""The questions of an evaluation, and where they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from almanac.retrieval.golden import rows_of
from schemas.errors import ConfigError
from schemas.examples import Example
from schemas.feedback import Message
from schemas.hashing import sha256_parts

Part = Literal["held_back", "golden", "liked"]
PARTS: tuple[Part, ...] = ("held_back", "golden", "liked")
Prompter = Callable[[str, Sequence[str]], Sequence[Message]]  # question and passages to a prompt
Retriever = Callable[[Sequence[str]], Sequence[Sequence[str]]]  # the passages of each question
_TEXTS = pa.list_(pa.string())
_SCHEMA = pa.schema(
    [
        pa.field("case_id", pa.string()),
        pa.field("part", pa.string()),
        pa.field("request_id", pa.string()),
        pa.field("question", pa.string()),
        pa.field("prompt", pa.list_(pa.struct({"role": pa.string(), "content": pa.string()}))),
        pa.field("context", _TEXTS),
        pa.field("references", _TEXTS),
        pa.field("rejected", pa.string()),
        pa.field("lang", pa.string()),
        pa.field("examples", pa.list_(pa.struct({"role": pa.string(), "content": pa.string()}))),
    ]
)


@dataclass(frozen=True, slots=True)
class Case:
    """One question that base and adapter are both asked.

    `references` are right answers, the preferred one first; `rejected` is a wrong one that was
    given. `request_id` of a golden question is `golden:<id>`. `examples` are questions and right
    answers that may be told before, as messages.
    """

    case_id: str
    part: Part
    request_id: str
    question: str
    prompt: tuple[Message, ...]
    context: tuple[str, ...]
    references: tuple[str, ...]
    rejected: str | None
    lang: str
    examples: tuple[Message, ...] = ()

    @property
    def prompt_with_examples(self) -> tuple[Message, ...]:
        """The prompt with the examples between what comes first and the conversation."""
        first = next(
            (at for at, one in enumerate(self.prompt) if one["role"] != "system"), len(self.prompt)
        )
        return (*self.prompt[:first], *self.examples, *self.prompt[first:])

    @property
    def reference(self) -> str:
        """The right answer that is preferred."""
        return self.references[0]


class GoldenAnswer(BaseModel):
    """A golden question with its right answers; `context` where it brings its own passages.

    `must`: no version of an assistant may answer it worse. `draft`: nobody has approved it yet, so
    it decides nothing.
    """

    model_config = ConfigDict(frozen=True, strict=True, str_strip_whitespace=True)

    id: str = Field(min_length=1)
    text: str = Field(min_length=1)
    answers: list[str] = Field(min_length=1)
    context: list[str] | None = None
    lang: str = ""
    must: bool = False
    draft: bool = False


def read_golden(file: str) -> list[GoldenAnswer]:
    """The rows of a JSONL file, in its order, without drafts; further fields are allowed.

    Raises:
        ConfigError: no such file, a row is none of that, or an id comes twice; line and file named.
    """
    seen: dict[str, int] = {}
    found = []
    for number, line in rows_of(file):
        try:
            row = GoldenAnswer.model_validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the row"
            raise ConfigError(
                f"{file}, line {number}: no golden question: {where}: {first['msg']}"
            ) from None
        if not all(row.answers):
            raise ConfigError(f"{file}, line {number}: no golden question: an answer is empty")
        if row.id in seen:
            raise ConfigError(
                f"{file}, line {number}: the id {row.id!r} stands in line {seen[row.id]} too"
            )
        seen[row.id] = number
        found.append(row)
    return [row for row in found if not row.draft]


def cases(
    examples: Iterable[Example],
    golden: Sequence[GoldenAnswer],
    most: int,
    prompter: Prompter,
    retrieve: Retriever,
) -> list[Case]:
    """The cases of an evaluation by part and id, at most `most` of a part.

    held_back: held-back examples of faults with a right answer. liked: held-back likes, whose
    answer is the reference. golden: the golden questions, asked as `prompter` asks, with the
    passages that `retrieve` finds now where they bring none.

    Of several examples of one question the one of the least id stands for it: intervals take
    questions to be independent. Which ones are left out where there are too many depends on the
    ids alone, so an evaluation of more examples keeps most of its questions.
    """
    held = [one for one in examples if one.side == "held_back" and one.chosen]
    parts = (
        _one_a_question(_of_example(one) for one in held if one.origin != "like"),
        _of_golden(golden, most, prompter, retrieve),
        _one_a_question(_of_example(one) for one in held if one.origin == "like"),
    )
    return [case for part in parts for case in part[:most]]


def _of_example(example: Example) -> tuple[str, Case]:
    part: Part = "liked" if example.origin == "like" else "held_back"
    case = Case(
        case_id=_case_id(part, example.example_id),
        part=part,
        request_id=example.request_id,
        question=example.question,
        prompt=example.prompt,
        context=example.context,
        references=tuple(filter(None, (example.chosen, example.written))),
        rejected=example.rejected,
        lang=example.lang,
    )
    return example.group, case


def _one_a_question(found: Iterable[tuple[str, Case]]) -> list[Case]:
    first: dict[str, Case] = {}
    for group, case in sorted(found, key=lambda pair: pair[1].case_id):
        first.setdefault(group, case)
    return list(first.values())


def _of_golden(
    golden: Sequence[GoldenAnswer], most: int, prompter: Prompter, retrieve: Retriever
) -> list[Case]:
    asked = sorted(golden, key=lambda one: _case_id("golden", one.id))[:most]
    open_ones = [one.text for one in asked if one.context is None]
    found = iter(retrieve(open_ones) if open_ones else ())
    contexts = [next(found) if one.context is None else one.context for one in asked]
    return [
        Case(
            case_id=_case_id("golden", one.id),
            part="golden",
            request_id=f"golden:{one.id}",
            question=one.text,
            prompt=tuple(prompter(one.text, context)),
            context=tuple(context),
            references=tuple(one.answers),
            rejected=None,
            lang=one.lang,
        )
        for one, context in zip(asked, contexts, strict=True)
    ]


def _case_id(part: Part, key: str) -> str:
    return sha256_parts(part, key)[:32]


def write_cases(found: Sequence[Case], file: Path) -> None:
    """Cases as Parquet: the same cases, the same bytes."""
    table = pa.Table.from_pylist([asdict(case) for case in found], schema=_SCHEMA)
    pq.write_table(table, file)


def read_cases(file: Path) -> list[Case]:
    """What `write_cases` wrote."""
    return [_case(row) for row in pq.read_table(file, schema=_SCHEMA).to_pylist()]


def _case(row: dict[str, Any]) -> Case:
    lists = {name: tuple(row[name]) for name in ("prompt", "context", "references", "examples")}
    return Case(**(row | lists))
