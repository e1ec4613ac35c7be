"""Where the server listens, and what to do when somebody else listens there already."""

from __future__ import annotations

import errno
import ipaddress
import socket
from dataclasses import dataclass

from schemas.errors import AlmanacError, ConfigError

_PORTS_TO_TRY = 100
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True)
class Address:
    """A host and a port, and what a browser and a client on this machine call them."""

    host: str
    port: int

    @property
    def ui(self) -> str:
        """For a browser on this machine."""
        host = _EVERYWHERE.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def api(self) -> str:
        """For the worker and the command line."""
        return f"{self.ui}/api"

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def choose(host: str, port: int, asked: bool) -> Address:
    """The address itself where its port is free, else the next free one unless it was asked for.

    Raises:
        AlmanacError: the port is taken and `asked` for, or a hundred in a row are taken.
        ConfigError: as `is_free`.
    """
    if is_free(host, port):
        return Address(host, port)
    if asked:
        raise AlmanacError(
            f"port {port} of {host} is taken by another program: stop that one, or name another "
            "port with --port or server.port (ALMANAC_SERVER__PORT)"
        )
    end = min(port + _PORTS_TO_TRY, 65536)
    for other in range(port + 1, end):
        if is_free(host, other):
            return Address(host, other)
    raise AlmanacError(f"ports {port} to {end - 1} of {host} are all taken: name one with --port")


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there.

    Raises:
        ConfigError: the host is no address of this machine, or the port is not for everybody.
    """
    try:
        family, kind, _, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except socket.gaierror:
        raise ConfigError(f"server.host {host!r} is no host name or address") from None
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise ConfigError(f"server.host {host!r} is no address of this machine") from None
        if error.errno == errno.EACCES:
            raise ConfigError(
                f"port {port} needs root's rights: name one from 1024 on with --port or server.port"
            ) from None
        return False
    return True
