"""What a parser hands back, and how it refuses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.documents import Rejection, Severity

_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Note:
    """An expectation that was broken, and why; the row or file is known to the caller."""

    expectation: str
    reason: str
    value: str = ""

    def rejection(self, doc_id: str, severity: Severity) -> Rejection:
        """This note about `doc_id`."""
        return Rejection(doc_id, self.expectation, severity, self.reason, self.value)


@dataclass(frozen=True, slots=True)
class Parsed:
    """The text of one file. `notes` are recorded; they don't keep the document out."""

    text: str
    title: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Options:
    """What the settings of a source say to a parser.

    `select` and `drop` are CSS selectors for HTML. `ocr` names tesseract's languages, "" for none.
    `pandoc` is the name of pandoc's reader.
    """

    select: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    ocr: str = ""
    pandoc: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table. `where` is its place in the file, such as "line 7".

    A `problem` keeps it out; `values` then hold what could be read of it.
    """

    where: str
    values: Mapping[str, Any]
    problem: Note | None = None


Rows = tuple[Iterable[Row], Sequence[Note]]


class Unreadable(Exception):
    """No document can be made of a file; `note` says why. Never leaves this package."""

    def __init__(self, expectation: str, reason: str, value: str = "") -> None:
        super().__init__(reason)
        self.note = Note(expectation, reason, value)

    @classmethod
    def because(cls, note: Note) -> Unreadable:
        """The refusal that `note` describes."""
        return cls(note.expectation, note.reason, note.value)


def losses(counts: Mapping[str, int]) -> tuple[Note, ...]:
    """One note of what a parser could not carry over, by what it is; none where all is there."""
    lost = {what: count for what, count in counts.items() if count}
    if not lost:
        return ()
    named = ", ".join(f"{what} {count:,}" for what, count in sorted(lost.items()))
    total = sum(lost.values())
    return (Note("document_is_complete", f"not carried over: {named}", str(total)),)


def shown(value: object) -> str:
    """`value` for a report: quoted, cut to 200 characters, unprintable characters escaped."""
    text = repr(value[:_SHOWN_CHARACTERS] if isinstance(value, str) else value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def storable(name: str) -> str:
    """`name` with every byte that is no UTF-8 escaped (`\\xe9`); other names unchanged."""
    data = name.encode("utf-8", "surrogateescape")
    return data.decode("utf-8", "backslashreplace")
