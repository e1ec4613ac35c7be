"""Mail that was exported: an mbox, a Maildir, or a folder of .eml and .mbox files.

One document a thread, each attachment that is a document one more.
"""

from __future__ import annotations

import mailbox
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import getaddresses, parsedate_to_datetime
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from almanac.sources.address import local_path
from almanac.sources.base import Content, options_of
from almanac.sources.decoding import one_line
from almanac.sources.formats import ending, format_of, is_known
from almanac.sources.listing import Walk
from almanac.sources.parsed import Note, Unreadable, storable
from almanac.sources.parsers.email import header_of
from almanac.sources.parsers.thread import joined
from schemas.documents import Access, Listing, SourceFile
from schemas.errors import ConfigError, SourceUnavailable
from schemas.hashing import sha256_bytes, sha256_parts
from schemas.sections.base import Section
from schemas.settings import SourceSettings

_ID = re.compile(r"<([^<>\s]+)>")
_UNSAFE = re.compile(r"[^\w@.+=$~-]+")
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)  # as an mbox writes such a line
_LONGEST_ID = 120
_LEFT_OUT = frozenset("DT")  # flags of a Maildir: a draft, and what is in the bin
_NO_MAIL = Note(
    "email_is_readable", "it has no header such as From or Subject; mails that were read stay"
)
_GONE = Note("mail_is_there", "it went away after it was listed")


class MailOptions(Section):
    """The keys of a source of kind mail."""

    participants_only: bool = Field(
        default=False, description="A thread is for those whose addresses are in all its mails."
    )
    attachments: bool = Field(default=True, description="Also attachments that are documents.")


@dataclass(frozen=True, slots=True)
class _Mail:
    """Where a mail is, and what its header says."""

    file: Path
    key: int  # within an mbox; -1 where the file is the mail
    digest: str
    mail_id: str
    parents: tuple[str, ...]  # the first of the thread first
    date: float
    people: frozenset[str]
    attachments: tuple[tuple[str, int], ...]  # (name, bytes)


