"""What an id is: a document, a chunk, a release, a request, an example, a dataset, ..."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from almanac.lineage.links import Links
from schemas.errors import AlmanacError

Kind = Literal["document", "chunk", "release", "request", "example", "dataset", "adapter", "run"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_NUMBER = re.compile(r"[rR]?0*([1-9][0-9]*)")
_HASH = re.compile(r"[0-9a-f]{4,64}")
_BY_HASH = ("example", "dataset", "adapter")
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Subject:
    """What is traced: its kind and its whole id. `source` is set for documents alone."""

    kind: Kind
    id: str
    source: str = ""

    @property
    def spelled(self) -> str:
        """The id with its kind before it, which names nothing else."""
        return ":".join(part for part in (self.kind, self.source, self.id) if part)


def resolve(links: Links, text: str) -> Subject:
    """The one thing that an id names. `KIND:ID` says which kind is meant.

    Raises:
        AlmanacError: it names nothing here, or several things.
    """
    wanted = text.strip()
    found = list(_found(links, wanted))
    if not found:
        like = links.lake.documents.named_like(wanted)[:_SHOWN] if wanted else []
        meant = f" (did you mean {' or '.join(like)}?)" if like else ""
        raise AlmanacError(
            f"nothing here is named {wanted!r}{meant}: trace takes the id of a document "
            "(hr/travel.md), a chunk, a request or a run, the number of a release (12 or r12), or "
            "the begin of the hash of an example, a dataset or an adapter"
        )
    if len(found) > 1:
        shown = ", ".join(one.spelled for one in found[:_SHOWN])
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise AlmanacError(f"{wanted!r} may be any of {shown}{more}: trace one of these")
    return found[0]


def _found(links: Links, text: str) -> Iterator[Subject]:
    """All that it may be; a chunk is looked for last, since that is a pass over all of them."""
    if not text:
        return
    kind, mark, name = text.partition(":")
    if mark and kind in KINDS and (said := list(_of_kind(links, kind, name))):
        yield from [one for one in said if one.spelled == text] or said
        return
    named = [one for kind in KINDS if kind != "chunk" for one in _of_kind(links, kind, text)]
    yield from named or _of_kind(links, "chunk", text)


def _of_kind(links: Links, kind: Kind, name: str) -> Iterator[Subject]:
    if kind == "document":
        yield from _documents(links, name)
    elif kind == "release":
        number = _NUMBER.fullmatch(name)
        if number and any(one.seq == int(number[1]) for one in links.releases):
            yield Subject("release", number[1])
    elif kind in _BY_HASH:
        for whole in links.beginning(kind, name) if _HASH.fullmatch(name) else ():
            yield Subject(kind, whole)
    elif _is(links, kind, name):
        yield Subject(kind, name)


def _documents(links: Links, name: str) -> Iterator[Subject]:
    for source in sorted(links.lake.documents.sources_of(name)):
        yield Subject("document", name, source)
    source, _, doc_id = name.partition(":")
    if doc_id and source in links.lake.documents.sources_of(doc_id):
        yield Subject("document", doc_id, source)


def _is(links: Links, kind: Kind, name: str) -> bool:
    if kind == "request":
        return bool(links.lake.requests.hashes([name]))
    if kind == "run":
        return bool(links.runs([name])) or links.made_by(name)
    return bool(links.shown([name]) or links.passages([name]))
