"""The kinds of sources: the one place to add one.

A kind is a module in `connectors/` and a line here. Another package adds its own by an entry point
of the group `almanac.sources`, whose name is the kind and whose object is the connector's class.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from schemas.errors import ConfigError
from schemas.settings import Settings, SourceSettings

if TYPE_CHECKING:
    from almanac.sources.base import Connector, ConnectorType

KINDS = {
    "chat": "chat:ChatConnector",
    "confluence": "confluence:ConfluenceConnector",
    "auto": "folder:FolderConnector",
    "folder": "folder:FolderConnector",
    "table": "folder:FolderConnector",
    "dlt": "dlt_resource:DltConnector",
    "git": "git:GitConnector",
    "mail": "mail:MailConnector",
    "notion": "notion:NotionConnector",
    "sql": "sql:SqlConnector",
    "web": "web:WebConnector",
}
_GROUP = "almanac.sources"


@cache
def connector_type(kind: str) -> ConnectorType:
    """The class of a kind.

    Raises:
        ConfigError: there is no such kind, or a library that it needs is not installed.
    """
    try:
        if kind in KINDS:
            module, _, name = KINDS[kind].partition(":")
            found = import_module(f"almanac.sources.connectors.{module}")
            return getattr(found, name)  # type: ignore[no-any-return]
        for point in entry_points(group=_GROUP, name=kind):
            return point.load()  # type: ignore[no-any-return]
    except ImportError as error:
        raise ConfigError(f'a source of kind "{kind}" needs {error.name}: install it') from error
    raise ConfigError(f'no kind of source is named "{kind}": right are {", ".join(kinds())}')


def kinds() -> list[str]:
    """Every kind that can be configured, in order."""
    return sorted({*KINDS, *(point.name for point in entry_points(group=_GROUP))})


def open_source(settings: SourceSettings) -> Connector:
    """The connector of a source. Raises ConfigError as `check_source`."""
    return connector_type(settings.kind)(settings)


def check_sources(settings: Settings) -> None:
    """Raise ConfigError, which names the source, where one has wrong keys or an unknown kind."""
    from almanac.sources.base import options_of

    for name, source in sorted(settings.sources.items()):
        try:
            options_of(connector_type(source.kind).Options, source)
        except ConfigError as error:
            raise ConfigError(f"[sources.{name}]: {error}") from None


def decisive_options(settings: SourceSettings) -> dict[str, Any]:
    """The connector's keys that change what an entry becomes; empty for files."""
    if not settings.is_connector:
        return {}
    wanted = connector_type(settings.kind).decisive
    return {key: settings.options[key] for key in wanted if key in settings.options}


def place_of(settings: SourceSettings) -> str:
    """What equal stamps are equal within: the address, unless stamps are made of the content."""
    if settings.is_connector and connector_type(settings.kind).stamps_are_content:
        return settings.kind
    return settings.uri
