"""Where a lakehouse is, and how each engine is told to reach it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lakehouse.disk import Disk
from lakehouse.fencing import Guard

Durability = Literal["full", "none"]


@dataclass(frozen=True, slots=True)
class Location:
    """A folder or an object-store URI with its storage options.

    `options` are spelled as Delta spells them (AWS_ENDPOINT_URL, AWS_REGION, AWS_ALLOW_HTTP).
    `known` is what need not be asked again while it is open; see `lakehouse.format`.
    """

    uri: str
    options: Mapping[str, str] = field(default_factory=dict)
    guard: Guard = field(default_factory=Guard, compare=False, repr=False)
    known: dict[str, int] = field(default_factory=dict, compare=False, repr=False)
    disk: Disk = field(default_factory=lambda: Disk(None), compare=False, repr=False)

    def child(self, *parts: str) -> str:
        """The URI of something inside."""
        return "/".join((self.uri.rstrip("/"), *parts))

    @property
    def folder(self) -> Path | None:
        """The folder on a local file system; None on an object store."""
        return None if "://" in self.uri else Path(self.uri)

    @property
    def delta_options(self) -> dict[str, str]:
        """Storage options as deltalake wants them."""
        return {key.upper(): value for key, value in self.options.items()}

    @property
    def lance_options(self) -> dict[str, str]:
        """Storage options as lancedb wants them: lower case, allow_http without its prefix."""
        renamed = {"aws_endpoint_url": "aws_endpoint", "aws_allow_http": "allow_http"}
        lowered = {key.lower(): value for key, value in self.options.items()}
        return {renamed.get(key, key): value for key, value in lowered.items()}


def locate(
    uri: str, options: Mapping[str, str] | None = None, durability: Durability = "full"
) -> Location:
    """`uri` as a Location; a local path is made absolute and its home sign is resolved."""
    if uri.startswith("file://"):
        uri = uri.removeprefix("file://")
    if "://" not in uri:
        uri = str(Path(uri).expanduser().resolve())
    root = Path(uri) if "://" not in uri and durability == "full" else None
    return Location(uri, dict(options or {}), disk=Disk(root))
