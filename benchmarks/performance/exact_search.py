"""Exact search of one release: its vectors in memory against LanceDB's files, with many clients.

    python benchmarks/performance/exact_search.py --rows 100000 --threads 16

Random unit vectors and texts of a Zipf vocabulary; both ways over the same release in the same run,
and their hits are compared.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles

import numpy as np
import pyarrow as pa

from lakehouse import Lakehouse, open_lakehouse
from lakehouse.among import Among
from lakehouse.index import release_tag, table_name
from lakehouse.releases import Release
from lakehouse.rows import EMPTY_DIGEST, chunk_id, row_hash
from lakehouse.search import Hit, IndexReader
from schemas.hashing import sha256_text
from schemas.tables.releases import index_schema

DIMENSION, PART, WORDS = 384, 20_000, 5_000
TABLE = table_name("documents", "0" * 16, "synthetic")
SEARCH = {
    "vector": "exact",
    "text": "rebuilt",
    "language": "English",
    "nprobes": 20,
    "refine_factor": 10,
}


def rows(start: int, end: int, random: np.random.Generator) -> pa.Table:
    """Index rows of five passages a document."""
    vectors = random.normal(size=(end - start, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    words = random.zipf(1.3, size=(end - start, 40)) % WORDS
    texts = [" ".join(f"w{word}" for word in some) for some in words]
    hashes = [sha256_text(text) for text in texts]
    ids = [f"d{at // 5}" for at in range(start, end)]
    chunks = [chunk_id("docs", one, "", text, 0) for one, text in zip(ids, hashes, strict=True)]
    parts = zip(chunks, hashes, vectors, strict=True)
    columns = {
        "chunk_id": chunks,
        "source": ["docs"] * len(ids),
        "doc_id": ids,
        "heading": [""] * len(ids),
        "text": texts,
        "text_hash": hashes,
        "row_hash": pa.array([row_hash(c, h, v.tobytes()) for c, h, v in parts], pa.binary(32)),
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), DIMENSION),
    }
    return pa.table(columns, schema=index_schema(DIMENSION))


def written(lake: Lakehouse, count: int) -> Release:
    """A release of so many rows; only what a reader needs of it is there."""
    random = np.random.default_rng(0)
    writer = lake.write(TABLE, DIMENSION)
    parts = range(0, count, PART)
    writer.apply((rows(at, min(count, at + PART), random) for at in parts), [])
    writer.cover(SEARCH)
    version = writer.tag(release_tag(1))
    now = datetime.now(UTC)
    return Release(
        seq=1,
        index="documents",
        kind="publish",
        logical_time=now,
        published_at=now,
        run_id="benchmark",
        snapshot_seq=1,
        documents=count // 5,
        rows=count,
        digest=EMPTY_DIGEST,
        chunker="synthetic",
        embedder="0" * 16,
        embedder_identity={"model": "synthetic"},
        lance_table=TABLE,
        lance_version=version,
        lance_tag=release_tag(1),
        search=SEARCH,
        made_by={},
    )


def asked(
    name: str, search: Callable[[int], list[Hit]], count: int, threads: int
) -> list[list[str]]:
    """Ask so many questions at once, print what each took; the ids found."""
    for at in range(3):
        search(at)

    def one(at: int) -> tuple[float, list[str]]:
        began = time.perf_counter()
        hits = search(at)
        return (time.perf_counter() - began) * 1000, [hit.chunk_id for hit in hits]

    cpu = time.process_time()
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(one, range(count)))
    cpu = (time.process_time() - cpu) * 1000 / count
    cut = quantiles([taken for taken, _ in found], n=100)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{name:28} {threads:2} threads: p50 {cut[49]:7.1f} ms  p99 {cut[98]:7.1f} ms  "
        f"processor {cpu:6.1f} ms  memory so far {most:6.0f} MB"
    )
    return [ids for _, ids in found]


def compare(memory: IndexReader, files: IndexReader, given: argparse.Namespace) -> None:
    """Each kind of search in memory and from files, with one client and with many."""
    queries = np.random.default_rng(1).normal(size=(given.queries + 3, DIMENSION))
    vectors = queries.astype(np.float32)
    words = [f"w{at % 40 + 1} w{at % 700 + 40}" for at in range(len(vectors))]
    every = [("docs", f"d{at}") for at in range(given.rows // 5)]
    some = Among(every[::10], every)
    kinds: dict[str, Callable[[IndexReader, int], list[Hit]]] = {
        "vector": lambda reader, at: reader.vector(vectors[at], 10),
        "hybrid": lambda reader, at: reader.hybrid(words[at], vectors[at], 10),
        "hybrid, a tenth of documents": lambda reader, at: reader.hybrid(
            words[at], vectors[at], 10, some
        ),
    }
    for threads in (1, given.threads):
        for kind, ask in kinds.items():
            print(kind)
            count = given.queries if threads > 1 else max(10, given.queries // 8)
            found = [
                asked(name, lambda at, reader=reader, ask=ask: ask(reader, at), count, threads)
                for name, reader in (("  in memory", memory), ("  from files", files))
            ]
            same = sum(one == other for one, other in zip(*found, strict=True))
            print(f"  the same hits: {same} of {count}")


def main() -> None:
    """Make a release, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=160)
    parser.add_argument("--threads", type=int, default=16)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lake = open_lakehouse(str(Path(folder) / "lake"))
        release = written(lake, given.rows)
        memory, files = lake.read(release), lake.read(release)
        began = time.perf_counter()
        assert memory.pin(1 << 40)
        print(f"{given.rows:,} rows pinned in {time.perf_counter() - began:.2f} s")
        compare(memory, files, given)


if __name__ == "__main__":
    main()
