"""Prompts in the lakehouse: pushed from files, found by name and number, compared."""

from __future__ import annotations

import difflib
from datetime import UTC, datetime
from pathlib import Path

from almanac.assistants.files import read_prompt, read_sidecar
from almanac.assistants.template import Prompt
from lakehouse import Lakehouse
from lakehouse.assistants import StoredPrompt
from schemas.errors import AssistantRefused, ConfigError
from schemas.explain import meant

_LEAST = 6  # digits of an id that can be meant by one


def push(
    lake: Lakehouse, path: Path, author: str, note: str = "", name: str | None = None
) -> tuple[StoredPrompt, bool]:
    """Store the prompt of a file; the stored one, and whether it is new.

    Args:
        lake: the lakehouse.
        path: of the template, NAME.j2.
        author: who pushes it.
        note: why; that of the YAML file unless given.
        name: instead of the file's.

    Raises:
        ConfigError: the prompt is wrong.
    """
    prompt = read_prompt(path)
    return keep(
        lake,
        prompt,
        name or path.stem,
        author,
        note or read_sidecar(path).note,
        commit_of(path),
    )


def keep(
    lake: Lakehouse,
    prompt: Prompt,
    name: str,
    author: str,
    note: str = "",
    commit: str | None = None,
) -> tuple[StoredPrompt, bool]:
    """Store a prompt under a name, once; the stored one, and whether it is new."""
    _check_name(name)
    known = {(one.name, one.prompt_id) for one in lake.prompts.all()}
    row = StoredPrompt(
        prompt.prompt_id, name, prompt.content, author, datetime.now(UTC), note, commit
    )
    return lake.prompts.keep(row), (name, prompt.prompt_id) not in known


def find(lake: Lakehouse, wanted: str) -> StoredPrompt:
    """A prompt by NAME (the newest), NAME@NUMBER, or the beginning of its id.

    Raises:
        AssistantRefused: there is none, or an id is not told from another.
    """
    every = lake.prompts.all()
    name, mark, number = wanted.partition("@")
    named = [one for one in every if one.name == name]
    if named and not mark:
        return named[-1]
    if named:
        if found := [one for one in named if str(one.number) == number]:
            return found[0]
        raise AssistantRefused(
            f"there is no prompt {wanted}: {name} has the numbers 1 to {named[-1].number}"
        )
    by_id = {one.prompt_id: one for one in every if one.prompt_id.startswith(wanted)}
    if len(by_id) == 1 and len(wanted) >= _LEAST:
        return next(iter(by_id.values()))
    near = meant(name, sorted({one.name for one in every}))
    hint = f"; did you mean {near!r}?" if near else ": `almanac prompt list` has them all"
    raise AssistantRefused(f"no prompt is named {wanted!r}{hint}")


def difference(old: StoredPrompt, new: StoredPrompt) -> list[str]:
    """The lines that differ, as `diff -u` writes them, of the template, then of the rest."""
    lines: list[str] = []
    for part in ("template", "roles", "variables", "examples"):
        before, after = (_lines(one.content.get(part)) for one in (old, new))
        lines += difflib.unified_diff(
            before, after, f"{old.label} {part}", f"{new.label} {part}", lineterm=""
        )
    return lines


def commit_of(path: Path) -> str | None:
    """The commit that is checked out in the git repository of a file; None outside of one."""
    from dulwich.errors import NotGitRepository
    from dulwich.repo import Repo

    try:
        with Repo.discover(str(path.resolve().parent)) as repo:
            return repo.head().decode()
    except (NotGitRepository, KeyError, OSError):
        return None


def _lines(value: object) -> list[str]:
    import yaml

    if value is None:
        return []
    text = value if isinstance(value, str) else yaml.safe_dump(value, allow_unicode=True)
    return str(text).splitlines()


def _check_name(name: str) -> None:
    if not name or "@" in name or name != name.strip() or not name.isprintable():
        raise ConfigError(f"{name!r} is no name of a prompt: no @, no spaces around it")
