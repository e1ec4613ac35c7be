"""Which hosts a web source talks to: its own, and those that its settings name.

A page may answer with an address of somebody else: another host, one within the network, the
metadata service of a cloud. Such a redirect is refused unless `redirects` names where it leads.
A name is looked up once an opened source: the addresses that were checked are those that are
connected to, and another answer later changes nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from aiohttp.abc import ResolveResult

_PORTS = {"http": 80, "https": 443}


def guarded_client(uri: str, redirects: Sequence[str]) -> Callable[..., Any]:
    """What makes fsspec's HTTP session: one that stays with the host of `uri`.

    Args:
        redirects: hosts (`cdn.example.com`, `host:8443`) or origins (`https://host`) to which
            redirects may lead.
    """
    import aiohttp

    own = urlsplit(uri)
    named = {origin.lower().rstrip("/") for origin in redirects}

    async def refuse(_: Any, __: Any, params: Any) -> None:
        """Raise PermissionError for a redirect to a place that nobody named."""
        response = params.response
        location = response.headers.get("Location") or response.headers.get("URI") or ""
        there = urlsplit(str(response.url.join(type(response.url)(location))))
        if _origin(there) == _origin(own) or named & _names(there):
            return
        raise PermissionError(
            f"it redirects to {_origin(there)}, which the source does not name: give that "
            f'address as its uri, or allow it with redirects = ["{_origin(there)}"]'
        )

    async def get_client(**kwargs: Any) -> aiohttp.ClientSession:
        trace = aiohttp.TraceConfig()
        trace.on_request_redirect.append(refuse)
        trusted = {own.hostname or ""} | {_host(name) for name in named}
        resolver: Any = _Resolver(trusted, aiohttp.ThreadedResolver())
        connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False)
        return aiohttp.ClientSession(connector=connector, trace_configs=[trace], **kwargs)

    return get_client


class _Resolver:
    """Looks a name up once; addresses that no source means are left out of the answer."""

    def __init__(self, trusted: set[str], inner: Any) -> None:
        self._trusted, self._inner = trusted, inner
        self._known: dict[tuple[str, int, int], list[ResolveResult]] = {}

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        """The addresses of a host; the same ones whenever it is asked again.

        Raises:
            PermissionError: all of them are such that nobody named.
        """
        key = (host, port, family)
        if key not in self._known:
            found = await self._inner.resolve(host, port, family)
            kept = [one for one in found if self._allowed(host, one["host"])]
            if not kept:
                addresses = ", ".join(one["host"] for one in found)
                raise PermissionError(f"the name {host} leads to {addresses}, which is not public")
            self._known[key] = kept
        return self._known[key]

    def _allowed(self, host: str, address: str) -> bool:
        """A named host may be within the network, but never this link's own services."""
        ip = ipaddress.ip_address(address.partition("%")[0])
        ip = getattr(ip, "ipv4_mapped", None) or ip
        if ip.is_link_local or ip.is_multicast or ip.is_unspecified:
            return False
        return ip.is_global or host.lower() in self._trusted

    async def close(self) -> None:
        """Let go of the resolver behind it."""
        await self._inner.close()


def _origin(url: Any) -> str:
    """Scheme, host and port, the port only where it is not the usual one."""
    port = url.port if url.port not in (None, _PORTS.get(url.scheme)) else None
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    return f"{url.scheme}://{host}" + (f":{port}" if port else "")


def _names(url: Any) -> set[str]:
    """Each way in which settings may name where an address leads; a bare host means https."""
    origin = _origin(url)
    bare = origin.partition("://")[2]
    return {origin, bare} if url.scheme == "https" else {origin}


def _host(name: str) -> str:
    return urlsplit(name if "://" in name else f"//{name}").hostname or ""
