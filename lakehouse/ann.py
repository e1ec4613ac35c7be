"""Approximate vector search that a rebuild can repeat: training is pinned once an epoch.

Two indexes trained on the same rows answer differently, so the centroids and the codebook are
stored in the lakehouse and every index of the epoch is built with them.
"""

from __future__ import annotations

import math
from typing import Any

from lakehouse.location import Location

_IVF_SAMPLE = 256  # rows a partition that its training wants (pylance's own default)
_PQ_CODES = 256  # of 8 bits
_PQ_SAMPLE = 64  # rows a code: 69 s at 200,000 rows, where the default takes over 18 minutes
_ITERATIONS = 10


class AnnModels:
    """The trained models of one Lance table: `ann/<table>/{ivf,pq}.lance`."""

    def __init__(self, location: Location, table: str) -> None:
        self._ivf = location.child("ann", table, "ivf.lance")
        self._pq = location.child("ann", table, "pq.lance")
        self._options = location.lance_options or None

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
        ivf, pq = self._models(dataset)
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

    def _models(self, dataset: Any) -> tuple[Any, Any]:
        from lance.indices import IndicesBuilder, IvfModel, PqModel

        try:
            ivf = IvfModel.load(self._ivf, storage_options=self._options)
            return ivf, PqModel.load(self._pq, storage_options=self._options)
        except (OSError, ValueError):
            builder = IndicesBuilder(dataset, "vector")
            rows, width = dataset.count_rows(), dataset.schema.field("vector").type.list_size
            ivf = builder.train_ivf(num_partitions=partitions(rows), distance_type="cosine")
            pq = builder.train_pq(
                ivf,
                num_subvectors=subvectors(width),
                sample_rate=max(2, min(_PQ_SAMPLE, rows // _PQ_CODES)),
                max_iters=_ITERATIONS,
            )
            # PQ last: a crash in between trains both again, and nothing was built with the first.
            ivf.save(self._ivf, storage_options=self._options)
            pq.save(self._pq, storage_options=self._options)
            return ivf, pq


def partitions(rows: int) -> int:
    """Partitions for that many rows: about the square root, a power of two, at most 4,096."""
    wanted = 2 ** round(math.log2(math.sqrt(max(rows, 1))))
    return int(max(1, min(wanted, rows // _IVF_SAMPLE, 4096)))


def subvectors(width: int) -> int:
    """Parts of the codebook for vectors of that width: of 16 numbers each where that divides."""
    return next(width // part for part in (16, 8, 4, 2, 1) if width % part == 0)
