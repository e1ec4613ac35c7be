"""docs/operating.md names what there is: flows, verbs, settings, variables, alarms, files."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
PROJECT = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))


def rows(heading: str) -> list[str]:
    """The first cells of the first table below a heading."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| ([^|]+?) \|", section, re.MULTILINE)
    return [cell for cell in cells[1:] if set(cell) != {"-"}]


def test_every_deployment_has_its_row() -> None:
    named = {name.strip("`") for name in rows("The flows")}
    assert named == {one["name"] for one in PROJECT["deployments"]}


def test_every_alarm_has_its_row() -> None:
    from almanac.drift.reactions import REACTIONS
    from almanac.supervisor import alarms, automation_builders
    from schemas.settings import Settings

    deployments = {event[0]: uuid4() for event in REACTIONS.values()} | {alarms.RESCUE: uuid4()}
    server = automation_builders.Server("", deployments, ("local",), None)
    made = {one.name for one in alarms.automations(Settings(), server, REACTIONS)}
    told = {name for name in rows("Alarms") if not name.startswith("drift")}
    told |= {f"drift in {kind}" for kind in ("documents", "questions", "answers")}
    assert {automation_builders.PREFIX + name for name in told} == made


def test_every_verb_is_one() -> None:
    from almanac.cli.app import main

    named = set(re.findall(r"(?:`|/|worker )almanac ([a-z]+)", PAGE))
    assert len(named) > 8
    assert named <= main.commands.keys()


def test_every_variable_is_one() -> None:
    from prefect.settings import Settings as PrefectSettings
    from prefect.settings.legacy import _get_settings_fields

    from schemas.settings import Settings

    known = set(_get_settings_fields(PrefectSettings)) | {"PREFECT_SERVER_ENCRYPTION_KEY"}
    assert set(re.findall(r"PREFECT_[A-Z_]+[A-Z]", PAGE)) - known == set()
    ours = {name.partition("__")[0].lower() for name in re.findall(r"ALMANAC_([A-Z_]+)", PAGE)}
    assert ours <= Settings.model_fields.keys() | {"config"}


def test_every_setting_is_one() -> None:
    from schemas.settings import Settings

    sections = Settings()
    named = re.findall(
        r"`(alarms|lease|server|tuning|retention|drift)\.((?!log|yaml)[a-z_]+)`", PAGE
    )
    assert len(named) > 5
    for section, key in named:
        assert key in type(getattr(sections, section)).model_fields, (section, key)


def test_every_file_and_heading_is_there() -> None:
    headings = {
        re.sub(r"[^a-z0-9 ]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    }
    assert {anchor for anchor in re.findall(r"\(#([a-z0-9-]+)\)", PAGE)} <= headings
    files = set(re.findall(r"\b(deploy/[\w./-]+\w)", PAGE)) - {
        "deploy/.env",
        "deploy/kubernetes/secrets.env",  # made from their examples
    }
    assert [file for file in sorted(files) if not (ROOT / file).exists()] == []
