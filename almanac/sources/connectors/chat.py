"""Exports of chats: Slack (ZIP or folder), Telegram, Teams, any JSON list of messages.

One document a thread, and one for each day of what is in no thread.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from almanac.sources.address import local_path
from almanac.sources.base import ConnectorBase, Content, options_of
from almanac.sources.chat.messages import Conversation, Export, conversations
from almanac.sources.chat.other import is_telegram, read_list, read_telegram
from almanac.sources.chat.slack import is_slack, read_slack
from almanac.sources.listing import Walk
from almanac.sources.parsed import Note, Unreadable, losses
from schemas.documents import Listing, SourceFile
from schemas.errors import ConfigError, SourceUnavailable
from schemas.hashing import sha256_parts
from schemas.sections.base import Section
from schemas.settings import SourceSettings

_LARGEST = 500_000_000  # bytes of one file
_MOST_TIMES = 100  # JSON of chats packs to a tenth
_GONE = Note("chat_is_there", "it went away after it was listed")


class ChatOptions(Section):
    """The keys of a source of kind chat."""

    fields: dict[Literal["id", "time", "author", "text", "channel", "thread"], str] = Field(
        default={}, description="Of a list of messages: paths such as from.user.displayName."
    )


class ChatConnector(ConnectorBase):
    """An export on this machine. Raises ConfigError for any other address."""

    Options = ChatOptions
    stamps_are_content = True
    batch = 256

    def __init__(self, settings: SourceSettings) -> None:
        self._settings = settings
        self._options = options_of(ChatOptions, settings)
        path = local_path(settings.uri)
        if path is None:
            raise ConfigError("a source of kind chat is a file or folder of this machine")
        self._place = Path(path).expanduser()

    def list(self) -> Listing:
        """Every thread and day. While a file of the export is broken nothing counts as deleted."""
        walk, export = Walk(self._settings), self._export
        # A thread or a day may be in several files: with one broken it would be cut, not changed.
        in_part = {name.partition("/")[0] for name in export.broken}
        for talk in self._talks.values():
            if talk.channel in in_part:
                continue
            stamp = sha256_parts(talk.title, talk.text)[:32]
            access = export.access.get(talk.channel)
            walk.offer(SourceFile(talk.doc_id, 0, stamp, "text/markdown", access))
        for name, reason in export.broken.items():
            walk.refuse(name, Note("file_is_parseable", reason))
        walk.skipped += export.left_out
        if not self._talks and not export.broken:
            raise SourceUnavailable(f"there is no message in {self._place}")
        return walk.listing(is_complete=not export.broken)

    def fetch(self, files: Sequence[SourceFile]) -> Iterator[Content | Unreadable]:
        """The conversations as Markdown."""
        for file in files:
            talk = self._talks.get(file.path)
            if talk is None:
                yield Unreadable.because(_GONE)
            else:
                notes = losses(talk.lost)
                yield Content(talk.text.encode(), talk.doc_id, title=talk.title, notes=notes)

    @cached_property
    def _talks(self) -> dict[str, Conversation]:
        try:
            return {talk.doc_id: talk for talk in conversations(self._export.messages)}
        except (ValueError, OverflowError, OSError) as error:  # of a time that there is not
            raise SourceUnavailable(f"the chat {self._place} has a wrong time: {error}") from None

    @cached_property
    def _export(self) -> Export:
        try:
            return self._read()
        except (OSError, zipfile.BadZipFile, zlib.error) as error:
            raise SourceUnavailable(f"the chat {self._place} cannot be read: {error}") from None
        except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
            raise SourceUnavailable(
                f"the chat {self._place} cannot be read ({type(error).__name__}: {error}): is it "
                "a whole export?"
            ) from None

    def _read(self) -> Export:
        if self._place.is_dir():
            files = sorted(path for path in self._place.rglob("*.json") if path.is_file())
            names = {path.relative_to(self._place).as_posix(): path for path in files}
            if is_slack(list(names)):
                return read_slack(list(names), lambda name: _json(names[name].read_bytes()))
            if "result.json" in names:
                return read_telegram(_json(names["result.json"].read_bytes()))
            return self._joined(names.values())
        if zipfile.is_zipfile(self._place):
            with zipfile.ZipFile(self._place) as archive:
                _refuse_bomb(archive, self._place.stat().st_size)
                return read_slack(sorted(archive.namelist()), lambda name: _member(archive, name))
        return self._other(_json(self._place.read_bytes()))

    def _other(self, found: Any) -> Export:
        if is_telegram(found):
            return read_telegram(found)
        fields = {str(name): path for name, path in self._options.fields.items()}
        return read_list(found, fields)

    def _joined(self, files: Any) -> Export:
        whole = Export()
        for file in files:
            part = self._other(_json(file.read_bytes()))
            whole.messages += part.messages
            whole.left_out += part.left_out
        return whole


def _refuse_bomb(archive: zipfile.ZipFile, packed: int) -> None:
    """Raise ValueError for more than a chat can be; zipfile unpacks no more than it declares."""
    unpacked = sum(one.file_size for one in archive.infolist() if one.filename.endswith(".json"))
    if unpacked > max(_LARGEST, _MOST_TIMES * packed):
        raise ValueError(f"{packed:,} bytes unpack to {unpacked:,}")


def _member(archive: zipfile.ZipFile, name: str) -> Any:
    if archive.getinfo(name).file_size > _LARGEST:
        raise ValueError(f"it unpacks to over {_LARGEST:,} bytes")
    return _json(archive.read(name))


def _json(data: bytes) -> Any:
    return json.loads(data.decode("utf-8-sig"))
