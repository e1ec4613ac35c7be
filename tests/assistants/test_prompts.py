"""Prompts: files and what may be in them, names by content, numbers, and two lakehouse writers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dulwich import porcelain

from almanac.assistants.files import configured_prompt, read_prompt
from almanac.assistants.prompts import difference, find, push
from almanac.assistants.template import Prompt
from lakehouse import Lakehouse, open_lakehouse
from schemas.errors import AssistantRefused, ConfigError
from schemas.hashing import sha256_text

PLAIN = "{% block system %}Be brief.{% endblock %}{% block user %}{{ question }}{% endblock %}"
TONED = PLAIN.replace("brief", "{{ tone }}")
YAML = """
roles: [system, user]
variables:
  type: object
  properties:
    tone: {type: string, enum: [dry, warm], default: dry}
examples:
  - {question: "Is it late?", answer: "No [1]."}
note: with a tone
"""


@pytest.fixture
def lake(tmp_path: Path) -> Lakehouse:
    return open_lakehouse(str(tmp_path / "lake"))


def written(folder: Path, template: str, sidecar: str | None = None) -> Path:
    file = folder / "handbook.j2"
    file.write_text(template)
    if sidecar is not None:
        file.with_suffix(".yaml").write_text(sidecar)
    return file


def test_a_plain_template_is_named_by_its_text_alone(tmp_path: Path) -> None:
    prompt = read_prompt(written(tmp_path, PLAIN))
    assert prompt.content == {"template": PLAIN}
    assert prompt.prompt_id == sha256_text(PLAIN)
    ours = configured_prompt(None)
    assert ours.prompt_id == sha256_text(ours.template)  # as requests of before name it


def test_variables_and_examples_are_part_of_it(tmp_path: Path) -> None:
    prompt = read_prompt(written(tmp_path, TONED, YAML))
    assert prompt.prompt_id != sha256_text(TONED)
    assert Prompt.of(prompt.content, "again").prompt_id == prompt.prompt_id
    assert prompt.render("Why?", [], "No.", variables={"tone": "warm"}) == [
        {"role": "system", "content": "Be warm."},
        {"role": "user", "content": "Is it late?"},
        {"role": "assistant", "content": "No [1]."},
        {"role": "user", "content": "Why?"},
    ]
    assert prompt.render("Why?", [], "No.")[0]["content"] == "Be dry."


@pytest.mark.parametrize(
    ("template", "sidecar", "said"),
    [
        (PLAIN.replace("question", "qestion"), None, "'qestion' is undefined; did you mean 'quest"),
        (TONED, YAML.replace("variables", "varables"), "did you mean 'variables'"),
        (TONED, YAML.replace("string", "strin"), "`variables` is no JSON Schema"),
        (TONED, YAML.replace("default: dry", "default: loud"), "'loud' is not one of"),
        (TONED, "roles: [user, system]", "user last"),
        (TONED, "roles: [system, bot, user]", "'bot' is no role"),
        (TONED, "variables: [", "is no YAML"),
        (TONED, "- a", "must have keys"),
        (
            TONED,
            "variables: {type: object, properties: {tone: {$ref: 'http://x.invalid/a'}}}",
            "refers to",
        ),
        ("{% block user %}", None, "line 1"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, template: str, sidecar: str | None, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        read_prompt(written(tmp_path, template, sidecar))


@pytest.mark.parametrize(
    ("values", "said"),
    [({"tine": "dry"}, "did you mean 'tone'"), ({"tone": 3}, "variable tone: 3 is not of type")],
)
def test_a_wrong_value_of_a_variable(tmp_path: Path, values: dict[str, Any], said: str) -> None:
    prompt = read_prompt(written(tmp_path, TONED, YAML))
    with pytest.raises(ConfigError, match=said):
        prompt.render("Why?", [], "No.", variables=values)


def test_pushing_numbers_each_content_once(tmp_path: Path, lake: Lakehouse) -> None:
    first, new = push(lake, written(tmp_path, PLAIN), "ann")
    assert (first.label, new, first.note, first.commit) == ("handbook@1", True, "", None)
    second, new = push(lake, written(tmp_path, TONED, YAML), "ann", "why not")
    assert (second.label, new, second.note) == ("handbook@2", True, "why not")
    (tmp_path / "handbook.yaml").unlink()
    again, new = push(lake, written(tmp_path, PLAIN), "bob")
    assert (again.label, new, again.author) == ("handbook@1", False, "ann")
    assert [one.label for one in lake.prompts.all()] == ["handbook@1", "handbook@2"]
    assert find(lake, "handbook").number == 2
    assert find(lake, "handbook@1") == first
    assert find(lake, first.prompt_id[:8]) == first
    assert "-" + PLAIN in difference(first, second)
    for wanted, said in (
        ("handbok", "did you mean 'handbook'"),
        ("handbook@9", "numbers 1 to 2"),
        ("ffffff", "prompt list"),
    ):
        with pytest.raises(AssistantRefused, match=said):
            find(lake, wanted)


def test_two_writers_store_one_prompt(tmp_path: Path, lake: Lakehouse) -> None:
    """Each appends its row without the lease; the second number stays what it was said to be."""
    one, other = (push(lake, written(tmp_path, text), "ann")[0] for text in (PLAIN, f"{PLAIN} "))
    row = lake.delta("prompts").query("SELECT * FROM log WHERE ordinal = 1")
    lake.delta("prompts").append(row)  # the same again, as the other of two writers would
    assert [find(lake, label) for label in ("handbook@1", "handbook@2")] == [one, other]


def test_the_commit_of_the_repository_is_kept(tmp_path: Path, lake: Lakehouse) -> None:
    porcelain.init(str(tmp_path))
    file = written(tmp_path, PLAIN)
    assert push(lake, file, "ann", name="before")[0].commit is None
    porcelain.add(str(tmp_path), paths=[str(file)])
    said = porcelain.commit(str(tmp_path), b"a prompt", author=b"A <a@b>", committer=b"A <a@b>")
    assert push(lake, file, "ann")[0].commit == said.decode()
