"""Mail that was exported: an mbox, a Maildir, or a folder of .eml and .mbox files.

One document a thread, each attachment that is a document one more.
"""

from __future__ import annotations

import mailbox
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from pydantic import Field

from almanac.sources.address import local_path
from almanac.sources.base import ConnectorBase, Content, options_of
from almanac.sources.formats import ending, format_of, is_known
from almanac.sources.listing import Walk
from almanac.sources.mail_message import (
    Mail,
    attached,
    name_of,
    parsed_mail,
    payload_of,
    read_mail,
    safe_id,
)
from almanac.sources.parsed import Note, Unreadable
from almanac.sources.parsers.thread import joined
from schemas.documents import Access, Listing, SourceFile
from schemas.errors import ConfigError, SourceUnavailable
from schemas.hashing import sha256_parts
from schemas.sections.base import Section
from schemas.settings import SourceSettings

_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)  # as an mbox writes such a line
_LEFT_OUT = frozenset("DT")  # flags of a Maildir: a draft, and what is in the bin
_NO_MAIL = Note(
    "email_is_readable", "it has no header such as From or Subject; mails that were read stay"
)
_NO_BOX = Note(
    "file_is_complete", "it is empty, or no mbox; nothing counts as deleted: export it again"
)
_CUT_BOX = Note(
    "file_is_complete",
    "it ends within a line, as one that was cut; nothing counts as deleted: export it again",
)
_HEAD = 1 << 16
_SIZES = re.compile(r"(\d+)\.(\d+)-")
_GONE = Note("mail_is_there", "it went away after it was listed")


class MailOptions(Section):
    """The keys of a source of kind mail."""

    participants_only: bool = Field(
        default=False, description="A thread is for those whose addresses are in all its mails."
    )
    attachments: bool = Field(default=True, description="Also attachments that are documents.")


