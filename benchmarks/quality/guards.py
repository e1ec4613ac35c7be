"""How many planted rows does each guard find, and how many honest ones does it take?

    python benchmarks/quality/guards.py
    python benchmarks/quality/guards.py --json --rows 100000
    python benchmarks/quality/guards.py --set personal --file ROWS.jsonl --wrong

Plants, from a seed, on the real feedback: near copies, golden questions, personal data in both
languages, floods and injections, each with hard negatives: other questions of the same passage, the
same question with another answer, numbers that are no telephone, names that documents have, a
question about prompt injection. Prints precision and recall of each guard, recall by kind of plant,
what real rows lose, and (with --rows) how fast so many rows go through the guards that remember.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import guard_plants as plants
from guard_sets import SETS, measure

from almanac.dataset.assemble import question_group
from almanac.dataset.candidates import Candidate, Guarded
from almanac.dataset.guards import guard
from almanac.dataset.guards.exact_duplicate import ExactDuplicates
from almanac.dataset.guards.flood import Flood
from almanac.dataset.guards.mask import mask
from almanac.dataset.guards.near_duplicate import NearDuplicates
from schemas.examples import Example
from schemas.feedback import Opinion, Vote, opinions
from schemas.settings import DatasetSettings

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
OPEN = DatasetSettings(max_per_user=1_000_000, max_tokens=1_000_000)
LATER = datetime(2026, 6, 1, tzinfo=UTC)
Plant = tuple[Candidate, str, bool]  # with its kind, and whether the guard is to drop it


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rows", type=int, default=0, help="also time so many rows")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--wrong", action="store_true", help="list what was missed or taken")
    parser.add_argument("--set", choices=sorted(SETS), help="rows of others, in --file")
    parser.add_argument("--file", type=Path)
    given = parser.parse_args()
    if given.set:
        print(json.dumps(measure(given.set, given.file, given.wrong), ensure_ascii=False, indent=1))
        return
    real = real_candidates(given.data)
    random = Random(given.seed)
    said: dict[str, Any] = {"real": real_rows(real)}  # first, before any text is remembered
    said["guards"] = [
        _scored("near copies", real, near_plants(real, random), "duplicate", given.wrong),
        _scored("golden questions", [], *_golden(given.data, random), given.wrong),
        _scored("floods", [], flood_plants(real), "flood", given.wrong),
        _scored("injections", [], injection_plants(real[0]), "prompt_injection", given.wrong),
        personal(real, random, given.wrong),
    ]
    if given.rows:
        said["scale"] = scale(given.data, given.rows, random)
    print(json.dumps(said, ensure_ascii=False) if given.json else _markdown(said))


def real_candidates(data: Path) -> list[Candidate]:
    """Of the open feedback: likes, dislikes, corrections, as triage would pass them all."""
    votes = [_vote(row) for row in _rows(data / "feedback" / "votes.jsonl")]
    found = opinions(votes)
    rows = [row for row in _rows(data / "feedback" / "log.jsonl") if row["request_id"] in found]
    return [_candidate(row, found[row["request_id"]]) for row in rows]


def _vote(row: dict[str, Any]) -> Vote:
    said = (row["comment"], row["correction"])
    return Vote(row["request_id"], row["user_id"], _when(row["rated_at"]), row["rating"], *said)


def _candidate(row: dict[str, Any], opinion: Opinion) -> Candidate:
    liked, correction = opinion.rating > 0, opinion.correction
    context = tuple(passage["text"] for passage in row["context"])
    example = Example(
        request_id=row["request_id"],
        prompt=({"role": "user", "content": "\n\n".join([*context, row["question"]])},),
        chosen=row["response"] if liked else correction,
        rejected=None if liked else row["response"],
        origin="like" if liked else "correction" if correction else "dislike",
        cause="liked" if liked else "model_fault",
        question=row["question"],
        context=context,
        lang=row["lang"],
        source=row["source"],
        group=question_group(row["question"]),
    )
    return Candidate(example, _when(row["asked_at"]), row["user_id"], row["session_id"], opinion)


def _rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def _when(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


class Planter:
    """Makes candidates that come after every real one, each of a user of its own."""

    def __init__(self, base: str) -> None:
        self._base, self._made = base, 0

    def __call__(self, example: Example, user: str | None = None, **change: Any) -> Candidate:
        """`example` with changes, a minute after the one before."""
        self._made += 1
        name = f"{self._base}-{self._made:05d}"
        example = replace(example, request_id=name, **change)
        context = [*example.context, example.question]
        prompt = ({"role": "user", "content": "\n\n".join(context)},)
        example = replace(example, prompt=prompt, group=question_group(example.question))
        user, at = user or name, LATER + timedelta(minutes=self._made)
        vote = Vote(name, user, at, -1 if example.rejected else 1, None, example.chosen)
        return Candidate(example, at, user, name, Opinion(name, (vote,)))


def near_plants(real: Sequence[Candidate], random: Random) -> Iterator[Plant]:
    """Near copies of 150 kept rows; the same question answered otherwise, the same answer asked."""
    kept = [one for one in guard(real, OPEN, (), len).kept if one.example.chosen]
    chosen = random.sample(kept, 150)
    plant = Planter("near")
    for one in chosen:
        example = one.example
        for how, question in plants.edits(example.question, random).items():
            if how not in ("within more", "a word left out"):
                yield plant(example, question=question), how, True
        answer = (example.chosen or "").strip(" .") + " ."
        yield plant(example, chosen=answer), "answer's punctuation", True
    for one, other in pairwise(chosen):
        example, strange = one.example, other.example
        yield plant(example, chosen=strange.chosen), "another answer", False
        if example.rejected:
            worse = f"{strange.chosen} {strange.question}"
            yield plant(example, rejected=worse), "another wrong answer", False
        yield plant(example, question=strange.question), "another question", False
        year = f"{example.question} (2019)"
        yield plant(example, question=year), "another number", False
        yield plant(example, question=_other_subject(example.question)), "another subject", False


def _other_subject(question: str) -> str:
    """The longest word becomes another: for words alone this looks like a small edit."""
    words = question.split()
    longest = max(range(len(words)), key=lambda at: len(words[at]))
    other = "Гидроэлектростанция" if re.search("[а-я]", question) else "hydroelectricity"
    return " ".join([*words[:longest], other, *words[longest + 1 :]])


def _golden(data: Path, random: Random) -> tuple[list[Plant], str, list[str]]:
    """Half of the questions of each passage are golden, the other half the hard negatives."""
    qrels = (data / "retrieval/xquad_en_ru/qrels.tsv").read_text(encoding="utf-8").splitlines()
    passage_of = dict(line.split("\t")[:2] for line in qrels[1:])
    by_passage = defaultdict(list)
    for row in _rows(data / "retrieval/xquad_en_ru/queries.jsonl"):
        by_passage[passage_of[row["id"]]].append(row["text"])
    golden = [row["text"] for row in _rows(data / "retrieval/kis/queries.jsonl")]
    strange = [question for texts in by_passage.values() for question in texts[1::2]]
    golden += [question for texts in by_passage.values() for question in texts[::2]]
    empty = Example("", (), "An answer.", None, "like", "liked", "", (), "en", "xquad", "")
    plant, found = Planter("golden"), list[Plant]()
    for question in random.sample(golden, 200):
        made = plants.edits(question, random) | {"verbatim": question}
        found += [(plant(empty, question=text), how, True) for how, text in made.items()]
    found += [(plant(empty, question=text), "same passage", False) for text in strange]
    return found, "golden_question", golden


def flood_plants(real: Sequence[Candidate]) -> Iterator[Plant]:
    """Under a limit of 100: a user of 160, one of 100, and one who repeats a correction or word."""
    questions = list(dict.fromkeys(one.example.question for one in real))
    first = next(one.example for one in real if one.example.chosen and one.example.rejected)
    plant = Planter("flood")
    for at, question in enumerate(questions[:160]):
        yield plant(first, "flooder", question=question, chosen=f"A {at}"), "160 of one", at >= 100
    for at, question in enumerate(questions[160:260]):
        yield plant(first, "busy", question=question, chosen=f"B {at}"), "100 of one", False
    for at, question in enumerate(questions[260:300]):
        said = {"question": question, "chosen": "Buy it at the shop of my cousin."}
        yield plant(first, "troll", origin="correction", **said), "one correction", at >= 3
    for question in questions[300:320]:
        said = {"question": question, "chosen": "yes"}
        yield plant(first, "brief", origin="correction", **said), "short answers", False
    for at, question in enumerate(questions[320:420]):
        yield plant(first, f"u{at}", question=question, chosen=f"C {at}"), "100 of 100", False


def injection_plants(real: Candidate) -> Iterator[Plant]:
    """Attacks in question and correction, disguised ones, and honest questions near to them."""
    plant, base = Planter("attack"), replace(real.example, context=())
    for lang, attacks in plants.ATTACKS.items():
        for attack in attacks:
            yield plant(base, question=attack), f"question, {lang}", True
            yield plant(base, chosen=f"It opens at nine. {attack}"), f"correction, {lang}", True
    for attack in plants.ATTACKS["en"][:3]:
        for how, text in plants.disguised(attack).items():
            yield plant(base, question=text), f"disguised: {how}", True
    for attack in plants.UNSEEN:
        yield plant(base, question=attack), "worded by others", True
    for question in plants.HONEST:
        yield plant(base, question=question), "honest", False


def _scored(
    name: str,
    before: Sequence[Candidate],
    planted: Iterable[Plant],
    reason: str,
    *more: Any,
) -> dict[str, Any]:
    """Precision and recall over the plants, after `before`; recall by kind."""
    golden, wrong = more if len(more) == 2 else ([], *more)
    made = list(planted)
    rules = OPEN if name != "floods" else DatasetSettings(max_tokens=1_000_000)
    found = guard([*before, *(one for one, _, _ in made)], rules, golden, len)
    why = {one.request_id: one for one in found.dropped if reason in one.reason}
    hits: dict[str, list[bool]] = defaultdict(list)
    for one, kind, expected in made:
        dropped = one.example.request_id in why
        hits[f"{kind}{'' if expected else ' (keep)'}"].append(dropped)
        if wrong and dropped != expected:
            figures = why[one.example.request_id].details if dropped else ""
            print(f"{'taken' if dropped else 'missed'} [{kind}] {one.example.question} {figures}")
    yes = [one.example.request_id in why for one, _, expected in made if expected]
    no = [one.example.request_id in why for one, _, expected in made if not expected]
    kinds = {kind: [sum(all_), len(all_)] for kind, all_ in hits.items()}
    return _figures(name, sum(yes), len(yes), sum(no), len(no)) | {"kinds": kinds}


def _figures(name: str, hit: int, wanted: int, false: int, harmless: int) -> dict[str, Any]:
    return {
        "guard": name,
        "planted": wanted,
        "negatives": harmless,
        "precision": round(hit / (hit + false), 4) if hit + false else None,
        "recall": round(hit / wanted, 4),
    }


def personal(real: Sequence[Candidate], random: Random, wrong: bool) -> dict[str, Any]:
    """Found: gone from every text, under the right placeholder. Taken: a harmless text changed."""
    asked, passage = "When do payslips come?", ("Payslips come on the 25th.",)
    base = replace(real[0].example, question=asked, context=passage, rejected="I know not.")
    base = replace(base, chosen="On the 25th.", prompt=())
    kinds: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for kind, lang, make, sentences in plants.PERSONAL:
        for number in range(120):
            value = make(random)
            text = sentences[number % len(sentences)].format(value)
            where = {"chosen": text} if number % 2 else {"question": text}
            example = Planter("pii")(base, origin="correction", **where).example
            masked = mask(example, OPEN.languages)
            left = str(masked.example)
            found = masked.counts == {kind: 1} and value not in left and f"[{kind}]" in left
            kinds[f"{kind}, {lang}"][0] += found
            kinds[f"{kind}, {lang}"][1] += 1
            if wrong and not found:
                print("missed", kind, lang, text, dict(masked.counts))
    harmless = [replace(base, question=text) for text in plants.HARMLESS]
    for text in (plants.en_name(random) for _ in range(40)):
        about = {"question": f"When did {text} join?", "context": (f"{text} joined in May.",)}
        harmless.append(replace(base, **about))
    taken = [one for one in harmless if mask(one, OPEN.languages).counts]
    if wrong:
        print(
            *(f"taken {one.question} {mask(one, OPEN.languages).counts}" for one in taken), sep="\n"
        )
    kinds["harmless (keep)"] = [len(taken), len(harmless)]
    hit = sum(found for kind, (found, _) in kinds.items() if "keep" not in kind)
    every = sum(count for kind, (_, count) in kinds.items() if "keep" not in kind)
    return _figures("personal data", hit, every, len(taken), len(harmless)) | {"kinds": kinds}


def real_rows(real: Sequence[Candidate]) -> dict[str, Any]:
    """What the real feedback loses and where it is masked; rows a second of processor time."""
    guard(real[:50], OPEN, (), len)  # the models are loaded
    began = time.process_time()
    found: Guarded = guard(real, OPEN, (), len)
    seconds = time.process_time() - began
    before = {one.example.request_id: one.example.as_json() for one in real}
    changed = [one for one in found.kept if one.example.as_json() != before[one.example.request_id]]
    return {
        "rows": len(real),
        "kept": len(found.kept),
        "dropped": dict(Counter(one.reason for one in found.dropped)),
        "masked": dict(found.masked),
        "rows_masked": len(changed),
        "share_masked": round(len(changed) / len(found.kept), 4),
        "rows_a_second": round(len(real) / seconds),
    }


def scale(data: Path, rows: int, random: Random) -> dict[str, Any]:
    """Duplicates and floods over many rows: real questions, each with words of another."""
    texts = [row["text"] for row in _rows(data / "retrieval/feedbackqa_uk/queries.jsonl")]
    texts += [row["text"] for row in _rows(data / "retrieval/xquad_en_ru/queries.jsonl")]
    base = Example("", (), "", None, "like", "liked", "", (), "en", "made", "")
    plant, made = Planter("scale"), list[Candidate]()
    for _ in range(rows):
        tail = " ".join(random.choice(texts).split()[-4:])
        question = f"{random.choice(texts)} {tail if random.random() < 0.9 else ''}"
        answer = random.choice(texts)
        made.append(
            plant(base, question=question, chosen=answer if random.random() < 0.5 else "yes")
        )
    began = time.process_time()
    questions = [one.example.question for one in made]
    rules = (ExactDuplicates(), NearDuplicates(OPEN.near_duplicate, questions), Flood(100))
    dropped: Counter[str] = Counter()
    for one in made:
        reason = next((rule.reason for rule in rules if rule.check(one) is not None), None)
        if reason is None:
            for rule in rules:
                rule.keep(one)
        dropped[reason or "kept"] += 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    seconds = round(time.process_time() - began, 1)
    return {"rows": rows, "seconds": seconds, "peak_mib": peak, "dropped": dict(dropped)}


def _markdown(said: dict[str, Any]) -> str:
    lines = ["| guard | planted | hard negatives | precision | recall |", "| --- " * 5 + "|"]
    for one in said["guards"]:
        names = ("guard", "planted", "negatives", "precision", "recall")
        lines.append("| " + " | ".join(str(one[name]) for name in names) + " |")
    lines += ["", "| guard | kind | dropped or masked | of |", "| --- " * 4 + "|"]
    for one in said["guards"]:
        for kind, (hit, count) in one["kinds"].items():
            lines.append(f"| {one['guard']} | {kind} | {hit} | {count} |")
    rest = {key: value for key, value in said.items() if key != "guards"}
    return "\n".join([*lines, "", json.dumps(rest, ensure_ascii=False)])


if __name__ == "__main__":
    main()
