"""Plant each cause that an alarm is for, and simulate a quiet month in which none may ring.

    python benchmarks/reliability/alarms.py [--part plants|month] [--plant NAME ...] [--nights 30]

A Prefect server, a worker and a webhook of its own, the project's own deployments (without their
schedules) and automations, and real runs over a small lakehouse. Signs of life (30 s), the time
until a run counts as lifeless (90 s) and until a worker counts as gone (90 to 105 s, and 60 s more)
are the real ones. Compressed are `late_minutes` (30 s) and, in the month, the day: a night begins
as soon as the one before it has ended and `--period` seconds have passed, and `silent_hours`, 26 of
24 hours in life, is `--silence` seconds.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from alarm_house import House, living_house
from alarm_plants import Plants

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=["plants", "month"])
    parser.add_argument("--plant", action="append", help="Only this one of class Plants.")
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--period", type=float, default=10.0, help="Seconds, at least.")
    parser.add_argument("--silence", type=float, default=240.0, help="Seconds that are too long.")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch, living_house(Path(scratch)) as house:
        if arguments.part != "month":
            result["plants"] = Plants(house).all(arguments.plant)
        if arguments.part != "plants":
            result["month"] = quiet_month(
                house, arguments.nights, arguments.period, arguments.silence
            )
    print(json.dumps(result, indent=None if arguments.json else 1))
    return 0


def quiet_month(house: House, nights: int, period: float, silence: float) -> dict[str, Any]:
    """Nights as they are when all is well, and what rang all the same."""
    house.configure(silent_hours=silence / 3600)
    house.ensure()
    waiting = house.api.start("waiting/waiting")
    house.api.wait(house.nightly(), "Completed")
    since, mark = datetime.now(UTC), len(house.hook.messages)
    ended: Counter[str] = Counter()
    for night in range(nights):
        begun = time.monotonic()
        if night % 3 == 0:
            house.write(night % 20, version=night + 1)
        logical = datetime.now(UTC) - timedelta(seconds=1)
        scheduled = {"type": "SCHEDULED", "state_details": {"scheduled_time": logical.isoformat()}}
        run = house.nightly(state=scheduled)
        if night == nights // 2:
            _restart_worker(house)
        ended[house.api.wait(run, "Completed", "Failed", "Crashed")["state_name"]] += 1
        time.sleep(max(0.0, period - (time.monotonic() - begun)))
    with house.lease():  # a long night: three and a half signs of life
        run = house.nightly()
        time.sleep(105)
    ended[house.api.wait(run, "Completed", "Failed", "Crashed")["state_name"]] += 1
    time.sleep(10)
    return {
        "nights": dict(ended),
        "minutes": round((datetime.now(UTC) - since).total_seconds() / 60, 1),
        "waiting_run": house.api.run(waiting)["state_name"],
        "releases": house.releases(),
        "false_alarms": len(house.hook.messages) - mark,
        "messages": house.hook.subjects[mark:],
        "automations_fired": dict(house.fired(since)),
    }


def _restart_worker(house: House) -> None:
    house.worker.stop()
    house.worker.start()


if __name__ == "__main__":
    sys.exit(main())
