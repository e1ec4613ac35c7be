"""E-mails (RFC 822): who wrote what to whom and when, without attachments."""

from __future__ import annotations

from collections import Counter
from email import message_from_bytes, policy
from email.message import EmailMessage

from almanac.sources.decoding import clean, decode, one_line
from almanac.sources.markup import html_to_markdown
from almanac.sources.parsed import Note, Options, Parsed, Unreadable, losses

_LONGEST_HEADER = 5_000  # characters
_SHOWN = ("From", "To", "Cc", "Date")


def parse(data: bytes, options: Options) -> Parsed:
    """Sender, receivers, date and the text; its subject is the title. Attachments are named.

    Raises:
        Unreadable: it has neither a header nor a text.
    """
    message = message_from_bytes(data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    if not message.keys():
        raise Unreadable("email_is_readable", "it has no header such as From or Subject")
    lost: Counter[str] = Counter()
    body, notes = body_of(message)
    names = [part.get_filename() or part.get_content_type() for part in message.iter_attachments()]
    lost["attachments"] = len(names)
    subject = one_line(header_of(message, "Subject"))
    head = [f"{name}: {header_of(message, name)}" for name in _SHOWN if header_of(message, name)]
    text, more = clean("\n\n".join(filter(None, ["\n".join(head), body.strip()])) + "\n")
    if names:
        text += f"\nAttachments: {', '.join(map(one_line, names))}\n"
    return Parsed(text, subject or None, notes=(*notes, *more, *losses(lost)))


def header_of(message: EmailMessage, name: str) -> str:
    """A header on one line; "" where it is missing or can't be decoded."""
    raw = next(
        (str(value) for key, value in message.raw_items() if key.lower() == name.lower()), ""
    )
    if len(raw) > _LONGEST_HEADER:  # as it stands: the standard library takes quadratic time
        return one_line(raw[:_LONGEST_HEADER])
    try:
        return one_line(str(message.get(name) or ""))
    except (ValueError, LookupError, AttributeError, TypeError, NameError):  # of Python's parser
        return ""


def body_of(message: EmailMessage) -> tuple[str, tuple[Note, ...]]:
    """The text that a reader sees, as Markdown where only HTML is there, and what was lost."""
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return "", ()
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    text, notes = decode(data, part.get_content_charset())
    if part.get_content_type() != "text/html":
        return text, notes
    markdown, counts = html_to_markdown(text)
    return markdown, (*notes, *losses(counts))
