"""The server's life: its address, its service, its end."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from almanac.serving.app import application
from almanac.serving.hosts import is_loopback
from almanac.serving.keys import Keys
from almanac.serving.service import Service
from lakehouse import open_lakehouse
from schemas.errors import ConfigError
from schemas.settings import Settings

_log = logging.getLogger("almanac.serving")
_GRACE_SECONDS = 10  # that streams get to end when the server is told to


def serve(settings: Settings, on_ready: Callable[[Mapping[str, Any]], None]) -> None:
    """Answer questions until the process is interrupted.

    Args:
        on_ready: is told `address`, `release`, `assistants` and whether all is `public`.

    Raises:
        ConfigError: it would listen to others without keys, or the port is taken.
        AlmanacError: there is no release, or a model does not start.
    """
    import uvicorn

    check_host(settings)
    listening = listen(settings.serving.host, settings.serving.port)
    with listening:
        service = Service(settings)
        try:
            service.start()
            config = uvicorn.Config(
                application(service),
                log_config=None,
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
                server_header=False,
            )
            on_ready(_ready(service, listening))
            with suppress(KeyboardInterrupt):  # uvicorn raises it again once it has shut down
                uvicorn.Server(config).run(sockets=[listening])
        finally:
            service.close()
    _log.info("stopped serving")


def has_release(settings: Settings) -> bool:
    """Is there anything to answer from?"""
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    return lake.releases(settings.index.name).latest() is not None


def check_host(settings: Settings) -> None:
    """Raises ConfigError where others than this machine could ask without a key."""
    host = settings.serving.host
    if not is_loopback(host) and not Keys.of(settings).active():
        raise ConfigError(
            f"serving.host is {host}, which others can reach, and there are no keys: "
            "`almanac keys create --user NAME` makes one; or serve on 127.0.0.1"
        )


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises ConfigError where the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named TCP, since asyncio sends at once only then; else each answer's body waits 40 ms until
    # the client has acknowledged its header.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(512)
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"{host}:{port}: {error.strerror}: give another --port, or 0 for any that is free"
        ) from None
    return listening


def _ready(service: Service, listening: socket.socket) -> dict[str, Any]:
    host, port = listening.getsockname()[:2]
    name = f"[{host}]" if ":" in host else host
    release = service.releases.current.release
    return {
        "address": f"http://{name}:{port}",
        "release": release.seq,
        "as_of": release.logical_time.isoformat(),
        "assistants": {one.name: one.chat.endpoint.model for one in service.assistants.values()},
        "public": service.is_public,
    }
