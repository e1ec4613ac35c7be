"""What a person mistypes: one sentence, before a model or Prefect is loaded."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from almanac.cli.app import main
from schemas.reference import reference
from schemas.settings import Settings
from schemas.template import template
from tests.cli.conftest import almanac


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("ALMANAC_CONFIG", "ALMANAC_LAKEHOUSE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "empty").mkdir()
    (tmp_path / "drawings").mkdir()
    (tmp_path / "drawings" / "plan.dwg").write_text("x")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["search", " "], 2, "the question is empty: write it in quotes"),
        (["search", "x"], 1, "no release yet: there is no lakehouse at"),
        (["nightly", "--source", "nowhere"], 1, "nowhere cannot be opened: No such file"),
        (["nightly", "--source", "empty"], 1, "looked for **/*.md,"),
        (["nightly", "--source", "empty"], 1, "and 21 more; the folder is empty"),
        (["nightly", "--source", "drawings"], 1, "there are 1 .dwg: name them in `include`"),
        (["nightly", "--source", "empty", "--as-of", "2999-01-01"], 1, "is in the future"),
        (["nightly", "--source", "empty", "--as-of", "soon"], 2, "'soon' is neither a date"),
        (["histroy"], 2, "no verb is named 'histroy'; did you mean 'history'?"),
        (["ingest"], 2, "did you mean 'nightly'?"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], code: int, said: str) -> None:
    done = run(*arguments)
    assert (done.exit_code, done.stdout) == (code, "")
    lines = [line for line in done.stderr.splitlines() if line.startswith(("almanac: ", "Error: "))]
    assert len(lines) == 1 and said in lines[0]


def test_a_refusal_loads_neither_prefect_nor_a_model(here: Path) -> None:
    code = "import sys\nfrom almanac.cli.app import main\ntry:\n    main()\nfinally:\n"
    code += "    heavy = {'prefect', 'torch', 'great_expectations', 'transformers'}\n"
    code += "    print(sorted(heavy & set(sys.modules)))"
    import subprocess

    for arguments in (["nightly", "--source", "nowhere"], ["search", ""]):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], text=True, capture_output=True, check=False
        )
        assert done.stdout == "[]\n", done.stderr
        assert done.stderr.count("\n") == 1


def test_all_faults_of_a_file_are_told_at_once(here: Path) -> None:
    (here / "almanac.toml").write_text(
        'lakehose = "x"\nmax_bytes = 3\n[sources.docs]\nurl = "./docs"\nexclud = []\n'
        '[embedder]\nthreads = "many"\nmodle = "x"\n[index]\nann_above_rows = 3\n[lease]\nx = 1\n'
    )
    done = run("history")
    assert done.exit_code == 2
    assert done.stderr.splitlines() == [
        "almanac: 8 settings are wrong:",
        "  - unknown setting 'sources.docs.url' in almanac.toml; did you mean 'uri'?",
        "  - unknown setting 'sources.docs.exclud' in almanac.toml; did you mean 'exclude'?",
        "  - setting 'embedder.threads' in almanac.toml must be a whole number (found 'many')",
        "  - unknown setting 'embedder.modle' in almanac.toml; did you mean 'model'?",
        "  - setting 'index.ann_above_rows' in almanac.toml must be greater than or equal to 1000 "
        "(found 3)",
        "  - unknown setting 'lease.x' in almanac.toml; known there: ttl_seconds, wait_seconds",
        "  - unknown setting 'lakehose' in almanac.toml; did you mean 'lakehouse'?",
        "  - unknown setting 'max_bytes' in almanac.toml; it belongs under [sources.NAME]",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('model = "x"', "unknown setting 'model' in almanac.toml; it belongs under [embedder]"),
        ('[source.a]\nuri = "x"', "unknown setting 'source' in almanac.toml; did you mean 'sour"),
        ('sources = "docs"', "'sources' in almanac.toml must be a table, [sources], not 'docs'"),
        ("[sources.docs]", "setting 'sources.docs.uri' in almanac.toml is missing"),
        ('[embedder]\nnormalize = "perhaps"', "must be true or false (found 'perhaps')"),
        ('[lease]\nlakehouse = "x"', "it belongs at the top, before the first [section]"),
    ],
)
def test_one_fault_is_one_line(here: Path, text: str, said: str) -> None:
    (here / "almanac.toml").write_text(text)
    done = run("history")
    assert done.exit_code == 2 and said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_value_that_may_be_a_secret_is_not_repeated(here: Path) -> None:
    (here / "almanac.toml").write_text("[sources.docs]\nuri = 12345\n[alarms]\naddress = 67890\n")
    done = run("history")
    assert "sources.docs.uri" in done.stderr and "alarms.address" in done.stderr
    assert "12345" not in done.stderr and "67890" not in done.stderr


def test_the_help_has_groups_and_cuts_nothing() -> None:
    said = run("--help").stdout
    assert "..." not in said.partition("[ARGS]...")[2]
    for title in ("Start:", "Look:", "Prove, mend, go back:", "Dislikes:", "Training:", "Serve:"):
        assert f"\n{title}\n" in said
    assert " ".join(said.split()).count("run again, it goes on where it stopped.") == 1
    assert "\nMore:\n" not in said, "every verb has a group in almanac/cli/groups.py"


def test_init_writes_a_file_once(here: Path) -> None:
    (here / "docs").mkdir()
    done = run("init")
    assert done.exit_code == 0 and "almanac nightly" in done.stdout
    text = (here / "almanac.toml").read_text()
    assert Settings(**tomllib.loads(text)).sources["documents"].uri == "./docs"
    again = run("init", "--source", "elsewhere")
    assert again.exit_code == 1 and "is there already and was left as it is" in again.stderr
    assert (here / "almanac.toml").read_text() == text
    other = run("init", "--source", "elsewhere", "--config", "other.toml")
    assert "There is no elsewhere yet" in other.stdout and 'uri = "elsewhere"' in (
        here / "other.toml"
    ).read_text("utf-8")


def test_every_default_of_the_template_is_a_right_setting() -> None:
    lines = []
    for line in template("./docs").splitlines():
        plain = line.removeprefix("# ")
        key, mark, value = plain.partition(" = ")
        if mark and not value.strip().startswith("#") and " " not in key:
            line = plain
        lines.append(line)
    values = tomllib.loads("\n".join(lines))
    assert len(values) > 15 and values["embedder"]["model"] == "english"
    settings = Settings(**values)
    assert settings == Settings(**tomllib.loads(template("./docs")))


def test_every_setting_has_a_meaning() -> None:
    rows = [line for line in reference().splitlines() if line.startswith("| `")]
    assert len(rows) > 130
    assert [row for row in rows if row.endswith("|  |")] == []


@pytest.mark.slow
def test_the_shell_sees_the_same(here: Path) -> None:
    done = almanac("nightly", "--source", "nowhere", cwd=here)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("almanac: the source nowhere cannot be opened")
