"""False alarms of quiet months, and how soon planted drift is seen.

    python benchmarks/quality/drift_month.py        # everything, 20 months: about an hour
    python benchmarks/quality/drift_month.py --months 4 --part documents

Questions and answers: the 1,548 requests of shared/data/feedback with their votes. A month draws
users with replacement, cuts each user's requests into sessions of 1 to 5 in their order, gives each
user a stretch of 14 to 65 days in which they are active, begun before the month or in it, and each
session a day of it, working days three times as often as weekends. So nothing drifts, but bursts,
habits and users who come and go are there. 35 days are history; then there is a look a day for 30
days. The index is the passages that the log shows.

Documents: the daily series of corpus_a_fastapi, a look a day; a month draws 80 % of its documents.

Planted from the tenth look on (documents: on one day of a quiet week): a share of the questions is
replaced by headings of a software manual or by Russian questions; liked answers become disliked
ones until the rate is so many points higher; documents of other corpora come in until they are
that share of all documents.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from almanac.chunking.chunker import MarkdownChunker
from almanac.drift.answers import judge_answers
from almanac.drift.documents import Passage, changes, draw, judge_documents
from almanac.drift.measures import Seen, judged, unknown
from almanac.drift.questions import judge_questions
from almanac.drift.requests import too_few
from almanac.drift.scripts import script
from almanac.embedding.factory import open_encoder
from lakehouse.documents import StoredDocument
from lakehouse.request_slots import SlottedRequest
from lakehouse.search import Hit
from schemas.hashing import sha256_text
from schemas.settings import DriftSettings, EmbedderSettings, Settings

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
HISTORY, LOOKS, PLANTED = 35, 30, 10
FIRST = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
Vectors = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Logged:
    """One request of the log; `cause` is None where it is liked, empty where nobody voted."""

    user: str
    question: str
    lang: str
    cause: str | None
    voted: bool


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--months", type=int, default=20)
    parser.add_argument("--planted", type=int, default=10, help="months with each planted cause")
    parser.add_argument("--part", choices=["requests", "documents"])
    parser.add_argument("--resamples", type=int, default=1999)
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "drift-month")
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    rules = DriftSettings(resamples=arguments.resamples)
    began = time.perf_counter()
    if arguments.part != "documents":
        _requests(arguments, rules)
    if arguments.part != "requests":
        _documents(arguments, rules)
    print(f"{time.perf_counter() - began:.0f} s")
    return 0


# --- questions and answers


def _requests(arguments: argparse.Namespace, rules: DriftSettings) -> None:
    log, passages = _log(arguments.data)
    foreign = {
        "manual": _texts(arguments.data / "corpus_a_fastapi/known_items.jsonl"),
        "Russian": _texts(arguments.data / "retrieval/xquad_en_ru/queries.jsonl", "ru"),
    }
    texts = {one.question for one in log}.union(*foreign.values())
    vectors = _embedded(arguments.cache / "questions.npz", sorted(texts), queries=True)
    index = np.stack(
        list(_embedded(arguments.cache / "index.npz", passages, queries=True).values())
    )
    nearest = {text: float((index @ vector).max()) for text, vector in vectors.items()}
    world = World(log, vectors, nearest, rules)

    false: dict[str, list[str]] = defaultdict(list)
    looks, most = 0, defaultdict(float)
    for month in range(arguments.months):
        rows = world.month(month)
        for day in range(HISTORY, HISTORY + LOOKS):
            looks += 1
            for one in world.look(rows, day):
                for found in one.measures:
                    most[found.name] = max(most[found.name], found.effect)
                if one.state == "drift":
                    print(
                        f"  alarm: month {month}, look {day - HISTORY}: {one.to_json()}",
                        file=sys.stderr,
                    )
                    false[one.kind].append(f"month {month} day {day - HISTORY}: {one.reason}")
    print(f"\nquiet: {arguments.months} months, {looks} looks, {len(log)} requests in the log")
    for kind in ("questions", "answers"):
        months = {line.split(":")[0].split(" day")[0] for line in false[kind]}
        print(f"  {kind}: {len(false[kind])} alarming looks in {len(months)} months {false[kind]}")
    print("  greatest effects:", {name: round(value, 3) for name, value in most.items()})

    print(f"\nplanted, {arguments.planted} months each, looked at for 14 days")
    for name, some in foreign.items():
        for share in (0.05, 0.1, 0.2, 0.4):
            _plant(arguments, world, "questions", f"{share:.0%} {name}", _asking(some, share))
    for points in (0.05, 0.1, 0.2):
        _plant(arguments, world, "answers", f"+{points:.0%} disliked", _disliking(points))


def _log(data: Path) -> tuple[list[Logged], list[str]]:
    """The requests, and the passages that they show.

    Triage would need the index of each source: a dislike of an answer that is hallucinated counts
    as the model's fault here, one of a passage that was shown as the answer as a retrieval miss.
    """
    causes = {"halueval-qa": "model_fault", "feedbackqa-uk": "retrieval_missed"}
    latest: dict[str, tuple[str, int]] = {}
    for vote in _lines(data / "feedback/votes.jsonl"):
        at = (vote["rated_at"], vote["rating"])
        latest[vote["request_id"]] = max(latest.get(vote["request_id"], at), at)
    log, passages = [], set()
    for row in _lines(data / "feedback/log.jsonl"):
        said = latest.get(row["request_id"])
        cause = causes.get(row["source"], "answer_right") if said and said[1] < 0 else None
        log.append(Logged(row["user_id"], row["question"], row["lang"], cause, said is not None))
        passages |= {one["text"][:600] for one in row["context"] if one["text"].strip()}
    return log, sorted(passages)


class World:
    """Draws months from the log and looks at them."""

    def __init__(
        self,
        log: Sequence[Logged],
        vectors: Vectors,
        nearest: dict[str, float],
        rules: DriftSettings,
    ) -> None:
        self._by_user: dict[str, list[Logged]] = defaultdict(list)
        for one in log:
            self._by_user[one.user].append(one)
        self._vectors, self._nearest, self._rules = vectors, nearest, rules
        self.disliked = np.mean([one.cause is not None for one in log if one.voted])

    def month(self, seed: int) -> list[tuple[float, str, Logged]]:
        """(day, user, request) of 65 days in which nothing drifts."""
        rng = np.random.default_rng(seed)
        users = sorted(self._by_user)
        rows = []
        for at, name in enumerate(rng.choice(users, round(1.6 * len(users)))):
            rest = list(self._by_user[name])
            length = rng.integers(14, HISTORY + LOOKS + 1)
            first = rng.integers(1 - length, HISTORY + LOOKS)
            days = np.arange(first, first + length)
            weights = np.where(days % 7 < 5, 3.0, 1.0)
            while rest:
                session, rest = np.split(np.array(rest, object), [rng.integers(1, 6)])
                day = rng.choice(days, p=weights / weights.sum()) + rng.uniform(0.3, 0.8)
                rows += [(day + at_ / 1000, f"u{at}", one) for at_, one in enumerate(session)]
                rest = list(rest)
        return sorted((row for row in rows if row[0] >= 0), key=lambda row: row[:2])

    def look(self, rows: Sequence[tuple[float, str, Logged]], day: int) -> list[Seen]:
        """What a watch sees at the end of a day."""
        end, rules = day + 1.0, self._rules
        window = rules.window_days
        asked, said, repeated = [], [], set()
        for number, (at, user, one) in enumerate(rows):
            slot = int((end - at) // window)
            if at < end and slot <= rules.reference_windows:
                when = FIRST + timedelta(days=at)
                here = int(end - at) % window
                asked.append(
                    SlottedRequest(str(number), user, when, slot, here, one.question, one.lang)
                )
                said.append(one)
        once = []
        for at, one in enumerate(asked):
            if (key := (one.slot, one.user_id, one.question)) not in repeated:
                repeated.add(key)
                once.append(at)
        questions = self._questions([asked[at] for at in once])
        voted = [one for one, logged in zip(asked, said, strict=True) if logged.voted]
        causes = {
            one.request_id: logged.cause
            for one, logged in zip(asked, said, strict=True)
            if logged.voted and logged.cause is not None
        }
        return judged([questions, judge_answers(voted, causes, rules)], rules.significance)

    def _questions(self, asked: list[SlottedRequest]) -> Seen:
        if reason := too_few(asked, self._rules.questions.minimum, "questions"):
            return unknown("questions", reason)
        vectors = np.stack([self._vectors[one.question] for one in asked]).astype(np.float64)
        hits = [Hit(1, "", "", self._nearest[one.question], "", "", "") for one in asked]
        return judge_questions(asked, vectors, hits, self._rules)


def _asking(texts: Sequence[str], share: float) -> Callable[[Any, Logged], Logged]:
    def plant(rng: Any, one: Logged) -> Logged:
        if rng.random() >= share:
            return one
        question = texts[rng.integers(len(texts))]
        return replace(one, question=question, lang="ru" if script(question) != "latin" else "en")

    return plant


def _disliking(points: float) -> Callable[[Any, Logged], Logged]:
    """Of the liked answers so many get disliked that the rate of all rises by `points`."""

    def plant(rng: Any, one: Logged) -> Logged:
        if one.cause is None and one.voted and rng.random() < points / 0.45:
            return replace(one, cause="model_fault")
        return one

    return plant


def _plant(
    arguments: argparse.Namespace,
    world: World,
    kind: str,
    name: str,
    plant: Callable[[Any, Logged], Logged],
) -> None:
    days = []
    for month in range(100, 100 + arguments.planted):
        rng = np.random.default_rng(month)
        rows = [
            (at, user, plant(rng, one) if at >= HISTORY + PLANTED else one)
            for at, user, one in world.month(month)
        ]
        for day in range(14):
            seen = {one.kind: one for one in world.look(rows, HISTORY + PLANTED + day)}
            if seen[kind].state == "drift":
                days.append(day + 1)
                break
    _print(kind, name, days, arguments.planted)


def _print(kind: str, name: str, days: Sequence[int], of: int) -> None:
    said = f"after {np.median(days):.0f} days (median; {min(days)} to {max(days)})" if days else ""
    print(f"  {kind:<10} {name:<18} seen in {len(days):>2} of {of} {said}", flush=True)


# --- documents


def _documents(arguments: argparse.Namespace, rules: DriftSettings) -> None:
    layer = _load(arguments.data / "materialise.py")
    corpus = arguments.data / "corpus_a_fastapi"
    dates = json.loads((corpus / "changes_daily.dates.json").read_text())["dates"]
    nights = [_tree(layer, corpus, "changes_daily", one["date"]) for one in dates]
    others = {
        "Prefect docs": _tree(layer, arguments.data / "corpus_a2_prefect", "changes", "2025-04-30"),
        "PEPs and others": _large(arguments.data),
    }
    others = {
        name: {path: tree[path] for path in sorted(tree, key=sha256_text)[:200]}
        for name, tree in others.items()
    }
    texts = {text for tree in [*nights, *others.values()] for text in tree.values()}
    shelf = Shelf(arguments.cache / "passages.npz", sorted(texts))
    window, alarms, verdicts, looks = rules.window_days, [], 0, 0
    most: dict[str, float] = defaultdict(float)
    for month in range(arguments.months):
        rng = np.random.default_rng(month)
        names = sorted(set().union(*nights))
        kept = {name for name in names if rng.random() < 0.8}
        for day in range(window, len(nights)):
            seen = shelf.look(nights[day - window], nights[day], kept, rules)
            looks += 1
            verdicts += seen.state != "unknown"
            for found in seen.measures:
                most[found.name] = max(most[found.name], found.effect)
            if seen.state == "drift":
                alarms.append(f"month {month} {dates[day]['date']}: {seen.reason}")
    print(
        f"\nquiet: {arguments.months} months of documents, {looks} looks, {verdicts} with enough "
        f"changes: {len(alarms)} alarming looks {alarms}"
    )
    print("  greatest effects:", {name: round(value, 3) for name, value in most.items()})
    for name, tree in others.items():
        for share in (0.05, 0.1, 0.2, 0.4):
            days = []
            for month in range(arguments.planted):
                rng = np.random.default_rng(month)
                count = round(len(nights[-1]) * share / (1 - share))
                come = rng.permutation(sorted(tree))[:count]
                after = nights[-1] | {f"new/{path}": tree[path] for path in come}
                seen = shelf.look(nights[-1 - window], after, set(after), rules)
                days += [1] if seen.state == "drift" else []
            _print("documents", f"{share:.0%} {name}", days, arguments.planted)


class Shelf:
    """Passages of texts with their vectors."""

    def __init__(self, cache: Path, texts: Sequence[str]) -> None:
        settings = Settings()
        encoder = open_encoder(_EMBEDDER)
        window = encoder.identity.window
        chunker = MarkdownChunker(settings.chunker, encoder, window, encoder.identity.key)
        chunked: dict[str, list[str]] = {}
        for text in texts:
            found = {
                sha256_text(one.text): one.text for one in chunker.chunk("", "text/markdown", text)
            }
            chunked[text] = [found[name] for name in sorted(found)]
        # As `almanac.drift.documents.passages` takes them: those with the least hashes.
        wanted = sorted({one for some in chunked.values() for one in some[:4]})
        vectors = _embedded(cache, wanted)
        self._passages = {
            sha256_text(text): [
                Passage(vectors[one].astype(np.float64), script(one), len(some) / len(some[:4]))
                for one in some[:4]
            ]
            for text, some in chunked.items()
        }

    def look(
        self, before: dict[str, str], after: dict[str, str], kept: set[str], rules: DriftSettings
    ) -> Seen:
        """What a watch sees, of the paths in `kept` alone."""
        states = [
            {("docs", path): _stored(path, text) for path, text in tree.items() if path in kept}
            for tree in (before, after)
        ]
        changed, same = changes(*states)
        if len(changed) < rules.documents.minimum:
            return unknown("documents", "too few")
        drawn = draw(changed, rules.sample, rules.seed), draw(same, rules.sample, rules.seed)
        seen = judge_documents(changed, same, drawn, self._passages, rules, len(states[0]))
        return judged([seen], rules.significance)[0]


def _stored(path: str, text: str) -> StoredDocument:
    name = sha256_text(text)
    return StoredDocument("docs", path, name, name, "", "", "text/markdown", len(text), len(text))


def _tree(layer: Any, corpus: Path, series: str, date: str) -> dict[str, str]:
    files = layer.state_at(str(corpus), series, date)
    return {path: one["text"] for path, one in files.items() if one.get("text", "").strip()}


def _large(data: Path) -> dict[str, str]:
    import lzma

    tree: dict[str, str] = {}
    with lzma.open(data / "large/documents.jsonl.xz", "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            if number % 40 == 0:
                tree[f"large/{number}.md"] = json.loads(line)["text"][:20_000]
    return {path: text for path, text in tree.items() if text.strip()}


# --- what both need

_EMBEDDER = EmbedderSettings(model="english", precision="bfloat16", threads=1)


def _embedded(cache: Path, texts: Sequence[str], queries: bool = False) -> Vectors:
    """Vectors of texts, made once and kept in a file."""
    known: Vectors = {}
    if cache.is_file():
        with np.load(cache, allow_pickle=False) as stored:
            known = dict(zip(stored["names"].tolist(), stored["vectors"], strict=True))
    names = {sha256_text(text): text for text in texts}
    missing = sorted(names.keys() - known.keys())
    if missing:
        encoder = open_encoder(_EMBEDDER)
        encode = encoder.encode_queries if queries else encoder.encode
        for start in range(0, len(missing), 512):
            part = missing[start : start + 512]
            known.update(zip(part, encode([names[name] for name in part]), strict=True))
            print(f"embedded {start + len(part)} of {len(missing)}", file=sys.stderr)
        np.savez(cache, names=np.array(list(known)), vectors=np.stack(list(known.values())))
    return {text: known[name] for name, text in names.items()}


def _texts(file: Path, lang: str | None = None) -> list[str]:
    rows = [row for row in _lines(file) if lang in (None, row.get("lang"))]
    return sorted({row["text"] for row in rows if lang or row.get("lang") == "en"})


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def _load(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location("materialise", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.exit(main())