class MailConnector:
    """Exported mail on this machine. Raises ConfigError for any other address."""

    Options = MailOptions
    decisive: ClassVar[tuple[str, ...]] = ()
    stamps_are_content = True
    batch = 64
    at_once = 1

    def __init__(self, settings: SourceSettings) -> None:
        self._settings = settings
        self._options = options_of(MailOptions, settings)
        path = local_path(settings.uri)
        if path is None:
            raise ConfigError("a source of kind mail is a file or folder of this machine")
        self._place = Path(path).expanduser()

    def list(self) -> Listing:
        """Every thread, and every attachment that can be read.

        While a file is no mail, such as an empty one that a full disk left, nobody knows which mail
        it was: nothing counts as deleted.
        """
        walk = Walk(self._settings)
        for thread_id, mails in sorted(self._threads.items()):
            stamp = sha256_parts(*(mail.digest for mail in mails))[:32]
            access = self._access(mails)
            walk.offer(SourceFile(thread_id, 0, stamp, "application/mbox", access))
            for mail in mails if self._options.attachments else ():
                self._offer_attachments(walk, mail, access)
        for file in self._broken:
            name = file.relative_to(self._place).as_posix() if file != self._place else file.name
            walk.refuse(name, _NO_MAIL)
        return walk.listing(is_complete=not self._broken)

    def fetch(self, files: Sequence[SourceFile]) -> Iterator[Content | Unreadable]:
        """Threads as one mbox each, attachments as they are."""
        for file in files:
            if file.media_type == "application/mbox":
                mails = self._threads.get(file.path)
                data = [self._bytes(mail.file, mail.key) for mail in mails or ()]
                yield Content(joined(data), file.path) if data else Unreadable.because(_GONE)
            else:
                yield self._attachment(file)

    def _offer_attachments(self, walk: Walk, mail: _Mail, access: Access | None) -> None:
        for at, (name, size) in enumerate(mail.attachments):
            if is_known(name) and format_of(name).by_default:
                path = f"{_safe(mail.mail_id)}/{at + 1}-{_safe(name)}"
                walk.offer(SourceFile(path, size, mail.digest[:32], "", access))
            else:
                walk.skipped += 1
                walk.unread[ending(name)] += 1

    def _attachment(self, file: SourceFile) -> Content | Unreadable:
        mail_id, _, name = file.path.partition("/")
        mail = self._by_safe_id.get(mail_id)
        if mail is None:
            return Unreadable.because(_GONE)
        message = _parsed(self._bytes(mail.file, mail.key))
        part = list(_attached(message))[int(name.partition("-")[0]) - 1]
        title = _name(part).rpartition(".")[0]
        return Content(_payload(part), file.path, title=title)

    def _access(self, mails: Sequence[_Mail]) -> Access | None:
        if not self._options.participants_only:
            return None
        people = frozenset.intersection(*(mail.people for mail in mails))
        return Access(tuple(sorted(f"user:{one}" for one in people)), "connector")

    @cached_property
    def _threads(self) -> dict[str, tuple[_Mail, ...]]:
        """The mails of each thread by date, by the id of its first one."""
        threads: dict[str, dict[str, _Mail]] = {}
        for mail in self._mails.values():
            threads.setdefault(_safe(self._root(mail)), {})[mail.mail_id] = mail
        return {
            thread_id: tuple(sorted(mails.values(), key=lambda mail: (mail.date, mail.mail_id)))
            for thread_id, mails in threads.items()
        }

    def _root(self, mail: _Mail) -> str:
        seen = {mail.mail_id}
        while mail.parents and mail.parents[0] not in seen:
            first = mail.parents[0]
            if first not in self._mails:
                return first
            seen.add(first)
            mail = self._mails[first]
        return mail.mail_id

    @cached_property
    def _by_safe_id(self) -> dict[str, _Mail]:
        return {_safe(mail_id): mail for mail_id, mail in self._mails.items()}

    @cached_property
    def _mails(self) -> dict[str, _Mail]:
        """Every mail by its id; a copy in another folder counts once."""
        mails: dict[str, _Mail] = {}
        try:
            for file, key in self._all():
                data = self._bytes(file, key)
                if key < 0 and not _parsed(data).keys():
                    self._broken.append(file)
                    continue
                mail = _read(file, key, data)
                mails.setdefault(mail.mail_id, mail)
        except OSError as error:
            reason = error.strerror or error
            raise SourceUnavailable(f"mail in {self._place} cannot be read: {reason}") from None
        if not mails:
            raise SourceUnavailable(
                f"there is no mail in {self._place}: give an mbox, a Maildir, or a folder of .eml"
            )
        return mails

    def _all(self) -> Iterator[tuple[Path, int]]:
        """(file, position) of every mail, in the order of paths."""
        if self._place.is_file():
            yield from self._within(self._place)
            return
        for file in sorted(path for path in self._place.rglob("*") if path.is_file()):
            if file.parent.name in ("cur", "new") and (file.parent.parent / "tmp").is_dir():
                if not _LEFT_OUT & set(file.name.rpartition(":2,")[2]) or ":2," not in file.name:
                    yield file, -1
            elif file.suffix.lower() == ".eml":
                yield file, -1
            elif file.suffix.lower() == ".mbox":
                yield from self._within(file)

    def _within(self, file: Path) -> Iterator[tuple[Path, int]]:
        if file.suffix.lower() == ".eml":
            yield file, -1
            return
        if file not in self._boxes:
            self._boxes[file] = mailbox.mbox(str(file), create=False)
        for key in self._boxes[file].iterkeys():
            yield file, int(key)

    @cached_property
    def _broken(self) -> deque[Path]:
        """Files that should be a mail and are none; filled with `_mails`."""
        return deque()

    @cached_property
    def _boxes(self) -> dict[Path, mailbox.mbox]:
        return {}

    def _bytes(self, file: Path, key: int) -> bytes:
        if key < 0:
            return file.read_bytes()
        data = self._boxes[file].get_bytes(key)  # type: ignore[arg-type]
        return _QUOTED_FROM.sub(rb"\1", data)


def _read(file: Path, key: int, data: bytes) -> _Mail:
    message = _parsed(data)
    digest = sha256_bytes(data)
    own = _ID.findall(header_of(message, "Message-ID"))
    named = _ID.findall(header_of(message, "References"))
    parents = named or _ID.findall(header_of(message, "In-Reply-To"))
    return _Mail(
        file,
        key,
        digest,
        own[0] if own else digest[:32],
        tuple(parents),
        _date(message),
        _people(message),
        tuple((_name(part), len(_payload(part))) for part in _attached(message)),
    )


def _parsed(data: bytes) -> EmailMessage:
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


def _attached(message: EmailMessage) -> Iterator[EmailMessage]:
    for part in message.iter_attachments():
        if isinstance(part, EmailMessage) and _name(part):
            yield part


def _name(part: EmailMessage) -> str:
    try:
        return storable(one_line(part.get_filename() or ""))
    except (ValueError, TypeError, LookupError):
        return ""


def _payload(part: EmailMessage) -> bytes:
    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload()
        return inner[0].as_bytes() if isinstance(inner, list) and inner else b""  # type: ignore[union-attr]
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _safe(name: str) -> str:
    """An id without signs that mean something in ids; a long one is cut and marked."""
    safe = _UNSAFE.sub("_", name)
    if len(safe) <= _LONGEST_ID:
        return safe
    return f"{safe[:80]}-{sha256_parts(name)[:16]}.{ending(name)}".rstrip(".")
