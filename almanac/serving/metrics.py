"""Figures for Prometheus: without names of users, questions or documents."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from schemas.feedback import Request

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)

_MILLISECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000)


class Metrics:
    """The figures of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._answers = Counter(
            "almanac_answers",
            "Answered requests by status.",
            ["assistant", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "almanac_answer_seconds", "From question to the end.", ["assistant"], buckets=_SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self._first = Histogram(
            "almanac_first_token_seconds", "From question to the first word.", ["assistant"],
            buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip
        self._tokens = Counter(
            "almanac_tokens", "Tokens by kind.", ["assistant", "kind"], registry=self.registry
        )
        self._cached = Counter(
            "almanac_cached_answers",
            "Answers that were given again without a model.",
            ["assistant"],
            registry=self.registry,
        )
        self._guards = Counter(
            "almanac_guards",
            "Decisions of guards.",
            ["assistant", "guard", "action"],
            registry=self.registry,
        )
        self._guard_ms = Histogram(
            "almanac_guard_milliseconds",
            "Time of guards by stage.",
            ["assistant", "stage"],
            buckets=_MILLISECONDS,
            registry=self.registry,
        )
        self._usd = Counter(
            "almanac_cost_usd",
            "US dollars that calls of models cost.",
            ["assistant", "endpoint", "model"],
            registry=self.registry,
        )
        self.votes = Counter(
            "almanac_votes", "Votes by rating.", ["rating"], registry=self.registry
        )
        self.errors = Counter(
            "almanac_errors", "Refused or failed requests.", ["code"], registry=self.registry
        )
        self.streams = Gauge("almanac_streams", "Answers under way.", registry=self.registry)
        self._release = Gauge(
            "almanac_release", "The release that answers.", ["index"], registry=self.registry
        )
        self._age = Gauge(
            "almanac_release_age_seconds",
            "Since the release's logical date.",
            ["index"],
            registry=self.registry,
        )
        self._pending = Gauge(
            "almanac_journal_rows", "Rows that wait in the journal.", registry=self.registry
        )

    def voted(self, rating: int) -> None:
        """Count a vote, as `like` or `dislike`."""
        self.votes.labels("like" if rating > 0 else "dislike").inc()

    def answered(self, request: Request) -> None:
        """Count a request that was logged."""
        name = request.assistant or ""
        self._answers.labels(name, request.status or "").inc()
        if request.latency_ms is not None:
            self._seconds.labels(name).observe(request.latency_ms / 1000)
        if request.first_token_ms is not None:
            self._first.labels(name).observe(request.first_token_ms / 1000)
        self._tokens.labels(name, "prompt").inc(request.prompt_tokens or 0)
        self._tokens.labels(name, "completion").inc(request.completion_tokens or 0)
        if request.cached:
            self._cached.labels(name).inc()
        for call in (request.route or {}).get("calls", ()):
            usd = float(call["usd"] or 0)
            self._usd.labels(name, call["endpoint"], call["model"]).inc(usd)
        guard = request.guard or {}
        for one in guard.get("decisions", ()):
            self._guards.labels(name, one["guard"], one["action"]).inc(one["times"])
        for stage, milliseconds in guard.get("milliseconds", {}).items():
            self._guard_ms.labels(name, stage).observe(milliseconds)

    def watch(
        self,
        index: str,
        release: Callable[[], float],
        age: Callable[[], float],
        pending: Callable[[], float],
    ) -> None:
        """Read these whenever the figures are asked for."""
        self._release.labels(index).set_function(release)
        self._age.labels(index).set_function(age)
        self._pending.set_function(pending)

    def page(self) -> bytes:
        """All figures, as Prometheus reads them."""
        return generate_latest(self.registry)
