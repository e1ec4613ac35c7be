"""Do 200,000 rows behind an approximate index answer as of a date as they did, to the bit?

    python benchmarks/reliability/as_of_ann.py
    python benchmarks/reliability/as_of_ann.py --rows 20000 --nights 5 --queries 200

Publishes a night, records the answers to many queries by vector and by text, goes on for many
nights of 1 % change, and asks again as of that night: from its tag; after a compaction and a
retention that let most of the other nights go; and from a rebuild out of Delta alone. Exits 1
where one answer differs in an id or in a bit of a score.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from almanac.releases import retention
from almanac.releases.heal import heal
from almanac.releases.verify import verify
from lakehouse.search import Hit, IndexReader
from schemas.settings import IndexSettings, RetentionSettings
from testing.synthetic_lakehouse import Synthetic

Answers = list[list[tuple[str, float]]]


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as scratch:
        folder = (arguments.folder or Path(scratch)) / "lake"
        steps = list(_steps(arguments, folder))
    if arguments.json:
        print(json.dumps(steps))
    return 1 if any(step["different"] for step in steps) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--queries", type=int, default=1_000)
    parser.add_argument("--change", type=float, default=0.01, help="share of documents a night")
    parser.add_argument("--folder", type=Path, help="keep the lakehouse here")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _steps(arguments: argparse.Namespace, folder: Path) -> Any:
    made = Synthetic(folder, index=IndexSettings(ann_above_rows=min(100_000, arguments.rows)))
    release = made.first(arguments.rows // 5)
    recorded = _answers(made, made.lake.read(release), arguments.queries)
    yield _said(arguments, "recorded on the night", release.rows, recorded, recorded, 0.0)
    began = time.perf_counter()
    for night in range(1, arguments.nights + 1):
        made.change(night, arguments.change)
    seconds = time.perf_counter() - began

    def again(what: str, seconds: float) -> dict[str, Any]:
        reader = made.lake.as_of(release.seq).index
        found = _answers(made, reader, arguments.queries)
        return _said(arguments, what, release.rows, recorded, found, seconds)

    yield again(f"after {arguments.nights} later nights", seconds)
    policy = RetentionSettings(
        keep_last=1, daily=0, weekly=0, monthly=0, yearly=0, pinned=(release.seq,), grace_minutes=0
    )
    settings = made.settings.model_copy(update={"retention": policy})
    done = retention.apply(settings)
    compacted = ", compacted" if done["compacted"] else ""
    yield again(f"after retention{compacted}", done["seconds"])
    shutil.rmtree(folder / "lance")
    healed = heal(settings)
    yield again("rebuilt from Delta alone", healed["seconds"])
    report = verify(made.lake, [made.releases.as_of(release.seq), made.releases.as_of()])
    if not report["ok"]:
        sys.exit(f"verify: {report['findings']}")


def _answers(made: Synthetic, reader: IndexReader, count: int) -> Answers:
    vectors, words = made.queries(count), made.words(count)
    found = [_plain(reader.vector(vector, 10)) for vector in vectors]
    return found + [_plain(reader.text(text, 10)) for text in words]


def _plain(hits: list[Hit]) -> list[tuple[str, float]]:
    return [(hit.chunk_id, hit.score) for hit in hits]


def _said(
    arguments: argparse.Namespace,
    what: str,
    rows: int,
    recorded: Answers,
    found: Answers,
    seconds: float,
) -> dict[str, Any]:
    different = sum(one != other for one, other in zip(recorded, found, strict=True))
    step = {
        "step": what,
        "rows": rows,
        "queries": len(found),
        "different": different,
        "seconds": round(seconds, 1),
    }
    if not arguments.json:
        print("  ".join(f"{name} {value}" for name, value in step.items()), flush=True)
    return step


if __name__ == "__main__":
    sys.exit(main())
