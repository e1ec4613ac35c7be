"""What differs between two versions, in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from almanac.assistants.prompts import difference
from lakehouse import Lakehouse
from lakehouse.assistants import StoredVersion

_WORDS = {
    "assistant": "it is a version of",
    "prompt": "the prompt",
    "index": "the index",
    "release": "the release that it answers from",
    "retrieval.mode": "how it searches",
    "retrieval.k": "passages that a question finds",
    "retrieval.max_context_tokens": "tokens of passages in a prompt, at most",
    "retrieval.max_history_tokens": "tokens of earlier messages in a prompt, at most",
    "retrieval.rewrite": "is a follow-up made into a question of its own",
    "route.endpoint": "the endpoint",
    "route.model": "the model",
    "route.max_tokens": "tokens of an answer, at most",
    "route.name": "the name of the model",
    "route.when": "when it answers",
    "route.adapter": "the adapter",
    "route.timeout_s": "seconds of an answer, at most",
    "escalate.on": "what the next model answers instead",
    "params.temperature": "the temperature",
    "params.seed": "the seed",
    "cache.mode": "which answers are given again without a model",
    "cache.threshold": "how near two questions must be for that",
    "refusal": "what is said where nothing supports an answer",
}

_SECOND = re.compile(r"route\.(\d+)\.(.+)")


def compare(lake: Lakehouse, old: StoredVersion, new: StoredVersion) -> dict[str, Any]:
    """Each value that differs, with a sentence; and the lines of the prompts that differ."""
    before, after = _flat(old.spec), _flat(new.spec)
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    changes = [
        {
            "key": key,
            "old": before.get(key),
            "new": after.get(key),
            "words": _sentence(lake, key, before.get(key), after.get(key)),
        }
        for key in keys
    ]
    return {
        "old": old.version,
        "new": new.version,
        "same": not changes,
        "changes": changes,
        "prompt": _prompt_lines(lake, old, new),
    }


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Values by dotted key; those of a route's second model begin with route.2."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        inner = value[0] if name == "route" else value
        for number, one in enumerate(value[1:] if name == "route" else (), 2):
            found |= _flat(one, f"{prefix}{name}.{number}.")
        if isinstance(inner, Mapping):
            found |= _flat(inner, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = inner
    return found


def _sentence(lake: Lakehouse, key: str, old: Any, new: Any) -> str:
    if key == "prompt":
        old, new = (_label(lake, value) for value in (old, new))
    second = _SECOND.match(key)
    if second and (words := _WORDS.get(f"route.{second[2]}")):
        return f"of model {second[1]}, {words}: {_said(old)} before, {_said(new)} now"
    what = _WORDS.get(key) or key.replace("variables.", "the variable ")
    return f"{what}: {_said(old)} before, {_said(new)} now"


def _said(value: Any) -> str:
    return "as usual" if value is None else str(value)


def _label(lake: Lakehouse, prompt_id: str) -> str:
    stored = lake.prompts.by_id(prompt_id)
    return f"{stored.label} ({prompt_id[:12]})" if stored else prompt_id[:12]


def _prompt_lines(lake: Lakehouse, old: StoredVersion, new: StoredVersion) -> list[str]:
    found = [lake.prompts.by_id(str(one.spec["prompt"])) for one in (old, new)]
    if old.spec["prompt"] == new.spec["prompt"] or not all(found):
        return []
    before, after = found
    assert before and after
    return difference(before, after)
