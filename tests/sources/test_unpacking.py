"""What is packed is unpacked up to a bound: little that becomes very much costs nobody a night."""

from __future__ import annotations

import gzip
import json
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from almanac.feedback import files
from almanac.feedback.files import rows_of
from almanac.sources.connectors import chat
from almanac.sources.reading import list_source
from almanac.sources.unpacking import decoded, gunzipped
from almanac.sources.web_client import Unanswered, WebClient
from schemas.errors import SourceUnavailable
from schemas.settings import SourceSettings
from tests.sources.connectors.site import Reply, Site, local_site

TEXT = b"Pay day is Friday. " * 10_000
BOMB = gzip.compress(bytes(100_000_000), 1)


@pytest.fixture
def site() -> Iterator[Site]:
    with local_site() as made:
        yield made


def _asked(site: Site, body: bytes, encoding: str, most: int = 1_000_000) -> tuple[bytes, bool]:
    site.pages["/x"] = Reply(body, headers={"Content-Encoding": encoding})
    with WebClient(1000, 5.0, 1, 0.0, home=site.address) as client:
        answer = client.ask("GET", f"{site.address}/x", most=most)
    return answer.data, answer.is_cut


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(TEXT)),
        ("X-GZIP", gzip.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)[2:-4]),
        ("identity", TEXT),
        ("", TEXT),
    ],
)
def test_answers_as_servers_pack_them(site: Site, encoding: str, body: bytes) -> None:
    assert _asked(site, body, encoding) == (TEXT, False)


def test_an_answer_that_unpacks_to_very_much_is_cut(site: Site) -> None:
    data, is_cut = _asked(site, BOMB, "gzip", most=1_000_000)
    assert is_cut and len(data) < 1_100_000


@pytest.mark.parametrize(
    ("encoding", "body", "reason"),
    [
        ("gzip, gzip", gzip.compress(BOMB), "packed as gzip, gzip"),
        ("br", b"x", "packed as br"),
        ("gzip", gzip.compress(TEXT)[:-12], "cut short"),
        ("gzip", b"no gzip at all", "damaged"),
    ],
)
def test_answers_that_are_refused(site: Site, encoding: str, body: bytes, reason: str) -> None:
    with pytest.raises(Unanswered, match=reason):
        _asked(site, body, encoding)


def test_no_piece_is_greater_than_said() -> None:
    sizes = [len(piece) for piece, _ in zip(decoded([BOMB], "gzip"), range(100), strict=False)]
    assert max(sizes) <= 1 << 16


def test_files_in_gzip() -> None:
    assert gunzipped(gzip.compress(b"a") + gzip.compress(b"b") + b"\0\0", 10) == b"ab"
    for data, reason in (
        (BOMB, "over 1,000,000 bytes"),
        (gzip.compress(b"") * 2_000, "over 1,000 parts"),
        (gzip.compress(TEXT)[:-3], "cut short"),
        (gzip.compress(b"abc", mtime=0)[:-8] + bytes(8), "damaged"),
    ):
        with pytest.raises(ValueError, match=reason):
            gunzipped(data, 1_000_000)


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
@pytest.mark.parametrize("line", [b"\n", b" "])
def test_a_packed_log_that_is_a_bomb_ends_early(
    tmp_path: Path, pack: object, line: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_UNPACKED", 2_000_000)
    row = json.dumps({"request_id": "1"}).encode()
    (tmp_path / "log").write_bytes(pack(row + b"\n" + line * 6_000_000))  # type: ignore[operator]
    found = list(rows_of(tmp_path / "log"))
    assert found[0].values == {"request_id": "1"}
    assert found[-1].problem is not None
    assert "unpacks to over 2,000,000 bytes" in found[-1].problem.reason


def test_a_chat_that_is_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "_LARGEST", 50_000_000)
    with zipfile.ZipFile(tmp_path / "slack.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("channels.json", "[]")
        for day in range(3):
            archive.writestr(f"general/{day}.json", b"[" + b" " * 20_000_000 + b"]")
    settings = SourceSettings.model_validate({"uri": str(tmp_path / "slack.zip"), "kind": "chat"})
    with pytest.raises(SourceUnavailable, match="unpack to 60,000,008"):
        list_source(settings)
