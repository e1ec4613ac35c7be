"""The name of a version: what enters it, what later fields do to it, and what is refused."""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar

import pytest

from almanac.assistants.conditions import Facts, holds
from almanac.assistants.spec import Retrieval, VersionSpec, changed, spec_of, spec_of_settings
from schemas.errors import ConfigError
from schemas.hashing import canonical_json, sha256_text
from schemas.settings import AssistantSettings

SPEC: dict[str, Any] = {
    "assistant": "handbook",
    "prompt": "a" * 64,
    "index": "documents",
    "release": "latest",
    "retrieval": {
        "mode": "hybrid",
        "k": 6,
        "max_context_tokens": 1500,
        "max_history_tokens": 500,
        "rewrite": "auto",
    },
    "route": [{"endpoint": "main", "model": "m-1", "max_tokens": 256}],
    "params": {"temperature": 0.0, "seed": 0},
}
# Of the specification above, for all time: rows of versions are stored under such names.
NAME = "fa8d3a3ff70df85d"


def test_the_name_is_that_of_the_canonical_json() -> None:
    assert spec_of(SPEC).plain() == SPEC
    assert spec_of(SPEC).version == sha256_text(canonical_json(SPEC))
    assert spec_of(json.loads(json.dumps(SPEC))).version.startswith(NAME)
    short = {key: SPEC[key] for key in ("assistant", "prompt", "index", "route")}
    assert spec_of(short).version == spec_of(SPEC).version


def test_a_field_that_came_later_leaves_old_names_alone() -> None:
    class Later(VersionSpec):
        FIRST: ClassVar[tuple[str, ...]] = VersionSpec.FIRST
        colour: str = "none"

    assert Later.model_validate(SPEC).version == spec_of(SPEC).version
    assert Later.model_validate(SPEC | {"colour": "red"}).version != spec_of(SPEC).version
    assert spec_of(SPEC | {"refusal": "No."}).plain() == SPEC | {"refusal": "No."}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"promt": "a" * 64}, "unknown setting 'promt' in the version; did you mean 'prompt'?"),
        ({"retrieval": {"kk": 3}}, "unknown setting 'retrieval.kk'"),
        ({"route": [{"endpont": "a", "model": "b"}]}, "did you mean 'endpoint'?"),
        ({"retrieval": {"k": 0}}, "setting 'retrieval.k' in the version must be greater"),
        ({"release": "yesterday"}, "nor latest"),
        ({"route": []}, "must have one model"),
    ],
)
def test_what_is_wrong_is_named(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("?", r"\?")):
        spec_of(SPEC | values)


def test_values_are_changed_by_dotted_keys() -> None:
    other = changed(spec_of(SPEC), {"retrieval.k": 3, "route.max_tokens": 20, "refusal": "No."})
    assert (other.retrieval.k, other.model.max_tokens, other.refusal) == (3, 20, "No.")
    assert other.retrieval == Retrieval(k=3)
    with pytest.raises(ConfigError, match="did you mean 'max_tokens'"):
        changed(spec_of(SPEC), {"route.max_token": 20})
    with pytest.raises(ConfigError, match="release is no table"):
        changed(spec_of(SPEC), {"release.k": 20})


def test_the_configuration_says_the_same() -> None:
    said = AssistantSettings(endpoint="main", k=9, temperature=0.5, variables={"tone": "dry"})
    spec = spec_of_settings("handbook", said, "b" * 64, "m-1", "documents")
    assert spec.settings() == said
    assert spec.plain()["variables"] == {"tone": "dry"}


SMALL = {"name": "small", "endpoint": "main", "model": "m-1", "when": "tokens<=40"}
STRONG = {"name": "strong", "endpoint": "main", "model": "m-2", "max_tokens": 64}


def test_a_route_has_many_models_and_keeps_what_it_says() -> None:
    spec = spec_of(SPEC | {"route": [SMALL, STRONG], "escalate": {"on": ["empty"]}})
    assert spec.plain()["route"] == [
        {"endpoint": "main", "model": "m-1", "max_tokens": 256, "name": "small"}
        | {"when": "tokens<=40"},
        {"endpoint": "main", "model": "m-2", "max_tokens": 64, "name": "strong"},
    ]
    assert spec_of(spec.plain()).version == spec.version
    other = changed(spec, {"route.2.max_tokens": 32, "route.when": "language=ru"})
    assert (other.route[1].max_tokens, other.route[0].when) == (32, "language=ru")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"route": [SMALL]}, "the last model must have no `when`"),
        ({"route": [STRONG, STRONG]}, "has two models of the name 'strong'"),
        (
            {"route": [SMALL | {"when": "words<4"}, STRONG]},
            "words<4' cannot be read",
        ),
        ({"route": [SMALL | {"when": "topic(hr)>=0.5"}, STRONG]}, "topic 'hr' has no examples"),
        ({"escalate": {"on": ["slow"]}}, "escalate.on.0"),
    ],
)
def test_a_wrong_route_is_named(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        spec_of(SPEC | values)


def test_conditions_look_at_a_question() -> None:
    facts = Facts(30, "ru", has_tools=False, has_history=True, nearness=lambda name: 0.625)
    assert holds(None, facts) == (True, "no condition")
    assert holds("tokens<=30 and language=ru and history", facts)[0]
    assert holds("topic(hr)>=0.6", facts) == (True, "topic(hr)>=0.6 (0.625)")
    assert not holds("topic(hr)<0.6", facts)[0]
    assert holds("no tools and language!=en", facts)[0]
    assert holds("no history", facts) == (False, "no history does not hold: has history")
