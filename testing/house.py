"""Lakehouses of several nights, made by the real stages with a toy in the place of the model."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from almanac.ingest import chunk, compare, embed, index, ingest, publish, refused, snapshot
from almanac.ingest.models import Models
from almanac.ingest.run import begin_run
from almanac.releases.erase import finish_erasure
from almanac.releases.truth import check_truth
from lakehouse import Lakehouse, open_lakehouse
from lakehouse.probes import ask_probes
from lakehouse.releases import Release
from lakehouse.search import Hit, IndexReader
from schemas.encoder import EmbedderIdentity, Encoder
from schemas.hashing import sha256_text
from schemas.report import Finding
from schemas.settings import (
    IndexSettings,
    LossLimitSettings,
    RetentionSettings,
    Settings,
    SourceSettings,
)

DIMENSION = 16
FIRST_NIGHT = datetime(2026, 3, 1, 2, tzinfo=UTC)
QUESTIONS = ("printer badge", "backup of the second disk", "passage three", "parking")
Answers = dict[str, list[tuple[str, float]]]


class ToyEncoder:
    """Vectors that depend on the text alone, and on `seed`, which makes another model of it."""

    def __init__(self, seed: int = 1) -> None:
        self._seed = seed
        self.calls = 0

    @property
    def identity(self) -> EmbedderIdentity:
        return EmbedderIdentity(
            "toy", "toy", str(self._seed), DIMENSION, "float32", True, "", "", 256
        )

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) + 2 for text in texts]

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.calls += len(texts)
        return np.stack([self._vector(text) for text in texts])

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([self._vector(text) for text in texts])

    def _vector(self, text: str) -> NDArray[np.float32]:
        seed = [self._seed, int(sha256_text(text)[:12], 16)]
        vector = np.random.default_rng(seed).normal(size=DIMENSION)
        return (vector / np.linalg.norm(vector)).astype(np.float32)


def night(
    settings: Settings, at: datetime, encoder: Encoder, ttl: float = 90.0, wait: float = 0.0
) -> Release:
    """One nightly run without Prefect; there must be something to publish."""
    run, models = begin_run(settings, at, f"night-{at:%Y-%m-%d}"), Models(settings)
    models.__dict__ |= {"embedder": encoder.identity, "encoder": encoder, "tokens": encoder}
    with run.lake.lease(run.run_id, "nightly run", ttl, wait) as lease:
        finish_erasure(settings, run.lake, run.run_id)
        snapshot.recover(run)
        state = run.lake.documents.state(run.releases.last_snapshot())
        check_truth(run, state)
        found = ingest.ingest(run, state)
        ingest.quarantine(run, found)
        changes = compare.Changes(state, found)
        seq = snapshot.store_changes(run, changes)
        change = snapshot.plan_index(run, models, seq)
        assert not index.is_current(run, models, change, run.releases.latest())
        change, _ = refused.cut_and_embed(
            change,
            lambda change: chunk.store_chunks(run, models, change.taken.values()),
            lambda change: embed.store_vectors(
                run, models, change.taken.values(), lambda done, total: None
            ),
            lambda change, texts: refused.leave_out(
                run, models, state, found, changes, change, texts
            ),
        )
        ingest.settle_late(run, found)
        written = index.write_index(run, models, change)
        draft = publish.tag_release(run, models, written)
        probes = ask_probes(run.lake.read(draft))
        publish.verify_release(run, written, draft, probes)
        placed = publish.publish(run, draft, lease, probes)
        run.lake.files.record(found.read, found.gone)
    return placed


class House:
    """A folder of documents and a lakehouse beside it."""

    def __init__(self, root: Path, **settings: Any) -> None:
        self.root = root
        self.docs = root / "docs"
        self.docs.mkdir(parents=True, exist_ok=True)
        self.encoder = ToyEncoder()
        self.settings = Settings(
            lakehouse=str(root / "lake"),
            sources={"documents": SourceSettings(uri=str(self.docs))},
            loss_limits=LossLimitSettings(min_documents=1_000),
            retention=RetentionSettings(grace_minutes=0),
        )
        self.configure(**settings)

    def configure(self, **settings: Any) -> None:
        self.settings = self.settings.model_copy(update=settings)

    def keep(self, **policy: Any) -> None:
        """Keep releases by nothing but this policy."""
        none = {"keep_last": 1, "daily": 0, "weekly": 0, "monthly": 0, "yearly": 0}
        self.configure(retention=RetentionSettings(**none | {"grace_minutes": 0} | policy))

    def name(self, index_name: str) -> None:
        """Work with another index of the lakehouse from now on."""
        self.configure(index=IndexSettings(name=index_name))

    def put(self, name: str, *passages: str) -> None:
        sections = [f"## Section {at}\n\n{text}\n" for at, text in enumerate(passages, 1)]
        text = "\n".join([f"# {name.title()}\n", *sections])
        (self.docs / f"{name}.md").write_text(text, encoding="utf-8")

    def remove(self, name: str) -> None:
        (self.docs / f"{name}.md").unlink()

    def night(self, day: int) -> Release:
        """The nightly run of that many days after the first night."""
        return night(self.settings, FIRST_NIGHT + timedelta(days=day - 1), self.encoder)

    @property
    def lake(self) -> Lakehouse:
        return open_lakehouse(self.settings.lakehouse)

    @property
    def releases(self) -> list[Release]:
        """Newest first."""
        return self.lake.releases(self.settings.index.name).history()

    def release(self, seq: int) -> Release:
        return self.lake.releases(self.settings.index.name).as_of(seq)

    def path(self, inside: str) -> Path:
        return Path(self.settings.lakehouse) / inside

    def copied_to(self, root: Path) -> House:
        """The same house elsewhere."""
        shutil.copytree(self.root, root, dirs_exist_ok=True)
        house = House(root)
        house.configure(
            index=self.settings.index,
            retention=self.settings.retention,
            durability=self.settings.durability,
        )
        return house

    def answers(self, seq: int) -> Answers:
        return answers(self.lake.read(self.release(seq)), self.encoder)

    def rows(self, seq: int) -> pa.Table:
        return rows(self.lake.read(self.release(seq)))


def answers(reader: IndexReader, encoder: ToyEncoder) -> Answers:
    """(chunk id, score) of every hit of each question, by vector, text and both."""

    def plain(hits: list[Hit]) -> list[tuple[str, float]]:
        return [(hit.chunk_id, hit.score) for hit in hits]

    found: Answers = {}
    for question, vector in zip(QUESTIONS, encoder.encode_queries(QUESTIONS), strict=True):
        found[f"vector: {question}"] = plain(reader.vector(vector, 20))
        found[f"text: {question}"] = plain(reader.text(question, 20))
        found[f"hybrid: {question}"] = plain(reader.hybrid(question, vector, 20))
    return found


def rows(reader: IndexReader) -> pa.Table:
    """Every row, vectors and hashes included, by chunk id."""
    return pa.Table.from_batches(reader.scan()).sort_by("chunk_id")


def contents(folder: str | Path) -> dict[str, bytes]:
    """The bytes of every file below a folder."""
    root = Path(folder)
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def kinds(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(kind, where) of each finding of a verification or an examination."""
    findings: list[Finding] = result["findings"]
    return sorted((finding.kind, finding.where) for finding in findings)


def six_nights(root: Path) -> House:
    """Releases 1 to 6: documents come, change, move and go; one never passes its checks."""
    house = House(root)
    for at in range(1, 9):
        house.put(f"guide-{at}", f"Guide {at} says where passage one is.", "Passage two.")
    house.put("printer", "The printer wants a badge before it prints.", "Paper is on floor two.")
    house.put("backup", "The backup starts at two and writes to the second disk.")
    house.put("parking", "Cars stand behind the building, bicycles in front of it.")
    house.put("mail", "Open the settings and add the mail account.")
    house.night(1)
    house.put("backup", "The backup starts at three and writes to the second disk.")
    house.put("badge", "A lost badge is blocked at the reception.", "Parking needs a badge.")
    (house.docs / "blank.html").write_text("<p> </p>", encoding="utf-8")
    house.night(2)
    house.remove("parking")
    house.put("guide-1", "Guide 1 says where passage one is.", "Passage two.", "Passage three.")
    house.night(3)
    house.put("rooms", "A meeting room is booked in the calendar for two hours at most.")
    house.night(4)
    (house.docs / "mail.md").rename(house.docs / "post.md")
    house.night(5)
    house.put("printer", "The new printer on floor three wants no badge.")
    house.night(6)
    return house
