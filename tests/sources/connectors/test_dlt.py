"""Resources of dlt, where the extra is installed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from almanac.sources.base import Content
from almanac.sources.reading import list_source
from schemas.errors import ConfigError, SourceUnavailable
from schemas.settings import SourceSettings
from tests.sources.connectors.nights import Nights

dlt = pytest.importorskip("dlt", reason="the extra dlt is not installed")
from almanac.sources.connectors import dlt_resource  # noqa: E402 (it needs dlt)
from almanac.sources.connectors.dlt_resource import DltConnector  # noqa: E402

ROWS: dict[int, Any] = {}
RUNS: list[int] = []


@dlt.resource(primary_key="id")
def articles(fail_after: int | None = None) -> Any:
    RUNS.append(1)
    for at, (number, text) in enumerate(sorted(ROWS.items())):
        if at == fail_after:
            raise ConnectionError("the service went away")
        yield {"id": number, "text": text, "acl": ["group:support"]}


@dlt.resource
def newest(since: Any = dlt.sources.incremental("id", initial_value=0)) -> Any:  # noqa: B008
    yield {"id": 1, "text": "x"}


@dlt.source
def desk() -> Any:
    return articles, newest


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    ROWS.clear()
    ROWS.update({1: "Set up mail for all.", 2: "Pay day is Friday."})
    given = {"kind": "dlt", "cache": str(tmp_path / "cache"), "access": {"column": "acl"}}
    return Nights(tmp_path / "lake", uri=f"{__name__}:articles", **given)


def test_rows_are_followed(nights: Nights) -> None:
    RUNS.clear()
    assert nights.read() == ["1", "2"]
    assert len(RUNS) == 1
    assert nights.texts == {"1": "Set up mail for all.", "2": "Pay day is Friday."}
    assert nights.access == {"1": ("group:support",), "2": ("group:support",)}
    ROWS[2] = "Pay day is Monday."
    del ROWS[1]
    assert nights.read(uri=f"{__name__}:desk", resource="articles") == ["2"]
    assert nights.texts == {"2": "Pay day is Monday."}
    with pytest.raises(SourceUnavailable, match=r"ended with .*the service went away"):
        nights.run(uri=f"{__name__}:articles", resource=None, arguments={"fail_after": 0})
    assert set(nights.stored) == {"2"}


def test_many_rows_are_read_through_once(
    nights: Nights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DltConnector, "batch", 2)
    ROWS.update({number: f"Text {number}." for number in range(3, 60)})
    RUNS.clear()
    waiting = DltConnector(nights_settings(nights))._file
    waiting.parent.mkdir(parents=True)
    left, young = (waiting.with_name(f"rows.{n}.part") for n in (1, 2))
    for part in (left, young):
        part.write_text("{}")
    os.utime(left, (1, 1))
    read: list[int] = []
    counting = SimpleNamespace(loads=lambda line: read.append(1) or json.loads(line))
    monkeypatch.setattr(dlt_resource, "json", counting)
    assert len(nights.read()) == 59
    assert len(read) == 2 * 59
    assert sorted(waiting.parent.iterdir()) == sorted([waiting, young])
    with pytest.raises(SourceUnavailable):
        nights.run(arguments={"fail_after": 3})
    assert sorted(waiting.parent.iterdir()) == sorted([waiting, young])
    assert len(RUNS) == 2


def test_rows_that_are_lost_are_had_once_more(nights: Nights) -> None:
    settings = nights_settings(nights)
    files = list_source(settings).files
    DltConnector(settings)._file.unlink()
    RUNS.clear()
    connector = DltConnector(settings)
    for file in files:
        (content,) = connector.fetch([file])
        assert isinstance(content, Content)
    assert len(RUNS) == 1


def nights_settings(nights: Nights) -> SourceSettings:
    return SourceSettings.model_validate(nights.source)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("newest", "is incremental: what it leaves out would count as deleted"),
        ("desk", "has the resources articles, newest: name one"),
        ("nothing", "names module:resource in uri"),
        ("ROWS", "is no source or resource of dlt"),
    ],
)
def test_what_is_refused(nights: Nights, uri: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        nights.run(uri=f"{__name__}:{uri}")
