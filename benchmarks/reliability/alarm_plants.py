"""The causes that `benchmarks/reliability/alarms.py` plants."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from alarm_house import House


class Plants:
    """Each method plants a cause and says what came of it, in seconds since the cause."""

    def __init__(self, house: House) -> None:
        self._house, self._api, self._hook = house, house.api, house.hook
        self._mark = 0

    def all(self, only: list[str] | None) -> dict[str, Any]:
        """In an order in which none disturbs the next."""
        plants: list[Callable[[], dict[str, Any]]] = [
            self.failing_nightly,
            self.failing_flow,
            self.quarantine,
            self.new_faults,
            self.crash_and_crash_again,
            self.lifeless_late_and_worker_gone,
            self.frozen_writer,
            self.silence,
        ]
        found = {}
        for plant in plants:
            if only and plant.__name__ not in only:
                continue
            try:
                found[plant.__name__] = plant()
            except AssertionError as error:  # the others are worth knowing all the same
                found[plant.__name__] = {"failed": str(error)}
                self._mark = len(self._hook.messages)
            print(plant.__name__, json.dumps(found[plant.__name__]), file=sys.stderr, flush=True)
        return found

    def failing_nightly(self) -> dict[str, Any]:
        """A night whose source is gone."""
        run = self._house.nightly(parameters={"source": str(self._house.folder / "nowhere")})
        ended = _at(self._api.wait(run, "Failed"))
        return {"seconds_to_message": self._told("Almanac: nightly failed", ended)}

    def failing_flow(self) -> dict[str, Any]:
        """A restore of a release that never was."""
        run = self._api.start("restore/restore", parameters={"as_of": 999})
        ended = _at(self._api.wait(run, "Failed"))
        return {"seconds_to_message": self._told("Almanac: restore failed", ended)}

    def quarantine(self) -> dict[str, Any]:
        """Three broken documents of 23; the next night finds them standing and says nothing."""
        for number in range(3):
            (self._house.docs / f"broken-{number}.md").write_bytes(b"\x00\x01\x02\xff" * 100)
        ended = _at(self._api.wait(self._house.nightly(), "Completed"))
        seconds = self._told("Almanac: quarantine high", ended)
        self._api.wait(self._house.nightly(), "Completed")
        time.sleep(5)
        again = self._hook.subjects[self._mark :].count("Almanac: quarantine high")
        return {"seconds_to_message": seconds, "messages_of_the_night_after": again}

    def new_faults(self) -> dict[str, Any]:
        """Forty dislikes that are the model's fault: the automation starts a tune."""
        from tests.prefect_api import until

        _write_feedback(self._house.folder)
        feedback = self._api.start("feedback/feedback")
        ended = _at(self._api.wait(feedback, "Completed"))
        tune = until(lambda: next(iter(self._api.runs("tune/tune")), None), 60, "a run of tune")
        self._api.post(f"flow_runs/{tune['id']}/set_state", state={"type": "CANCELLING"})
        self._api.wait(tune["id"], "Cancelled")
        return {
            "seconds_to_run": round(_time(tune["created"]) - ended, 1),
            "parameters": tune["parameters"],
        }

    def crash_and_crash_again(self) -> dict[str, Any]:
        """Kill the process of a night, then that of its second attempt."""
        from tests.prefect_api import until
        from tests.supervisor.plant import kill

        with self._house.lease():
            run = self._house.nightly()
            killed = kill(self._running(run))
            told = self._told("Almanac: nightly failed", killed)
            again = until(lambda: self._api.again(run), 300, "a second attempt")
            second = self._running(again["id"])
            mark = self._mark
            kill(second)
            self._hook.wait_for("Almanac: nightly failed", 240, since=mark)
            self._mark = len(self._hook.messages)
            rescues = until(lambda: _ended(self._api.runs("rescue/rescue"), 2), 300, "two rescues")
        first, then = self._api.run(run), self._api.run(second["id"])
        return {
            "seconds_to_message": told,
            "seconds_to_second_attempt_running": round(_time(second["start_time"]) - killed, 1),
            "same_time": first["expected_start_time"] == then["expected_start_time"],
            "same_parameters": first["parameters"] == then["parameters"],
            "third_attempt": self._api.again(second["id"]),
            "rescues": len(rescues),
        }

    def lifeless_late_and_worker_gone(self) -> dict[str, Any]:
        """Kill worker and run at once; a night comes due meanwhile; another run waits suspended.

        Before that the run has waited for 100 s, and the suspended one for longer.
        """
        from tests.prefect_api import until
        from tests.supervisor.plant import kill

        waiting = self._api.start("waiting/waiting")
        self._api.wait(waiting, "Suspended")
        with self._house.lease():
            run = self._house.nightly()
            self._running(run)
            time.sleep(100)
            lived = self._api.run(run)["state_name"]
            self._house.worker.kill()
            killed = kill(self._api.run(run))
            due = time.time()
            late = self._house.nightly()
            told_late = self._told("Almanac: nightly is late", due)
            ended = _at(self._api.wait(run, "Crashed", seconds=300))
            told_gone = self._told("Almanac: worker gone", killed, seconds=300)
        self._house.worker.start()
        again = until(lambda: self._api.again(run), 300, "a second attempt")
        last = self._api.wait(again["id"], "Completed", seconds=600)["state_name"]
        self._api.wait(late, "Completed", seconds=600)
        self._mark = len(self._hook.messages)
        return {
            "after_100_s_the_long_run_was": lived,
            "seconds_to_late_message": told_late,
            "seconds_to_crashed": round(ended - killed, 1),
            "seconds_to_worker_gone_message": told_gone,
            "second_attempt": last,
            "the_suspended_run_is": self._api.run(waiting)["state_name"],
        }

    def frozen_writer(self) -> dict[str, Any]:
        """Stop (not kill) a writing run until it counts as crashed, then let it go on."""
        from tests.prefect_api import until
        from tests.supervisor.plant import process_of

        for number in range(400):
            self._house.write(100 + number)
        before = self._house.releases()
        run = self._house.nightly()
        process = process_of(self._running(run))
        until(lambda: self._holds_lease(run), 120, "the lease")
        family = [*process.children(recursive=True), process]
        for one in family:
            one.send_signal(signal.SIGSTOP)
        self._api.wait(run, "Crashed", seconds=300)
        again = until(lambda: self._api.again(run), 300, "a second attempt")
        ended = self._api.wait(again["id"], "Completed", "Failed", "Crashed", seconds=600)
        for one in family:
            one.send_signal(signal.SIGCONT)
        process.wait(240)
        self._mark = len(self._hook.messages)
        return {
            "second_attempt": ended["state_name"],
            "the_frozen_one_is": self._api.run(run)["state_name"],
            "it_said": self._api.run(run)["state"]["message"],
            "new_releases": self._house.releases() - before,
        }

    def silence(self) -> dict[str, Any]:
        """No night completes for 30 s, after which silence counts."""
        self._house.configure(silent_hours=30 / 3600)
        self._house.ensure()
        since = time.time()
        seconds = self._told("Almanac: no nightly completed", since)
        self._house.configure()
        self._house.ensure()
        return {"seconds_to_message": seconds}

    def _running(self, run: str) -> dict[str, Any]:
        """The run once it runs, with its process."""
        from tests.prefect_api import until

        def there() -> dict[str, Any] | None:
            found = self._api.run(run)
            return found if found["state_name"] == "Running" else None

        found = until(there, 300, f"{run} running")
        time.sleep(2)  # so that it is inside of the flow, and has beaten once
        return found

    def _holds_lease(self, run: str) -> bool | None:
        from lakehouse import open_lakehouse

        rows = open_lakehouse(str(self._house.folder / "lake")).delta("lease").read().to_pylist()
        return True if rows and rows[0]["holder"] == run else None

    def _told(self, subject: str, since: float, seconds: float = 240) -> float:
        """Seconds from `since` to the message of that subject."""
        at, _ = self._hook.wait_for(subject, seconds, self._mark)
        self._mark = len(self._hook.messages)
        return round(at - since, 1)


def _write_feedback(folder: Path) -> None:
    """Sixty requests, forty of them disliked with a correction that their context supports."""
    from tests.flows.test_learning import _asked, _voted

    requests = [_asked(number) for number in range(60)]
    lines = [json.dumps(request.as_row()) for request in requests]
    votes = [json.dumps(_voted(at, request)) for at, request in enumerate(requests)]
    (folder / "log.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (folder / "votes.jsonl").write_text("\n".join(votes), encoding="utf-8")


def _ended(runs: list[dict[str, Any]], count: int) -> list[dict[str, Any]] | None:
    ended = [run for run in runs if run["state_name"] == "Completed"]
    return ended if len(ended) >= count else None


def _at(run: dict[str, Any]) -> float:
    return _time(run["state"]["timestamp"])


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
