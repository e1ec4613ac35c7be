from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import ConfigError
from schemas.reference import reference
from schemas.settings import LossLimitSettings, Settings, SourceSettings, load_settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def configured(text: str) -> Settings:
    Path("almanac.toml").write_text(text, encoding="utf-8")
    return load_settings()


def test_paths_in_the_file_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    file = tmp_path / "deep" / "my.toml"
    file.write_text('lakehouse = "lake"\n[sources.docs]\nuri = "docs"\n', encoding="utf-8")
    settings = load_settings(file)
    assert settings.lakehouse == str(tmp_path / "deep" / "lake")
    assert settings.sources["docs"].uri == str(tmp_path / "deep" / "docs")


def test_urls_stay_as_they_are() -> None:
    settings = configured('lakehouse = "s3://b/lake"\n[sources.a]\nuri = "https://h/x.csv"\n')
    assert (settings.lakehouse, settings.sources["a"].uri) == ("s3://b/lake", "https://h/x.csv")


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("ALMANAC_LAKEHOUSE", "s3://b/x", lambda s: s.lakehouse),
        ("ALMANAC_EMBEDDER__MODEL", "multilingual", lambda s: s.embedder.model),
        ("ALMANAC_SOURCES__DOCS__URI", "/other", lambda s: s.sources["docs"].uri),
    ],
)
def test_the_environment_wins_over_the_file(name, value, read, monkeypatch) -> None:
    monkeypatch.setenv(name, value)
    text = 'lakehouse = "l"\n[sources.docs]\nuri = "docs"\n[embedder]\nmodel = "english"\n'
    assert read(configured(text)) == value


def test_an_environment_variable_overrides_its_key_alone(monkeypatch) -> None:
    monkeypatch.setenv("ALMANAC_EMBEDDER__THREADS", "2")
    settings = configured('[embedder]\nmodel = "multilingual"\n')
    assert (settings.embedder.model, settings.embedder.threads) == ("multilingual", 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lakehose = 'x'", "unknown setting 'lakehose' in almanac.toml"),
        ("[embedder]\nmodle = 'x'", "unknown setting 'embedder.modle'"),
        ("[sources.docs]\nuri = 'x'\nglob = '*'", "unknown setting 'sources.docs.glob'"),
        ("[guards]\nmax_vanished_share = 3", "setting 'guards.max_vanished_share'"),
        ("[loss_limits]\nmax_vanished_share = 3", "setting 'loss_limits.max_vanished_share'"),
        (
            "[guards]\n[loss_limits]\n",
            r"\[guards\] and \[loss_limits\] in almanac.toml are the same",
        ),
        ("[sources.docs]\n", "sources.docs.uri"),
        ("lakehouse = ", "not valid TOML"),
    ],
)
def test_what_cannot_be_used_is_named(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        configured(text)


def test_the_earlier_name_of_the_loss_limits_is_read_with_a_note(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    text = "[guards]\nmin_documents = 3\nmax_shrunk_share = 0.2\n"
    monkeypatch.setenv("ALMANAC_GUARDS__MAX_VANISHED_SHARE", "0.5")
    limits = configured(text).loss_limits
    assert limits == LossLimitSettings(
        min_documents=3, max_shrunk_share=0.2, max_vanished_share=0.5
    )
    configured(text)
    file = Path("almanac.toml").resolve()
    assert [record.message for record in caplog.records] == [
        f"[guards] in {file} is called [loss_limits] now; the earlier name is still read",
        "ALMANAC_GUARDS__MAX_VANISHED_SHARE is called ALMANAC_LOSS_LIMITS__MAX_VANISHED_SHARE now; "
        "the earlier name is still read",
    ]
    monkeypatch.setenv("ALMANAC_LOSS_LIMITS__MAX_VANISHED_SHARE", "0.6")
    assert configured(text).loss_limits.max_vanished_share == 0.6


def test_an_unknown_variable_is_refused_by_name(monkeypatch) -> None:
    monkeypatch.setenv("ALMANAC_LAKEHOSE", "x")
    with pytest.raises(ConfigError, match="ALMANAC_LAKEHOSE names no setting"):
        load_settings()


def test_a_file_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml does not exist"):
        load_settings("nowhere.toml")


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().lakehouse = "x"  # type: ignore[misc]


def test_a_source_given_by_hand_keeps_the_configured_name_and_rules() -> None:
    settings = configured('[sources.docs]\nuri = "a"\nexclude = ["x/*"]\n').with_source("/b")
    assert settings.sources == {"docs": SourceSettings(uri="/b", exclude=("x/*",))}
    assert list(Settings().with_source("/b=c").sources) == ["documents"]


def test_of_several_sources_one_is_named() -> None:
    settings = configured('[sources.a]\nuri = "/1"\n[sources.b]\nuri = "/2"\n')
    uris = {name: one.uri for name, one in settings.with_source("b=/3").sources.items()}
    assert uris == {"a": "/1", "b": "/3"}
    with pytest.raises(ConfigError, match="several sources"):
        settings.with_source("/3")


def test_the_page_of_settings_is_current() -> None:
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == reference()
