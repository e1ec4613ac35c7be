"""Questions with known answers from the shared test data."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def copy_rows(source: Path, target: Path, lang: str | None) -> None:
    """Write the rows of one language, all where it is None, to another file."""
    lines = source.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if lang is None or json.loads(line).get("lang") == lang]
    target.write_text("\n".join(kept) + "\n", encoding="utf-8")


def relevant_documents(file: Path) -> dict[str, set[str]]:
    """The documents that answer each question."""
    found: dict[str, set[str]] = defaultdict(set)
    for line in file.read_text(encoding="utf-8").splitlines()[1:]:
        query, document, score = line.split("\t")
        if float(score) > 0:
            found[query].add(document)
    return found
