"""Disliked answers whose cause is known, planted on several nights of an open corpus.

Each document gets one fate. The nights: (1) everything, with old text where a document changes
later; (2) what is to be missing is gone: the requests are answered from here; (3) the changed
documents have their new text; (4) another document comes. A planted context is what the release
really finds for the question, but for a broken retrieval, which is shown what was found elsewhere.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from almanac.ingest import chunk, compare, embed, index, ingest, publish, snapshot
from almanac.ingest.models import Models
from almanac.ingest.run import begin_run
from almanac.retrieval.search import Searcher
from lakehouse.probes import ask_probes
from schemas.feedback import Passage, Request, Vote
from schemas.settings import EmbedderSettings, LossLimitSettings, Settings, SourceSettings
from testing import dated_corpus

FATES = (
    "source_missing",
    "source_stale",
    "retrieval_missed",
    "model_fault",
    "answer_right",
    "votes_contradict",
)
FIRST = datetime(2026, 3, 1, 2, tzinfo=UTC)
_SHOWN = 3


@dataclass(frozen=True)
class Item:
    """A question to one document. `old` is the answer that stood there before it changed, `wrong`
    what a model says that answers another question."""

    name: str
    doc_id: str
    question: str
    answer: str
    wrong: str
    lang: str
    old: str = ""


@dataclass(frozen=True)
class Corpus:
    """Documents by night (1 to 4, by id) and items with the fate of their document."""

    nights: tuple[Mapping[str, str], ...]
    items: tuple[tuple[str, Item], ...]


def xquad(data: Path, first: int, last: int) -> Corpus:
    """Passages of the topics `first` to `last`, 5 each, in English and in Russian, 2 questions
    each."""
    folder = data / "retrieval" / "xquad_en_ru"
    passages = {row["id"]: row for row in _lines(folder / "corpus.jsonl")}
    questions: dict[str, list[dict[str, Any]]] = defaultdict(list)
    relevant = dict(
        line.split("\t")[:2] for line in (folder / "qrels.tsv").read_text("utf-8").splitlines()[1:]
    )
    for row in _lines(folder / "queries.jsonl"):
        questions[relevant[row["id"]]].append(row)
    chosen = [one for one in passages if first <= int(one.split("-")[1]) <= last]
    items, old = [], {}
    for doc_id in chosen:
        topic, place = map(int, doc_id.split("-")[1:])
        fate = FATES[(topic * 5 + place) % len(FATES)]
        text = passages[doc_id]["text"]
        for item in _asked(doc_id, text, questions[doc_id], fate):
            items.append((fate, item))
            if fate == "source_stale":
                old[doc_id] = old.get(doc_id, text).replace(item.answer, item.old)
    texts = {one: f"# {passages[one]['title']}\n\n{passages[one]['text']}\n" for one in chosen}
    before = {one: f"# {passages[one]['title']}\n\n{text}\n" for one, text in old.items()}
    return Corpus(_nights(texts, before, items), tuple(items))


def _asked(doc_id: str, text: str, rows: Sequence[dict[str, Any]], fate: str) -> Iterator[Item]:
    answers = list(dict.fromkeys(row["answers"][0] for row in rows))
    for at, row in enumerate(rows[:2]):
        answer = row["answers"][0]
        others = [
            one
            for one in answers
            if one.casefold() not in answer.casefold() and answer.casefold() not in one.casefold()
        ]
        if not others or answer not in text:
            continue
        wrong = others[at % len(others)]
        old = _otherwise(answer, doc_id)
        yield Item(row["id"], doc_id, row["text"], answer, wrong, row["lang"], old)


def _otherwise(answer: str, doc_id: str) -> str:
    """Another answer of the kind: other numbers, else other names."""
    if re.search(r"\d", answer):
        return re.sub(r"\d+", lambda found: str(int(found[0]) + 13), answer)
    names = {
        "en": ("Marlow Hartwell", "the Ostrava brothers", "copper plating"),
        "ru": ("Марлоу Хартвелл", "братья Островские", "медное покрытие"),
    }
    some = names[doc_id[:2]]
    return some[_number(answer) % len(some)]


def dated(data: Path, folder: str, pattern: str, before: str, after: str) -> Corpus:
    """The documents of a dated corpus whose path matches, as of two dates.

    A question is a heading, its answer the first sentence below it. Where that sentence says
    something else on the later date, the document has really changed.
    """
    layer = dated_corpus.load(data / "materialise.py")
    old, new = (
        {
            path.replace("/", "__"): one["text"]
            for path, one in layer.state_at(str(data / folder), "changes", date).items()
            if re.match(pattern, path)
        }
        for date in (before, after)
    )
    items: list[tuple[str, Item]] = []
    changed = {one for one in old if one in new and old[one] != new[one]}
    for doc_id in sorted(old.keys() & new.keys()):
        sections, sections_before = _sections(new[doc_id]), _sections(old[doc_id])
        really = [
            name
            for name in sections
            if name in sections_before and _says_else(sections_before[name], sections[name])
        ]
        same = [name for name in sections if sections_before.get(name) == sections[name]]
        names = really if really else same
        fate = "source_stale" if really else FATES[_number(doc_id) % len(FATES)]
        if fate == "source_stale" and not really:
            fate = "model_fault"
        for name in names[:3]:
            others = [text for other, text in sections.items() if other != name]
            if others:
                items.append(
                    (
                        fate,
                        Item(
                            f"{doc_id}#{name}",
                            doc_id,
                            name,
                            sections[name],
                            others[_number(name) % len(others)],
                            "en",
                            sections_before.get(name, ""),
                        ),
                    )
                )
    kept = {doc_id: new[doc_id] for doc_id in old.keys() & new.keys()}
    return Corpus(_nights(kept, {one: old[one] for one in changed}, items), tuple(items))


def _says_else(before: str, after: str) -> bool:
    """Do two sentences differ in more than wording and markup?"""
    old, new = (
        re.findall(r"\w+", re.sub(r"<[^>]*>|\]\([^)]*\)|\{[^}]*\}", " ", one.casefold()))
        for one in (before, after)
    )
    return difflib.SequenceMatcher(None, old, new).ratio() < 0.6


def _sections(text: str) -> dict[str, str]:
    """Of each heading with three words or more: the first sentence of prose below it."""
    found: dict[str, str] = {}
    pieces = re.split(r"^#{1,4} (.+)$", text, flags=re.MULTILINE)
    for heading, body in zip(pieces[1::2], pieces[2::2], strict=True):
        name = re.sub(r"\{ *#.*?\}|`", "", heading).strip()
        prose = [line for line in body.splitlines() if re.match(r"[A-Z`*]", line)]
        sentence = re.split(r"(?<=[.!?:])\s", prose[0])[0] if prose else ""
        if len(name.split()) >= 3 and len(sentence.split()) >= 8:
            found.setdefault(name, sentence)
    return found


def _nights(
    texts: Mapping[str, str], before: Mapping[str, str], items: Sequence[tuple[str, Item]]
) -> tuple[dict[str, str], ...]:
    missing = {item.doc_id for fate, item in items if fate == "source_missing"}
    first = dict(texts) | dict(before)
    second = {one: text for one, text in first.items() if one not in missing}
    third = {one: text for one, text in texts.items() if one not in missing}
    another = {"canteen": "# Canteen\n\nThe canteen opens at noon and closes at three.\n"}
    return first, second, third, third | another


def publish_nights(corpus: Corpus, root: Path, model: str) -> Settings:
    """The real nightly stages, four times."""
    docs = root / "docs"
    docs.mkdir(parents=True)
    settings = Settings(
        lakehouse=str(root / "lake"),
        sources={"documents": SourceSettings(uri=str(docs))},
        loss_limits=LossLimitSettings(min_documents=1_000_000),
        embedder=EmbedderSettings(model=model),
    )
    models = Models(settings)
    for number, texts in enumerate(corpus.nights):
        for file in docs.glob("*.md"):
            if file.stem not in texts:
                file.unlink()
        for doc_id, text in texts.items():
            file = docs / f"{doc_id.removesuffix('.md')}.md"
            if not file.exists() or file.read_text("utf-8") != text:
                file.write_text(text, "utf-8")
        _night(settings, models, FIRST + timedelta(days=number))
    return settings


def _night(settings: Settings, models: Models, at: datetime) -> None:
    run = begin_run(settings, at, f"night-{at:%Y-%m-%d}")
    with run.lake.lease(run.run_id, "nightly run", 90.0) as lease:
        snapshot.recover(run)
        state = run.lake.documents.state(run.releases.last_snapshot())
        found = ingest.ingest(run, state, read_all=True)
        seq = snapshot.store_changes(run, compare.Changes(state, found))
        change = snapshot.plan_index(run, models, seq)
        chunk.store_chunks(run, models, change.taken.values())
        embed.store_vectors(run, models, change.taken.values(), lambda done, total: None)
        written = index.write_index(run, models, change)
        draft = publish.tag_release(run, models, written)
        probes = ask_probes(run.lake.read(draft))
        publish.verify_release(run, written, draft, probes)
        publish.publish(run, draft, lease, probes)


def plant(settings: Settings, corpus: Corpus) -> tuple[list[Request], list[Vote], dict[str, str]]:
    """Requests to release 2, their votes, and the cause of each that has a fitting context.

    Two of three dislikes carry the right answer as their correction.
    """
    searcher = Searcher(settings, 2)
    items = [item for _, item in corpus.items]
    hits = searcher.search([item.question for item in items], 12, "hybrid")
    requests, votes, truth = [], [], {}
    for at, ((fate, item), found) in enumerate(zip(corpus.items, hits, strict=True)):
        name = f"req-{item.name}"
        context = _context(fate, item, found)
        if context is None:
            continue
        truth[name] = fate
        asked = FIRST + timedelta(days=1, hours=3, minutes=at)
        version = {"release": 2} if at % 2 else {"index_version": "2026-03-02"}
        response = _response(fate, item)
        requests.append(
            Request(
                name,
                asked,
                "asker",
                item.question,
                response,
                tuple(Passage(one.chunk_id, one.text) for one in context),
                lang=item.lang,
                **version,
            )
        )  # type: ignore[arg-type]
        corrected = item.answer if _number(name) % 3 else None
        votes.append(Vote(name, "asker", asked + timedelta(minutes=2), -1, None, corrected))
        if fate == "votes_contradict":
            votes.append(Vote(name, "other", asked + timedelta(minutes=1), 1))
    return requests, votes, truth


def _context(fate: str, item: Item, hits: Sequence[Any]) -> list[Any] | None:
    """The passages shown; None where the planted cause would not be true of them."""
    own = [hit for hit in hits if hit.doc_id.removesuffix(".md") == item.doc_id.removesuffix(".md")]
    others = [hit for hit in hits if hit not in own]
    if fate == "source_missing":
        shown = list(hits[:_SHOWN])
        return None if _says(shown, item.answer) else shown
    if fate == "retrieval_missed":
        shown = others[:_SHOWN]
        return shown if len(shown) == _SHOWN and not _says(shown, item.answer) else None
    stood = item.old if fate == "source_stale" else item.answer
    holding = [hit for hit in own if stood in hit.text]
    if not holding:
        return None
    shown = list(hits[:_SHOWN])
    if fate == "source_stale" and _says([*shown, *holding], item.answer):
        return None
    return shown if holding[0] in shown else [*shown[: _SHOWN - 1], holding[0]]


def _says(hits: Sequence[Any], answer: str) -> bool:
    """Does a passage have a whole sentence word by word? Short answers stand in many by chance."""
    return len(answer.split()) >= 8 and any(answer in hit.text for hit in hits)


def _response(fate: str, item: Item) -> str:
    if fate == "source_stale":
        return item.old
    return item.answer if fate == "answer_right" else item.wrong


def _number(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)
