"""Rows of PostgreSQL 15 and SQLite: changed, deleted, committed late; rights; a listing cut."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from almanac.sources.connectors import sql
from almanac.sources.connectors.sql import SqlConnector, plain_row
from schemas.errors import ConfigError, SourceUnavailable
from tests.sources.connectors.nights import Nights

_BIN = Path("/usr/lib/postgresql/15/bin")
_TABLE = "CREATE TABLE articles (id int, title text, body text, changed timestamptz, acl text[])"
_ROWS = (
    "INSERT INTO articles VALUES"
    " (1, 'Mail', 'Set up mail.', '2026-03-01', '{public}'),"
    " (2, 'Pay', 'Pay day is Friday.', '2026-03-02', '{group:hr}'),"
    " (3, 'Old', 'An old page.', '2026-03-02', NULL)"
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server of its own on loopback, which no root may run."""
    if not (_BIN / "initdb").is_file():
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL 15 is not installed: .ci/packages installs it")
        pytest.skip("PostgreSQL 15 is not installed: apt-get install postgresql")
    who: dict[str, Any] = {"user": "postgres"} if os.geteuid() == 0 else {}
    home = Path(tempfile.mkdtemp(prefix="almanac-postgres-"))
    if who:
        shutil.chown(home, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = str(home / "data")
    init = [str(_BIN / "initdb"), "-D", data, "-U", "kb", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(init, check=True, capture_output=True, cwd=home, **who)
    options = f"-p {port} -k {home} -c listen_addresses=127.0.0.1 -c fsync=off"
    control = [str(_BIN / "pg_ctl"), "-D", data, "-w"]
    begin = [*control, "-l", str(home / "log"), "-o", options, "start"]
    subprocess.run(begin, check=True, stdout=subprocess.DEVNULL, cwd=home, **who)
    yield f"postgresql://kb@127.0.0.1:{port}/postgres"
    subprocess.run([*control, "-m", "immediate", "stop"], check=True, cwd=home, **who)
    shutil.rmtree(home)


@pytest.fixture
def postgres(server: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(server.replace("://", "+psycopg://"), poolclass=sa.NullPool)
    _do(engine, "DROP TABLE IF EXISTS articles", _TABLE, _ROWS)
    yield engine


def _do(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


def _articles(lakehouse: Path, uri: str, **more: Any) -> Nights:
    columns = {"id": "id", "text": "body", "metadata": []}
    access = {"column": "acl", "default": ["group:staff"]}
    source = {"uri": uri, "kind": "sql", "columns": columns, "access": access, **more}
    return Nights(lakehouse, **({"table": "articles", "stamp": ["xmin"]} | source))


def test_rows_of_postgres_are_followed(tmp_path: Path, server: str, postgres: sa.Engine) -> None:
    nights = _articles(tmp_path, server)
    assert nights.read() == ["1", "2", "3"]
    assert nights.texts == {"1": "Set up mail.", "2": "Pay day is Friday.", "3": "An old page."}
    assert nights.stored["2"].title == "Pay"
    assert nights.stored["2"].uri.endswith("/postgres/articles#2")
    assert nights.read() == []
    _do(
        postgres,
        "UPDATE articles SET body = 'Pay day is Monday.' WHERE id = 2",  # its timestamp stays
        "DELETE FROM articles WHERE id = 3",
        "INSERT INTO articles VALUES (4, 'Late', 'Committed late.', '2020-01-01', '{public}')",
    )
    assert nights.read() == ["2", "4"]
    assert nights.texts == {"1": "Set up mail.", "2": "Pay day is Monday.", "4": "Committed late."}


def test_a_row_that_is_committed_after_the_listing_is_read_the_next_night(
    tmp_path: Path, server: str, postgres: sa.Engine
) -> None:
    nights = _articles(tmp_path, server)
    with postgres.connect() as late:
        late.execute(sa.text("INSERT INTO articles VALUES (9, 'L', 'Late.', '2019-01-01', NULL)"))
        nights.run()
        assert "9" not in nights.stored
        late.commit()
    assert nights.read() == ["9"]
    assert nights.texts["9"] == "Late."


def test_rights_change_without_a_change_of_the_document(
    tmp_path: Path, server: str, postgres: sa.Engine
) -> None:
    nights = _articles(tmp_path, server)
    nights.run()
    assert nights.access == {"1": ("public",), "2": ("group:hr",), "3": ("group:staff",)}
    before = nights.stored
    _do(
        postgres,
        "UPDATE articles SET acl = '{group:hr,user:ann}' WHERE id = 1",
        "UPDATE articles SET acl = '{everybody}' WHERE id = 2",  # no principal: opens nothing
    )
    found = nights.run()
    assert nights.stored == before
    assert nights.access == {"1": ("group:hr", "user:ann"), "2": (), "3": ("group:staff",)}
    broken = {(r.doc_id, r.expectation, r.severity) for _, r in found.rejections}
    assert broken == {("2", "access_is_readable", "should")}
    rows = nights.lake.access.history("1")
    assert [row["principals"] for row in rows] == [["public"], ["group:hr", "user:ann"]]


def test_a_query_over_two_keys_without_a_stamp(
    tmp_path: Path, server: str, postgres: sa.Engine
) -> None:
    query = "SELECT id, title AS part, body, acl FROM articles WHERE id < 3;"
    columns = {"id": ["part", "id"], "text": "body", "title": None}
    nights = Nights(tmp_path, uri=server, kind="sql", query=query, columns=columns)
    assert nights.read() == ["Mail/1", "Pay/2"]
    assert nights.read() == []
    _do(postgres, "UPDATE articles SET body = 'New.' WHERE id = 1")
    assert nights.read() == ["Mail/1"]
    assert nights.texts == {"Mail/1": "New.", "Pay/2": "Pay day is Friday."}


def test_a_listing_that_breaks_off_deletes_nothing(
    tmp_path: Path, server: str, postgres: sa.Engine
) -> None:
    nights = _articles(tmp_path, server)
    nights.run()
    cut = "SELECT id, title, body, acl, 1 / (id - 3) AS one FROM articles ORDER BY id"
    with pytest.raises(SourceUnavailable, match="division by zero; check uri"):
        nights.run(table=None, query=cut, stamp=["one"])
    assert set(nights.stored) == {"1", "2", "3"}


def test_keys_that_repeat_and_keys_that_are_null(
    tmp_path: Path, server: str, postgres: sa.Engine
) -> None:
    nights = _articles(tmp_path, server)
    _do(postgres, "INSERT INTO articles VALUES (NULL, 'No', 'No key.', now(), NULL)")
    found = nights.run()
    assert [(r.doc_id, r.expectation) for _, r in found.rejections] == [
        ("row 4", "id_is_not_blank")
    ]
    _do(postgres, "INSERT INTO articles VALUES (1, 'Twice', 'Twice.', now(), NULL)")
    with pytest.raises(SourceUnavailable, match="several rows have the key '1'"):
        nights.run()


def test_sqlite_by_the_same_settings(tmp_path: Path) -> None:
    file = tmp_path / "kb.db"
    with sqlite3.connect(file) as database:
        database.execute(_TABLE.replace("text[]", "text"))
        database.execute(_ROWS)
    nights = _articles(tmp_path / "lake", f"sqlite:///{file}", stamp=["changed"])
    assert nights.read() == ["1", "2", "3"]
    assert nights.access == {"1": ("public",), "2": ("group:hr",), "3": ("group:staff",)}
    with sqlite3.connect(file) as database:
        database.execute("UPDATE articles SET body = 'New.', changed = '2026-04-01' WHERE id = 3")
        database.execute("DELETE FROM articles WHERE id = 1")
    assert nights.read() == ["3"]
    assert nights.texts == {"2": "Pay day is Friday.", "3": "New."}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"table": "a", "query": "SELECT 1"}, "give either table or query"),
        ({"tabel": "a"}, "tabel: no such key; its keys are password_env, query, stamp, table"),
        ({"table": "a", "password_env": "NO_SUCH_NAME"}, "NO_SUCH_NAME .password_env. is not set"),
    ],
)
def test_wrong_settings(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    file = tmp_path / "kb.db"
    sqlite3.connect(file).close()
    with pytest.raises(ConfigError, match=message):
        Nights(tmp_path / "lake", uri=f"sqlite:///{file}", kind="sql", **settings).run()


def test_a_password_in_the_address_is_refused_and_not_repeated(tmp_path: Path) -> None:
    uri = "postgresql://kb:hunter2@127.0.0.1:9/kb"
    with pytest.raises(ConfigError, match="put it into a variable, password_env") as raised:
        Nights(tmp_path, uri=uri, kind="sql", table="a").run()
    assert "hunter2" not in str(raised.value)


def test_a_database_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match=r"no\.db does not exist"):
        Nights(tmp_path, uri=f"sqlite:///{tmp_path}/no.db", kind="sql", table="a").run()
    assert not (tmp_path / "no.db").exists()
    with pytest.raises(SourceUnavailable, match=r"postgresql://127\.0\.0\.1:9/kb/a cannot be read"):
        Nights(tmp_path, uri="postgresql://kb@127.0.0.1:9/kb", kind="sql", table="a").run()


