"""What opening, restoring, proving and letting go cost, and how that grows with the rows.

    python benchmarks/performance/keeping_scale.py
    python benchmarks/performance/keeping_scale.py --rows 10000 50000 --json

For each size a lakehouse of made-up documents and three nights of 1 % change is written; then each
verb runs in a process of its own, as a user would call it. Seconds are the verb's own (without
Python's start, a second or two), memory is the largest of the process in MiB.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scale import ROOT, folder_bytes, measured

MEBIBYTE = 1 << 20
_POLICY = "[retention]\nkeep_last = 1\ndaily = 0\nweekly = 0\nmonthly = 0\nyearly = 0\n"
_BUILD = (
    "from testing.synthetic_lakehouse import Synthetic; from pathlib import Path; "
    "s = Synthetic(Path({!r})); "
    "s.first({}); [s.change(night, 0.01) for night in (1, 2, 3)]"
)


def main() -> int:
    arguments = _arguments()
    rows = []
    for size in arguments.rows:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as scratch:
            for step in _steps(Path(scratch), size):
                rows.append(step)
                if not arguments.json:
                    print("  ".join(f"{name} {value}" for name, value in step.items()), flush=True)
    if arguments.json:
        print(json.dumps(rows))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 200_000, 1_000_000])
    parser.add_argument("--folder", type=Path, help="where the lakehouses go; needs some GB")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _steps(folder: Path, rows: int) -> Iterator[dict[str, Any]]:
    lake, config = folder / "lake", folder / "almanac.toml"
    config.write_text(f'lakehouse = "lake"\n{_POLICY}grace_minutes = 0\n', encoding="utf-8")
    built = measured([sys.executable, "-c", _build(lake, rows)], {})
    yield {
        "rows": rows,
        "step": "made, 4 releases",
        "seconds": built.wall,
        "MiB": built.peak,
        "lakehouse MiB": round(folder_bytes(lake) / MEBIBYTE),
    }
    verbs = {
        "open and ask (as of release 2)": ["search", "kaba lode", "--mode", "text", "--as-of", "2"],
        "verify --quick": ["verify", "--quick"],
        "verify": ["verify"],
        "doctor": ["doctor"],
        "restore --mode publish": ["restore", "--as-of", "2", "--yes"],
        "restore --mode copy": [
            "restore",
            "--as-of",
            "3",
            "--mode",
            "copy",
            "--to",
            str(folder / "copy"),
        ],
        "retention apply": ["retention", "apply", "--yes"],
    }
    for name, verb in verbs.items():
        command = [sys.executable, "-m", "almanac", *verb, "--json", "--config", str(config)]
        done = measured(command, {})
        said = json.loads(done.stdout)
        yield {
            "rows": rows,
            "step": name,
            "seconds": said.get("seconds", "-"),
            "process": done.wall,
            "MiB": done.peak,
        }
    shutil.rmtree(folder / "copy")


def _build(lake: Path, rows: int) -> str:
    path = f"import sys; sys.path.insert(0, {str(ROOT)!r}); "
    return path + _BUILD.format(str(lake), rows // 5)


if __name__ == "__main__":
    sys.exit(main())
