"""Make a dataset of the log: assemble, guard, correct, split, check, store."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from almanac.assistants.prompts import find
from almanac.assistants.template import Prompt
from almanac.core.base_facts import BaseFacts
from almanac.core.operation import operation
from almanac.costs.recording import recorded
from almanac.dataset.assemble import TEMPLATE, Assembled, assemble
from almanac.dataset.candidates import Candidate, Guarded
from almanac.dataset.card import card, illustrated
from almanac.dataset.check import check
from almanac.dataset.completions import COMPLETIONS
from almanac.dataset.goldens import golden_texts
from almanac.dataset.guards import GUARDS, guard
from almanac.dataset.guards.chain import NO_WINDOW
from almanac.dataset.guards.mask import IsBorne
from almanac.dataset.sent_prompt import SentPrompts
from almanac.dataset.split import SPLIT, near_questions, split, surplus_likes
from almanac.dataset.synthetic_corrections import Corrected, correct
from almanac.dataset.teacher_rewrites import rewrite
from almanac.dataset.views import SIDES, totals, view_sizes
from almanac.dataset.warnings import warnings_of
from almanac.dataset.whole_answers import whole_answers
from almanac.feedback.drain import bring_in
from almanac.llm.chat import Chat
from almanac.llm.judge import open_judge
from lakehouse import Lakehouse
from lakehouse.training import Rejected
from schemas.errors import DatasetRefused
from schemas.examples import Example, Side
from schemas.feedback import Request, opinions
from schemas.hashing import canonical_json, sha256_text
from schemas.identity import identity_of_settings
from schemas.settings import DatasetSettings, Settings
from schemas.times import isoformat

_log = logging.getLogger("almanac.dataset")
# Settings of the first version that name a dataset; see `schemas.identity` for later ones.
_RULES = (
    "held_back",
    "salt",
    "max_tokens",
    "near_duplicate",
    "max_per_user",
    "like_share",
    "languages",
    "system_prompt",
)
_COUNTED = ("cause", "lang", "source", "origin", "side")
_TEMPLATE_TOKENS = 128  # of a window that is left to what the base's chat template adds
CountTokens = Callable[[str], int]


def bytes_bound(text: str) -> int:
    """Tokens of a text where no tokenizer is at hand, too many rather than too few.

    One for 3 bytes of ASCII and one for 2 of any other UTF-8. SmolLM2, whose vocabulary knows
    English alone, has 4.6 and 2.4 on English and Russian prose: pass the base's own tokenizer where
    longer examples matter.
    """
    data, ascii_ = len(text.encode()), len(text.encode("ascii", "ignore"))
    return -(-(2 * ascii_ + 3 * (data - ascii_)) // 6)


@dataclass(frozen=True, slots=True)
class NewDataset:
    """A dataset before it is stored: examples by id, what was left out, sides, and the manifest."""

    examples: tuple[Example, ...]
    dropped: tuple[Rejected, ...]
    drawn: Mapping[str, Side]
    manifest: Mapping[str, Any]

    @property
    def name(self) -> str:
        """SHA-256 over the examples with their sides, the rules, and the versions of the code."""
        named = {key: self.manifest[key] for key in ("examples", "rules", "versions")}
        return sha256_text(canonical_json(named))


def build(
    settings: Settings,
    start: datetime | None,
    end: datetime | None,
    run_id: str | None = None,
    count_tokens: CountTokens = bytes_bound,
    base: BaseFacts | None = None,
) -> dict[str, Any]:
    """Build from the requests asked from `start` (included) to `end` (included), and store it.

    The same feedback and rules give the same hash, and nothing is stored twice (`new` is False).
    `examples` counts the rows of each view, `dropped` requests by reason; a reason that begins with
    `teacher_` is of a correction that was not used, and its request stays a bare dislike. `base`
    says what the model that will be trained reads; without it tokens are taken from `count_tokens`.

    Raises:
        DatasetRefused: nothing is left to train on, or the examples break an expectation.
        ConfigError: the golden questions cannot be read.
    """
    bring_in(settings)
    with operation(settings, "dataset", run_id) as (run, lease):
        made = make(run.lake, settings, start, end, base or BaseFacts(count_tokens))
        checks = check(made.examples)
        lease.check()
        run.lake.datasets.keep_sides(made.drawn)
        new = run.lake.datasets.publish(
            made.name, made.manifest, made.examples, made.dropped, run.run_id, run.started_at
        )
        run.report = _result(made, new) | {"checks": [asdict(one) for one in checks]}
        _log.info("dataset %s: %d examples", made.name[:12], len(made.examples))
        for warning in made.manifest.get("warnings", ()):
            _log.warning("%s", warning)
        page = card(run.lake, run.lake.datasets.manifest(made.name))
        return run.report | {"card": page, "seconds": run.seconds}


def make(
    lake: Lakehouse,
    settings: Settings,
    start: datetime | None,
    end: datetime | None,
    base: BaseFacts,
) -> NewDataset:
    """What `build` stores; itself it stores nothing but what a teacher wrote.

    Raises:
        DatasetRefused: nothing is left to train on.
    """
    rules, prompt = _for_base(settings.dataset, base), None
    if rules.prompt is not None:  # the name of a dataset has the prompt's id, not its label
        stored = find(lake, rules.prompt)
        rules = rules.model_copy(update={"prompt": stored.prompt_id})
        prompt = Prompt.of(stored.content, stored.label)
    requests = lake.requests.rows(start=start, end=end)
    found = assemble(
        requests,
        opinions(lake.votes.rows()),
        lake.triage.current(),
        system_prompt=rules.system_prompt,
        source=settings.index.name,
        prompt=prompt,
        sent=SentPrompts(lake).of if rules.rules > 1 else lambda request: (),
    )
    _log.info("%d of %d requests are candidates", len(found.candidates), found.requests["total"])
    candidates = whole_answers(found.candidates) if rules.rules > 1 else found.candidates
    guarded, corrected = _guarded(lake, settings, rules, candidates, base, _borne(requests))
    near = near_questions((one.example for one in found.candidates), rules.near_duplicate)
    known = lake.datasets.sides()
    parted = split(guarded.kept, known, rules.held_back, rules.salt, near)
    examples, likes = _capped([one.example for one in parted.kept], rules.like_share)
    dropped = (*found.dropped, *guarded.dropped, *corrected.dropped, *parted.dropped, *likes)
    if not any(one.side == "train" and one.origin != "like" for one in examples):
        raise DatasetRefused(_nothing(found, dropped, len(examples)))
    dropped = illustrated(dropped, requests, rules.languages)
    manifest = _manifest(rules, examples, dropped)
    if rules.rules > 1:
        manifest["styles"] = _counts(examples, "style")
        manifest["warnings"] = warnings_of(examples, found.prompts, dropped, base)
    manifest |= {
        "requests": dict(found.requests),
        "prompts": dict(found.prompts),
        "masked": dict(guarded.masked),
        "taught": dict(corrected.counts),
        "teacher": corrected.made_by,
        "window": {"from": start and isoformat(start), "to": end and isoformat(end)},
    }
    return NewDataset(tuple(examples), dropped, parted.drawn, manifest)


def _guarded(
    lake: Lakehouse,
    settings: Settings,
    rules: DatasetSettings,
    candidates: Sequence[Candidate],
    base: BaseFacts,
    is_borne: IsBorne,
) -> tuple[Guarded, Corrected]:
    """Guarded before a teacher sees anything, and once more with what the teacher wrote."""
    golden = golden_texts(
        (settings.upgrade.questions, settings.tuning.golden, settings.gate.golden)
    )
    judged_by = (rules, golden, base.count_tokens, base.languages, is_borne)
    first = guard(candidates, *judged_by)
    if settings.teacher.model is None:
        return first, Corrected(first.kept, (), {}, None)
    teacher, judge = Chat(settings.teacher), open_judge(settings.judge)
    with recorded(settings, lake, teacher=teacher, judge=judge):
        corrected = correct(first.kept, lake, teacher, judge)
        if rules.rules > 1:
            corrected = rewrite(corrected, lake, teacher, judge)
    second = guard(corrected.candidates, *judged_by)
    masked = Counter(first.masked) + Counter(second.masked)
    return Guarded(second.kept, (*first.dropped, *second.dropped), dict(masked)), corrected


def _capped(
    examples: Sequence[Example], share: float
) -> tuple[list[Example], tuple[Rejected, ...]]:
    """Examples in the order of their ids, without the likes that training has too many of."""
    train = [one for one in examples if one.side == "train"]
    surplus = surplus_likes(train, share)
    kept = [one for one in examples if one.side != "train" or one.request_id not in surplus]
    dropped = tuple(Rejected(one, "like_cap", {"share": share}) for one in sorted(surplus))
    return sorted(kept, key=lambda one: one.example_id), dropped


def _manifest(
    rules: DatasetSettings, examples: Sequence[Example], dropped: Iterable[Rejected]
) -> dict[str, Any]:
    train = sorted(one.request_id for one in examples if one.side == "train")
    versions = {"template": TEMPLATE, "guards": GUARDS, "split": SPLIT}
    if rules.rules > 1:
        versions["answers"] = COMPLETIONS
    return {
        "examples": [[one.example_id, one.side] for one in examples],
        "trained_on": train,
        "counts": {name: _counts(examples, name) for name in _COUNTED},
        "views": view_sizes(examples, rules.like_share),
        "dropped": dict(sorted(Counter(one.reason for one in dropped).items())),
        "rules": identity_of_settings(rules, _RULES, apart=["rules"]),
        "versions": versions,
    }


def _counts(examples: Sequence[Example], name: str) -> dict[str, int]:
    return dict(sorted(Counter(getattr(one, name) for one in examples).items()))


def _for_base(rules: DatasetSettings, base: BaseFacts) -> DatasetSettings:
    """The rules with the length that the base reads, where none is set."""
    own = base.window and rules.rules > 1 and base.window - _TEMPLATE_TOKENS
    return rules.model_copy(update={"max_tokens": rules.max_tokens or own or NO_WINDOW})


def _borne(requests: Sequence[Request]) -> IsBorne:
    """Is it a whole name that a passage bears, of whatever request? Then it is the documents'."""
    texts = "\n".join({one.text for request in requests for one in request.context})
    plain = " ".join(texts.casefold().split())
    return lambda name: len(name.split()) > 1 and " ".join(name.casefold().split()) in plain


