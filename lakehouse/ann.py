"""Approximate vector search that a rebuild can repeat: training is pinned once an epoch.

Two indexes trained on the same rows answer differently, so the centroids and the codebook are
stored in Delta (`ann_models`) and every index of the epoch is built with them.
"""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa

from lakehouse.delta import DeltaLog

_IVF_SAMPLE = 256  # rows a partition that its training wants (pylance's own default)
_PQ_CODES = 256  # of 8 bits
_PQ_SAMPLE = 64  # rows a code: 69 s at 200,000 rows, where the default takes over 18 minutes
_ITERATIONS = 10


class AnnModels:
    """The trained models of a Lance table, the same for all tables that stand in its place."""

    def __init__(self, log: DeltaLog, table: str) -> None:
        self._log = log
        self._name = base_name(table)

    def cover(self, table: Any) -> None:
        """Index every row of a lancedb table, training only if this table never was trained."""
        if any(index.columns == ["vector"] for index in table.list_indices()):
            # Merging every delta index keeps the partitions; the default would re-partition.
            table.to_lance().optimize.optimize_indices(
                index_names=["vector_idx"], num_indices_to_merge=1000
            )
        else:
            self._build(table.to_lance())
        table.checkout_latest()

    def _build(self, dataset: Any) -> None:
        ivf, pq = self._stored() or self._trained(dataset)
        dataset.create_index(
            "vector",
            "IVF_PQ",
            name="vector_idx",
            metric="cosine",
            num_partitions=len(ivf.centroids),
            num_sub_vectors=pq.num_subvectors,
            ivf_centroids=ivf.centroids,
            pq_codebook=pq.codebook,
        )

    def _stored(self) -> tuple[Any, Any] | None:
        from lance.indices import IvfModel, PqModel

        found = self._log.query(f"SELECT * FROM log WHERE lance_table = '{self._name}'").to_pylist()
        if not found:
            return None
        row = found[0]
        ivf = IvfModel(_array(row["ivf"]), distance_type="cosine")
        return ivf, PqModel(row["subvectors"], _array(row["pq"]))

    def _trained(self, dataset: Any) -> tuple[Any, Any]:
        from lance.indices import IndicesBuilder

        builder = IndicesBuilder(dataset, "vector")
        rows, width = dataset.count_rows(), dataset.schema.field("vector").type.list_size
        ivf = builder.train_ivf(num_partitions=partitions(rows), distance_type="cosine")
        pq = builder.train_pq(
            ivf,
            num_subvectors=subvectors(width),
            sample_rate=max(2, min(_PQ_SAMPLE, rows // _PQ_CODES)),
            max_iters=_ITERATIONS,
        )
        stored = {
            "lance_table": self._name,
            "ivf": _bytes(ivf.centroids),
            "pq": _bytes(pq.codebook),
            "subvectors": pq.num_subvectors,
        }
        # Before anything is built with them: an index whose training is lost can't be repeated.
        self._log.append([stored])
        return ivf, pq


def base_name(table: str) -> str:
    """The name of a Lance table without the mark of its generation."""
    return table.partition(".")[0]


def _bytes(values: pa.FixedSizeListArray) -> bytes:
    batch = pa.RecordBatch.from_arrays([values], ["values"])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())


def _array(data: bytes) -> pa.FixedSizeListArray:
    return pa.ipc.open_stream(data).read_all()["values"].combine_chunks()


def partitions(rows: int) -> int:
    """Partitions for that many rows: about the square root, a power of two, at most 4,096."""
    wanted = 2 ** round(math.log2(math.sqrt(max(rows, 1))))
    return int(max(1, min(wanted, rows // _IVF_SAMPLE, 4096)))


def subvectors(width: int) -> int:
    """Parts of the codebook for vectors of that width: of 16 numbers each where that divides."""
    return next(width // part for part in (16, 8, 4, 2, 1) if width % part == 0)
