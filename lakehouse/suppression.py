"""What was erased and may not come back, under whatever id: known by keyed hashes alone.

The key is 32 random bytes that stand with the hashes, so that nobody tells a user or a text from a
table of guesses made beforehand. Who holds the lakehouse can still test one guess at a time.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from schemas.hashing import sha256_parts

_SHORTEST = 32  # characters of a passage that is told again; shorter ones are anybody's
REQUEST, TEXT, PASSAGE = "request", "text", "passage"


@dataclass(frozen=True, slots=True)
class Erased:
    """Under which receipt and when something was erased; what it was (a kind of `erasures`)."""

    receipt: str
    at: datetime
    kind: str


def keyed(key: bytes, name: str) -> str:
    """HMAC-SHA-256 of a name, hexadecimal."""
    return hmac.new(key, name.encode("ascii"), "sha256").hexdigest()


def document_subject(source: str, doc_id: str) -> str:
    """The name of a document among what was erased, before it is keyed."""
    return sha256_parts("document", source, doc_id)


def user_subject(user_id: str) -> str:
    """The name of a user among what was erased, before it is keyed."""
    return sha256_parts("user", user_id)


def request_subject(request_id: str) -> str:
    """The name of a request among what was erased, before it is keyed."""
    return sha256_parts(REQUEST, request_id)


def contents(text: str) -> Iterator[tuple[str, str]]:
    """(kind, name) of a text as a whole and of each of its longer paragraphs, before it is keyed.

    How it is broken into lines and which blanks it has makes no difference.
    """
    if whole := " ".join(text.split()):
        yield TEXT, sha256_parts(TEXT, whole)
    for passage in passages(text):
        yield PASSAGE, sha256_parts(PASSAGE, passage)


def passages(text: str) -> Iterator[str]:
    """The paragraphs of a text that are long enough to be told again, each on one line."""
    paragraph: list[str] = []
    for line in [*text.splitlines(), ""]:
        if words := line.split():
            paragraph += words
        elif paragraph:
            joined = " ".join(paragraph)
            if len(joined) >= _SHORTEST:
                yield joined
            paragraph = []


class Suppressed:
    """The subjects that stay out until somebody allows them; `subject in suppressed` asks.

    Args:
        key: None where nothing was keyed yet, as in a lakehouse of an older version.
        erased: by stored subject.
    """

    def __init__(self, key: bytes | None, erased: Mapping[str, Erased]) -> None:
        self._key = key
        self._erased = erased
        self._kinds = {one.kind for one in erased.values()}

    def __bool__(self) -> bool:
        return bool(self._erased)

    def __contains__(self, subject: object) -> bool:
        return isinstance(subject, str) and self.find(subject) is not None

    def find(self, subject: str) -> Erased | None:
        """When the subject was erased; None where it was not, or is allowed."""
        if not self._erased:
            return None
        return self._erased.get(keyed(self._key, subject) if self._key else subject)

    def request(self, request_id: str) -> Erased | None:
        """When a request was erased with a document or a user."""
        return self.find(request_subject(request_id)) if REQUEST in self._kinds else None

    def content(self, text: str) -> Erased | None:
        """When this text, or a passage of it, was erased with a document."""
        if not self._kinds & {TEXT, PASSAGE}:
            return None
        return next(filter(None, (self.find(name) for _, name in contents(text))), None)

    def any_content(self, texts: Collection[str]) -> Erased | None:
        """The same of several texts."""
        return next(filter(None, map(self.content, texts)), None)
