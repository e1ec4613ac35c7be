"""120 nights of 1 % change under a 7-daily, 4-weekly, 3-monthly policy: what stays on the disk?

    python benchmarks/performance/retention_disk.py --plot docs/retention.svg

Retention runs weekly, as it is scheduled. Each night the bytes of all files are held against the
bytes of those files that open releases and the Delta tables need; at the end every open and every
cold release is verified. Exits 1 where one does not verify, or where after a retention more than
1 % of the bytes are needed by nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from almanac.core.operation import Operation
from almanac.releases import retention
from almanac.releases.verify import verify
from schemas.settings import RetentionSettings
from testing.synthetic_lakehouse import FIRST, Synthetic

_MEBIBYTE = 1 << 20


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as scratch:
        nights, checked = _nights(arguments, Path(scratch) / "lake")
    waste = max(night["bytes"] / night["needed"] for night in nights if night["retention"]) - 1
    last = nights[-1]
    summary = {
        "nights": len(nights),
        "tiers": last["tiers"],
        "MiB": round(last["bytes"] / _MEBIBYTE, 1),
        "needed MiB": round(last["needed"] / _MEBIBYTE, 1),
        "in LanceDB MiB": round(last["lance"] / _MEBIBYTE, 1),
        "without retention MiB, in LanceDB": round(last["without"] / _MEBIBYTE, 1),
        "most needed by nothing after a retention": round(waste, 5),
        "verified": checked,
    }
    if arguments.plot:
        _plot(nights, arguments.plot)
    if arguments.json:
        print(json.dumps({"summary": summary, "nights": nights}))
    else:
        print("\n".join(f"{name}: {value}" for name, value in summary.items()))
    return 1 if waste > 0.01 or not checked else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nights", type=int, default=120)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--change", type=float, default=0.01)
    parser.add_argument("--plot", type=Path, help="write an SVG here")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _nights(arguments: argparse.Namespace, folder: Path) -> tuple[list[dict[str, Any]], bool]:
    made = Synthetic(folder)
    policy = RetentionSettings(keep_last=1, daily=7, weekly=4, monthly=3, yearly=0, grace_minutes=0)
    settings = made.settings.model_copy(update={"retention": policy})
    run = Operation(settings, "measure", None)
    nights: list[dict[str, Any]] = []
    grown = after = 0
    for night in range(arguments.nights):
        if night:
            made.change(night, arguments.change)
        else:
            made.first(arguments.rows // 5)
        weekly = night % 7 == 6
        before = _lance_bytes(made)
        if weekly:
            retention.apply(settings, FIRST + timedelta(days=night, hours=3))
        grown += before - after
        after = _lance_bytes(made)
        sizes = made.lake.sizes()
        tiers = [release.tier for release in made.releases.history()]
        nights.append(
            {
                "night": night,
                "bytes": sum(sizes.values()),
                "needed": retention.referenced_bytes(run, sizes),
                "lance": after,
                "without": grown,
                "retention": weekly,
                "tiers": {tier: tiers.count(tier) for tier in ("hot", "cold")},
            }
        )
        if weekly and not arguments.json:
            shown = {name: round(nights[-1][name] / _MEBIBYTE, 1) for name in ("bytes", "needed")}
            print(f"night {night}: {shown}, {nights[-1]['tiers']}", flush=True)
    report = verify(made.lake, made.releases.history())
    return nights, report["ok"]


def _lance_bytes(made: Synthetic) -> int:
    return sum(made.lake.sizes("lance").values())


def _plot(nights: list[dict[str, Any]], file: Path) -> None:
    """The nights as three lines."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    pyplot.rcParams["svg.hashsalt"] = "almanac"
    figure, axes = pyplot.subplots(figsize=(8, 4), layout="constrained")
    lines = {
        "without": ("LanceDB, had nothing been let go", ":", "0.5"),
        "bytes": ("all files of the lakehouse", "-", "tab:blue"),
        "needed": ("files that open releases and Delta need", "--", "tab:red"),
    }
    for name, (label, style, colour) in lines.items():
        values = [night[name] / _MEBIBYTE for night in nights]
        axes.plot(values, style, color=colour, label=label)
    axes.set(xlabel="night", ylabel="MiB", ylim=(0, None), xlim=(0, len(nights) - 1))
    axes.legend(frameon=False)
    figure.savefig(file, metadata={"Date": None})


if __name__ == "__main__":
    sys.exit(main())
