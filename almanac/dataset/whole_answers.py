"""Candidates with answers in full sentences, as far as their passages have them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from almanac.dataset.candidates import Candidate
from almanac.dataset.completions import complete
from schemas.examples import Example


def whole_answers(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """The same in their order; the right answer of each is completed, or marked as a `span`."""
    return tuple(replace(one, example=_whole(one.example)) for one in candidates)


def numbers_passages(example: Example) -> bool:
    """Does the prompt number each of its passages, so that an answer can cite them?"""
    shown = "\n".join(one["content"] for one in example.prompt)
    marks = (f"[{number}]" for number in range(1, len(example.context) + 1))
    return bool(example.context) and all(one in shown for one in marks)


def _whole(example: Example) -> Example:
    if example.chosen is None:
        return example
    numbered = numbers_passages(example)
    found = complete(example.question, example.chosen, example.context, numbered)
    written = example.chosen if found.style == "passage" else None
    return replace(example, chosen=found.text, style=found.style, written=written)