def test_rows_with_keys_of_several_columns_are_asked_for_by_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "kb.db"
    with sqlite3.connect(place) as database:
        database.execute(
            "CREATE TABLE kb (part TEXT, nr INTEGER, body TEXT, PRIMARY KEY (part, nr))"
        )
        rows = [(part, nr, f"Text {part} {nr}.") for part in ("a", "b") for nr in range(30)]
        database.executemany("INSERT INTO kb VALUES (?, ?, ?)", rows)
    monkeypatch.setattr(SqlConnector, "batch", 10)
    read: list[int] = []
    monkeypatch.setattr(sql, "plain_row", lambda row: read.append(1) or plain_row(row))
    columns = {"id": ["part", "nr"], "text": "body"}
    given = {"kind": "sql", "uri": f"sqlite:///{place}", "table": "kb", "columns": columns}
    nights = Nights(tmp_path / "lake", **given)
    assert len(nights.read()) == 60
    assert nights.texts["b/29"] == "Text b 29."
    assert len(read) == 2 * 60  # listed, then fetched, each once
    with sqlite3.connect(place) as database:
        database.execute("INSERT INTO kb VALUES ('c/d', 1, 'A slash in a key.')")
    assert nights.read() == ["c/d/1"]
    assert nights.texts["c/d/1"] == "A slash in a key."
