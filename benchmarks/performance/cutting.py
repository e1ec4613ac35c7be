"""What cutting documents into passages costs, and counting their tokens of that.

    python benchmarks/performance/cutting.py
    python benchmarks/performance/cutting.py --documents 500

The files of `large/lay_out.py` as Markdown through the chunker, 500 at a time as a night does; then
the tokens of the same texts by the tokenizer itself and word by word. Exits 1 where they differ.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
from pathlib import Path

from scale import SHARED, lay_out

from almanac.embedding.english import token_counter
from almanac.ingest.models import Models
from schemas.settings import Settings

_AT_ONCE = 500


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=4_000, metavar="N")
    parser.add_argument("--data", type=Path, default=SHARED, help="where large/lay_out.py is")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        lay_out(arguments.data, Path(scratch), arguments.documents, 1_500)
        files = sorted(file for file in Path(scratch).rglob("*") if file.is_file())
        texts = [file.read_text(encoding="utf-8") for file in files]
    print(f"{len(texts)} documents, {sum(map(len, texts)):,} characters")
    settings = Settings()
    chunker, digest = Models(settings).chunker, hashlib.sha256()
    documents = [
        (file.stem, "text/markdown", text) for file, text in zip(files, texts, strict=True)
    ]
    began = time.process_time()
    for at in range(0, len(documents), _AT_ONCE):
        for chunks in chunker.chunk_many(documents[at : at + _AT_ONCE]):
            digest.update(repr(chunks).encode())
    print(f"cut: {time.process_time() - began:.2f} CPU s, chunks {digest.hexdigest()[:16]}")
    counter = token_counter(settings.embedder)
    counts = []
    for name, count in (("by the tokenizer", counter.lengths), ("by words", counter.count_tokens)):
        began = time.process_time()
        counts.append(count(texts))
        print(f"tokens {name}: {time.process_time() - began:.2f} CPU s, {sum(counts[-1]):,}")
    return int(counts[0] != counts[1])


if __name__ == "__main__":
    sys.exit(main())
