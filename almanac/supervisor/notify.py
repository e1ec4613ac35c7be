"""Where alarms go: a webhook, or any of the services that Apprise knows.

The server itself loads this block when an automation fires: Prefect finds it by the entry point
`prefect.collections` of this package, which therefore stands in the server's environment too.
"""

from __future__ import annotations

import asyncio
import logging
import time
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from prefect.blocks.abstract import NotificationBlock, NotificationError
from pydantic import Field, SecretStr

from schemas.errors import AlmanacError, ConfigError
from schemas.hashing import sha256_parts

_SAME_SECONDS = 300.0
_sent: dict[str, float] = {}  # messages of this process by their hash, and when
BLOCK = "almanac-alarms"  # the name of the one document


class AlmanacAlarm(NotificationBlock):
    """Sends what an automation of Almanac has to say to the addresses of `alarms.address`."""

    _block_type_name = "Almanac Alarm"
    _block_type_slug = "almanac-alarm"

    addresses: SecretStr = Field(
        description="Webhooks and Apprise addresses, separated by spaces; see the Apprise wiki."
    )

    async def notify(self, body: str, subject: str | None = None) -> None:
        """Send to every address; the same message within a few minutes is sent once.

        The server fires an automation again when its database was locked after the first time. A
        message names the run or the moment it is about, so that another alarm is another message.

        Raises:
            NotificationError: one did not take it. It names none, because the error is public.
        """
        urls = service_urls(self.addresses)
        missed = 0
        for url in urls:
            key = sha256_parts(url, subject or "", body)
            if _is_new(key) and not await _taken(url, body, subject or ""):
                missed += 1
                _sent.pop(key, None)  # it is owed still
        if missed:
            raise NotificationError(
                f"an address of alarms.address did not take the message ({len(urls)} in all)"
            )


async def _taken(url: str, body: str, subject: str) -> bool:
    from apprise import Apprise

    service = Apprise()
    service.add([url])
    return bool(await service.async_notify(body=body, title=subject))


def _is_new(key: str) -> bool:
    """Note a message as sent, unless it was within the last minutes."""
    now = time.monotonic()
    for old in [one for one, at in _sent.items() if now - at > _SAME_SECONDS]:
        del _sent[old]
    if key in _sent:
        return False
    _sent[key] = now
    return True


def send_test(addresses: SecretStr | None) -> dict[str, int]:
    """Send a message that says it is a test; how many addresses took it.

    Raises:
        ConfigError: there is no address, or one is none.
        AlmanacError: one did not take it.
    """
    if addresses is None or not addresses.get_secret_value().strip():
        raise ConfigError(
            "alarms.address is not set, so alarms reach nobody: set ALMANAC_ALARMS__ADDRESS to a "
            "webhook or an Apprise address"
        )
    body = (
        "Alarms of this installation reach you here. Nothing is wrong, and nothing is to be done."
    )
    number = len(service_urls(addresses))
    try:
        asyncio.run(AlmanacAlarm(addresses=addresses).notify(body, "Almanac: a test"))
    except NotificationError as error:
        raise AlmanacError(f"{error.log}: see whether it is right and can be reached") from None
    return {"addresses": number}


def service_urls(addresses: SecretStr) -> list[str]:
    """The addresses as Apprise wants them; a webhook that it does not know gets JSON by POST.

    That JSON has `title`, `message` and `type` (Apprise's `json://`).

    Raises:
        ConfigError: an address is none; the message gives its place and scheme only.
    """
    from apprise import Apprise

    for name in ("apprise", "urllib3.connectionpool"):  # whose lines name hosts and paths
        logging.getLogger(name).setLevel(logging.CRITICAL)
    urls = []
    for place, address in enumerate(addresses.get_secret_value().split(), start=1):
        candidates = [address, _as_json(address)]
        known = next((url for url in candidates if Apprise.instantiate(url)), None)
        if known is None:
            raise ConfigError(
                f"address {place} of alarms.address ({urlsplit(address).scheme or 'no scheme'}://…)"
                " is neither a webhook (http:// or https://) nor one that Apprise knows"
            )
        urls.append(known)
    return urls


def _as_json(address: str) -> str:
    """`https://host/path?key=value` as Apprise's `jsons://host/path?-key=value`."""
    parts = urlsplit(address)
    scheme = {"http": "json", "https": "jsons"}.get(parts.scheme.lower(), "")
    pairs = [(f"-{key}", value) for key, value in parse_qsl(parts.query, True)]
    query = urlencode(pairs, quote_via=quote)  # Apprise takes a + for itself
    return urlunsplit((scheme, parts.netloc, parts.path, query, ""))
