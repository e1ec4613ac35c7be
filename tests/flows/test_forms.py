"""The forms of all deployments, without a browser: what they show and what they refuse."""

from __future__ import annotations

from datetime import UTC, date, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools.validation import ValidationError, validate

from schemas import forms
from schemas.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
DEPLOYMENTS = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
# What changes or drops something is a dry run, or asks for more than a click on Submit.
HARMLESS = {
    "restore": ("dry_run", True),
    "withdraw": ("dry_run", True),
    "retention": ("dry_run", True),
    "doctor": ("heal", False),
}


def flow_of(entrypoint: str) -> Any:
    file, name = entrypoint.removesuffix(".py").split(":")
    return getattr(import_module(file.removesuffix(".py").replace("/", ".")), name)


def schema_of(name: str) -> dict[str, Any]:
    entrypoint = next(one["entrypoint"] for one in DEPLOYMENTS if one["name"] == name)
    return parameter_schema(flow_of(entrypoint)).model_dump()


def kinds(field: dict[str, Any]) -> list[dict[str, Any]]:
    """A field, or each of its tabs."""
    return field.get("anyOf", [field])


@pytest.mark.parametrize("name", [one["name"] for one in DEPLOYMENTS])
def test_a_form_explains_itself(name: str) -> None:
    for key, field in schema_of(name)["properties"].items():
        where = f"{name}.{key}"
        assert field["title"] != key and field["title"][0].isupper(), where
        assert field["description"].endswith("."), where
        # A tab "None" says nothing, and a field without a type is a box for JSON.
        assert all("type" in kind and kind["type"] != "null" for kind in kinds(field)), where
        for kind in kinds(field):
            if kind["type"] in ("integer", "number"):
                assert "minimum" in kind or "exclusiveMinimum" in kind, where
            if key.endswith(("_date", "day")) or key in ("as_of", "now", "since", "until"):
                assert kind["type"] == "integer" or kind["format"] in ("date", "date-time"), where


@pytest.mark.parametrize("one", DEPLOYMENTS, ids=lambda one: one["name"])
def test_a_deployment_is_described_and_takes_what_its_schedules_give(one: dict[str, Any]) -> None:
    assert one["description"].endswith(".") and "almanac" in one["tags"]
    schema = schema_of(one["name"])
    given = [one.get("parameters", {})]
    given += [schedule.get("parameters", {}) for schedule in one.get("schedules", [])]
    for parameters in given:
        assert set(parameters) <= set(schema["properties"])
        validate(parameters, schema, raise_on_error=True, ignore_required=True)


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_dangerous_is_a_dry_run_first(name: str) -> None:
    key, default = HARMLESS[name]
    assert schema_of(name)["properties"][key]["default"] is default
    deployment = next(one for one in DEPLOYMENTS if one["name"] == name)
    assert key not in deployment.get("parameters", {})  # the form would show it


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("restore", {}, "Validation failed. Failure reason: 'as_of' is a required property"),
        ("restore", {"as_of": 0}, "field 'as_of'. Failure reason: 0 is less than the minimum of 1"),
        (
            "restore",
            {"as_of": "yesterday"},
            "reason: 'a date, such as 2026-03-03, a time, or the number of a release' was expected",
        ),
        (
            "restore",
            {"as_of": 1, "mode": "delete"},
            "'delete' is not one of ['publish', 'copy', 'reopen']",
        ),
        (
            "restore",
            {"as_of": 1, "lakehouse": "s3://AKIA:se/cret@bucket"},
            "'no password or signature in the address: it comes from the environment' was expected",
        ),
        (
            "retention",
            {"now": "2026-03-03"},
            "'a time with its offset, such as 2026-03-03T02:00:00+01:00' was expected",
        ),
        (
            "feedback",
            {"from_date": "3.3."},
            "field 'from_date'. Failure reason: 'a date, such as 2026-03-03' was expected",
        ),
        ("tune", {"max_steps": 100_001}, "100001 is greater than the maximum of 100000"),
        ("tune", {"method": "rlhf"}, "'rlhf' is not one of ['sft', 'dpo', 'kto']"),
        ("tune", {"dataset": "newest"}, "'the begin of its id, of digits and a to f' was"),
        ("promote", {"who": ""}, "field 'who'. Failure reason: '' should be non-empty"),
        (
            "backfill",
            {"from_date": "2026-02-15", "to_date": "2026-03-31", "at": "2 am"},
            "field 'at'. Failure reason: 'a time of day, UTC, such as 02:00' was expected",
        ),
        (
            "rescue",
            {"run_id": "last"},
            "field 'run_id'. Failure reason: 'the id of a run, from the address of its page' was",
        ),
    ],
)
def test_the_server_refuses_before_a_run_is_made(
    name: str, parameters: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        validate(parameters, schema_of(name), raise_on_error=True)
    assert said in str(refused.value)
    assert "se/cret" not in str(refused.value)


def test_what_is_left_empty_may_also_be_null() -> None:
    empty = {"log": None, "from_date": None, "lakehouse": None, "config": None}
    validate(empty, schema_of("feedback"), raise_on_error=True)
    assert "default" not in schema_of("feedback")["properties"]["from_date"]


def test_what_a_form_sends_becomes_what_a_flow_takes() -> None:
    taken = flow_of("flows/restore.py:restore").validate_parameters
    last = datetime(2026, 3, 3, 23, 59, 59, 999_999, UTC)
    sent = taken({"as_of": "2026-03-03", "lakehouse": " "})
    assert (sent["as_of"], sent["lakehouse"], sent["dry_run"]) == (last, None, True)
    sent = taken({"as_of": "2026-03-03T00:00:00.000Z"})  # midnight is no date
    assert sent["as_of"] == datetime(2026, 3, 3, tzinfo=UTC)
    assert taken({"as_of": 12})["as_of"] == 12
    with pytest.raises(ConfigError, match=r"^'2026-02-31' is neither a date"):
        taken({"as_of": "2026-02-31"})


def test_a_window_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^from 2026-03-05 until 2026-03-03 is no time at all"):
        forms.window(date(2026, 3, 5), date(2026, 3, 3))
    day = forms.window(date(2026, 3, 3), date(2026, 3, 3))
    assert [at.hour for at in day if at] == [0, 23]
    assert forms.window(None, None) == (None, None)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("restore", {"as_of": 1, "mode": "copy", "to": "s3://AKIA:se/cret@bucket"}),
        ("feedback", {"log": "az://logs?sastoken=secret"}),
        ("feedback", {"votes": "https://host/votes.csv?subscription-key=secret"}),
    ],
)
def test_an_address_with_a_credential_is_refused_from_python_too(
    name: str, parameters: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match="credentials in the environment"):
        flow_of(f"flows/{name}.py:{name}").validate_parameters(parameters)