class MailConnector(ConnectorBase):
    """Exported mail on this machine. Raises ConfigError for any other address."""

    Options = MailOptions
    stamps_are_content = True

    def __init__(self, settings: SourceSettings) -> None:
        self._settings = settings
        self._options = options_of(MailOptions, settings)
        path = local_path(settings.uri)
        if path is None:
            raise ConfigError("a source of kind mail is a file or folder of this machine")
        self._place = Path(path).expanduser()

    def list(self) -> Listing:
        """Every thread, and every attachment that can be read."""
        return self.list_from({})

    def list_from(self, known: Mapping[str, str | None]) -> Listing:
        """The same. While a file is damaged nothing counts as deleted, and no thread gets shorter.

        Nobody knows what stood in an empty file, which a full disk may leave, or after the end of
        one that was cut.
        """
        walk, kept = Walk(self._settings), list[str]()
        for thread_id, mails in sorted(self._threads.items()):
            stamp = _stamp(mails)
            is_cut = bool(self._broken) or any(mail.is_cut for mail in mails)
            if is_cut and _shrank(known.get(thread_id), stamp, thread_id in known):
                kept.append(thread_id)
                continue
            if self._broken and known and thread_id not in known.keys() | self._by_safe_id.keys():
                continue  # the rest of a thread whose first mails are missing
            access = self._access(mails)
            walk.offer(SourceFile(thread_id, 0, stamp, "application/mbox", access))
            for mail in mails if self._options.attachments else ():
                self._offer_attachments(walk, mail, access, known)
        cut = tuple(f"{safe_id(one.mail_id)}/" for one in self._mails.values() if one.is_cut)
        ids = kept and {mail.mail_id for one in kept for mail in self._threads[one]}
        held = (*cut, *(f"{safe_id(one)}/" for one in ids))
        kept += [path for path in known if held and path.startswith(held)]
        for file, note in self._broken.items():
            name = file.relative_to(self._place).as_posix() if file != self._place else file.name
            walk.refuse(name, note)
        return walk.listing(tuple(sorted(kept)), is_complete=not self._broken)

    def fetch(self, files: Sequence[SourceFile]) -> Iterator[Content | Unreadable]:
        """Threads as one mbox each, attachments as they are."""
        for file in files:
            if file.media_type == "application/mbox":
                mails = self._threads.get(file.path)
                data = [self._bytes(mail.file, mail.key) for mail in mails or ()]
                yield Content(joined(data), file.path) if data else Unreadable.because(_GONE)
            else:
                yield self._attachment(file)

    def _offer_attachments(
        self, walk: Walk, mail: Mail, access: Access | None, known: Container[str]
    ) -> None:
        for at, (name, size) in enumerate(mail.attachments):
            if is_known(name) and format_of(name).by_default:
                path = f"{safe_id(mail.mail_id)}/{at + 1}-{safe_id(name)}"
                if not (mail.is_cut and path in known):
                    walk.offer(SourceFile(path, size, mail.digest[:32], "", access))
            else:
                walk.skipped += 1
                walk.unread[ending(name)] += 1

    def _attachment(self, file: SourceFile) -> Content | Unreadable:
        mail_id, _, name = file.path.partition("/")
        mail = self._by_safe_id.get(mail_id)
        if mail is None:
            return Unreadable.because(_GONE)
        message = parsed_mail(self._bytes(mail.file, mail.key))
        part = list(attached(message))[int(name.partition("-")[0]) - 1]
        title = name_of(part).rpartition(".")[0]
        return Content(payload_of(part), file.path, title=title)

    def _access(self, mails: Sequence[Mail]) -> Access | None:
        if not self._options.participants_only:
            return None
        people = frozenset.intersection(*(mail.people for mail in mails))
        return Access(tuple(sorted(f"user:{one}" for one in people)), "connector")

    @cached_property
    def _threads(self) -> dict[str, tuple[Mail, ...]]:
        """The mails of each thread by date, by the id of its first one."""
        threads: dict[str, dict[str, Mail]] = {}
        for mail in self._mails.values():
            threads.setdefault(safe_id(self._root(mail)), {})[mail.mail_id] = mail
        return {
            thread_id: tuple(sorted(mails.values(), key=lambda mail: (mail.date, mail.mail_id)))
            for thread_id, mails in threads.items()
        }

    def _root(self, mail: Mail) -> str:
        seen = {mail.mail_id}
        while mail.parents and mail.parents[0] not in seen:
            first = mail.parents[0]
            if first not in self._mails:
                return first
            seen.add(first)
            mail = self._mails[first]
        return mail.mail_id

    @cached_property
    def _by_safe_id(self) -> dict[str, Mail]:
        return {safe_id(mail_id): mail for mail_id, mail in self._mails.items()}

    @cached_property
    def _mails(self) -> dict[str, Mail]:
        """Every mail by its id; a copy in another folder counts once."""
        mails: dict[str, Mail] = {}
        try:
            for file, key in self._all():
                data = self._bytes(file, key)
                if key < 0 and not parsed_mail(data).keys():
                    self._broken[file] = _NO_MAIL
                    continue
                mail = read_mail(file, key, data)
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
        if note := _damage(file):
            self._broken[file] = note
        for key in self._boxes[file].iterkeys():
            yield file, int(key)

    @cached_property
    def _broken(self) -> dict[Path, Note]:
        """Files that should hold mail and hold none, or were cut; filled with `_mails`."""
        return {}

    @cached_property
    def _boxes(self) -> dict[Path, mailbox.mbox]:
        return {}

    def _bytes(self, file: Path, key: int) -> bytes:
        """A mail without the zeros that a power cut may have left at the end of its file."""
        if key < 0:
            return file.read_bytes().rstrip(b"\0")
        data = self._boxes[file].get_bytes(key)  # type: ignore[arg-type]
        return _QUOTED_FROM.sub(rb"\1", data.rstrip(b"\0"))


def _damage(box: Path) -> Note | None:
    """What is wrong with an mbox as a whole: it begins with a mail, and ends with a whole line."""
    with box.open("rb") as stream:
        head = stream.read(_HEAD).lstrip()
        stream.seek(max(0, box.stat().st_size - 1))
        tail = stream.read(1)
    if not head.startswith(b"From "):
        return _NO_BOX
    return None if tail == b"\n" else _CUT_BOX


def _stamp(mails: Sequence[Mail]) -> str:
    """Made of the content; it begins with the number of mails and their bytes."""
    size = sum(mail.size for mail in mails)
    return f"{len(mails)}.{size}-{sha256_parts(*(mail.digest for mail in mails))[:32]}"


def _shrank(before: str | None, now: str, is_known: bool) -> bool:
    """Whether a thread that was read lost mails or bytes; so may one whose stamp says neither."""
    old, new = (_SIZES.match(stamp or "") for stamp in (before, now))
    if not is_known or before == now or new is None:
        return False
    return old is None or int(new[1]) < int(old[1]) or int(new[2]) < int(old[2])
