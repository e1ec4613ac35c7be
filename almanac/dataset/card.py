"""A dataset's card: a Markdown page that says what is in it, what is not, and why.

It is rendered when it is asked for. Texts stand in the tables alone, where an erasure finds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from almanac.core.markdown import code, quoted, table
from almanac.dataset.guards.mask import mask
from almanac.dataset.views import METHODS, SIDES
from lakehouse import Lakehouse
from lakehouse.training import Rejected
from schemas.errors import DatasetRefused
from schemas.examples import Example
from schemas.feedback import Request
from schemas.hashing import canonical_json, sha256_text

_KEPT, _DROPPED = 2, 3  # shown of each origin, of each reason
_DRAWN = 20  # examples for a person to read, by the second rules


def card(lake: Lakehouse, manifest: Mapping[str, Any]) -> str:
    """The page of a stored dataset; the same dataset, the same page."""
    parts = [
        _head(manifest),
        *_warnings(manifest),
        _counts(manifest),
        _left_out(manifest),
        _shown_kept(lake, manifest),
        _shown_dropped(lake.datasets.rejected(manifest["dataset"])),
        _made_by(manifest),
        _use(manifest),
    ]
    return "\n\n".join(parts) + "\n"


def _head(manifest: Mapping[str, Any]) -> str:
    asked, sides = manifest["requests"], manifest["counts"]["side"]
    window = manifest["window"]
    when = f"from {window['from'] or 'the first'} to {window['to'] or 'the last'}"
    return (
        f"# Dataset {manifest['dataset'][:12]}\n\n"
        f"{sum(sides.values())} examples, {sides.get('train', 0)} to train on and "
        f"{sides.get('held_back', 0)} held back, made of {asked['total']} requests ({when}): "
        f"{asked['disliked']} disliked, {asked['liked']} liked, {asked['unvoted']} without a vote. "
        "Of the dislikes it holds those alone that triage laid to the model."
    )


def _warnings(manifest: Mapping[str, Any]) -> list[str]:
    said = manifest.get("warnings", ())
    return ["## Before you train\n\n" + "\n".join(f"- **{one}**" for one in said)] if said else []


def _counts(manifest: Mapping[str, Any]) -> str:
    views = manifest["views"]
    rows = [(method.upper(), *(views[method][side] for side in SIDES)) for method in METHODS]
    lines = ["## What is in it", "", table(("view", *SIDES), rows), ""]
    lines.append(
        "Held-back likes beyond their share are in `examples.parquet`, for the check against "
        "forgetting, and not in the held-back views."
    )
    if styles := manifest.get("styles"):
        named = ((_STYLES.get(style, style), number) for style, number in styles.items())
        lines += ["", table(("right answer", "examples"), named)]
    for name in ("cause", "origin", "lang", "source"):
        lines += ["", table((name, "examples"), manifest["counts"][name].items())]
    return "\n".join(lines)


_STYLES = {
    "": "none: a bare dislike",
    "as_written": "sentences as the user or the model wrote them",
    "passage": "sentences of the passage that says the correction",
    "teacher": "written out by the teacher",
    "copy": "a long passage, word by word: for preference, not for SFT",
    "span": "a word or two: for preference, not for SFT",
}


def _left_out(manifest: Mapping[str, Any]) -> str:
    lines = ["## What was left out", "", table(("reason", "rows"), manifest["dropped"].items())]
    if any(reason.startswith("teacher_") for reason in manifest["dropped"]):
        lines += ["", "`teacher_…`: the correction was not used; the dislike itself is kept."]
    lines += ["", table(("personal data masked", "times"), manifest["masked"].items())]
    return "\n".join(lines)


def _shown_kept(lake: Lakehouse, manifest: Mapping[str, Any]) -> str:
    lines = ["## Some of what was kept"]
    try:
        examples = lake.datasets.examples(manifest)
    except DatasetRefused as error:
        return "\n\n".join([*lines, f"Not to be shown: {error}."])
    if "styles" in manifest:
        return "\n\n".join([_DRAWN_HEAD, *map(_whole, _few(examples, _DRAWN, _by_request))])
    for origin in manifest["counts"]["origin"]:
        some = [one for one in examples if one.origin == origin]
        for one in _few(some, _KEPT, lambda example: example.request_id):
            lines += ["", _example(one)]
    return "\n".join(lines)


_DRAWN_HEAD = (
    f"## {_DRAWN} drawn rows\n\nDrawn by hash. Read them as what the model will imitate: would you "
    "sign each right answer?"
)


def _by_request(example: Example) -> str:
    return example.request_id


def _whole(example: Example) -> str:
    head = f"{_example(example)}\n- passages: {quoted(' '.join(example.context), 300) or 'none'}"
    return f"{head}\n- style: {_STYLES.get(example.style, example.style)}"


def _example(example: Example) -> str:
    answers = (("right", example.chosen), ("wrong", example.rejected))
    lines = [
        f"**{example.origin}**, {example.side}, {quoted(example.lang)}, request "
        f"{code(example.request_id)}",
        "",
        f"- question: {quoted(example.question)}",
        *(f"- {name}: {quoted(text)}" for name, text in answers if text is not None),
    ]
    return "\n".join(lines)


def _shown_dropped(rejected: Iterable[Rejected]) -> str:
    rows = [
        (one.reason, code(one.request_id), one.details["question"], _said(one))
        for one in rejected
        if "question" in one.details
    ]
    head = ("reason", "request", "question", "what decided")
    return "## Some of what was dropped\n\n" + table(head, rows)


def illustrated(
    rejected: Iterable[Rejected], requests: Iterable[Request], languages: tuple[str, ...]
) -> tuple[Rejected, ...]:
    """The same rows, a few of each reason with the question for the card, personal data masked."""
    rows = list(rejected)
    by_reason: dict[str, list[Rejected]] = {}
    for one in rows:
        by_reason.setdefault(one.reason, []).append(one)
    chosen = {
        (one.request_id, one.reason)
        for some in by_reason.values()
        for one in _few(some, _DROPPED, lambda row: row.request_id)
    }
    names = {request_id for request_id, _ in chosen}
    asked = {one.request_id: _masked(one, languages) for one in requests if one.request_id in names}
    return tuple(
        replace(one, details={**one.details, "question": asked[one.request_id]})
        if (one.request_id, one.reason) in chosen
        else one
        for one in rows
    )


def _masked(request: Request, languages: tuple[str, ...]) -> str:
    context = tuple(passage.text for passage in request.context)
    example = Example(
        request.request_id,
        (),
        request.response,
        None,
        "like",
        "",
        request.question,
        context,
        request.lang or "",
        "",
        "",
    )
    return mask(example, languages).example.question


def _made_by(manifest: Mapping[str, Any]) -> str:
    rules = [(name, _plain(value)) for name, value in manifest["rules"].items()]
    versions = [(f"version of {name}", value) for name, value in manifest["versions"].items()]
    lines = ["## Rules", "", table(("rule", "value"), [*rules, *versions])]
    prompts = manifest["prompts"]
    lines += [
        "",
        f"Prompts of the candidates: {prompts['logged']} as they were logged, "
        f"{prompts['template']} made by the template, {prompts.get('stored', 0)} by the stored "
        "prompt that was sent.",
    ]
    if taught := manifest["teacher"]:
        lines += ["", f"Teacher and judge: {quoted(canonical_json(taught))}"]
    return "\n".join(lines)


def _use(manifest: Mapping[str, Any]) -> str:
    name = manifest["dataset"][:12]
    return (
        "## Use\n\n"
        f"`almanac dataset export {name} --to DIR` writes `examples.parquet` and, for trl's "
        "SFTTrainer, DPOTrainer and KTOTrainer, `{sft,dpo,kto}/{train,held_back}.parquet`. A "
        "question or session is on one side only, in this dataset and in every later one.\n\n"
        f"Full hash: `{manifest['dataset']}`"
    )


def _said(rejected: Rejected) -> str:
    figures = sorted(rejected.details.items())
    return ", ".join(f"{name}: {_plain(value)}" for name, value in figures if name != "question")


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _few(rows: Sequence[Any], number: int, key: Any) -> list[Any]:
    """Some rows, drawn by hash."""
    return sorted(rows, key=lambda row: sha256_text(key(row)))[:number]
