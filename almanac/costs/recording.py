"""What judges and teachers cost, brought to the lakehouse; it never ends the work that asked."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol

from almanac.costs.calls import stored
from almanac.costs.prices import Prices
from almanac.llm.usage import Usage
from lakehouse import Lakehouse
from lakehouse.costs import StoredCall
from schemas.errors import AlmanacError
from schemas.settings import Settings

_log = logging.getLogger("almanac.costs")


class Spender(Protocol):
    """Who asks a model, and remembers what that took."""

    @property
    def model(self) -> str:
        """The model's name."""

    def take_spent(self) -> list[Usage]:
        """What each call since the last look took."""


@contextmanager
def recorded(settings: Settings, lake: Lakehouse, **spenders: Spender | None) -> Iterator[None]:
    """Store what the block's calls cost at its end, however it ends.

    Args:
        spenders: by the section that configures them: judge, teacher.
    """
    try:
        yield
    finally:
        for name, spender in spenders.items():
            if spender is not None:
                record(lake, spent_by(Prices(settings), name, spender))


def spent_by(prices: Prices, name: str, spender: Spender) -> list[StoredCall]:
    """The calls of a judge or a teacher since the last look, priced."""
    return stored(prices, spender.take_spent(), name, spender.model, name, datetime.now(UTC))


def record(lake: Lakehouse, calls: Iterable[StoredCall]) -> None:
    """Store calls; what cannot be stored is logged."""
    try:
        lake.costs.append(calls)
    except AlmanacError as error:
        _log.warning("what calls of models cost was not stored: %s", error)
