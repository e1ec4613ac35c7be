"""Walk a dated corpus night by night and hold every run against the corpus's own counts.

    python benchmarks/reliability/corpus_walk.py corpus_a_fastapi
    python benchmarks/reliability/corpus_walk.py corpus_a_fastapi --series changes_daily
    python benchmarks/reliability/corpus_walk.py corpus_a2_prefect

For each date: lay the folder out, run the nightly flow, compare its counts with the oracle, run it
again and see that it does nothing, and at the end hold the index against the last tree. Exits 1 at
the first difference.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from testing.dated_corpus import SHARED, lay_out, load, night


def main() -> int:
    arguments = _arguments()
    corpus = arguments.data / arguments.corpus
    oracle = json.loads((corpus / f"{arguments.series}.dates.json").read_text())["dates"]
    layer = load(arguments.data / "materialise.py")
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or Path(scratch)
        expected = _oracle(layer, corpus, arguments.series, oracle[: arguments.steps])
        steps = [_step(arguments, layer, corpus, folder, night) for night in expected]
        differences = _last_tree(layer, corpus, arguments.series, steps[-1]["date"], folder)
    total = {
        "steps": len(steps),
        "tokens_embedded": sum(step["tokens"] for step in steps),
        "seconds": round(sum(step["seconds"] for step in steps), 1),
    }
    if arguments.json:
        print(json.dumps({"steps": steps, "total": total, "differences": differences}))
    else:
        print(
            f"{total['steps']} steps, {total['seconds']} s; last tree: "
            f"{differences if differences else 'equal'}"
        )
    return 1 if differences else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus")
    parser.add_argument("--series", default="changes")
    parser.add_argument("--data", type=Path, default=SHARED, help="the folder of the corpora")
    parser.add_argument("--folder", type=Path, help="keep the lakehouse here")
    parser.add_argument("--steps", type=int, help="only the first so many dates")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _oracle(
    layer: ModuleType, corpus: Path, series: str, dates: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """What each night must count. A file of blanks is no document, so it is left out.

    Without such files these are the counts that the corpus brings along, which is checked.
    """
    before: dict[str, str] = {}
    nights, blank = [], False
    for known in dates:
        files = layer.state_at(str(corpus), series, known["date"])
        tree = {path: one["sha256"] for path, one in files.items() if one.get("text", "-").strip()}
        same = {path for path, content in tree.items() if before.get(path) == content}
        night = {
            "added": len(tree.keys() - before.keys()),
            "modified": len(tree.keys() & before.keys()) - len(same),
            "deleted": len(before.keys() - tree.keys()),
            "unchanged": len(same),
        }
        was_blank, blank = blank, len(tree) < len(files)
        if not blank and not was_blank:
            assert night == {name: known[name] for name in night}, known
        nights.append({"date": known["date"], "files": len(tree), **night})
        before = tree
    return nights


def _step(
    arguments: argparse.Namespace,
    layer: ModuleType,
    corpus: Path,
    folder: Path,
    expected: dict[str, Any],
) -> dict[str, Any]:
    date = expected["date"]
    lay_out(layer, corpus, arguments.series, date, folder / "docs")
    began = time.perf_counter()
    report = night(folder, date)
    seconds = time.perf_counter() - began
    wanted = {name: expected[name] for name in ("added", "modified", "deleted", "unchanged")}
    got = {name: report["documents"][name] for name in wanted}
    again = night(folder, date)
    idle = (
        not again["published"]
        and again["chunks"]["embedded"] == 0
        and again["index"] == report["index"]
        and again["release"] == report["release"]
        and again["documents"]["unchanged"] == expected["files"]
    )
    if got != wanted or report["documents"]["quarantined"] or not idle:
        sys.exit(f"{date}: expected {wanted}, got {got}; second run idle: {idle}")
    chunks = report["chunks"]
    row = {
        "date": date,
        "release": report["release"],
        **got,
        "rows": chunks["total"],
        "embedded": chunks["embedded"],
        "reused": chunks["reused"],
        "removed": chunks["removed"],
        "tokens": report["tokens_embedded"],
        "seconds": round(seconds, 2),
    }
    if not arguments.json:
        print("  ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    return row


def _last_tree(
    layer: ModuleType, corpus: Path, series: str, date: str, folder: Path
) -> dict[str, int]:
    """Documents and rows of the last release against the last tree; empty where they agree."""
    import lance

    from lakehouse import open_lakehouse

    lake = open_lakehouse(str(folder / "lake"))
    release = lake.releases("documents").as_of()
    stored = lake.documents.state(release.snapshot_seq).values()
    state = layer.state_at(str(corpus), series, date)
    tree = {path: one["sha256"] for path, one in state.items() if one.get("text", "-").strip()}
    table = lance.dataset(
        f"{folder}/lake/lance/{release.lance_table}.lance", version=release.lance_tag
    ).to_table(["doc_id", "chunk_id"])
    indexed = set(table["doc_id"].to_pylist())
    found = {
        "documents": len(tree.items() ^ {(one.doc_id, one.content_hash) for one in stored}),
        "indexed": len(indexed ^ tree.keys()),
        "doubled_rows": table.num_rows - len(set(table["chunk_id"].to_pylist())),
    }
    return {name: count for name, count in found.items() if count}


if __name__ == "__main__":
    sys.exit(main())
