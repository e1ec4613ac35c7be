"""Mend what the doctor found, and only that; nothing that is stored is embedded again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from almanac.core.file_check import BACKUP, HEAL, holds_up
from almanac.core.operation import Operation, operation
from almanac.ingest.index import Recipe
from almanac.releases.doctor import doctor
from almanac.releases.erase import finish_erasure
from almanac.releases.rebuild import free_tag, rebuild
from almanac.retrieval.search import embedder_of
from lakehouse.index import IndexWriter
from lakehouse.placements import place
from lakehouse.releases import Release
from schemas.errors import VerificationFailed
from schemas.report import Finding
from schemas.settings import Settings
from schemas.tables.releases import index_schema

_ROWS = {
    "missing_row",
    "extra_row",
    "doubled_row",
    "wrong_text",
    "bad_vector",
    "wrong_embedder",
    "wrong_hash",
    "uncovered_text",
    "uncovered_vectors",
}
_FILES = {"damaged_file", "missing_file", "missing_index", "other_files"}
_EMBEDDED_AT_ONCE = 1_024


def heal(settings: Settings, quick: bool = False, run_id: str | None = None) -> dict[str, Any]:
    """Mend every finding that can be mended here; `findings` of the answer are those left."""
    with operation(settings, "heal", run_id) as (run, _):
        finish_erasure(settings, run.lake, run.run_id)
        found = doctor(run.lake, settings.index.name, quick)
        _refuse_without_truth(found["findings"])
        healed = _Healing(run, found["findings"])
        healed.damaged_rows()
        healed.leftovers()
        healed.vectors()
        rebuilt = healed.rebuild_tables()
        healed.tags(rebuilt)
        healed.rows(rebuilt)
        healed.strays()
        run.lake.seal_tables()
        left = doctor(run.lake, settings.index.name, quick)
        result = left | {
            "found": found["kinds"],
            "healed": len(found["findings"]) - len(left["findings"]),
            "embedded": healed.embedded,
            "rows_written": healed.rows_written,
            "rebuilt": [release.seq for release in rebuilt],
            "seconds": run.seconds,
        }
        run.report = result | {"findings": [asdict(finding) for finding in left["findings"]]}
        return result


def _refuse_without_truth(findings: Iterable[Finding]) -> None:
    """What a damaged Delta table says must not decide what is mended and what is cleared."""
    lost = [finding.where for finding in findings if holds_up(finding)]
    if lost:
        raise VerificationFailed(
            f"nothing was mended: {len(lost)} parts of the Delta tables are damaged that say what "
            f"an index holds, the first {lost[0]}; {BACKUP}"
        )


class _Healing:
    """The findings by kind, and the hands that mend them."""

    def __init__(self, run: Operation, findings: Sequence[Finding]) -> None:
        self._run = run
        self._lake = run.lake
        self._findings = findings
        self.embedded = 0
        self.rows_written = 0
        self._written: set[str] = set()  # tables with a tag that no release has any more

    def _of(self, *kinds: str) -> list[Finding]:
        return [finding for finding in self._findings if finding.kind in kinds]

    def damaged_rows(self) -> None:
        """Give up rows that can't be read, of tables where the others are right without them."""
        mending = self._lake.mending()
        for finding in self._of("damaged_table"):
            if mending and finding.mend == HEAL:
                mending.drop_files(finding.where.removeprefix("delta/"))

    def leftovers(self) -> None:
        """Forget what was never published, and seal what never was."""
        releases = self._run.releases
        if self._of("unpublished_snapshot"):
            self._lake.documents.discard_after(releases.last_snapshot())
        if self._of("unpublished_release"):
            self._lake.placements.discard_after(releases.last_seq())
        for release in self._hot():
            if not release.seal:
                place(self._lake, release, run_id=self._run.run_id, cause="sealed late")

    def vectors(self) -> None:
        """Embed the texts that have no stored vector."""
        latest = self._run.releases.latest()
        missing = {finding.where for finding in self._of("missing_vector")}
        if not latest or not missing:
            return
        from almanac.embedding.factory import open_encoder

        encoder = open_encoder(embedder_of(latest, self._run.settings.embedder))
        texts = self._texts(latest, missing)
        order = sorted(texts)
        for start in range(0, len(order), _EMBEDDED_AT_ONCE):
            part = order[start : start + _EMBEDDED_AT_ONCE]
            vectors = encoder.encode([texts[text_hash] for text_hash in part])
            self._lake.vectors.append(latest.embedder, part, vectors)
        self.embedded = len(order)

    def _texts(self, release: Release, wanted: set[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for batch in self._lake.as_of(release.seq, release.index).passages():
            pairs = zip(batch["text_hash"].to_pylist(), batch["text"].to_pylist(), strict=True)
            found |= {text_hash: text for text_hash, text in pairs if text_hash in wanted}
        return found

    def rebuild_tables(self) -> list[Release]:
        """Build the tables with damaged files again, in a place of their own, then drop the old."""
        damaged = {
            finding.release
            for finding in self._of(*_FILES)
            if finding.release and "/_refs/" not in finding.where
        }
        hot = self._hot()
        tables = {release.lance_table for release in hot if release.seq in damaged}
        affected = [release for release in hot if release.lance_table in tables]
        if not affected:
            return []
        built = rebuild(self._lake, affected, self._lake, run_id=self._run.run_id, cause="rebuilt")
        self._lake.placements.append(one.placement for one in built)
        for table in sorted(tables):
            self._lake.tables.drop(table)
        self.rows_written += sum(one.release.rows for one in built)
        return [one.release for one in built]

    def tags(self, rebuilt: Iterable[Release]) -> None:
        """Give releases whose tag is damaged or was moved a new one."""
        done = {release.seq for release in rebuilt}
        broken = {finding.release for finding in self._of("moved_tag")}
        for finding in self._of("damaged_file", "missing_file"):
            if "/_refs/" in finding.where and finding.release not in done:
                self._lake.delete_files([finding.where])
                broken.add(finding.release)
        for release in self._hot():
            if release.seq in broken - done:
                self._retag(release)

    def _retag(self, release: Release) -> None:
        tag = free_tag(self._lake, release)
        self._lake.tables.tag(release.lance_table, tag, release.lance_version)
        there = replace(release, lance_tag=tag)
        place(self._lake, there, run_id=self._run.run_id, cause="tagged anew", mark=release.mark)
        self._written.add(release.lance_table)

    def rows(self, rebuilt: Iterable[Release]) -> None:
        """Write the rows of the latest release that differ, and cover them with its indexes."""
        latest = self._run.releases.latest()
        findings = self._of(*_ROWS)
        if latest is None or not findings or latest.seq in {one.seq for one in rebuilt}:
            return
        wrong = {finding.where for finding in findings if not finding.where.startswith("release ")}
        writer = self._lake.write(latest.lance_table, latest.embedder_identity["dimension"])
        tags = [one.lance_tag for one in self._hot() if one.lance_table == latest.lance_table]
        writer.recover(latest.lance_tag, tags)
        rows = self._expected(latest, wrong)
        self.rows_written += rows.num_rows
        if wrong:
            writer.apply([rows] if rows.num_rows else [], sorted(wrong))
        writer.cover(latest.search)
        self._check(writer, latest)
        tag = free_tag(self._lake, latest)
        there = replace(latest, lance_version=writer.tag(tag), lance_tag=tag)
        place(self._lake, there, run_id=self._run.run_id, cause="healed", mark=latest.mark)
        self._written.add(latest.lance_table)

    def _check(self, writer: IndexWriter, release: Release) -> None:
        found = writer.read_back()
        if (found.rows, found.digest, found.inconsistent) != (release.rows, release.digest, 0):
            raise VerificationFailed(
                f"release {release.seq} could not be healed: it would hold {found.rows} rows with "
                f"digest {found.digest[:16]}…, sealed were {release.rows} with "
                f"{release.digest[:16]}…; readers still get what they got before"
            )

    def _expected(self, release: Release, wanted: set[str]) -> pa.Table:
        recipe = Recipe.of(release)
        state = self._lake.documents.state(release.snapshot_seq)
        pairs = ((key, stored.document_hash) for key, stored in state.items())
        rows = self._lake.contents.rows(pairs, recipe.chunker, recipe.embedder, recipe.dimension)
        keys = pa.array(sorted(wanted), pa.string())
        parts = [batch.filter(pc.is_in(batch["chunk_id"], value_set=keys)) for batch in rows]
        return pa.Table.from_batches(parts, index_schema(recipe.dimension))

    def strays(self) -> None:
        """Clear what belongs to no release."""
        for finding in self._of("stray_table"):
            self._lake.tables.drop(finding.where.removeprefix("lance/").removesuffix(".lance"))
        self._lake.clear_strays(finding.where for finding in self._of("stray_file"))
        unfinished = {finding.where for finding in self._of("stray_tag", "unpublished_version")}
        for table in sorted({release.lance_table for release in self._hot()}):
            if table in self._written or f"lance/{table}.lance" in unfinished:
                self._roll_back(table)

    def _roll_back(self, table: str) -> None:
        hot = [release for release in self._hot() if release.lance_table == table]
        newest = max(hot, key=lambda release: (release.snapshot_seq, release.seq))
        writer = self._lake.write(table, newest.embedder_identity["dimension"])
        writer.recover(newest.lance_tag, [release.lance_tag for release in hot])

    def _hot(self) -> list[Release]:
        return [one for one in self._run.releases.every_index() if one.tier == "hot"]
