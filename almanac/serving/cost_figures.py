"""For Prometheus: what models cost, how full budgets are, which endpoints are left alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from almanac.costs.budgets import Budgets
from almanac.serving.circuit import Circuit, State

_STATE: dict[State, float] = {"closed": 0.0, "half_open": 0.5, "open": 1.0}


class CostFigures:
    """Read whenever they are asked for. Of budgets of each user, the fullest is told."""

    def __init__(self, budgets: Budgets, circuits: Mapping[tuple[str, str], Circuit]) -> None:
        self._budgets, self._circuits = budgets, circuits

    def watch(self, registry: CollectorRegistry) -> None:
        """Tell Prometheus of them."""
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """The figures."""
        used = GaugeMetricFamily(
            "almanac_budget_used", "Share of a budget that is spent.", labels=["budget"]
        )
        fullest: dict[str, float] = {}
        for row in self._budgets.used():
            name = row["budget"]
            fullest[name] = max(fullest.get(name, 0.0), row["share"])
        for name, share in sorted(fullest.items()):
            used.add_metric([name], share)
        yield used
        exceeded = CounterMetricFamily(
            "almanac_budget_exceeded",
            "Questions that came when a budget was spent.",
            labels=["budget", "action"],
        )
        for key, times in sorted(self._budgets.exceeded.items()):
            exceeded.add_metric(list(key), times)
        yield exceeded
        circuits = GaugeMetricFamily(
            "almanac_circuit", "1 open, 0.5 half open, 0 closed.", labels=["endpoint", "model"]
        )
        for one, circuit in sorted(self._circuits.items()):
            circuits.add_metric(list(one), _STATE[circuit.state])
        yield circuits
