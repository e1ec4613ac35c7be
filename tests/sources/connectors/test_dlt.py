"""Resources of dlt, where the extra is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from schemas.errors import ConfigError, SourceUnavailable
from tests.sources.connectors.nights import Nights

dlt = pytest.importorskip("dlt", reason="the extra dlt is not installed")
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
