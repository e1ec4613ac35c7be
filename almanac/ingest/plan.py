"""What a nightly run would do, spending and storing nothing."""

from __future__ import annotations

from typing import Any

from almanac.ingest.chunk import cut_texts
from almanac.ingest.compare import Changes, sizes
from almanac.ingest.ingest import ingest
from almanac.ingest.models import Models
from almanac.ingest.report import files_seen
from almanac.ingest.run import Run
from expectations.previous import compare
from schemas.hashing import sha256_text
from schemas.times import isoformat


def plan(run: Run, read_all: bool = False) -> dict[str, Any]:
    """Documents, chunks, texts to embed, tokens and price of a run with these settings now."""
    models = Models(run.settings)
    seq = run.releases.last_snapshot()
    state = run.lake.documents.state(seq)
    found = ingest(run, state, read_all)
    changes = Changes(state, found)
    checks = compare(*sizes(changes, state), run.settings.loss_limits)
    texts, missing = _texts(run, models, changes)
    tokens = sum(missing.values())
    price = run.settings.embedder.price_per_million_tokens
    latest = run.releases.latest()
    return {
        "release": latest.seq if latest else None,
        "as_of": isoformat(run.logical_time),
        "documents": changes.counts(),
        "files": files_seen(found),
        "chunks": {"in_changed_documents": texts, "to_embed": len(missing)},
        "tokens_to_embed": tokens,
        "price": round(tokens * price / 1e6, 6),
        "embedder": models.embedder.model,
        "would_stop": [check.reason for check in checks if not check.success],
    }


def _texts(run: Run, models: Models, changes: Changes) -> tuple[int, dict[str, int]]:
    """Distinct chunk texts of what changed, and the tokens of those without a vector, by hash."""
    documents = {document.text_hash: document for _, document in changes.puts}
    texts = {key: (one.title, one.media_type, one.text) for key, one in documents.items()}
    cut, _ = cut_texts(models, texts)
    needed = {sha256_text(chunk.text): chunk.tokens for chunks in cut.values() for chunk in chunks}
    known = run.lake.vectors.known(models.embedder.key, needed)
    return len(needed), {key: needed[key] for key in needed if key not in known}
