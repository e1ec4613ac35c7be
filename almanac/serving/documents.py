"""What is read beside answers: documents, releases, logged requests."""

from __future__ import annotations

from typing import Any

from almanac.serving.errors import Refused
from almanac.serving.service import Service
from schemas.times import When, isoformat

_CHUNK = ("ordinal", "heading", "start", "end")


def document(service: Service, source: str, doc_id: str, when: When | None) -> dict[str, Any]:
    """A document with its text and the places of its passages.

    Raises:
        Refused: the release has no such document (404).
        AlmanacError: there is no such release, or it is not kept.
    """
    opened = service.releases.as_of(when)
    stored = opened.view.documents.get((source, doc_id))
    if stored is None:
        raise Refused(
            404,
            f"release {opened.release.seq} has no document {doc_id!r} of {source!r}: "
            "`almanac documents` lists what it has",
            "document_not_found",
        )
    return {
        "source": source,
        "doc_id": doc_id,
        "title": stored.title,
        "uri": stored.uri,
        "release": opened.release.seq,
        "as_of": isoformat(opened.release.logical_time),
        "text": opened.view.text(stored),
        "passages": opened.view.chunks(stored).select(list(_CHUNK)).to_pylist(),
    }


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


def logged(service: Service, request_id: str) -> dict[str, Any]:
    """A logged request with its votes. Raises FeedbackUnknown."""
    request = service.request(request_id)
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
