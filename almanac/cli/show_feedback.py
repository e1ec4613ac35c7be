"""What the verbs over requests and votes print for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from almanac.cli.show import table
from schemas.words import count

Report = Mapping[str, Any]
_COUNTS = ("total", "new", "known", "quarantined")


def imported(result: Report) -> str:
    """What was in the files, what of it was new, and what stands in the log now."""
    rows = [
        (name, *(f"{result[name][count]:,}" for count in _COUNTS)) for name in ("requests", "votes")
    ]
    lines = [table(("", *_COUNTS), rows), "", *_log(result), *_quarantine(result)]
    return "\n".join([*lines, *_tune(result["tune"]), f"  {result['seconds']:.1f} seconds"])


def _tune(tune: Report | None) -> list[str]:
    """What starts a tune, once it is reached or may be."""
    if tune is None:
        return []
    if tune["ready"]:
        return [
            f"{tune['reason']}: `almanac tune` trains an adapter; where schedules run, the next "
            "run of the flow feedback starts it by itself."
        ]
    waiting = tune["not_looked_into"]
    if waiting and tune["faults"] + waiting >= tune["needed"]:
        return [
            f"{count(waiting, 'disliked request')} not looked into yet, which may be enough for a "
            f"tune ({tune['reason']}): `almanac triage` says."
        ]
    return []


def drained(result: Report) -> str:
    """What was stored, and what must wait."""
    stored = f"Stored {count(result['requests'], 'request')} and {count(result['votes'], 'vote')}"
    lines = [f"{stored} from the journal."]
    more = {
        "known": "known before",
        "withdrawn": "votes were taken back",
        "refused": "broke a rule: `almanac quarantine list`",
        "waiting": "wait for quarantine, until another writer is done",
    }
    lines += [f"  {result[name]:,} {said}" for name, said in more.items() if result[name]]
    if result["busy"]:
        lines.append("  another drain is at work")
    return "\n".join(lines)


def status(result: Report) -> str:
    """What stands in the log."""
    if not result["log"]["requests"] and not result["log"]["votes"]:
        return "No request and no vote yet: `almanac feedback import LOG` takes them in."
    lines = _log(result)
    if result["first"]:
        lines.append(f"  asked from {result['first']} to {result['last']}")
    return "\n".join(lines + _quarantine(result))


def show(result: Report) -> str:
    """A request with what made its answer, then its votes."""
    request = result["request"]
    lines = _request(request) if request else ["The request did not come yet; votes on it did."]
    for vote in result["votes"]:
        liked = "like" if vote["rating"] > 0 else "dislike"
        lines += ["", f"{liked} by {vote['user_id']} at {vote['rated_at']}"]
        lines += [f"  {name}: {vote[name]}" for name in ("comment", "correction") if vote[name]]
    return "\n".join(lines)


def _request(request: Report) -> list[str]:
    skipped = {
        "request_id",
        "question",
        "response",
        "context",
        "history",
        "prompt",
        "details",
        "context_known",
    }
    lines = [f"Request {request['request_id']}"]
    lines += [
        f"  {name}: {value}"
        for name, value in sorted(request.items())
        if name not in skipped and value is not None
    ]
    lines += ["", "Question:", request["question"], "", "Response:", request["response"], ""]
    if not request["context_known"]:
        lines.append("Context: the log does not say what the model was shown")
    lines += [f"Passage {one['chunk_id']}:\n{one['text']}" for one in request["context"]]
    for name in ("history", "prompt"):
        lines += [f"{name} {one['role']}: {one['content']}" for one in request[name]]
    return [*lines, *(f"  {name}: {value}" for name, value in request["details"].items())]


def _log(result: Report) -> list[str]:
    log = result["log"]
    lines = [
        f"In the log: {log['requests']:,} requests, {log['votes']:,} votes.",
        f"  {log['disliked']:,} disliked, {log['disliked_with_correction']:,} of them corrected; "
        f"{log['liked']:,} liked; {log['without_vote']:,} without a vote; "
        f"{log['contradicting']:,} with likes and dislikes",
    ]
    if later := log["votes_without_a_request"]:
        lines.append(f"  of the votes {later:,} are on requests that did not come yet")
    return lines


def _quarantine(result: Report) -> list[str]:
    rows = result["quarantine"]
    lines = [f"In quarantine: {sum(row['rows'] for row in rows):,}"] if rows else []
    lines += [
        f"  {row['rows']:,} × {row['expectation']} ({row['table']}, {row['severity']})"
        for row in rows
    ]
    return [*lines, "  all of them: almanac quarantine list"] if rows else []
