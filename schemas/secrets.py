"""Addresses that carry a password or a signature, which no parameter, log or page may."""

from __future__ import annotations

import re

from schemas.errors import ConfigError


def _password(end: str = "") -> str:
    """What stands before the host; a port is no password, and none has a character of `end`."""
    return rf"://[^/@:{end}]*:(?!\d+/)[^@{end}]*@(?:[^/@{end}]*@)*"


# What grants access in a query.
_GRANT = r"[?&][\w-]*(?i:sig|signature|token|password|secret|credential|key)="
CREDENTIALS = f"{_password()}|{_GRANT}"  # for the UI, which checks one short field with it
_FOUND = re.compile(_GRANT)
_SCHEME = re.compile(r"[\w.+=-]*://")
_USER = re.compile(r"://[^/@:\s]*+:(?!\d+/)")
_PASSWORD = re.compile(r"[^@\s]*+@(?:[^/@\s]*+@)*+")
_RUN = re.compile(r"[^@\s]*+")
_GRANT_IN_TEXT = re.compile(rf"({_GRANT})[^&\s'\"<>)]*")
_QUERY_IN_TEXT = re.compile(r"(https?://[^\s?'\"<>]*+)(?:\?[^\s'\"<>]*+)?")


def refuse_credentials(uri: str) -> None:
    """Raise ConfigError, which does not repeat it, where `uri` carries a credential.

    What is given to a run is stored by Prefect and shown in its UI.
    """
    if not _FOUND.search(uri) and _without_passwords(uri) == uri:
        return
    scheme = _SCHEME.match(uri)
    shown = f" ({scheme[0]}…)" if scheme else ""
    raise ConfigError(
        f"an address with a password or a signature in it{shown} is not "
        "taken, because parameters are stored and shown: give the address without it, and "
        "the credentials in the environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
        "ALMANAC_STORAGE_OPTIONS, ALMANAC_SOURCES)"
    )


def redacted(text: str) -> str:
    """Addresses in a text, for reports and documents, without their passwords and signatures.

    The whole query of a web address goes: it may be a signature. In others `?` may be part of a
    name, so that only the values of what is named like a secret go.
    """
    without = _QUERY_IN_TEXT.sub(r"\1", _without_passwords(text))
    return _GRANT_IN_TEXT.sub(r"\1…", without)


def _without_passwords(text: str) -> str:
    """The text without the credentials before the host of an address, looked at once.

    A pattern for all of it would look from each `://` to the end of the word for an `@`. Where one
    finds none, none of those up to that end can.
    """
    kept, done, at = [], 0, 0
    while user := _USER.search(text, at):
        password = _PASSWORD.match(text, user.end())
        if password is None:
            run = _RUN.match(text, user.end())
            at = max(run.end() if run else 0, user.end())
            continue
        kept += [text[done : user.start()], "://"]
        done = at = password.end()
    return "".join([*kept, text[done:]])
