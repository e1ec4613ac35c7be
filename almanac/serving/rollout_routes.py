"""Rollouts to look at: their page and the figures behind it, for the role `operate`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse

from almanac.rollouts.check import look
from almanac.rollouts.report import examples, report, summary
from almanac.rollouts.state import rollouts
from almanac.rollouts.steps import find
from almanac.serving.answering import in_thread
from almanac.serving.documents import check_passages
from almanac.serving.errors import Refused
from almanac.serving.service import Service
from almanac.serving.who import Caller
from lakehouse.rollouts import Judgement
from schemas.errors import RolloutRefused
from schemas.feedback import Request as Answered
from schemas.times import isoformat

_PAGE = Path(__file__).parent / "page" / "rollouts.html"
_SHOWN = 5  # examples of each verdict


def install(app: FastAPI, service: Service, headers: dict[str, str]) -> None:
    """Answer at /rollouts and /v1/rollouts."""

    @app.get("/rollouts", include_in_schema=False)
    @app.get("/rollouts/{name}", include_in_schema=False)
    async def page(name: str = "") -> Response:
        return FileResponse(_PAGE, headers=headers)

    @app.get("/v1/rollouts", tags=["rollouts"])
    async def every(request: Request) -> dict[str, Any]:
        """Every rollout, newest first."""
        service.door.caller(request, "operate")
        steps = await in_thread(service.lake.rollouts.steps)
        return {"rollouts": [_served(service, summary(one)) for one in rollouts(steps)]}

    @app.get("/v1/rollouts/{name}", tags=["rollouts"])
    async def one(request: Request, name: str) -> dict[str, Any]:
        """One rollout: figures, verdict, steps, and pairs for who may read logs."""
        caller = service.door.caller(request, "operate")
        return await in_thread(lambda: _one(service, caller, name))


def _one(service: Service, caller: Caller, name: str) -> dict[str, Any]:
    try:
        rollout = find(service.lake, name)
    except RolloutRefused as error:
        raise Refused(404, str(error), "rollout_not_found") from None
    found = report(look(service.lake, rollout))
    may_read = caller.principals is None or "read_logs" in caller.roles
    pairs = examples(service.lake.judgements.of_rollout(rollout.name)) if may_read else []
    shown, hidden = _examples(service, caller, pairs)
    return _served(service, found) | {
        "judge": service.settings.judge.model or None,
        "examples": shown,
        "examples_hidden": hidden,
        "may_read": may_read,
        "left_out": service.rollouts.pairs.left_out,
    }


def _served(service: Service, row: dict[str, Any]) -> dict[str, Any]:
    """The row, and whether this server has ended the rollout although no row says so yet."""
    return row | {"fallen": service.rollouts.traffic.fallen.get(row["rollout"])}


def _examples(
    service: Service, caller: Caller, pairs: Sequence[Judgement]
) -> tuple[list[dict[str, Any]], int]:
    """Pairs side by side, the same one once, and how many their reader may not see."""
    rows = service.lake.requests.rows([pair.request_id for pair in pairs]) if pairs else []
    requests = {one.request_id: one for one in rows}
    shown: dict[tuple[str, ...], dict[str, Any]] = {}
    counts: Counter[str] = Counter()
    hidden = 0
    for pair in pairs:
        request = requests.get(pair.request_id)
        example = _example(service, caller, pair, request) if request else None
        if example is None:
            hidden += 1
            continue
        key = tuple(example[name] for name in ("question", "candidate", "current"))
        if key not in shown and counts[pair.verdict] < _SHOWN:
            shown[key] = example
            counts[pair.verdict] += 1
    return list(shown.values()), hidden


def _example(
    service: Service, caller: Caller, pair: Judgement, request: Answered
) -> dict[str, Any] | None:
    """A pair side by side; None where its reader may not see what it was made from."""
    other = str(pair.result.get("answer", ""))
    cited = pair.result.get("citations") or []
    try:
        check_passages(service, caller, request)
    except Refused:
        return None
    if not all(service.may_see(caller, one["source"], one["doc_id"]) for one in cited):
        return None
    is_candidate = pair.arm == "candidate"
    return {
        "request": pair.request_id,
        "at": isoformat(pair.at),
        "question": request.question,
        "candidate": request.response if is_candidate else other,
        "current": other if is_candidate else request.response,
        "release": request.release,
        "verdict": pair.verdict,
        "reason": pair.reason,
        "judge": pair.judge,
    }
