"""All guards in their fixed order.

A candidate meets, in this order, and is dropped by the first that objects: `empty`,
`prompt_injection`, `contradicting_votes`, `golden_question`, and by the second rules
`language_of_base`, `like_without_context`, `like_not_grounded`; then personal data is masked; then
`too_long`, `exact_duplicate`, `near_duplicate`, `flood`. So duplicates are told by what would be
trained on, and only what is kept makes a duplicate of a later one or counts towards a flood.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from almanac.dataset.candidates import Candidate, Guarded, in_order
from almanac.dataset.guards.contradicting_votes import ContradictingVotes
from almanac.dataset.guards.empty import Empty
from almanac.dataset.guards.exact_duplicate import ExactDuplicates
from almanac.dataset.guards.flood import Flood
from almanac.dataset.guards.golden_question import GoldenQuestion
from almanac.dataset.guards.language_of_base import LanguageOfBase
from almanac.dataset.guards.like_not_grounded import LikeNotGrounded
from almanac.dataset.guards.like_without_context import LikeWithoutContext
from almanac.dataset.guards.mask import IsBorne, Masked, mask
from almanac.dataset.guards.near_duplicate import NearDuplicates
from almanac.dataset.guards.prompt_injection import PromptInjection
from almanac.dataset.guards.rule import Guard
from almanac.dataset.guards.too_long import TooLong
from lakehouse.training import Rejected
from schemas.settings import DatasetSettings

GUARDS = "2"  # raise it with any change of what is kept, dropped or masked
NO_WINDOW = 960  # tokens of an example where nothing says what the base reads
_TELL = 2_000  # rows between two lines of progress
_log = logging.getLogger("almanac.dataset")


def guard(
    candidates: Sequence[Candidate],
    rules: DatasetSettings,
    golden: Sequence[str],
    count_tokens: Callable[[str], int],
    languages: tuple[str, ...] = (),
    is_borne: IsBorne = lambda name: False,
) -> Guarded:
    """Keep what may be trained on, masked, in `Candidate.order`; say why of everything else.

    The order of `candidates` does not matter. Candidates that come later in `Candidate.order` never
    change what happened to earlier ones. `masked` counts the entities of what was kept, by kind.
    `languages` are those of the base; `is_borne` tells a name that the documents bear.

    Raises:
        ConfigError: a model for the names of a language is not installed.
    """
    ordered = in_order(candidates)
    injections, copies = PromptInjection(rules.meaning), GoldenQuestion(golden, rules.meaning)
    before: list[Guard] = [Empty(), injections, ContradictingVotes(), copies]
    if rules.rules > 1:
        before += [LanguageOfBase(languages), LikeWithoutContext(), LikeNotGrounded()]
    questions = [one.example.question for one in ordered]
    after: list[Guard] = [
        TooLong(rules.max_tokens or NO_WINDOW, count_tokens),
        ExactDuplicates(),
        NearDuplicates(rules.near_duplicate, questions),
        Flood(rules.max_per_user),
    ]
    kept: list[Candidate] = []
    dropped: list[Rejected] = []
    counts: Counter[str] = Counter()
    for number, one in enumerate(ordered, 1):
        if number % _TELL == 0:
            _log.info("%d of %d examples guarded", number, len(ordered))
        masked, objection = _judged(one, before, after, rules, is_borne)
        if objection is not None:
            dropped.append(objection)
            continue
        found = replace(one, example=masked.example)
        for rule in (*before, *after):
            rule.keep(found)
        counts.update(masked.counts)
        kept.append(found)
    _log.info("%d examples kept, %d dropped", len(kept), len(dropped))
    return Guarded(tuple(kept), tuple(dropped), dict(sorted(counts.items())))


def _judged(
    one: Candidate,
    before: Sequence[Guard],
    after: Sequence[Guard],
    rules: DatasetSettings,
    is_borne: IsBorne,
) -> tuple[Masked, Rejected | None]:
    if objection := _objection(one, before):
        return Masked(one.example, {}), objection
    masked = mask(one.example, rules.languages, rules.rules > 1, is_borne)
    return masked, _objection(replace(one, example=masked.example), after)


def _objection(one: Candidate, rules: Sequence[Guard]) -> Rejected | None:
    for rule in rules:
        if (figures := rule.check(one)) is not None:
            return Rejected(one.example.request_id, rule.reason, figures)
    return None
