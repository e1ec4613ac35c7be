"""Everything that a server has to do with rollouts, opened once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily

from almanac.costs.prices import Prices
from almanac.serving.assistants import Assistant
from almanac.serving.open_releases import OpenReleases
from almanac.serving.pairs import Pairs, open_judge
from almanac.serving.rollout_checks import RolloutChecks
from almanac.serving.traffic import Traffic
from lakehouse import Lakehouse
from schemas.errors import AlmanacError
from schemas.settings import Settings

_log = logging.getLogger("almanac.serving")
_SIGN = {"roll_back": -1.0, "expire": -1.0, "hold": 0.0, "step": 1.0, "promote": 1.0}


class ServedRollouts:
    """Traffic by arms, pairs in the background, and the checks by a timer.

    Raises:
        ConfigError: the judge's key is not set, or its price is not known.
    """

    def __init__(
        self,
        settings: Settings,
        lake: Lakehouse,
        releases: OpenReleases,
        open_version: Callable[[str], Assistant],
        models: bool = True,
    ) -> None:
        """Open them. Without `models` no judge is asked, and so none needs a key or a price."""
        self.traffic = Traffic(lake, open_version)
        judge = open_judge(settings.judge) if models else None
        prices = Prices(settings)
        if judge:
            prices.check("judge", judge.model)
        self.pairs = Pairs(releases, self.traffic, judge, settings.rollouts.queue, prices)
        self.checks = RolloutChecks(settings, self.traffic, self.pairs)
        try:
            self.traffic.poll()
        except AlmanacError as error:
            _log.warning("%s", error)

    def watch(self, registry: CollectorRegistry) -> None:
        """Tell Prometheus of them whenever it asks."""
        registry.register(_Figures(self))


class _Figures:
    """Shares and verdicts by assistant, as they are when they are asked for."""

    def __init__(self, served: ServedRollouts) -> None:
        self._served = served

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The figures of the rollouts under way."""
        traffic, checks = self._served.traffic, self._served.checks
        share = GaugeMetricFamily(
            "almanac_rollout_share", "Of users that the candidate answers.", labels=["assistant"]
        )
        verdict = GaugeMetricFamily(
            "almanac_rollout_verdict", "1 forward, 0 hold, -1 back.", labels=["assistant"]
        )
        for name, live in traffic.live.items():
            has_fallen = live.rollout.name in traffic.fallen
            share.add_metric([name], 0.0 if has_fallen else live.rollout.share)
            look = checks.looks.get(name)
            is_its = look is not None and look.rollout.name == live.rollout.name
            kind = look.verdict.kind if look and is_its else "hold"
            verdict.add_metric([name], -1.0 if has_fallen else _SIGN[kind])
        yield share
        yield verdict
        pairs = GaugeMetricFamily(
            "almanac_rollout_pairs", "Questions for the other version.", labels=["state"]
        )
        pairs.add_metric(["waiting"], self._served.pairs.waiting)
        pairs.add_metric(["left_out"], self._served.pairs.left_out)
        yield pairs
