"""A thread of e-mails (mbox): every mail once, without what it repeats of those before it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage

from almanac.sources.decoding import clean, one_line
from almanac.sources.parsed import Note, Options, Parsed, Unreadable
from almanac.sources.parsers.email import body_of, header_of

_BEGIN = re.compile(rb"^From [^\n]*\n", re.MULTILINE)
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
_REPLY = re.compile(
    r"^(?:(?:re|aw|sv|fw|fwd|wg|ответ|отв|fwd?)\s*(?:\[\d+\])?\s*:\s*)+", re.IGNORECASE
)
_INTRODUCTION = re.compile(
    r"(?:wrote|schrieb|écrit|пишет|писал(?:\(а\)|а)?|написал(?:\(а\)|а)?)\s*:\s*$", re.IGNORECASE
)
_BEGINS = re.compile(r"\W*(?:on|am|le|в)\b", re.IGNORECASE)
_ORIGINAL = re.compile(
    r"^\W*(?:-{2,}\s*)?(?:original message|forwarded message|ursprüngliche nachricht"
    r"|исходное сообщение|пересылаемое сообщение)(?:\s*-{2,})?\W*$",
    re.IGNORECASE,
)
_HEADER_BLOCK = re.compile(r"^\W*(?:from|von|от|de)\W*:\s*\S", re.IGNORECASE)
_KNOWN_SHARE = 0.8  # of the lines below such a mark, that the thread has already
_SHOWN = ("To", "Cc")


def parse(data: bytes, options: Options) -> Parsed:
    """The mails in their order, each below its sender and date; the first subject is the title.

    Raises:
        Unreadable: there is no mail in it.
    """
    messages = list(_messages(data))
    if not messages:
        raise Unreadable("email_is_readable", "it has no header such as From or Subject")
    seen: set[str] = set()
    notes: list[Note] = []
    parts = []
    for message in messages:
        body, more = body_of(message)
        notes += more
        lines = body.strip().splitlines()
        parts.append("\n\n".join(filter(None, [_head(message), _own(lines, seen)])))
        seen.update(filter(None, map(_bare, lines)))
    text, more = clean("\n\n".join(parts) + "\n")
    title = _REPLY.sub("", one_line(header_of(messages[0], "Subject")))
    return Parsed(text, title or None, notes=(*dict.fromkeys(notes), *more))


def joined(mails: list[bytes]) -> bytes:
    """Mails as one mbox, lines that begin with "From " quoted."""
    quote = re.compile(rb"^(>*From )", re.MULTILINE)
    return b"".join(b"From almanac\n" + quote.sub(rb">\1", mail) + b"\n" for mail in mails)


def _messages(data: bytes) -> Iterator[EmailMessage]:
    for part in _BEGIN.split(data)[1:]:
        plain = _QUOTED_FROM.sub(rb"\1", part.removesuffix(b"\n"))
        message = message_from_bytes(plain, policy=policy.default)
        if isinstance(message, EmailMessage) and message.keys():
            yield message


def _head(message: EmailMessage) -> str:
    sender, date = header_of(message, "From"), header_of(message, "Date")
    lines = [f"## {', '.join(filter(None, [sender, date]))}"]
    lines += [f"{name}: {header_of(message, name)}" for name in _SHOWN if header_of(message, name)]
    names = [part.get_filename() or "" for part in message.iter_attachments()]
    if any(names):
        lines.append(f"Attachments: {', '.join(one_line(name) for name in names if name)}")
    return lines[0] + ("\n\n" + "\n".join(lines[1:]) if lines[1:] else "")


def _own(lines: list[str], seen: set[str]) -> str:
    """What a mail says itself: quotes of mails that are in the thread are left out."""
    lines = _without_tail(lines, seen)
    kept: list[str] = []
    for line in lines:
        if line.lstrip().startswith(">") and (not _bare(line) or _bare(line) in seen):
            _drop_introduction(kept)
        else:
            kept.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def _without_tail(lines: list[str], seen: set[str]) -> list[str]:
    """Without an earlier mail below a mark such as "Original Message"."""
    for at, line in enumerate(lines):
        if at and (_ORIGINAL.match(line) or _HEADER_BLOCK.match(line)):
            below = [bare for one in lines[at + 1 :] if (bare := _bare(one))]
            known = sum(bare in seen for bare in below)
            headers = sum(":" in bare[:12] for bare in below[:5] if bare not in seen)
            if below and known and known + headers >= _KNOWN_SHARE * len(below):
                return lines[:at]
    return lines


def _drop_introduction(kept: list[str]) -> None:
    """Remove "On Monday Ann wrote:" where the quote below it goes; it may take two lines."""
    while kept and not kept[-1].strip():
        kept.pop()
    if kept and _INTRODUCTION.search(kept[-1]):
        begins = bool(_BEGINS.match(kept.pop()))
        if not begins and kept and _BEGINS.match(kept[-1]):
            kept.pop()


def _bare(line: str) -> str:
    """A line without marks of quotes and emphasis, to be compared."""
    return " ".join(re.sub(r"[>*_|\\]", " ", line).split())
