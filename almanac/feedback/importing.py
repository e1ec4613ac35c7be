"""Take in logs of requests and votes: each row once, in whatever order they come."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from itertools import chain
from typing import Any

from almanac.core.operation import Operation, recorded
from almanac.feedback.drain import bring_in
from almanac.feedback.facts import log_facts, quarantined
from almanac.feedback.files import log_files
from almanac.feedback.intake import Intake
from almanac.feedback.reading import Entry, Reader
from almanac.feedback.refusals import Refusals
from almanac.feedback.rows import check_columns
from almanac.feedback.scale import Scale
from almanac.feedback.traces import Traces
from schemas.errors import ConfigError, FeedbackUnreadable
from schemas.settings import Settings

_log = logging.getLogger("almanac.feedback")
_BATCH = 5_000
_BYTES = 64 << 20
_SHAPE = (
    'A row of requests is one line like {"request_id": "r1", "user_id": "u1", "asked_at": '
    '"2026-03-03T10:00:00Z", "question": "...", "response": "..."}, one of votes {"request_id": '
    '"r1", "user_id": "u1", "rating": -1, "rated_at": "2026-03-03T10:05:00Z"}.'
)
_PURPOSE = "feedback import"


def import_feedback(
    settings: Settings, log: str | None, votes: str | None, run_id: str | None = None
) -> dict[str, Any]:
    """Import a file or folder of requests, one of votes, or both; the configured ones for neither.

    Rows that are stored already change nothing, so a killed import is run again. Without `votes`
    the rating in a request's own line is its user's vote; with them it is not taken. Rows that
    cannot be taken in go to quarantine; only writing that needs the lease.

    Returns:
        Per table `total` (rows of the files), `new`, `known` and `quarantined`; `log`, what stands
        in the log now (see `almanac.feedback.facts`); `quarantine`, the open rows of feedback by
        rule; `run_id` and `seconds`.

    Raises:
        ConfigError: no file is named, or `feedback.columns` names a field that there is not.
        FeedbackUnreadable: a file is missing or cannot be opened, the ratings are on a scale that
            is not declared, or not one row of the first batch can be taken in; nothing was stored.
        LeaseHeld: quarantine could not be written; requests and votes are stored all the same.
    """
    if log is None and votes is None:
        log, votes = settings.feedback.log, settings.feedback.votes
    if log is None and votes is None:
        raise ConfigError("name the log to import, or set feedback.log")
    check_columns(settings.feedback.columns)
    bring_in(settings)
    run = Operation(settings, _PURPOSE, run_id)
    with recorded(run):
        run.report = _imported(run, log, votes)
    now = {"log": log_facts(run.lake), "quarantine": quarantined(run.lake)}
    return run.report | now | {"run_id": run.run_id, "seconds": run.seconds}


def _imported(run: Operation, log: str | None, votes: str | None) -> dict[str, Any]:
    columns = run.settings.feedback.columns
    asked = log_files(log) if log else []
    voted = log_files(votes) if votes else []
    refusals = Refusals(run.lake, columns, run.settings.lease)
    scale = Scale(run.settings.feedback.ratings)
    intake = Intake(run.lake, columns, scale, refusals, takes_own_votes=votes is None)
    with closing(Traces()) as traces:
        reader = Reader(traces, columns)
        scale.check(reader.index(asked, voted))
        entries = chain(reader.entries(asked, "requests"), reader.entries(voted, "votes"))
        for batch in _batches(entries):
            intake.take(batch)
            _log.info(
                "feedback: %s requests and %s votes read, %s and %s of them new",
                f"{intake.requests.total:,}",
                f"{intake.votes.total:,}",
                f"{intake.requests.new:,}",
                f"{intake.votes.new:,}",
            )
            if intake.took_nothing and len(batch) == _BATCH:
                raise _not_one(f"of the first {_BATCH:,} rows", refusals)
            if refusals.are_many:
                refusals.settle(run.run_id, run.started_at)
    if intake.took_nothing and refusals.are_nameless:
        files = ", ".join(dict.fromkeys(str(one) for one in (log, votes) if one))
        raise _not_one(f"row of {files}", refusals)
    refusals.settle(run.run_id, run.started_at)
    if not intake.votes.total and reader.vote_like:
        _log.warning(
            "no vote was read. If the column %s holds votes: --columns rating=%s",
            reader.vote_like,
            reader.vote_like,
        )
    return {"requests": asdict(intake.requests), "votes": asdict(intake.votes)}


def _not_one(which: str, refusals: Refusals) -> FeedbackUnreadable:
    return FeedbackUnreadable(
        f"not one {which} can be taken in. {refusals.commonest} {_SHAPE} Nothing was stored. "
        "Other names are mapped by feedback.columns or --columns FIELD=COLUMN"
    )


def _batches(entries: Iterator[Entry]) -> Iterator[list[Entry]]:
    """As many rows as a batch may have, or as many bytes."""
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        batch.append(entry)
        size += entry.line.size
        if len(batch) == _BATCH or size >= _BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
