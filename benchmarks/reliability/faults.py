"""Plant 200 faults of every kind that the doctor names: all found, nothing else, all mended?

    python benchmarks/reliability/faults.py

Ten rounds over a lakehouse of made-up documents, each from the same sound copy. Eight rounds write
to the rows of the release that answers now, behind Almanac's back, and leave strangers' files and a
killed run's remains beside them; two damage files, tags and indexes. In each the doctor's findings
must be exactly those that were planted, by kind and place; then it heals, and afterwards nothing is
found, every release verifies with its old digest, and nothing was embedded. A text without a vector
is not among them (mending that one embeds): tests/releases/test_doctor.py has it. Exits 1
otherwise.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lance
import lancedb
import numpy as np
import pyarrow as pa
from lancedb.index import FTS

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from almanac.releases.doctor import doctor
from almanac.releases.heal import heal
from almanac.releases.verify import verify
from lakehouse import Lakehouse, open_lakehouse
from lakehouse.placements import moved
from lakehouse.releases import Release
from lakehouse.rows import row_hash
from schemas.settings import IndexSettings, Settings
from schemas.tables.documents import DOCUMENT_CHANGES
from testing.synthetic_lakehouse import Synthetic

Found = list[tuple[str, str]]
_FULL_TEXT = FTS(language="English", stem=True, remove_stop_words=False, ascii_folding=True)
_ROWS = {
    "missing_row": 4,
    "extra_row": 3,
    "doubled_row": 2,
    "wrong_text": 2,
    "bad_vector": 2,
    "wrong_embedder": 1,
    "wrong_hash": 1,
}
_OTHER = "0123456789abcdef"  # another embedder


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as scratch:
        sound = Path(scratch) / "sound"
        settings = _make(sound, arguments.rows)
        rounds = [_round(settings, sound, Path(scratch) / "planted", at) for at in range(10)]
    planted = Counter[str]()
    for one in rounds:
        planted.update(one["planted"])
    summary = {
        "faults": planted.total(),
        "kinds": dict(sorted(planted.items())),
        "not found": sum(one["not found"] for one in rounds),
        "found beside them": sum(one["beside"] for one in rounds),
        "not mended": sum(one["left"] for one in rounds),
        "embedded": sum(one["embedded"] for one in rounds),
        "digests changed": sum(one["digests changed"] for one in rounds),
    }
    print(
        json.dumps(summary | {"rounds": rounds})
        if arguments.json
        else "\n".join(f"{name}: {value}" for name, value in summary.items())
    )
    wrong = ("not found", "found beside them", "not mended", "embedded", "digests changed")
    return 1 if any(summary[name] for name in wrong) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=3_000)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _make(folder: Path, rows: int) -> Settings:
    """Six nights, searched by a vector index, with the vectors of another model for a few texts."""
    made = Synthetic(folder, dimension=64, index=IndexSettings(ann_above_rows=1_000))
    made.first(rows // 5)
    for night in range(1, 6):
        made.change(night, 0.05)
    texts = [row["text_hash"] for row in _rows(made.lake, made.releases.as_of())]
    vectors = np.random.default_rng(0).normal(size=(len(texts), 64)).astype(np.float32)
    made.lake.vectors.append(_OTHER, texts, vectors)
    made.lake.seal_tables()
    return made.settings


def _round(settings: Settings, sound: Path, folder: Path, number: int) -> dict[str, Any]:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(sound, folder)
    lake = open_lakehouse(str(folder))
    before = {one.seq: one.digest for one in lake.releases("documents").history()}
    plant = _Plant(lake, folder, number)
    planted = Counter(plant.rows_and_strangers() if number < 8 else plant.files_and_tags())
    report = doctor(lake, "documents")
    found = Counter((one.kind, one.where) for one in report["findings"])
    (folder / "stranger.txt").unlink(missing_ok=True)  # the one thing that is mended by hand
    healed = heal(settings.model_copy(update={"lakehouse": str(folder)}))
    releases = lake.releases("documents").history()
    left = healed["findings"] + verify(lake, releases)["findings"]
    return {
        "planted": dict(Counter(kind for kind, _ in planted.elements())),
        "not found": (planted - found).total(),
        "beside": (found - planted).total(),
        "left": len(left),
        "embedded": healed["embedded"],
        "digests changed": sum(before[one.seq] != one.digest for one in releases),
        "example": str(next(iter((found - planted) or (planted - found)), left[:1] or "")),
    }


def _rows(lake: Lakehouse, release: Release) -> list[dict[str, Any]]:
    table = pa.Table.from_batches(lake.read(release).scan()).sort_by("chunk_id")
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


class _Plant:
    """Faults for one copy of the lakehouse; what is returned is what must be found."""

    def __init__(self, lake: Lakehouse, folder: Path, seed: int) -> None:
        self._lake = lake
        self._folder = folder
        self._drawn = np.random.default_rng([200, seed])
        self._covered = seed % 2 == 0
        self._releases = lake.releases("documents").history()
        self._latest = self._releases[0]
        self._table = f"lance/{self._latest.lance_table}.lance"

    def rows_and_strangers(self) -> Found:
        return [*self._rewritten(), *self._strangers(), *self._remains()]

    def _rewritten(self) -> Iterator[tuple[str, str]]:
        """Rows of the newest release written over with lancedb, its tag moved to them."""
        rows = _rows(self._lake, self._latest)
        picked = iter(self._drawn.permutation(len(rows)))
        vectors = self._lake.vectors.of(_OTHER, (row["text_hash"] for row in rows))
        gone, fresh = [], []
        counts = _ROWS if self._covered else _ROWS | {"missing_row": _ROWS["missing_row"] - 2}
        for kind, count in counts.items():
            for _ in range(count):
                row = dict(rows[int(next(picked))])
                changed = _changed(kind, row, vectors)
                if kind not in ("extra_row", "doubled_row"):
                    gone.append(row["chunk_id"])
                fresh += [changed] if changed else []
                yield kind, (changed or row)["chunk_id"]
        table = lancedb.connect(str(self._folder / "lance")).open_table(self._latest.lance_table)
        table.delete("chunk_id IN ({})".format(", ".join(f"'{one}'" for one in gone)))
        table.add(pa.Table.from_pylist(fresh, table.schema))
        if self._covered:
            table.create_index("text", config=_FULL_TEXT, replace=True)
            table.to_lance().optimize.optimize_indices(
                index_names=["vector_idx"], num_indices_to_merge=1000
            )
            table.checkout_latest()
        else:
            yield "uncovered_text", f"release {self._latest.seq}"
            yield "uncovered_vectors", f"release {self._latest.seq}"
        table.tags.update(self._latest.lance_tag, table.version)

    def _stray_table(self) -> tuple[str, str]:
        schema = pa.schema([("x", pa.int64())])
        lance.write_dataset(schema.empty_table(), str(self._folder / "lance" / "old.lance"))
        return "stray_table", "lance/old.lance"

    def _strangers(self) -> Found:
        (self._folder / self._table / "data" / "left-over.lance").write_bytes(b"?" * 99)
        (self._folder / "delta" / "chunks" / "part-left-over.parquet").write_bytes(b"?" * 99)
        (self._folder / "stranger.txt").write_text("not ours")
        return [
            self._stray_table(),
            ("stray_file", f"{self._table}/data/left-over.lance"),
            ("stray_file", "delta/chunks/part-left-over.parquet"),
            ("foreign_file", "stranger.txt"),
        ]

    def _remains(self) -> Found:
        """What a run leaves that is killed before it publishes."""
        change = {name: None for name in DOCUMENT_CHANGES.schema.names} | {
            "source": "made-up",
            "doc_id": "ghost.md",
            "seq": 99,
            "op": "delete",
            "run_id": "dead",
        }
        self._lake.delta("document_changes").append([change])
        self._lake.seal_tables()
        return [("unpublished_snapshot", "snapshot 99")]

    def files_and_tags(self) -> Found:
        """Files that one release alone needs, a moved tag, a stray tag, an unpublished release."""
        needs = {one.seq: set(self._lake.tables.needed(one)) for one in self._releases}
        found: Found = []
        for release in self._releases[2:]:
            others = set().union(*(paths for seq, paths in needs.items() if seq != release.seq))
            own = sorted(needs[release.seq] - others)
            indexes = [path for path in own if "/_indices/" in path]
            picked = self._drawn.choice(indexes, size=4, replace=False)
            for path in picked[:3]:
                self._flip(self._folder / str(path))
                found.append(("damaged_file", str(path)))
            (self._folder / str(picked[3])).unlink()
            found.append(("missing_file", str(picked[3])))
        tables = self._lake.tables
        newest, second = self._latest, self._releases[1]
        dataset = lance.dataset(str(self._folder / self._table))
        dataset.tags.update(second.lance_tag, newest.lance_version)
        if self._covered:
            tables.tag(newest.lance_table, "somebody", newest.lance_version)
        else:
            lance.dataset(str(self._folder / self._table)).delete("text LIKE '%kaba%'")
        placed = moved(self._lake, second, "cold", run_id="dead", cause="planted")
        self._lake.placements.append([_numbered(placed, 77)])
        self._lake.seal_tables()
        return [
            *found,
            ("moved_tag", f"release {second.seq}"),
            ("stray_tag" if self._covered else "unpublished_version", self._table),
            ("unpublished_release", "release 77"),
            self._stray_table(),
        ]

    def _flip(self, path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[int(self._drawn.integers(len(data)))] ^= 1 << int(self._drawn.integers(8))
        path.write_bytes(bytes(data))


def _numbered(placement: Any, seq: int) -> Any:
    from dataclasses import replace

    return replace(placement, seq=seq)


def _changed(kind: str, row: dict[str, Any], others: dict[str, bytes]) -> dict[str, Any] | None:
    """The row as it is written instead; None where it is deleted."""
    if kind == "missing_row":
        return None
    if kind == "doubled_row":
        return row
    if kind == "extra_row":
        return _hashed(row | {"chunk_id": row["chunk_id"][::-1]})
    if kind == "wrong_text":
        return row | {"text": row["text"] + " and more"}
    if kind == "wrong_hash":
        return row | {"row_hash": bytes(32)}
    if kind == "wrong_embedder":
        return _hashed(row | {"vector": np.frombuffer(others[row["text_hash"]], "<f4")})
    return _hashed(row | {"vector": np.roll(np.asarray(row["vector"], "<f4"), 1)})


def _hashed(row: dict[str, Any]) -> dict[str, Any]:
    vector = np.asarray(row["vector"], "<f4").tobytes()
    return row | {"row_hash": row_hash(row["chunk_id"], row["text_hash"], vector)}


if __name__ == "__main__":
    sys.exit(main())