def _result(made: NewDataset, new: bool) -> dict[str, Any]:
    said = made.manifest
    names = ("dropped", "masked", "counts", "views", "requests", "prompts", "taught")
    return {
        "dataset": made.name,
        "new": new,
        "examples": totals(said["views"]),
        "split": {side: said["counts"]["side"].get(side, 0) for side in SIDES},
        "warnings": list(said.get("warnings", ())),
        "styles": dict(said.get("styles", {})),
    } | {name: said[name] for name in names}


def _nothing(found: Assembled, dropped: Sequence[Rejected], held_back: int) -> str:
    said = found.requests
    if not said["total"]:
        return (
            "no request was asked in that time: `almanac feedback import` brings a log in, "
            "--from and --to say which part of it"
        )
    reasons = Counter(one.reason for one in dropped).most_common()
    why = ", ".join(f"{number} {reason}" for reason, number in reasons)
    why = f"{why}{', ' if why else ''}{held_back} held back"
    advice = "`almanac triage` says what each dislike calls for"
    if any(reason == "not_triaged" for reason, _ in reasons):
        advice = "`almanac triage` looks into those that are not triaged, then build again"
    return (
        f"of {said['disliked']} disliked answers none can be trained on ({why}; of "
        f"{said['liked']} liked ones alone nothing is learnt): {advice}"
    )
