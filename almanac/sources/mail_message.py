"""One mail of an export: what its header says, and what is attached to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.errors import CloseBoundaryNotFoundDefect
from email.message import EmailMessage
from email.utils import getaddresses, parsedate_to_datetime
from pathlib import Path

from almanac.sources.decoding import one_line
from almanac.sources.formats import ending
from almanac.sources.parsed import storable
from almanac.sources.parsers.email import header_of
from schemas.hashing import sha256_bytes, sha256_parts

_ID = re.compile(r"<([^<>\s]+)>")
_UNSAFE = re.compile(r"[^\w@.+=$~-]+")
_LONGEST_ID = 120


@dataclass(frozen=True, slots=True)
class Mail:
    """Where a mail is, and what its header says."""

    file: Path
    key: int  # within an mbox; -1 where the file is the mail
    digest: str
    mail_id: str
    parents: tuple[str, ...]  # the first of the thread first
    date: float
    size: int
    is_cut: bool  # its last part has no end
    people: frozenset[str]
    attachments: tuple[tuple[str, int], ...]  # (name, bytes)


def read_mail(file: Path, key: int, data: bytes) -> Mail:
    """The mail in these bytes."""
    message = parsed_mail(data)
    digest = sha256_bytes(data)
    own = _ID.findall(header_of(message, "Message-ID"))
    named = _ID.findall(header_of(message, "References"))
    parents = named or _ID.findall(header_of(message, "In-Reply-To"))
    return Mail(
        file,
        key,
        digest,
        own[0] if own else digest[:32],
        tuple(parents),
        _date(message),
        len(data),
        any(
            isinstance(one, CloseBoundaryNotFoundDefect)
            for part in message.walk()
            for one in part.defects
        ),
        _people(message),
        tuple((name_of(part), len(payload_of(part))) for part in attached(message)),
    )


def parsed_mail(data: bytes) -> EmailMessage:
    """Its parts, whatever is wrong with them."""
    message = message_from_bytes(data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def _date(message: EmailMessage) -> float:
    try:
        return parsedate_to_datetime(header_of(message, "Date")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return 0.0


def _people(message: EmailMessage) -> frozenset[str]:
    addresses = getaddresses([header_of(message, name) for name in ("From", "To", "Cc")])
    return frozenset(address.lower() for _, address in addresses if "@" in address)


def attached(message: EmailMessage) -> Iterator[EmailMessage]:
    """The parts with a file name."""
    for part in message.iter_attachments():
        if isinstance(part, EmailMessage) and name_of(part):
            yield part


def name_of(part: EmailMessage) -> str:
    """The file name of a part, "" without one."""
    try:
        return storable(one_line(part.get_filename() or ""))
    except (ValueError, TypeError, LookupError):
        return ""


def payload_of(part: EmailMessage) -> bytes:
    """The bytes of a part; of a mail within it, the mail."""
    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload()
        return inner[0].as_bytes() if isinstance(inner, list) and inner else b""  # type: ignore[union-attr]
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def safe_id(name: str) -> str:
    """An id without signs that mean something in ids; a long one is cut and marked."""
    safe = _UNSAFE.sub("_", name)
    if len(safe) <= _LONGEST_ID:
        return safe
    return f"{safe[:80]}-{sha256_parts(name)[:16]}.{ending(name)}".rstrip(".")
