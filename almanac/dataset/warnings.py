"""What must be known of a dataset before anything is trained on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from almanac.core.base_facts import BaseFacts
from lakehouse.training import Rejected
from schemas.examples import Example
from schemas.words import count

_SPANS = 0.25  # of the right answers, from which on it is said
_FEW = 50  # examples of SFT below which little is learnt


def warnings_of(
    examples: Sequence[Example],
    prompts: Mapping[str, int],
    dropped: Iterable[Rejected],
    base: BaseFacts,
) -> list[str]:
    """In sentences, each with what to do; the gravest first."""
    found = []
    total = sum(prompts.values())
    if made := prompts.get("template", 0):
        found.append(
            f"{made} of {total} prompts are Almanac's own, not those that production sent: the log "
            "has neither `prompt` nor a `prompt_version` that is stored here. What is learnt on "
            "them may not show under yours. Log `prompt`; or `almanac prompt push` your template "
            "and log its NAME@NUMBER; or set dataset.prompt."
        )
    languages = Counter(one.details.get("lang") for one in dropped if one.reason == _LANGUAGE)
    if languages:
        said = ", ".join(f"{number} in {lang}" for lang, number in sorted(languages.items()))
        found.append(
            f"The base {base.name} knows {', '.join(base.languages)}: left out are {said}. Take a "
            "base that knows the language, or set tuning.languages."
        )
    if not base.languages:
        found.append(
            "Which languages the base knows is not said, so none was left out: set "
            "tuning.languages."
        )
    answers = [one for one in examples if one.chosen is not None]
    spans = sum(one.style == "span" for one in answers)
    if answers and spans / len(answers) > _SPANS:
        found.append(
            f"{spans} of {len(answers)} right answers are a word or two without a sentence of a "
            "passage that says them: SFT is not trained on these. A [teacher] may write them out."
        )
    trained = sum("sft" in one.serves and one.side == "train" for one in examples)
    if trained < _FEW:
        found.append(
            f"Only {count(trained, 'example')} to train on by SFT. With fewer than {_FEW}, a "
            "better prompt, or some of them in the prompt, is the surer cure."
        )
    return found


_LANGUAGE = "language_of_base"
