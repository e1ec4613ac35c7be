"""Twenty rows of an exported dataset, drawn by hash, for a person to judge.

    almanac dataset export --to DIR
    python benchmarks/quality/dataset_rows.py DIR [--rows 20] [--ids FILE]

`--ids` draws the same requests again, of a dataset by other rules. Prints figures of the whole and
then each row: prompt's end, right answer, wrong answer.
"""

from __future__ import annotations

import argparse
import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=20)
    parser.add_argument("--ids", type=Path, help="request ids, one a line; written if it is new")
    options = parser.parse_args()
    rows = pq.read_table(options.folder / "examples.parquet").to_pylist()
    trained = [one for one in rows if one["side"] == "train" and one["chosen"]]
    print(figures(rows), figures(trained), sep="\n")
    if options.ids and options.ids.is_file():
        wanted = options.ids.read_text("utf-8").split()
    else:
        wanted = [one["request_id"] for one in sorted(trained, key=drawn)[: options.rows]]
    if options.ids and not options.ids.is_file():
        options.ids.write_text("\n".join(wanted), "utf-8")
    by_id = {one["request_id"]: one for one in rows}
    for number, name in enumerate(wanted, 1):
        print(f"\n## {number}. {name}")
        print(shown(by_id[name]) if name in by_id else "not in this dataset")
    return 0


def figures(rows: list[dict[str, Any]]) -> str:
    """Counts by origin, language and style, and how long the right answers are."""
    lengths = [len(one["chosen"].split()) for one in rows if one["chosen"]]
    counts = {
        name: dict(Counter(one.get(name) for one in rows)) for name in ("origin", "lang", "style")
    }
    short = sum(length <= 3 for length in lengths)
    return f"{len(rows)} rows, {counts}; {short} of {len(lengths)} right answers of 3 words or less"


def drawn(row: dict[str, Any]) -> str:
    """The order of the draw."""
    return hashlib.sha256(row["request_id"].encode()).hexdigest()


def shown(row: dict[str, Any]) -> str:
    """One row."""
    lines = [f"{row['side']} {row['origin']} {row['lang']} {row['source']} {row.get('style', '')}"]
    lines += [f"  {one['role']}: {one['content']}" for one in row["prompt"]]
    return "\n".join([*lines, f"  RIGHT: {row['chosen']}", f"  WRONG: {row['rejected']}"])


if __name__ == "__main__":
    raise SystemExit(main())
