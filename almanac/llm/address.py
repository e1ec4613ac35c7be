"""Where an endpoint is, and the key for it: from the environment alone."""

from __future__ import annotations

import ipaddress
import os
from urllib.parse import urlsplit

from schemas.errors import ConfigError


def host(url: str) -> str:
    """Host and port, without the user that a URL may hold."""
    return urlsplit(url).netloc.rpartition("@")[2]


def key(url: str, variable: str, setting: str) -> str:
    """The key in an environment variable; empty where a server on this machine needs none.

    Raises:
        ConfigError: it is not set; `setting` is what names another variable.
    """
    found = os.environ.get(variable, "").strip()
    if not found and not is_loopback(url):
        raise ConfigError(
            f"the environment variable {variable} with the key for {host(url)} is not set: set "
            f"it, or name another in {setting}"
        )
    return found


def is_loopback(url: str) -> bool:
    """Is it an address of this machine?"""
    name = urlsplit(url).hostname or ""
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
