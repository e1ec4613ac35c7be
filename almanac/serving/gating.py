"""The gate as it is run: both versions answer the golden questions from the same release."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from almanac.assistants import gate, versions
from almanac.assistants.differences import compare
from almanac.assistants.gate import Answered, Pair, Verdict
from almanac.core.operation import operation
from almanac.costs.calls import Spent
from almanac.costs.recording import record, recorded
from almanac.evaluation.cases import GoldenAnswer, read_golden
from almanac.llm.judge import Judge, Judgement, open_judge
from almanac.serving.answering import Answering, in_thread
from almanac.serving.asking import Ask, Ended
from almanac.serving.assistants import Assistant
from almanac.serving.service import Service
from lakehouse.assistants import Gate, StoredVersion
from schemas.errors import AlmanacError, AssistantRefused, ConfigError
from schemas.feedback import Request
from schemas.hashing import canonical_json, sha256_parts
from schemas.settings import Settings
from schemas.times import When

Progress = Callable[[int, int], None]  # questions answered, of how many


def run_gate(
    settings: Settings,
    candidate: str,
    against: str | None,
    golden: str | None,
    actor: str,
    on_progress: Progress = lambda done, whole: None,
) -> dict[str, Any]:
    """Hold a version against the one that answers now, and store what came of it.

    Args:
        settings: the configuration; [gate] has the rules, [judge] the judge, if there is one.
        candidate: the version, as `versions.find` takes it.
        against: instead of the version that answers now.
        golden: a file of golden questions instead of gate.golden.
        actor: who asks.
        on_progress: is told after each question.

    Returns:
        The verdict as `gate.Verdict` has it, with both versions, the release, what differs between
        them in words, and each question with both answers.

    Raises:
        AssistantRefused: there is no such version, or nothing to hold it against.
        ConfigError: there are no golden questions, or a row of them is wrong.
        LeaseHeld: another writer is at work, and nothing was stored.
    """
    file = golden or settings.gate.golden or settings.tuning.golden
    if file is None:
        raise ConfigError(
            "there are no golden questions: set gate.golden to a JSONL file with rows such as "
            '{"id": "1", "text": "Who approves travel?", "answers": ["Your manager"]}'
        )
    questions = read_golden(file)
    judge = open_judge(settings.judge)
    service = Service(settings)
    spent = Spent("gate")
    try:
        new, old = _versions(service, candidate, against)
        release = service.releases.current.release.seq
        answering = Answering(service.releases, spent)
        with recorded(settings, service.lake, judge=judge):
            pairs = asyncio.run(
                _answers(service, answering, new, old, questions, release, judge, on_progress)
            )
        verdict = gate.decide(pairs, judge is not None, settings.gate)
        changes = [one["words"] for one in compare(service.lake, old, new)["changes"]]
    finally:
        record(service.lake, spent.take())
        service.close()
    gate_id = sha256_parts(new.version, old.version, canonical_json([p.as_json() for p in pairs]))
    _store(settings, gate_id, new, old, verdict, pairs, release, actor)
    return {
        "gate": gate_id,
        "assistant": new.assistant,
        "candidate": new.version,
        "current": old.version,
        "release": release,
        "judge": judge.identity["model"] if judge else None,
        "changes": changes,
        "questions": [_told(pair, judge is not None) for pair in pairs],
        **verdict.as_json(),
    }


def _versions(
    service: Service, candidate: str, against: str | None
) -> tuple[StoredVersion, StoredVersion]:
    lake, settings = service.lake, service.settings
    new = versions.find(lake, settings, candidate)
    if against is not None:
        old: StoredVersion | None = versions.find(lake, settings, against)
    else:
        old = versions.answering(lake, settings, new.assistant)
    if old is None:
        raise AssistantRefused(
            f"no version of {new.assistant} answers now: name one with --against, or put "
            f"{new.short} into production, which needs no gate then"
        )
    if old.version == new.version:
        raise AssistantRefused(
            f"version {new.short} answers already: `almanac assistant create {new.assistant} "
            "--prompt NAME` makes another"
        )
    return new, old


async def _answers(
    service: Service,
    answering: Answering,
    new: StoredVersion,
    old: StoredVersion,
    questions: Sequence[GoldenAnswer],
    release: int,
    judge: Judge | None,
    on_progress: Progress,
) -> list[Pair]:
    """Both answers to each question, in the order of the questions."""
    both = [service.versions.open(one.version) for one in (old, new)]
    turn = asyncio.Semaphore(service.settings.gate.at_a_time)
    done = 0

    async def pair(golden: GoldenAnswer) -> Pair:
        nonlocal done
        async with turn:
            current, candidate = [
                await _answer(answering, one, golden, release, judge) for one in both
            ]
        done += 1
        on_progress(done, len(questions))
        return Pair(golden, current, candidate)

    pairs = list(await asyncio.gather(*(pair(one) for one in questions)))
    for one in both:
        await one.close()
    return pairs


async def _answer(
    answering: Answering,
    assistant: Assistant,
    golden: GoldenAnswer,
    release: int,
    judge: Judge | None,
) -> Answered:
    """What a version says; where it fails that is an answer that cannot be measured."""
    stays: When | None = assistant.when(None)
    ask = Ask(
        assistant,
        ({"role": "user", "content": golden.text},),
        "gate",
        when=release if stays is None else stays,
    )
    ended = None
    try:
        async with aclosing(answering.answer(ask)) as events:
            async for event in events:
                ended = event
    except AlmanacError as error:
        return Answered(None, "failed", why=str(error))
    assert isinstance(ended, Ended)
    request = ended.request
    status = request.status or "answered"
    if judge is None:
        return Answered(request.response, status)
    said = await in_thread(lambda: _judged(judge, golden, request))
    right = None if said.verdict == "not_judged" else said.verdict == "right"
    return Answered(request.response, status, right, said.reason)


def _judged(judge: Judge, golden: GoldenAnswer, request: Request) -> Judgement:
    context = [one.text for one in request.context]
    return judge.correct(golden.text, context, request.response, golden.answers[0])


def _store(
    settings: Settings,
    gate_id: str,
    new: StoredVersion,
    old: StoredVersion,
    verdict: Verdict,
    pairs: Sequence[Pair],
    release: int,
    actor: str,
) -> None:
    """A row for the verdict, and one for each question, which an erasure reaches."""
    rows = [
        {
            "adapter_id": gate_id,
            "request_id": f"golden:{pair.golden.id}",
            "part": "gate",
            "result": canonical_json(pair.as_json()),
        }
        for pair in pairs
    ]
    row = Gate(
        gate_id,
        new.assistant,
        new.version,
        old.version,
        verdict.passed,
        verdict.as_json() | {"release": release},
        actor,
        datetime.now(UTC),
    )
    with operation(settings, f"gate of version {new.short}") as (run, _):
        run.lake.evaluations.keep(rows)
        run.lake.assistant_gates.append(row)
        run.report = {"gate": gate_id, "candidate": new.version, "outcome": verdict.outcome}


def _told(pair: Pair, judged: bool) -> dict[str, Any]:
    """One question with both answers, for people and for machines."""
    return {
        "id": pair.golden.id,
        "must": pair.golden.must,
        "question": pair.golden.text,
        "ideal": pair.golden.answers[0],
        "current": pair.current.text,
        "candidate": pair.candidate.text,
        "change": pair.change("judged" if judged else "f1"),
        "why": pair.candidate.why or pair.current.why,
    }
