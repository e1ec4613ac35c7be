"""Exports of Slack, Telegram, Teams and plain JSON: one document a thread and a day."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from almanac.sources.reading import list_source, read_files
from schemas.documents import Document
from schemas.errors import ConfigError, SourceUnavailable
from schemas.settings import SourceSettings
from tests.sources.connectors.nights import Nights

USERS = [
    {"id": "U1", "profile": {"real_name": "Ann", "email": "ann@e.org"}},
    {"id": "U2", "profile": {"real_name": "Bob"}},
]


def _said(ts: str, user: str, text: str, **more: Any) -> dict[str, Any]:
    return {"type": "message", "ts": ts, "user": user, "text": text, **more}


# 4 March 2026, 10:00 UTC is 1772618400.
SLACK: dict[str, Any] = {
    "users.json": USERS,
    "channels.json": [{"id": "C1", "name": "general", "members": ["U1", "U2"]}],
    "groups.json": [{"id": "G1", "name": "board", "members": ["U1"]}],
    "general/2026-03-04.json": [
        _said("1772618400.000100", "U1", "Where is <#C1> explained, <@U2>? A &lt; B"),
        _said("1772618460.000200", "U2", "See <https://e.org|the page>"),
        _said("1772618500.000300", "U1", "How do I pay?", thread_ts="1772618500.000300"),
        _said("1772618501.000400", "U2", "has joined", subtype="channel_join"),
    ],
    "general/2026-03-05.json": [
        _said(
            "1772704900.000500",
            "U2",
            "By card.",
            thread_ts="1772618500.000300",
            files=[{"name": "form.pdf"}],
        )
    ],
    "board/2026-03-04.json": [_said("1772618400.000600", "U1", "For us alone.")],
}


def _slack(place: Path, files: dict[str, Any] = SLACK) -> Path:
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(json.dumps(content))
    return place


def _documents(place: Path, **more: Any) -> dict[str, Document]:
    settings = SourceSettings.model_validate({"uri": str(place), "kind": "chat", **more})
    readings = read_files(settings, list_source(settings).files)
    return {one.doc_id: one for reading in readings for one in reading.documents}


def test_slack_by_thread_and_day(tmp_path: Path) -> None:
    documents = _documents(_slack(tmp_path / "export"))
    assert set(documents) == {
        "board/2026-03-04",
        "general/2026-03-04",
        "general/thread/1772618500.000300",
    }
    day = documents["general/2026-03-04"]
    assert day.title == "general, 2026-03-04"
    assert day.text == (
        "**Ann**, 10:00\n\nWhere is #general explained, @Bob? A < B\n\n"
        "**Bob**, 10:01\n\nSee [the page](https://e.org)\n"
    )
    thread = documents["general/thread/1772618500.000300"]
    assert thread.title == "general: How do I pay?"
    assert thread.text == (
        "**Ann**, 2026-03-04 10:01\n\nHow do I pay?\n\n"
        "**Bob**, 2026-03-05 10:01\n\nBy card.\n[file: form.pdf]\n"
    )


def test_nights_over_slack(tmp_path: Path) -> None:
    place = _slack(tmp_path / "export")
    nights = Nights(tmp_path / "lake", uri=str(place), kind="chat", access={"default": ["public"]})
    found = nights.run()
    assert len(nights.stored) == 3
    assert nights.access["board/2026-03-04"] == ("user:ann@e.org",)
    assert nights.access["general/2026-03-04"] == ("public",)
    lost = [(r.doc_id, r.reason) for _, r in found.rejections if "complete" in r.expectation]
    assert lost == [("general/thread/1772618500.000300", "not carried over: files 1")]
    (place / "general" / "2026-03-04.json").write_text('[{"type": ')  # cut short
    found = nights.run()
    assert len(nights.stored) == 3
    assert "How do I pay?" in nights.texts["general/thread/1772618500.000300"]
    assert ("general/2026-03-04.json", "file_is_parseable") in {
        (r.doc_id, r.expectation) for _, r in found.rejections
    }
    archive = tmp_path / "export.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for name, content in SLACK.items():
            made.writestr(name, json.dumps(content))
    assert nights.read(uri=str(archive)) == []


def test_without_its_lists_an_export_changes_nothing(tmp_path: Path) -> None:
    place = _slack(tmp_path / "export")
    (place / "users.json").write_text('[{"id": "U')
    with pytest.raises(SourceUnavailable, match=r"users\.json: it is no valid JSON"):
        _documents(place)
    late = [_said("1e30", "U1", "In a far future.")]
    place = _slack(tmp_path / "late", SLACK | {"general/2026-03-04.json": late})
    with pytest.raises(SourceUnavailable, match="has a wrong time"):
        _documents(place)


def test_telegram(tmp_path: Path) -> None:
    texts: list[Any] = [
        "Hello",
        ["See ", {"type": "text_link", "text": "this", "href": "https://e.org"}, " and ",
         {"type": "code", "text": "x"}],
    ]  # fmt: skip
    messages: list[dict[str, Any]] = [
        {"id": n, "type": "message", "date_unixtime": str(1772618400 + n), "from": "Аня", "text": t}
        for n, t in enumerate(texts)
    ]
    messages.append({"id": 9, "type": "service", "action": "join_group_by_link"})
    chat = {"name": "Команда", "type": "private_group", "id": 7, "messages": messages}
    (tmp_path / "result.json").write_text(json.dumps(chat))
    (document,) = _documents(tmp_path).values()
    assert document.doc_id == "Команда/2026-03-04"
    assert document.text == (
        "**Аня**, 10:00\n\nHello\n\n**Аня**, 10:00\n\nSee [this](https://e.org) and `x`\n"
    )
    (tmp_path / "result.json").write_text(json.dumps({"chats": {"list": [chat]}}))
    assert set(_documents(tmp_path / "result.json")) == {"Команда/2026-03-04"}


def test_teams(tmp_path: Path) -> None:
    def said(i: str, minute: int, body: str, **more: Any) -> dict[str, Any]:
        who = {"user": {"displayName": "Ann"}}
        time = f"2026-03-04T10:{minute:02}:00Z"
        content = {"contentType": "html", "content": body}
        return {"id": i, "createdDateTime": time, "from": who, "body": content} | more

    rows = [
        said("1", 0, "<p>Who <b>knows</b>?</p>"),
        said("2", 1, "<div>I do.</div>", replyToId="1"),
        said("3", 2, "<p>Else</p>", messageType="systemEventMessage"),
        said("4", 3, "<p>Removed</p>", deletedDateTime="2026-03-05T00:00:00Z"),
    ]
    (tmp_path / "teams.json").write_text(json.dumps({"value": rows}))
    (document,) = _documents(tmp_path / "teams.json").values()
    assert document.doc_id == "chat/thread/1"
    assert document.text == (
        "**Ann**, 2026-03-04 10:00\n\nWho **knows**?\n\n**Ann**, 2026-03-04 10:01\n\nI do.\n"
    )


def test_a_plain_list_with_fields(tmp_path: Path) -> None:
    file = tmp_path / "chat.json"
    file.write_text(json.dumps([{"nr": 1, "at": 1772618400000, "who": {"n": "Ann"}, "msg": "Hi"}]))
    with pytest.raises(ConfigError, match=r"no 'id': name the field of its id in fields\.id"):
        _documents(file)
    fields = {"id": "nr", "time": "at", "author": "who.n", "text": "msg"}
    (document,) = _documents(file, fields=fields).values()
    assert (document.doc_id, document.text) == ("chat/2026-03-04", "**Ann**, 10:00\n\nHi\n")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"chats": {"list": [{}]}}', '[{"id": 1}, 2]'])
def test_what_is_no_export(tmp_path: Path, content: str) -> None:
    (tmp_path / "chat.json").write_text(content)
    with pytest.raises((SourceUnavailable, ConfigError), match=r"chat"):
        _documents(tmp_path / "chat.json")


@pytest.mark.parametrize("name", ["result.json", "slack.zip", "folder"])
@pytest.mark.parametrize("kept", [0, 60])
def test_an_export_that_is_empty_or_cut_deletes_nothing(
    tmp_path: Path, name: str, kept: int
) -> None:
    message = {"id": 1, "time": "2026-03-04T10:00:00Z", "author": "Ann", "text": "Room 7 it is."}
    whole, place = json.dumps([message]).encode(), tmp_path / name
    if name == "slack.zip":
        said = [{"type": "message", "user": "U1", "text": "Room 7 it is.", "ts": "1772618500.0001"}]
        with zipfile.ZipFile(place, "w") as archive:
            archive.writestr("channels.json", json.dumps([{"id": "C1", "name": "general"}]))
            archive.writestr("general/2026-03-04.json", json.dumps(said))
        file, whole = place, place.read_bytes()
    else:
        file = place / "a.json" if name == "folder" else place
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(whole)
    fields = {one: one for one in ("id", "time", "author", "text")}
    nights = Nights(tmp_path / "lake", uri=str(place), kind="chat", fields=fields)
    nights.run()
    before = nights.texts
    assert len(before) == 1
    file.write_bytes(whole[:kept])
    with pytest.raises(SourceUnavailable, match="cannot be read"):
        nights.run()
    file.write_bytes(whole)
    nights.run()
    assert nights.texts == before
