"""From the journal to Delta: checked as an import is, each row once, whatever is killed when.

A batch is appended to Delta and then let go of in the journal. A drain that is killed in between
finds its rows in Delta the next time, by their ids and contents, and only lets go of them. What
breaks a rule waits in the journal for quarantine, which needs the lease, and holds up nothing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from almanac.feedback.files import Line
from almanac.feedback.refusals import Refusals, conflict_note, erased_note
from almanac.journal import Journal, journal_places
from almanac.journal.database import only_one
from almanac.journal.journal import Refused, Stored, Table
from almanac.journal.records import request_of_text, vote_of_text
from almanac.sources.parsed import Note
from expectations.feedback import requests_frame, votes_frame
from expectations.runner import failed_as_a_whole, validate
from lakehouse import Lakehouse, open_lakehouse
from lakehouse.location import locate
from schemas.documents import Severity
from schemas.errors import AlmanacError, LeaseHeld, StorageUnavailable, VerificationFailed
from schemas.feedback import Request, Vote
from schemas.hashing import sha256_parts
from schemas.settings import LeaseSettings, Settings

if TYPE_CHECKING:
    import pandas as pd

Item = TypeVar("Item", Request, Vote)
_log = logging.getLogger("almanac.journal")
_ROWS = 2_000
_CHARACTERS = 32 << 20
_WAIT_SECONDS = 60.0  # for another drain of the same journal
_GRACE = timedelta(hours=1)  # for readers of files that a compaction replaced
_UNREADABLE = "journal_row_is_whole"


@dataclass(frozen=True, slots=True)
class Drained:
    """What a drain did: rows that were stored, that Delta had already, and that broke a must.

    `waiting`: refused rows that quarantine could not take yet, as another writer works. `busy`:
    another drain was at it all the while, and nothing was done.
    """

    requests: int = 0
    votes: int = 0
    known: int = 0
    refused: int = 0
    withdrawn: int = 0
    waiting: int = 0
    busy: bool = False

    def __add__(self, other: Drained) -> Drained:
        """Of two journals together."""
        return Drained(
            self.requests + other.requests,
            self.votes + other.votes,
            self.known + other.known,
            self.refused + other.refused,
            self.withdrawn + other.withdrawn,
            self.waiting + other.waiting,
            self.busy or other.busy,
        )


@dataclass(frozen=True, slots=True)
class _Row(Generic[Item]):
    stored: Stored
    item: Item


def drain(
    lake: Lakehouse,
    journal: Journal,
    lease: LeaseSettings | None = None,
    wait_seconds: float = _WAIT_SECONDS,
) -> Drained:
    """Store what waits in a journal; one drain of it at a time, in whatever process.

    Args:
        lease: for how long quarantine may hold it; it is never waited for.
        wait_seconds: for another drain.

    Raises:
        StorageUnavailable: the disk of the journal or of the lakehouse is full, or does not answer;
            what was not stored stays in the journal.
        LakehouseDamaged: `requests` or `votes` can't be read.
    """
    with only_one(journal.path, wait_seconds) as held:
        if not held:
            return Drained(busy=True)
        done = Drained()
        for batch in _waiting(journal, "requests"):
            done += _store_requests(lake, journal, batch)
        for batch in _waiting(journal, "votes"):
            done += _store_votes(lake, journal, batch)
        waiting = _quarantine(lake, journal, lease or LeaseSettings())
        if done != Drained():
            journal.scrub()
            lake.requests.tend(_GRACE)
            lake.votes.tend(_GRACE)
        return replace(done, waiting=waiting)


def _waiting(journal: Journal, table: Table) -> Iterator[list[Stored]]:
    """What waits now, in batches, each once the one before it is settled.

    A batch that is not full is the last: what came meanwhile waits for the next drain, else under
    load every few rows would be a commit of their own.
    """
    is_full = True
    while is_full and (batch := journal.first(table, _ROWS, _CHARACTERS)):
        yield batch
        is_full = len(batch) == _ROWS or sum(len(row.record) for row in batch) >= _CHARACTERS


def drain_all(settings: Settings) -> Drained:
    """Drain every journal that the lakehouse has here; costs milliseconds where nothing waits.

    Raises:
        AlmanacError: as `drain` does, or a journal belongs to another user.
    """
    lake = open_lakehouse(settings.lakehouse, settings.storage_options, settings.durability)
    done = Drained()
    for journal in _journals(settings):
        if journal.pending().rows:
            done += drain(lake, journal, settings.lease)
    return done


def waiting(settings: Settings, now: datetime) -> dict[str, Any]:
    """Rows in every journal of the lakehouse here, and how many minutes the oldest waits."""
    found = [journal.pending() for journal in _journals(settings)]
    oldest = min((one.oldest for one in found if one.oldest), default=now)
    minutes = round((now - oldest).total_seconds() / 60, 1)
    return {"rows": sum(one.rows for one in found), "minutes": max(0.0, minutes)}


def forget(
    settings: Settings, is_gone: Callable[[Request | Vote], bool], user_id: str | None
) -> int:
    """Erase from every journal what `is_gone` says and all of a user, bytes and all; how many rows.

    Raises:
        StorageUnavailable: a process reads a journal all the while, so that bytes are left in it.
    """
    gone = 0
    for journal in _journals(settings):
        gone += journal.forget(is_gone, user_id)
        if not journal.scrub():
            raise StorageUnavailable(
                f"the journal {journal.path} is read by another process all the while, so what was "
                "erased may stand in it still: run the same command again"
            )
    return gone


def _journals(settings: Settings) -> Iterator[Journal]:
    """Every journal of the lakehouse on this machine, open for a moment."""
    location = locate(settings.lakehouse, settings.storage_options)
    for path in journal_places(location.uri, settings.serving.journal):
        if path.exists():
            journal = Journal(path)
            try:
                yield journal
            finally:
                journal.close()


def bring_in(settings: Settings) -> None:
    """For readers: store first what waits, and where that fails say so and go on.

    Under a lease what was refused must wait; so it is called before one is taken.
    """
    try:
        done = drain_all(settings)
    except AlmanacError as error:
        _log.warning("what was logged a moment ago is not among what follows: %s", error)
        return
    if done.busy:
        _log.warning("what was logged a moment ago may not be among what follows: it is under way")
    if done.waiting:
        _log.warning("%d rows wait for quarantine until another writer is done", done.waiting)


def _store_requests(lake: Lakehouse, journal: Journal, batch: Sequence[Stored]) -> Drained:
    rows, refused = _judged(lake, "requests", batch, request_of_text, requests_frame)
    hashes = lake.requests.hashes([row.item.request_id for row in rows]) if rows else {}
    fresh = [row.item for row in rows if row.item.request_id not in hashes]
    others = [
        row for row in rows if hashes.get(row.item.request_id, row.item.content_hash)
        != row.item.content_hash
    ]  # fmt: skip
    if others:
        found = lake.requests.rows([row.item.request_id for row in others])
        first = {one.request_id: one for one in found}
        refused += [
            _refused(row.stored, conflict_note(first[row.item.request_id], row.item))
            for row in others
        ]
    lake.requests.append(fresh)
    journal.settle("requests", batch[-1].number, refused)
    known = len(rows) - len(fresh) - len(others)
    return Drained(requests=len(fresh), known=known, refused=_musts(refused))


def _store_votes(lake: Lakehouse, journal: Journal, batch: Sequence[Stored]) -> Drained:
    cast = [one for one in batch if one.record]
    rows, refused = _judged(lake, "votes", cast, vote_of_text, votes_frame)
    by_number = {row.stored.number: row.item for row in rows}
    kept: dict[Vote, None] = {}
    taken_back: set[tuple[str, str]] = set()
    for one in batch:
        key = (one.request_id, one.user_id)
        if not one.record:
            taken_back.add(key)
            kept = {vote: None for vote in kept if (vote.request_id, vote.user_id) != key}
        elif one.number in by_number:
            kept[by_number[one.number]] = None
    stored = _stored_votes(lake, batch)
    gone = {
        vote for vote in stored if (vote.request_id, vote.user_id) in taken_back
        and vote not in kept
    }  # fmt: skip
    if gone:
        lake.votes.remove(gone)
        stored = _stored_votes(lake, batch)
    fresh = [vote for vote in kept if vote not in stored]
    lake.votes.append(fresh)
    journal.settle("votes", batch[-1].number, refused)
    known = len(kept) - len(fresh)
    return Drained(
        votes=len(fresh), known=known, refused=_musts(refused), withdrawn=len(taken_back)
    )


def _stored_votes(lake: Lakehouse, batch: Sequence[Stored]) -> set[Vote]:
    return set(lake.votes.rows({one.request_id for one in batch}, every=True))


def _judged(
    lake: Lakehouse,
    table: Table,
    batch: Sequence[Stored],
    read: Callable[[str], Item],
    frame: Callable[[Sequence[Item]], pd.DataFrame],
) -> tuple[list[_Row[Item]], list[Refused]]:
    """The rows that keep every must, and a note on each rule that a row breaks."""
    rows: list[_Row[Item]] = []
    refused: list[Refused] = []
    erased = lake.erasures.erased() if batch else None
    for one in batch:
        try:
            item = read(one.record)
        except ValueError as error:
            refused.append(_refused(one, Note(_UNREADABLE, f"The row cannot be read: {error}")))
            continue
        if erased and (note := erased_note(erased, item)):
            refused.append(_refused(replace(one, record=""), note))
        else:
            rows.append(_Row(one, item))
    result = validate(table, frame([row.item for row in rows]))
    if whole := failed_as_a_whole(result):
        raise VerificationFailed("; ".join(check.reason for check in whole))
    for at, fault in result.failing:
        if fault.severity == "must" or at not in result.kept_out:
            note = Note(fault.expectation, fault.reason, fault.value)
            refused.append(_refused(rows[at].stored, note, fault.severity))
    return [row for at, row in enumerate(rows) if at not in result.kept_out], refused


def _refused(stored: Stored, note: Note, severity: Severity = "must") -> Refused:
    return Refused(
        stored.number,
        stored.table,
        stored.record,
        note.expectation,
        note.reason,
        note.value,
        severity,
    )


def _musts(refused: Sequence[Refused]) -> int:
    return len({one.number for one in refused if one.severity == "must"})


def _quarantine(lake: Lakehouse, journal: Journal, lease: LeaseSettings) -> int:
    """Write what was refused to quarantine; how many rows must wait, as another writer works."""
    refused = journal.refused()
    if not refused:
        return 0
    refusals = Refusals(lake, {}, lease.model_copy(update={"wait_seconds": 0.0}))
    told: set[tuple[str, int]] = set()
    for one in refused:
        if (one.table, one.number) not in told:  # one reason is enough
            told.add((one.table, one.number))
            note = Note(one.expectation, one.reason, one.value)
            refusals.refuse(one.table, _line(journal, one), note, _severity(one))
    named = sha256_parts("drain", journal.identity, str(refused[-1].number))[:16]
    try:
        refusals.settle(named, datetime.now(UTC))
    except LeaseHeld:
        return len(told)
    journal.settle_refused(refused)
    return 0


def _severity(refused: Refused) -> Severity:
    return "should" if refused.severity == "should" else "must"


def _line(journal: Journal, refused: Refused) -> Line:
    """The row as a line of a file; a row that is no JSON as its text."""
    try:
        values = json.loads(refused.record or "{}")
    except ValueError:
        values = None
    if isinstance(values, dict):
        return Line(journal.path, refused.number, values)
    return Line(journal.path, refused.number, {}, Note("", ""), refused.record)
