"""The door to a lakehouse: its tables, its indexes, its lease."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any

from lakehouse.access import AccessLog
from lakehouse.asof import AsOf
from lakehouse.assistants import GateLog, PromptLog, StageLog, VersionLog
from lakehouse.chunks import ChunkStore, VectorStore
from lakehouse.costs import CostLog
from lakehouse.delta import DeltaLog
from lakehouse.documents import DocumentLog
from lakehouse.erasures import ErasureLog
from lakehouse.expected_rows import Contents
from lakehouse.feedback import RequestLog, TriageLog, VoteLog
from lakehouse.files import Files
from lakehouse.format import FORMAT, check_format, check_release_format, stored_format
from lakehouse.holder import break_lease, state
from lakehouse.index import IndexWriter
from lakehouse.lease import Lease, writer
from lakehouse.location import Durability, Location, locate
from lakehouse.maintenance import LanceTables
from lakehouse.mending import BUILT, CACHES, Mending, SetAside, notes, set_aside
from lakehouse.opinions import Opinions
from lakehouse.passages import Passages
from lakehouse.placement_log import PlacementLog
from lakehouse.quarantine import Quarantine
from lakehouse.recovery import least_number, mend_lease, recover
from lakehouse.releases import Release, ReleaseLog, TaggedIndex, check_not_gone
from lakehouse.request_slots import RequestSlots
from lakehouse.rollouts import JudgementLog, RolloutLog
from lakehouse.runs import FileLog, RunLog
from lakehouse.seals import SealedFiles
from lakehouse.search import IndexReader
from lakehouse.synthetic_corrections import SyntheticCorrections
from lakehouse.table import is_written
from lakehouse.training import AdapterLog, DatasetLog, EvaluationLog
from lakehouse.triage_labels import TriageLabels
from lakehouse.upgrades import pending, upgrade
from schemas.errors import ReleaseNotOpen
from schemas.tables import TABLES
from schemas.tables.releases import SEALED_TABLES
from schemas.times import as_when


class Lakehouse:
    """Everything at one location. Making one touches nothing; tables appear on first write."""

    def __init__(self, location: Location) -> None:
        self.location = location
        self.documents = DocumentLog(DeltaLog(location, "document_changes"))
        self.chunks = ChunkStore(DeltaLog(location, "chunks"))
        self.vectors = VectorStore(DeltaLog(location, "embeddings"))
        self.quarantine = Quarantine(DeltaLog(location, "quarantine"))
        self.runs = RunLog(DeltaLog(location, "runs"))
        self.files = FileLog(DeltaLog(location, "source_files"))
        self.access = AccessLog(DeltaLog(location, "access"))
        self.placements = PlacementLog(DeltaLog(location, "placements"))
        self.contents = Contents(DeltaLog(location, "chunks"), DeltaLog(location, "embeddings"))
        self.tables = LanceTables(location)
        self._files = Files(location)
        self.sealed = SealedFiles(DeltaLog(location, "sealed_files"), self._files)
        self.erasures = ErasureLog(DeltaLog(location, "erasures"), self._files)
        self.requests = RequestLog(DeltaLog(location, "requests"))
        self.votes = VoteLog(DeltaLog(location, "votes"))
        self.opinions = Opinions(DeltaLog(location, "requests"), DeltaLog(location, "votes"))
        self.request_slots = RequestSlots(
            DeltaLog(location, "requests"), DeltaLog(location, "votes")
        )
        self.passages = Passages(
            DeltaLog(location, "chunks"), DeltaLog(location, "document_changes")
        )
        self.triage = TriageLog(DeltaLog(location, "triage"))
        self.triage_labels = TriageLabels(DeltaLog(location, "triage_labels"))
        self.datasets = DatasetLog(
            *(
                DeltaLog(location, name)
                for name in ("datasets", "training_examples", "rejected_examples", "splits")
            )
        )
        self.synthetic_corrections = SyntheticCorrections(
            DeltaLog(location, "synthetic_corrections"), DeltaLog(location, "training_examples")
        )
        self.adapters = AdapterLog(DeltaLog(location, "adapters"))
        self.evaluations = EvaluationLog(DeltaLog(location, "evaluations"))
        self.rollouts = RolloutLog(
            DeltaLog(location, "rollouts"),
            DeltaLog(location, "requests"),
            DeltaLog(location, "votes"),
        )
        self.judgements = JudgementLog(DeltaLog(location, "judgements"))
        self.costs = CostLog(DeltaLog(location, "model_calls"), DeltaLog(location, "requests"))
        self.prompts = PromptLog(DeltaLog(location, "prompts"))
        self.assistant_versions = VersionLog(DeltaLog(location, "assistant_versions"))
        self.assistant_stages = StageLog(DeltaLog(location, "assistant_stages"))
        self.assistant_gates = GateLog(DeltaLog(location, "assistant_gates"))

    @property
    def format(self) -> int:
        """The number of the storage format; that of this version before the first write."""
        check_format(self.location)
        return stored_format(self.location) if is_written(self.location) else FORMAT

    def pending_upgrades(self) -> list[str]:
        """What the next writer will do first, to bring the lakehouse to this version's format."""
        return [f"format {step.to}: {step.summary}" for step in pending(self.format)]

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Bytes of every file below a folder of the lakehouse, by path inside it."""
        return self._files.sizes(folder)

    def delete_files(self, paths: Iterable[str]) -> None:
        """Remove files by their path inside the lakehouse; only under the lease."""
        self._files.delete(paths)

    def clear_strays(self, paths: Iterable[str]) -> None:
        """Remove files that their tables never named; only under the lease.

        What nobody can make again, such as votes, is set aside: the entry that named it may be
        what is gone.
        """
        root, gone, kept = self.location.folder, [], dict[str, list[str]]()
        for path in paths:
            table = path.removeprefix("delta/").partition("/")[0]
            made_again = table not in TABLES or table in (*BUILT, *CACHES)
            if root is None or made_again:
                gone.append(path)
            else:
                kept.setdefault(table, []).append(path)
        self.delete_files(gone)
        for table, files in kept.items():
            if root:
                set_aside(root, table, files, "its log names them nowhere", "it is as it was")

    def put_file(self, path: str, data: bytes) -> None:
        """Write a file at a path inside the lakehouse, whole or not at all."""
        self._files.write(path, data)

    def get_file(self, path: str) -> bytes:
        """The bytes of a file at a path inside the lakehouse; FileNotFoundError."""
        return self._files.read(path)

    def seal_tables(self) -> None:
        """Hash the files of the Delta tables that are new since the last time."""
        self.sealed.seal([path for name in SEALED_TABLES for path in self.delta(name).files()])

    def set_aside(self) -> list[SetAside]:
        """What was taken out of tables because a crash or damage left it unreadable."""
        return notes(self.location)

    def mending(self) -> Mending | None:
        """What brings the Delta tables of a folder back; None on an object store."""
        root = self.location.folder
        return Mending(root, self.sealed.known()) if root else None

    def delta(self, name: str) -> DeltaLog:
        """One Delta table of `schemas.tables.TABLES` as it is."""
        return DeltaLog(self.location, name)

    def deltas(self) -> list[DeltaLog]:
        """Every Delta table."""
        return [self.delta(name) for name in TABLES]

    def releases(self, index: str) -> ReleaseLog:
        """The releases of one index."""
        return ReleaseLog(self.delta("releases"), self.placements, index)

    def as_of(self, when: str | date | int | None = None, index: str = "documents") -> AsOf:
        """The state of an index at a date (its end, UTC), a time or a release, read only.

        `when` may also be text as the command line takes it; None is the release that answers now.

        Raises:
            ReleaseNotFound: nothing was released by then; the message names the first.
            ConfigError: the text is neither a date, a time nor a number.
        """
        return self.view(self.releases(index).as_of(as_when(when)))

    def view(self, release: Release) -> AsOf:
        """A release that was found already."""
        return AsOf(release, self.documents, self.chunks, self.contents, self.quarantine, self.read)

    def read(self, release: TaggedIndex) -> IndexReader:
        """Open the index of a release, or of a draft of one, for searching.

        Raises:
            ReleaseNotOpen: it is cold or gone; the message names the policy and what to do.
            ReleaseNotFound: its files are missing.
            FormatTooNew: a later version wrote it in a way not known here.
        """
        if isinstance(release, Release):
            self._check_open(release)
        check_release_format(release.seq, release.format)
        return IndexReader(self.location, release)

    @staticmethod
    def _check_open(release: Release) -> None:
        if release.tier == "cold":
            raise ReleaseNotOpen(
                f"release {release.seq} is cold: its index was dropped ({release.cause}), and its "
                f"documents and vectors are in Delta. `almanac restore --as-of {release.seq} "
                "--mode reopen` builds it again, exactly"
            )
        check_not_gone(release)

    def write(self, table: str, dimension: int) -> IndexWriter:
        """Open a Lance table for writing; only under the lease."""
        return IndexWriter(self.location, table, dimension)

    def lease_state(self) -> dict[str, Any]:
        """Who holds the lease, for people; see `lakehouse.holder.state`."""
        return state(self.delta("lease"))

    def break_lease(self) -> dict[str, Any]:
        """Take the lease from its holder; see `lakehouse.holder.break_lease`."""
        return break_lease(self.delta("lease"))

    @contextmanager
    def lease(
        self, holder: str, purpose: str, ttl_seconds: float, wait_seconds: float = 0.0
    ) -> Iterator[Lease]:
        """Be the one writer for the length of a block; see `lakehouse.lease`.

        A lakehouse of an earlier storage format is upgraded first.
        """
        check_format(self.location)
        mend_lease(self.location)
        log, least = self.delta("lease"), least_number(self.location)
        with (
            writer(log, holder, purpose, ttl_seconds, wait_seconds, least) as lease,
            self.location.guard.holding(lease),
        ):
            self.location.disk.sync("delta/lease")  # before anything bears its number
            recover(
                self.location,
                self.sealed,
                self.releases(""),
                self.placements,
                self.tables,
                rebooted=lease.rebooted,
            )
            if lease.was_left:
                for name in SEALED_TABLES:
                    self.delta(name).fence()
                self.seal_tables()
                lease.fenced()
            upgrade(self.location, lease.check)
            yield lease
            self.location.disk.sync()


def open_lakehouse(
    uri: str, options: Mapping[str, str] | None = None, durability: Durability = "full"
) -> Lakehouse:
    """The lakehouse at a folder or object-store URI.

    `durability` says whether what is written to a folder is on the disk before it is said to be.
    """
    return Lakehouse(locate(uri, options, durability))
