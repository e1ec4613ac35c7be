"""What is told of prompts and versions: what was stored, lists, one of them, every step taken."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from almanac.assistants import prompts, versions
from almanac.assistants.configured import configured, configured_version
from almanac.assistants.differences import compare
from almanac.assistants.files import read_prompt
from almanac.assistants.standing import production, stages_of
from lakehouse import Lakehouse, open_lakehouse
from lakehouse.assistants import Gate, StageStep, StoredPrompt, StoredVersion
from schemas.settings import Settings
from schemas.times import isoformat


def pushed(
    settings: Settings, files: Sequence[Path], author: str, note: str, name: str | None
) -> dict[str, Any]:
    """Store the prompts of files, all or, where one is wrong, none; arguments as `prompts.push`."""
    for file in files:
        read_prompt(file)
    lake, rows = _lake(settings), []
    for file in files:
        stored, is_new = prompts.push(lake, file, author, note, name)
        rows.append(prompt_row(stored) | {"new": is_new, "file": str(file)})
    return {"prompts": rows}


def frozen(settings: Settings, wanted: str, author: str) -> dict[str, Any]:
    """Freeze a version, and tell of the frozen one; see `versions.freeze`."""
    lake = _lake(settings)
    found = versions.find(lake, settings, wanted)
    return _row(lake, versions.freeze(lake, settings, found, author))


def prompt_list(settings: Settings, name: str | None = None) -> dict[str, Any]:
    """Every stored prompt, newest last; of one name or of all."""
    lake = _lake(settings)
    used: dict[str, list[str]] = {}
    for one in lake.assistant_versions.all():
        used.setdefault(str(one.spec["prompt"]), []).append(one.short)
    return {
        "prompts": [
            prompt_row(one) | {"versions": used.get(one.prompt_id, [])}
            for one in lake.prompts.all()
            if name in (None, one.name)
        ]
    }


def prompt_row(one: StoredPrompt) -> dict[str, Any]:
    """A prompt without its text."""
    return {
        "prompt": one.label,
        "prompt_id": one.prompt_id,
        "author": one.author,
        "at": isoformat(one.at),
        "note": one.note,
        "commit": one.commit,
    }


def prompt_shown(settings: Settings, wanted: str) -> dict[str, Any]:
    """One prompt with its text."""
    one = prompts.find(_lake(settings), wanted)
    return prompt_row(one) | dict(one.content)


def prompt_difference(settings: Settings, old: str, new: str) -> dict[str, Any]:
    """The lines that differ between two prompts."""
    lake = _lake(settings)
    before, after = prompts.find(lake, old), prompts.find(lake, new)
    lines = prompts.difference(before, after)
    return {"old": before.label, "new": after.label, "same": not lines, "lines": lines}


def listing(settings: Settings) -> dict[str, Any]:
    """Every assistant with the version that answers, what is configured, and all its versions."""
    lake = _lake(settings)
    answers, own = production(lake), configured(settings)
    rows = []
    for name in versions.names_of(lake, settings):
        given = configured_version(settings, name).spec.version if name in own else None
        stages = stages_of(lake, name)
        rows.append(
            {
                "assistant": name,
                "answers": answers.get(name, given),
                "configured": given,
                "versions": [
                    _row(lake, one) | {"stage": stages[one.version]}
                    for one in lake.assistant_versions.all()
                    if one.assistant == name
                ],
            }
        )
    return {"assistants": rows}


def showing(settings: Settings, wanted: str) -> dict[str, Any]:
    """One version: where it stands, all that it answers by, its gates and its steps."""
    lake = _lake(settings)
    one = versions.find(lake, settings, wanted)
    steps = lake.assistant_stages.steps(one.assistant)
    return _row(lake, one) | {
        "stage": stages_of(lake, one.assistant).get(one.version, "dev"),
        "spec": dict(one.spec),
        "gates": [gate_row(gate) for gate in lake.assistant_gates.all(one.version)],
        "steps": [_step(step) for step in steps if step.version == one.version],
    }


def history(settings: Settings, assistant: str | None = None) -> dict[str, Any]:
    """Every step, oldest first: the audit. Of one assistant, or of all."""
    return {"steps": [_step(one) for one in _lake(settings).assistant_stages.steps(assistant)]}


def version_difference(settings: Settings, old: str, new: str) -> dict[str, Any]:
    """What differs between two versions, in words."""
    lake = _lake(settings)
    before, after = (versions.find(lake, settings, one) for one in (old, new))
    return compare(lake, before, after)


def version_row(settings: Settings, one: StoredVersion) -> dict[str, Any]:
    """A version that was just stored."""
    return _row(_lake(settings), one)


def gate_row(gate: Gate) -> dict[str, Any]:
    """What a gate said, without its figures."""
    return {
        "gate": gate.gate_id,
        "against": gate.current,
        "passed": gate.passed,
        "reasons": gate.verdict.get("reasons", []),
        "actor": gate.actor,
        "at": isoformat(gate.at),
    }


def _row(lake: Lakehouse, one: StoredVersion) -> dict[str, Any]:
    prompt = lake.prompts.by_id(str(one.spec["prompt"]))
    return {
        "version": one.version,
        "assistant": one.assistant,
        "prompt": prompt.label if prompt else None,
        "release": one.spec["release"],
        "model": one.spec["route"][0]["model"],
        "author": one.author,
        "at": isoformat(one.at),
        "note": one.note,
        "frozen_from": one.followed,
    }


def _step(step: StageStep) -> dict[str, Any]:
    return {
        "assistant": step.assistant,
        "version": step.version,
        "to": step.stage,
        "actor": step.actor,
        "reason": step.reason,
        "release": step.resolved.get("release"),
        "run_id": step.run_id,
        "at": isoformat(step.at),
    }


def _lake(settings: Settings) -> Lakehouse:
    return open_lakehouse(settings.lakehouse, settings.storage_options)
