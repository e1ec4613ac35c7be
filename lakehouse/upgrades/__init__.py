"""The steps from each storage format to the next: one file a step, listed here in their order.

A new one is a file `format_<n>.py`, its line in STEPS, `FORMAT` in `lakehouse.format` raised to n,
and a test on the lakehouses in `tests/compat`. Who takes the lease runs the steps that are due, and
the number is stored after each: an upgrade that was killed goes on with the step it was at.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from lakehouse.format import check_format, stored_format, write_format
from lakehouse.location import Location
from lakehouse.upgrades import format_2
from lakehouse.upgrades.step import Step

STEPS: tuple[Step, ...] = (format_2.STEP,)
_log = logging.getLogger("almanac.upgrade")


def pending(number: int) -> list[Step]:
    """The steps that a lakehouse of that format has before it."""
    return [step for step in STEPS if step.to > number]


def upgrade(location: Location, check: Callable[[], None]) -> None:
    """Run the steps that are due; only under the lease, which `check` asks after.

    Raises:
        FormatTooNew: a later version upgraded the lakehouse meanwhile.
        LeaseHeld: the lease was lost.
    """
    number = stored_format(location, again=True)
    check_format(location)
    for step in pending(number):
        _log.info("upgrading the lakehouse to storage format %d: %s", step.to, step.summary)
        step.run(location)
        check()
        write_format(location, step.to)
