"""Addresses that carry a password or a signature, which no parameter of a run may."""

from __future__ import annotations

import re

from schemas.errors import ConfigError

# A password before the host (a port is none), or a query that grants access.
_PASSWORD = r"://[^/@:]*:(?!\d+/)[^@]*@"
_GRANT = r"[?&](?i:sig|key|(?:[\w-]*[_-])?(?:signature|token|password|secret|credential|api_?key))="
CREDENTIALS = f"{_PASSWORD}|{_GRANT}"
_FOUND = re.compile(CREDENTIALS)


def refuse_credentials(uri: str) -> None:
    """Raise ConfigError, which does not repeat it, where `uri` carries a credential.

    What is given to a run is stored by Prefect and shown in its UI.
    """
    if not _FOUND.search(uri):
        return
    raise ConfigError(
        f"an address with a password or a signature in it ({uri.partition(':')[0]}://…) is not "
        "taken, because parameters are stored and shown: give the address without it, and "
        "the credentials in the environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
        "ALMANAC_STORAGE_OPTIONS, ALMANAC_SOURCES)"
    )
