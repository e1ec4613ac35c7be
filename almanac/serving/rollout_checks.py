"""What a server does about its rollouts by a timer: store pairs, look, step, roll back."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace

from almanac.rollouts.check import Look, look
from almanac.rollouts.decide import Verdict
from almanac.rollouts.staging import move_versions, present_version
from almanac.rollouts.steps import carry_out
from almanac.serving.pairs import Pairs, store_quietly
from almanac.serving.traffic import Live, Traffic
from lakehouse import Lakehouse, open_lakehouse
from schemas.errors import AlmanacError, LeaseHeld, RolloutRefused
from schemas.settings import Settings

_log = logging.getLogger("almanac.serving")


class RolloutChecks:
    """Looks at every rollout each `rollouts.check_seconds`, and at once when one falls.

    `looks` has the newest look at each assistant's rollout, for metrics and the page.
    """

    def __init__(self, settings: Settings, traffic: Traffic, pairs: Pairs) -> None:
        self._settings, self._traffic, self._pairs = settings, traffic, pairs
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self.looks: dict[str, Look] = {}
        traffic.on_fall = self._wake.set
        self.thread = threading.Thread(target=self.run, name="rollouts", daemon=True)

    def stop(self) -> None:
        """End the thread after what it is doing."""
        self._stopping.set()
        self._wake.set()

    def run(self) -> None:
        """Store and look until the server ends."""
        lake = open_lakehouse(self._settings.lakehouse, self._settings.storage_options)
        every = self._settings.rollouts.check_seconds
        pause = min(every, self._settings.serving.flush_seconds)
        looked = time.monotonic()
        while not self._stopping.is_set():
            woken = self._wake.wait(pause)
            self._wake.clear()
            store_quietly(self._pairs, lake)
            if woken or time.monotonic() - looked >= every:
                looked = time.monotonic()
                self.look_at_all(lake)
        store_quietly(self._pairs, lake)

    def look_at_all(self, lake: Lakehouse) -> None:
        """One look at each rollout under way; what fails is tried at the next."""
        for assistant, live in list(self._traffic.live.items()):
            try:
                self._look(lake, assistant, live)
            except LeaseHeld as error:
                _log.warning("a step of rollout %s waits: %s", live.rollout.name, error)
            except RolloutRefused as error:
                _log.info("%s", error)
            except AlmanacError as error:
                _log.warning("rollout %s was not looked at: %s", live.rollout.name, error)
            except Exception:  # noqa: BLE001 (a thread that ends would leave a bad version)
                _log.exception("rollout %s was not looked at", live.rollout.name)
        try:
            self._traffic.poll()
        except AlmanacError as error:
            _log.warning("%s", error)

    def _look(self, lake: Lakehouse, assistant: str, live: Live) -> None:
        found = look(lake, live.rollout)
        verdict = found.verdict
        name = live.rollout.name
        if reason := self._traffic.fallen.get(name):
            verdict = Verdict("roll_back", reason)
        present = present_version(self._settings, lake, assistant)
        if present not in (live.rollout.last.current, live.rollout.last.candidate):
            verdict = Verdict("expire", f"version {present[:12]} answers meanwhile")
        self.looks[assistant] = replace(found, verdict=verdict)
        if verdict.kind in ("roll_back", "expire"):
            self._traffic.fall(live, verdict.reason)  # users first, rows next
        statistics = found.evidence.as_json()
        carry_out(self._settings, live.rollout, verdict, statistics, also=move_versions)
