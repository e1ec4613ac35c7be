"""Where alarms go: a webhook, or any of the services that Apprise knows.

The server itself loads this block when an automation fires: Prefect finds it by the entry point
`prefect.collections` of this package, which therefore stands in the server's environment too.
"""

from __future__ import annotations

import logging
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from prefect.blocks.abstract import NotificationBlock, NotificationError
from pydantic import Field, SecretStr

from schemas.errors import ConfigError

BLOCK = "almanac-alarms"  # the name of the one document


class AlmanacAlarm(NotificationBlock):
    """Sends what an automation of Almanac has to say to the addresses of `alarms.address`."""

    _block_type_name = "Almanac Alarm"
    _block_type_slug = "almanac-alarm"

    addresses: SecretStr = Field(
        description="Webhooks and Apprise addresses, separated by spaces; see the Apprise wiki."
    )

    async def notify(self, body: str, subject: str | None = None) -> None:
        """Send to every address.

        Raises:
            NotificationError: one did not take it. It names none, because the error is public.
        """
        from apprise import Apprise

        services = Apprise()
        for url in service_urls(self.addresses):
            services.add([url])
        if not await services.async_notify(body=body, title=subject or ""):
            raise NotificationError(
                f"an address of alarms.address did not take the message ({len(services)} in all)"
            )


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
