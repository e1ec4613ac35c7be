"""What calls for a person in a lakehouse, worst first, each with the command that comes next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from schemas.settings import Settings
from schemas.words import count

Level = Literal["wrong", "waits", "note"]
_LEVELS: tuple[Level, ...] = ("wrong", "waits", "note")
_LEAST_FREE = 0.1  # of the lakehouse's own size, that the next nights need on its disk
_BUDGET_NEAR = 0.8  # of a budget, from which it is reported
_JOURNAL_MINUTES = 15  # that requests may wait for Delta


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: wrong needs somebody now, waits is a person's decision, note can wait."""

    level: Level
    is_: str
    next_: str

    def to_json(self) -> dict[str, str]:
        """`level`, `is` and `next`."""
        return {name.rstrip("_"): value for name, value in asdict(self).items()}


def steps(settings: Settings, found: Mapping[str, Any]) -> list[Step]:
    """What to do, worst first.

    Args:
        found: of `overview.status.status`, all but its own `steps`.
    """
    every = [
        *_answers(settings, found),
        *_nights(found),
        *_storage(found),
        *_documents(found["quarantine"]),
        *_dislikes(found["dislikes"]),
        *_adapters(found["adapters"]),
        *_judge(found["judge"]),
        *_costs(found["costs"]),
    ]
    return sorted(every, key=lambda one: _LEVELS.index(one.level))


def _answers(settings: Settings, found: Mapping[str, Any]) -> Iterator[Step]:
    release = found["release"]
    if release is None:
        yield Step("wrong", "no release answers", "almanac nightly")
        return
    silent = settings.alarms.silent_hours
    ran = [one for one in found["nights"] if one["status"] in ("published", "unchanged")]
    if ran and release["age_hours"] > silent and ran[0]["release"] == release["release"]:
        hours = f"{release['age_hours']:,.0f} hours"
        said = f"what answers is {hours} old, more than alarms.silent_hours ({silent:g})"
        yield Step("note", said, "almanac nightly, or almanac up with a schedule")


def _costs(costs: Mapping[str, Any]) -> Iterator[Step]:
    near = [one for one in costs["budgets"] if one["share"] >= _BUDGET_NEAR]
    users = Counter(one["budget"] for one in near)
    fullest: dict[str, Mapping[str, Any]] = {}
    for one in near:  # the fullest first
        fullest.setdefault(one["budget"], one)
    for one in fullest.values():
        whose = f" of {one['user']}" if one["user"] else ""
        others = users[one["budget"]] - 1
        whose += f" (and {count(others, 'other')})" if others else ""
        limit = f"${one['limit']}" if one["unit"] == "usd" else f"{int(one['limit']):,} tokens"
        said = (
            f"the budget {one['budget']}{whose}, {limit} a {one['window']}, is spent to "
            f"{one['share']:.0%}"
        )
        is_spent = one["share"] >= 1 and not one["user"]  # one user's alone is what it is for
        is_blocked = is_spent and one["on_exceed"] == "block"
        level: Level = "wrong" if is_blocked else "waits" if is_spent else "note"
        yield Step(level, said, f"almanac cost --by user, or raise [budgets.{one['budget']}]")
    if costs["unpriced"]:
        said = f"the price of {', '.join(costs['unpriced'])} is not known"
        yield Step("waits", said, "almanac cost says what to write")


def _nights(found: Mapping[str, Any]) -> Iterator[Step]:
    newest = next(iter(found["nights"]), None)
    if newest and newest["status"] in ("failed", "refused"):
        said = f"the newest night {newest['status']}: {newest['message'] or 'see its run'}"
        yield Step("wrong", said, "almanac plan shows what the next night would do")
    if newest and newest["status"] == "held":
        said = f"nights are on hold: {newest['message']}"
        yield Step("waits", said, "almanac nightly --lift-hold")
    if found["missed"]:
        said = f"nothing ran at {count(found['missed'], 'time')} of the schedule"
        yield Step("note", said, "almanac runs --missing")


def _storage(found: Mapping[str, Any]) -> Iterator[Step]:
    disk, journal = found["disk"], found["journal"]
    if disk["free_bytes"] is not None and disk["free_bytes"] < _LEAST_FREE * disk["bytes"]:
        said = f"its disk has {size(disk['free_bytes'])} left, and it holds {size(disk['bytes'])}"
        yield Step("wrong", said, "almanac retention plan")
    if journal["rows"] and journal["minutes"] > _JOURNAL_MINUTES:
        said = f"{count(journal['rows'], 'row')} of requests and votes wait in the journal"
        yield Step("wrong", said, "almanac feedback drain")
    lease = found["lease"]
    if not lease["held"] and lease.get("holder"):
        said = f"a writer ended without letting go: {lease['why']}"
        yield Step("note", said, "almanac lease show")


def _documents(quarantine: Mapping[str, Any]) -> Iterator[Step]:
    if quarantine["kept_out"]:
        said = f"{count(quarantine['kept_out'], 'document')} kept out, or at an older version"
        yield Step("waits", said, "almanac quarantine list")
    if quarantine["noted"] or quarantine["feedback"]:
        noted, refused = quarantine["noted"], quarantine["feedback"]
        said = (
            f"{count(noted, 'document')} with a note, {count(refused, 'row')} of feedback refused"
        )
        yield Step("note", said, "almanac quarantine list")


def _dislikes(dislikes: Mapping[str, Any]) -> Iterator[Step]:
    if dislikes["not_looked_into"]:
        said = f"{count(dislikes['not_looked_into'], 'dislike')} not looked into"
        yield Step("waits", said, "almanac triage")
    work = sum(n for cause, n in dislikes["causes"].items() if cause.startswith("source_"))
    if work:
        said = f"{count(work, 'dislike')} whose documents are missing, stale or wrong"
        yield Step("waits", said, "almanac triage list")
    if dislikes["new_model_faults"]:
        said = f"{count(dislikes['new_model_faults'], 'fault')} of the model not trained on yet"
        yield Step("note", said, "almanac dataset build")


def _adapters(adapters: Mapping[str, Any]) -> Iterator[Step]:
    for warning in adapters["warnings"]:
        yield Step("wrong" if "IT ANSWERS" in warning else "note", warning, "almanac adapters list")
    for adapter in adapters["waiting"]:
        said = f"adapter {adapter[:12]} beat its base, and waits for a person"
        yield Step("waits", said, f"almanac adapters show {adapter[:12]}")


def _judge(judge: Mapping[str, Any] | None) -> Iterator[Step]:
    if judge and judge["late"]:
        said = f"{count(judge['waiting'], 'answer')} wait for the judge, the oldest for "
        yield Step("wrong", f"{said}{judge['lag_hours']:,.0f} hours", "almanac judge run")


def size(number: float) -> str:
    """Bytes for people: `3.2 GB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:,.1f} TB"
