"""The links of the chain, read from the logs of the lakehouse; texts of documents are not read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property, wraps
from typing import Any, TypeVar

from lakehouse import Lakehouse
from lakehouse.releases import Release
from lakehouse.training import Adapter

Row = dict[str, Any]
T = TypeVar("T")


def _once(ask: Callable[[Links, Collection[str]], T]) -> Callable[[Links, Collection[str]], T]:
    """The answer about the same ids is kept, since naming a thing and following it both ask."""

    @wraps(ask)
    def answer(links: Links, ids: Collection[str]) -> T:
        key = (ask.__name__, frozenset(ids))
        if key not in links.answers:
            links.answers[key] = ask(links, ids)
        found: T = links.answers[key]
        return found

    return answer


class Links:
    """The tables of one lakehouse; what several questions need is read once."""

    def __init__(self, lake: Lakehouse) -> None:
        self.lake = lake
        self.answers: dict[tuple[str, frozenset[str]], Any] = {}

    @cached_property
    def releases(self) -> list[Release]:
        """Releases of all indexes, newest first."""
        return self.lake.releases("").every_index()

    @cached_property
    def verdicts(self) -> dict[str, Row]:
        """The newest verdict on each request, newest first."""
        return {row["request_id"]: row for row in self.lake.triage.verdicts()}

    @cached_property
    def datasets(self) -> list[Row]:
        """Every manifest, newest first."""
        return self.lake.datasets.manifests()

    @cached_property
    def steps(self) -> list[Adapter]:
        """Every step of every adapter, newest first."""
        return self.lake.adapters.steps()[::-1]

    def versions(self, keys: Iterable[tuple[str, str]]) -> list[Row]:
        """Every change of these (source, doc_id), oldest first; `before` is the op before it."""
        return self.lake.documents.versions(keys)

    def changed(self, after: int, until: int, limit: int) -> tuple[int, list[Row]]:
        """How many changes the snapshots after one have, up to another, and the first of them."""
        return self.lake.documents.changes(after, until, limit)

    def passages_of(self, doc_id: str) -> list[Row]:
        """Passages of all versions of one doc_id, as `passages` has them."""
        return self.lake.passages.of_document(doc_id)

    @_once
    def passages(self, chunks: Collection[str]) -> list[Row]:
        """Those with these ids, under any chunker: a pass over all chunks, without their texts.

        source, doc_id, document_hash, chunker, heading, chunk_id.
        """
        return self.lake.passages.with_ids(chunks)

    @_once
    def shown(self, chunks: Collection[str]) -> set[str]:
        """Requests whose context had one of these passages."""
        return self.lake.requests.shown(chunks)

    def contexts(self, requests: Collection[str]) -> set[str]:
        """Ids of the passages that these requests were shown."""
        return self.lake.requests.contexts(requests)

    def answered_from(self, seq: int) -> set[str]:
        """Requests answered from a release, as their log or the verdict on them says."""
        judged = {name for name, row in self.verdicts.items() if row["release"] == seq}
        return self.lake.requests.answered_from(seq) | judged

    def answered_by(self, adapter_id: str) -> set[str]:
        """Requests that name the adapter by its id, or by at least twelve digits of it."""
        return self.lake.requests.answered_by(adapter_id)

    @_once
    def requests(self, names: Collection[str]) -> list[Row]:
        """Each request once, newest first, its question cut; `release` from its verdict too."""
        rows = self.lake.requests.summaries(names)
        for row in rows:
            if row["release"] is None and row["request_id"] in self.verdicts:
                row["release"] = self.verdicts[row["request_id"]]["release"]
        return rows

    @_once
    def votes(self, names: Collection[str]) -> dict[str, str]:
        """What users said of each request, in one phrase."""
        said: dict[str, list[str]] = {}
        for vote in self.lake.votes.rows(names):
            what = "liked" if vote.rating > 0 else "disliked"
            said.setdefault(vote.request_id, []).append(f"{what} by {vote.user_id}")
        return {name: ", ".join(dict.fromkeys(some)) for name, some in said.items()}

    def examples(self, requests: Collection[str]) -> list[Row]:
        """example_id and request_id of what may be trained on, made of these requests."""
        return self.lake.datasets.examples_of(requests)

    def asked_in(self, examples: Collection[str]) -> set[str]:
        """Requests that these examples were made of."""
        return self.lake.datasets.requests_of(examples)

    def left_out(self, requests: Collection[str]) -> dict[str, dict[str, int]]:
        """Of each dataset, how many of these requests a guard kept out, by reason."""
        return self.lake.datasets.rejections_of(requests)

    def beginning(self, kind: str, text: str) -> list[str]:
        """Ids of examples, datasets or adapters that begin so, in order, at most ten."""
        logs = {
            "example": self.lake.datasets.examples_beginning,
            "dataset": self.lake.datasets.datasets_beginning,
            "adapter": self.lake.adapters.beginning,
        }
        return logs[kind](text)

    @_once
    def runs(self, names: Collection[str]) -> list[Row]:
        """What these runs recorded, oldest first; one with several operations has several rows."""
        return self.lake.runs.rows_of(names)

    def made_by(self, run_id: str) -> bool:
        """Did a run make anything? Some record themselves by what they made alone."""
        named = [one.run_id for one in self.releases] + [one.run_id for one in self.steps]
        named += [row["run_id"] for row in (*self.datasets, *self.verdicts.values())]
        return bool(run_id) and run_id in named


def held_by(versions: Iterable[Mapping[str, Any]], releases: Iterable[Release]) -> dict[int, Row]:
    """Of each release that held one of these documents, the change that it held, by seq.

    `versions` are all changes of one document, oldest first.
    """
    changes = list(versions)
    found = {}
    for release in releases:
        at = [change for change in changes if change["seq"] <= release.snapshot_seq]
        if at and at[-1]["op"] == "put":
            found[release.seq] = dict(at[-1])
    return found
