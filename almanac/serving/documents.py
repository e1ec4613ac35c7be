"""What is read beside answers: documents, releases, logged requests."""

from __future__ import annotations

from typing import Any

from almanac.serving.errors import Refused
from almanac.serving.service import Service
from almanac.serving.who import Caller
from schemas.feedback import Request
from schemas.times import When, isoformat

_CHUNK = ("ordinal", "heading", "start", "end")


def document(
    service: Service, caller: Caller, source: str, doc_id: str, when: When | None
) -> dict[str, Any]:
    """A document with its text and the places of its passages.

    Raises:
        Refused: the release has no such document, or the caller may not see it: the same 404.
        AlmanacError: there is no such release, or it is not kept.
    """
    opened = service.releases.as_of(when)
    stored = opened.documents.get((source, doc_id))
    if stored is None or not service.may_see(caller, source, doc_id):
        raise Refused(
            404,
            f"release {opened.release.seq} has no document {doc_id!r} of {source!r}: "
            "`almanac documents` lists what it has",
            "document_not_found",
        )
    view = service.lake.view(opened.release)
    return {
        "source": source,
        "doc_id": doc_id,
        "title": stored.title,
        "uri": stored.uri,
        "release": opened.release.seq,
        "as_of": isoformat(opened.release.logical_time),
        "text": view.text(stored),
        "passages": view.chunks(stored).select(list(_CHUNK)).to_pylist(),
    }


def check_passages(service: Service, caller: Caller, request: Request) -> None:
    """Raises Refused (403) where a request holds passages that its reader may not see.

    Of the earlier answers of a conversation nobody knows the passages, so its own user alone
    reads them, and what was answered to them.
    """
    if caller.principals is None:
        return
    has_answers = any(one["role"] == "assistant" for one in request.history)
    if has_answers and request.user_id != caller.user:
        raise Refused(
            403,
            f"request {request.request_id} goes on a conversation whose earlier answers may be "
            f"from documents that you may not see: `almanac trace {request.request_id}` shows it "
            "on the server's machine",
            "not_allowed",
        )
    if not request.context:
        return
    cited = request.details.get("citations") or []
    keys = [(one.get("source"), one.get("doc_id")) for one in cited if isinstance(one, dict)]
    if len(keys) < len(request.context) or not all(
        service.may_see(caller, str(source), str(doc_id)) for source, doc_id in keys
    ):
        raise Refused(
            403,
            f"request {request.request_id} was answered from documents that you may not see",
            "not_allowed",
        )


def releases(service: Service) -> dict[str, Any]:
    """Releases that serve, newest first."""
    rows = [
        {
            "release": one.seq,
            "as_of": isoformat(one.logical_time),
            "documents": one.documents,
            "tier": one.tier,
        }
        for one in service.releases.history()
        if one.serves
    ]
    return {
        "index": service.settings.index.name,
        "public": service.is_public,
        "releases": rows,
    }


def logged(service: Service, caller: Caller, request_id: str) -> dict[str, Any]:
    """A logged request with its votes.

    Raises:
        FeedbackUnknown: none of that id is stored.
        Refused: it was answered from documents that the caller may not see (403).
    """
    request = service.request(request_id)
    check_passages(service, caller, request)
    votes = [
        {
            "user_id": vote.user_id,
            "rated_at": isoformat(vote.rated_at),
            "rating": vote.rating,
            "comment": vote.comment,
            "correction": vote.correction,
        }
        for vote in service.votes(request_id)
    ]
    return {"request": request.as_row(), "votes": votes}
