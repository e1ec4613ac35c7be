from __future__ import annotations

import logging

import pytest

from almanac.core.progress import Ticking


def test_it_speaks_every_ten_seconds_and_not_of_short_work(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = logging.getLogger("almanac.test")
    log.propagate = True
    times = iter([0.0, 1.0, 9.9, 10.0, 15.0, 20.5])
    tick = Ticking(log, "rows written", lambda: next(times))
    with caplog.at_level(logging.INFO, "almanac.test"):
        for done in range(1_000, 6_000, 1_000):
            tick(done, 9_000)
    assert caplog.messages == ["3,000 of 9,000 rows written", "5,000 of 9,000 rows written"]
