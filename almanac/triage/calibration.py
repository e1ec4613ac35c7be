"""What the voices and the judge are worth, by the causes that people settled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from almanac.llm.judge import Judge
from lakehouse import Lakehouse
from schemas.feedback import Triaged, TriageLabel

AGAINST = "against:"  # before the name of a voice that speaks against
_FEWEST = 5  # labelled requests that a voice spoke on, below which it counts in full
_FULL = 0.9  # share of right ones from which on it counts in full
_PAIRS = 10  # labelled requests that a judge spoke on, from which on it can be refused
_KAPPA = 0.4  # Cohen's, below which it is not believed: "fair" at most (Landis and Koch, 1977)
# A verdict of these causes is on passages that were not shown; of all others on the context.
_ELSEWHERE = ("retrieval_missed", "source_stale")


def weights(labels: Mapping[str, TriageLabel], verdicts: Mapping[str, Triaged]) -> dict[str, float]:
    """What each voice counts, 0 to 1, where it was heard on enough labelled requests.

    A voice that agrees says that the place of the verdict has the answer, one against that it has
    not. Weights are shares of right ones, (right + 1) / (heard + 1), with `_FULL` as 1.
    """
    right: Counter[str] = Counter()
    heard: Counter[str] = Counter()
    for name, label in labels.items():
        verdict = verdicts.get(name)
        if verdict is None or label.cause in ("not_judged", "votes_contradict"):
            continue
        held = (
            label.cause == verdict.cause
            if verdict.cause in _ELSEWHERE
            else label.cause in ("model_fault", "answer_right")
        )
        for side, is_right in (("agree", held), ("against", not held)):
            for voice in verdict.voices.get(side, ()):
                key = f"{AGAINST}{voice}" if side == "against" else voice
                heard[key] += 1
                right[key] += is_right
    return {
        key: round(min(1.0, (right[key] + 1) / (count + 1) / _FULL), 1)
        for key, count in sorted(heard.items())
        if count >= _FEWEST
    }


def judge_beside_people(
    lake: Lakehouse, labels: Mapping[str, TriageLabel], judge: Judge | None = None
) -> dict[str, Any]:
    """Verdicts that a judge had a voice in, held against labels; empty without any such.

    With a `judge` those of its model and prompt alone: another model starts afresh.

    of: how many; agree: share of equal causes; kappa: Cohen's, what of the agreement is more than
    chance gives; believed: None where there are too few to tell.
    """
    judged = lake.triage.judged(labels)
    if judge is not None:
        judged = {name: one for name, one in judged.items() if _is_by(judge, one)}
    pairs = [(labels[name].cause, one.cause) for name, one in sorted(judged.items())]
    if not pairs:
        return {}
    kappa = cohens_kappa(pairs)
    return {
        "of": len(pairs),
        "agree": round(sum(one == other for one, other in pairs) / len(pairs), 3),
        "kappa": round(kappa, 3),
        "believed": None if len(pairs) < _PAIRS else kappa >= _KAPPA,
    }


def _is_by(judge: Judge, verdict: Triaged) -> bool:
    """Did this judge, with the prompt of now, have the voice in the verdict?"""
    own = (judge.identity["model"], judge.identity["prompt"])
    return any((one.get("model"), one.get("prompt")) == own for one in verdict.evidence["judge"])


def cohens_kappa(pairs: Sequence[tuple[str, str]]) -> float:
    """Agreement beyond chance (Cohen, 1960); 1 where both always say the same one thing."""
    count = len(pairs)
    observed = sum(one == other for one, other in pairs) / count
    ours, theirs = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    chance = sum(ours[name] * theirs[name] for name in ours) / count**2
    return 1.0 if chance == 1 else (observed - chance) / (1 - chance)
