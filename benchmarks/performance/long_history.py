"""What a history of many nights costs who reads it, and how many files it is.

    python benchmarks/performance/long_history.py --nights 30 300 3000

Thirty documents, two of which change each night, with a toy in the place of the model; retention
by its default policy every seventh night, as it is scheduled. After so many nights each verb is
asked in this process, once before it is measured. With `--folder` it goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from almanac.releases import retention
from schemas.settings import RetentionSettings
from testing.command_line import almanac
from testing.house import House
from testing.power_cut.house import night, without_expectations

FIRST = datetime(2018, 1, 1, 2, tzinfo=UTC)
DAY = timedelta(days=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nights", type=int, nargs="+", default=[30, 300, 3_000])
    parser.add_argument("--folder", type=Path, help="Keep the lakehouse there.")
    parser.add_argument("--minutes", type=float, default=600, help="No new night after them.")
    chosen = parser.parse_args()
    until = time.monotonic() + 60 * chosen.minutes
    with tempfile.TemporaryDirectory() as scratch, without_expectations():
        house = House(chosen.folder or Path(scratch), durability="none")
        house.configure(retention=RetentionSettings())
        (house.root / "almanac.toml").write_text(
            'lakehouse = "lake"\ndurability = "none"\n[sources.documents]\nuri = "docs"\n', "utf-8"
        )
        done = len(house.releases) if house.path("delta").exists() else 0
        for at in range(done, max(chosen.nights)):
            _night(house, at)
            if at + 1 in chosen.nights:
                print(json.dumps({"nights": at + 1} | _measured(house, at)), flush=True)
            if time.monotonic() > until:
                print(f"{at + 1} nights so far", file=sys.stderr)
                return


def _night(house: House, at: int) -> None:
    names = range(30) if at == 0 else (at % 30, (at * 7 + 1) % 30)
    for name in names:
        house.put(f"page-{name}", f"Page {name} as of night {at}: the printer wants a badge.")
    began = FIRST + at * DAY
    release = night(house, began)
    seq = release.seq if release else 0
    report = {"index_name": "documents", "release": seq, "counts": {"modified": len(names)}}
    house.lake.runs.append(f"night-{at}", began, began, began, "published", report)
    if at % 7 == 6:
        retention.apply(house.settings, began)


def _measured(house: House, at: int) -> dict[str, float]:
    middle = f"{FIRST + (at - 3) * DAY:%Y-%m-%d}"
    verbs: dict[str, tuple[str, ...]] = {
        "history": ("history",),
        "runs": ("runs",),
        "search": ("search", "printer badge", "--mode", "text"),
        "search --as-of": ("search", "printer badge", "--mode", "text", "--as-of", middle),
        "documents --as-of": ("documents", "--as-of", middle),
        "verify --quick": ("verify", "--quick"),
        "status": ("status",),
    }
    found = {name: _seconds(lambda given=one: _said(house, given)) for name, one in verbs.items()}
    found["unchanged night"] = _seconds(lambda: night(house, FIRST + at * DAY + DAY / 2))
    files = [one for one in house.path("").rglob("*") if one.is_file()]
    found["files"] = len(files)
    found["MiB"] = round(sum(one.stat().st_size for one in files) / 2**20, 1)
    for name in ("delta", "lance"):
        found[f"files in {name}"] = sum(one.is_relative_to(house.path(name)) for one in files)
    return found


def _said(house: House, arguments: tuple[str, ...]) -> None:
    done = almanac(house, *arguments)
    if done.code and arguments[0] != "status":
        raise SystemExit(f"almanac {' '.join(arguments)}: {done.said}")


def _seconds(act: Callable[[], object]) -> float:
    """Of the processor, the second time."""
    act()
    began = time.process_time()
    act()
    return round(time.process_time() - began, 3)


if __name__ == "__main__":
    main()
