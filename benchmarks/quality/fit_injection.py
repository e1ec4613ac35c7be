"""Fit the weights by which `almanac.guards.meaning` tells injections from questions and documents.

    python benchmarks/quality/fit_injection.py --data ../shared/data          # figures alone
    python benchmarks/quality/fit_injection.py --data ../shared/data --write  # and the weights

Attacks and honest texts near to them stand in `samples/`; half of the real questions and sentences
of documents (by hash) are further honest texts, the other half is not looked at but for the share
of false alarms that is printed. The threshold is the lowest with so few false alarms out of fold.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from almanac.core.stems import sentences
from almanac.guards import meaning
from almanac.guards.personal.name_forms import has_cyrillic
from almanac.guards.phrases import READERS
from schemas.hashing import sha256_text

SAMPLES = Path(__file__).resolve().parent / "samples"
ROOT = Path(__file__).resolve().parents[2]
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
QUESTIONS = ("retrieval/feedbackqa_uk", "retrieval/xquad_en_ru")
FALSE_ALARMS = {"question": 0.005, "document": 0.002, "addressed": 0.05}
WEIGHT = {"attack": 6.0, "honest": 5.0, "real": 1.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--each", type=int, default=1_500, help="real questions, and sentences")
    parser.add_argument("--strength", type=float, default=30.0, help="inverse of regularisation")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    attacks = _lines(SAMPLES / "injection_attacks.txt")
    honest = _lines(SAMPLES / "injection_honest.txt")
    ours, others = _halves(_questions(given.data), given.each)
    our_lines, other_lines = _halves(_sentences(given.data), given.each)
    texts = [*attacks, *honest, *ours, *our_lines]
    kinds = ["attack"] * len(attacks) + ["honest"] * len(honest)
    kinds += ["real"] * (len(ours) + len(our_lines))
    vectors = meaning.vectors(texts)
    labels = np.array([kind == "attack" for kind in kinds])
    weights = np.array([WEIGHT[kind] for kind in kinds])
    scores = _out_of_fold(vectors, labels, weights, given.strength)
    start = len(attacks) + len(honest)
    said = np.array([bool(READERS.search(text)) for text in texts])
    limits = {
        "question": _threshold(scores[start : start + len(ours)], FALSE_ALARMS["question"]),
        "document": _threshold(scores[start + len(ours) :], FALSE_ALARMS["document"]),
        "addressed": _threshold(scores[~labels & said], FALSE_ALARMS["addressed"]),
    }
    model = _fitted(vectors, labels, weights, given.strength)
    print(f"attacks out of fold: {_share(scores[: len(attacks)], limits['question'])} as questions")
    print(f"  {_share(scores[: len(attacks)], limits['document'])} as sentences of documents")
    print(f"  {_share(scores[labels & said], limits['addressed'])} of those that name their reader")
    print(f"honest texts near to them: {_share(scores[len(attacks) : start], limits['question'])}")
    for name, some in (("question", others), ("document", other_lines)):
        found = meaning.vectors(some) @ model[0] + model[1]
        print(f"held-out {name}s: {_share(found, limits[name])} over {limits[name]:.3f}")
        worst = sorted(zip(found, some, strict=True), reverse=True)[:5]
        print(*(f"    {score:.2f} {text[:110]}" for score, text in worst), sep="\n")
    if given.write:
        stored = {
            "embedder": meaning.identity(),
            "seeds": sha256_text("\n".join([*attacks, *honest]))[:16],
            "weights": [round(float(one), 5) for one in model[0]],
            "bias": round(model[1], 5),
            "question_means": {
                "ru": _mean(vectors[start : start + len(ours)], [has_cyrillic(t) for t in ours]),
                "en": _mean(
                    vectors[start : start + len(ours)], [not has_cyrillic(t) for t in ours]
                ),
            },
            "limits": {name: round(limit, 4) for name, limit in limits.items()},
        }
        meaning.WEIGHTS.write_text(json.dumps(stored) + "\n", encoding="utf-8")


def _mean(vectors: NDArray[np.float32], chosen: list[bool]) -> list[float]:
    return [round(float(one), 5) for one in vectors[np.array(chosen)].mean(axis=0)]


def _lines(file: Path) -> list[str]:
    return [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


def _questions(data: Path) -> list[str]:
    rows = [
        json.loads(line)["text"]
        for folder in QUESTIONS
        for line in _lines(data / folder / "queries.jsonl")
    ]
    logged = [json.loads(line)["question"] for line in _lines(data / "feedback" / "log.jsonl")]
    return sorted({*rows, *logged})


def _sentences(data: Path) -> list[str]:
    found = {
        sentence.strip()
        for folder in (*QUESTIONS, "retrieval/kis")
        for line in _lines(data / folder / "corpus.jsonl")
        for sentence in sentences(json.loads(line)["text"])
    }
    for file in sorted((ROOT / "sample").rglob("*.md")):
        found |= {one.strip() for one in sentences(file.read_text(encoding="utf-8"))}
    return sorted(one for one in found if 4 <= len(one.split()) <= 60)


def _halves(texts: list[str], each: int) -> tuple[list[str], list[str]]:
    """So many to fit on and as many that are held out, drawn by hash."""
    halves: tuple[list[str], list[str]] = ([], [])
    for text in texts:
        halves[int(sha256_text(text)[0], 16) % 2].append(text)
    return tuple(  # type: ignore[return-value]
        Random(7).sample(half, min(each, len(half))) for half in halves
    )


def _fitted(
    vectors: NDArray[np.float32], labels: NDArray[np.bool_], weights: NDArray[np.float64], c: float
) -> tuple[NDArray[np.float32], float]:
    model = LogisticRegression(C=c, max_iter=2_000).fit(vectors, labels, sample_weight=weights)
    return model.coef_[0].astype(np.float32), float(model.intercept_[0])


def _out_of_fold(
    vectors: NDArray[np.float32], labels: NDArray[np.bool_], weights: NDArray[np.float64], c: float
) -> NDArray[np.float64]:
    scores = np.zeros(len(labels))
    for train, test in StratifiedKFold(5, shuffle=True, random_state=7).split(vectors, labels):
        slope, bias = _fitted(vectors[train], labels[train], weights[train], c)
        scores[test] = vectors[test] @ slope + bias
    return scores


def _threshold(scores: NDArray[np.float64], share: float) -> float:
    return max(0.0, float(np.quantile(scores, 1 - share)))


def _share(scores: NDArray[np.float64], limit: float) -> str:
    return f"{int((scores >= limit).sum())} of {len(scores)}"


if __name__ == "__main__":
    main()
