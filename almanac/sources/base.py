"""The contract of a connector: what any kind of source does for the readers of this package.

`list` names everything the source holds now, with a stamp that changes whenever the content may
have changed, and who may see it. It is complete or raises: what is left out counts as deleted.
`fetch` gives the content of some of it. Both start anew after a kill and give the same again;
nothing is kept between two calls but what the stamps of the last night say. A connector that may
not meet all that is there is a `Remembering` one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

from pydantic import ValidationError

from almanac.sources.parsed import Note, Unreadable
from schemas.documents import Listing, SourceFile
from schemas.errors import ConfigError
from schemas.hashing import canonical_json, sha256_bytes
from schemas.sections.base import Section
from schemas.settings import SourceSettings


@dataclass(frozen=True, slots=True)
class Content:
    """What was fetched of one entry.

    media_type: where the entry's own and its ending do not tell. `title` and `metadata` go before
    what the text says. `is_row`: one JSON object, read by the columns of the settings. `notes`:
    what the connector itself could not carry over, which keeps nothing out.
    """

    data: bytes
    uri: str
    media_type: str = ""
    title: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    is_row: bool = False
    notes: tuple[Note, ...] = ()

    @property
    def content_hash(self) -> str:
        """SHA-256 of the bytes, and of the title and metadata where the source gave them."""
        if not self.title and not self.metadata:
            return sha256_bytes(self.data)
        beside = canonical_json({"title": self.title, "metadata": dict(self.metadata)})
        return sha256_bytes(beside.encode() + b"\n" + self.data)


class Connector(Protocol):
    """One source, opened with its settings; nothing is connected to before `list` or `fetch`.

    batch: entries that one call of `fetch` is given. at_once: calls at the same time.
    """

    batch: int
    at_once: int

    def list(self) -> Listing:
        """All that the source holds, in path order.

        Raises:
            SourceUnavailable: it cannot be listed completely; nothing is changed then.
        """

    def fetch(self, files: Sequence[SourceFile]) -> Iterator[Content | Unreadable]:
        """The content of each entry, in their order, or why it is not to be had.

        Raises:
            OSError: something failed that may pass; the caller tries again.
        """


class ConnectorBase:
    """What a connector is unless it says otherwise: see `Connector` and `ConnectorType`."""

    Options: type[Section] = Section
    decisive: ClassVar[tuple[str, ...]] = ()
    stamps_are_content: ClassVar[bool] = False
    batch = 64
    at_once = 1


@runtime_checkable
class Remembering(Protocol):
    """A connector that may not meet an entry although it is there, such as a page without links."""

    def list_from(self, known: Mapping[str, str | None]) -> Listing:
        """What `list` gives, after asking for those entries of the last night that it did not meet.

        Args:
            known: the stamps of the last night by path, None where there is none.

        Raises:
            SourceUnavailable: as `list`.
        """


class ConnectorType(Protocol):
    """What is registered: a class of connectors with the keys that it takes.

    Options: the model of its keys in `[sources.NAME]`. decisive: those keys that change what a
    fetched entry becomes. stamps_are_content: equal stamps mean equal bytes, at any address.
    """

    Options: type[Section]
    decisive: ClassVar[tuple[str, ...]]
    stamps_are_content: ClassVar[bool]

    def __call__(self, settings: SourceSettings) -> Connector:
        """Open the source with checked settings."""


S = TypeVar("S", bound=Section)


def options_of(model: type[S], settings: SourceSettings) -> S:
    """The keys of a connector. Raises ConfigError that names the first wrong one."""
    try:
        return model.model_validate(settings.options)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the settings"
        known = ", ".join(sorted(model.model_fields)) or "none"
        what = {"extra_forbidden": "no such key", "missing": "it is needed"}.get(
            first["type"], first["msg"].removeprefix("Value error, ")
        )
        raise ConfigError(
            f'a source of kind "{settings.kind}": {key}: {what}; its keys are {known}'
        ) from None


class RateLimit:
    """At most so many requests a second, by waiting before each."""

    def __init__(self, per_second: float) -> None:
        self._gap = 1.0 / per_second
        self._next = 0.0

    def wait(self) -> None:
        """Return when the next request may go out."""
        now = time.monotonic()
        if now < self._next:
            time.sleep(self._next - now)
        self._next = max(now, self._next) + self._gap
