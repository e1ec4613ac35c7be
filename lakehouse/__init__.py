"""Delta holds the truth, Lance is derived: the storage specification.

    <lakehouse>/
      delta/document_changes   append-only; one put or delete of one document in one snapshot `seq`
      delta/chunks             one passage of one document text under one chunker; content-addressed
      delta/embeddings         one vector (little-endian float32 bytes) of one text under one
                               embedder; partitioned by embedder; content-addressed
      delta/releases           one published state of one index; its append *is* the publish
      delta/quarantine         rejected rows with their reason, and what became of them; those of
                               logs have the sources feedback/requests and feedback/votes
      delta/runs               one report a run, and a row for each time that was missed
      delta/source_files       what each source file was when last read (a cache, rebuilt at need)
      delta/access             who may see each document, a row for each change
      delta/placements         where each release stands (hot, cold, gone), and its seal
      delta/sealed_files       the hash of every file that a release needs
      delta/ann_models         centroids and codebooks, to build a vector index again as it was
      delta/erasures           receipts, and hashes of what may not come back
      delta/lease              the one writer at a time
      delta/requests, votes    answered requests, and what users said of them; appended without
                               the lease, and read each once
      delta/triage             why each disliked answer failed; the newest row of a request counts
      delta/datasets           the manifest of each dataset; its row *is* the publish
      delta/training_examples  what a manifest names, content-addressed
      delta/triage_labels          causes of dislikes that people settled
      delta/synthetic_corrections  what a teacher model wrote, so that no build asks it again
      delta/rejected_examples  what the guards kept out of a dataset, and why
      delta/splits             the side of each question and session; the first row of a key counts
      delta/adapters           every step of every adapter; the newest row of one says where it is
      delta/evaluations        both answers to each question of an evaluation, and their scores
      delta/rollouts           every step of every rollout; the newest row of one says where it is
      delta/judgements         what a judge said of answers; appended without the lease
      delta/model_calls        what calls of judges and teachers cost; appended without the lease
      format.json              the storage format; without it, 1. See `lakehouse.upgrades`
      adapters/<id>/           the weights of an adapter, and the files that serve it
      data_docs/<source>.html  Great Expectations' page of the last validation, where configured
      lance/<table>.lance      one table an index, embedder and chunker; readers open tags only. A
                               table that is built again has a number after its name

State as of snapshot N is the change of greatest `seq <= N` of each document, deletes left out.
Nothing is ever read by Delta version or Delta timestamp: a copy of a table changes those answers.

Order of a publish: document_changes, chunks and embeddings, Lance rows and indexes, Lance tag,
sealed_files, placement, and last the row in `releases`. A crash before that row leaves changes, a
placement and a tag with numbers that no release names; the next writer removes them. Chunks and
embeddings are keyed by content, so what a crash left of them is simply found again.

What the holder of the lease commits bears the number of that lease. A writer that was stopped until
another took its lease leaves nothing more: the other marks the sealed tables first, and those take
no smaller number from then on.

`releases` says what was published and never changes. The newest row of `placements` says where it
is now: in which table, version and tag, or in Delta alone. Whatever moves a release (retention,
compaction, healing, erasure) adds a placement with a seal of its own, and only then lets files go.

Deleted rows of a Lance table stay in the files of older tags, which keep answering as they did.
"""

import os

# Lance warns of empty partitions and of its own plans, once a partition and look; it reads these
# when it is first imported.
os.environ.setdefault("LANCE_LOG", "error")
os.environ.setdefault("LANCE_INCLUDE_VECTOR_CENTROIDS", "false")

from lakehouse.asof import AsOf
from lakehouse.lakehouse import Lakehouse, open_lakehouse

__all__ = ["AsOf", "Lakehouse", "open_lakehouse"]
