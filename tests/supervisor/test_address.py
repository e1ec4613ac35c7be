"""Which port the server gets, and what happens where it is taken."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest

from almanac.supervisor.address import Address, choose, is_free
from schemas.errors import AlmanacError, ConfigError


@pytest.fixture
def stranger() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield int(listening.getsockname()[1])


def test_a_free_port_is_taken_as_it_is() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert choose("127.0.0.1", port, asked=True) == Address("127.0.0.1", port)


def test_a_port_that_nobody_asked_for_gives_way(stranger: int) -> None:
    found = choose("127.0.0.1", stranger, asked=False)
    assert stranger < found.port < stranger + 100
    assert is_free("127.0.0.1", found.port)


def test_a_port_that_was_asked_for_does_not(stranger: int) -> None:
    with pytest.raises(AlmanacError, match=rf"port {stranger} of 127.0.0.1 is taken.*--port"):
        choose("127.0.0.1", stranger, asked=True)


def test_a_host_of_another_machine_is_refused() -> None:
    with pytest.raises(ConfigError, match="no address of this machine"):
        choose("192.0.2.1", 4200, asked=True)


def test_a_port_that_is_not_for_everybody_is_said_to_be_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)  # tests may run as root
    with pytest.raises(ConfigError, match=r"port 80 needs root's rights.*--port"):
        choose("127.0.0.1", 80, asked=True)


def test_a_host_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="no host name or address"):
        choose("no host", 4200, asked=True)


@pytest.mark.parametrize(
    ("host", "ui", "loopback"),
    [
        ("127.0.0.1", "http://127.0.0.1:4200", True),
        ("localhost", "http://localhost:4200", True),
        ("::1", "http://[::1]:4200", True),
        ("0.0.0.0", "http://127.0.0.1:4200", False),
        ("::", "http://[::1]:4200", False),
        ("10.1.2.3", "http://10.1.2.3:4200", False),
    ],
)
def test_what_a_browser_here_calls_it(host: str, ui: str, loopback: bool) -> None:
    address = Address(host, 4200)
    assert (address.ui, address.api, address.is_loopback) == (ui, f"{ui}/api", loopback)
