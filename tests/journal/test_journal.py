"""The journal of requests and votes: durable, in order, for many at once, and forgetful."""

from __future__ import annotations

import re
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from almanac.journal import Journal, Pending, journal_places, new_request_id
from almanac.journal.journal import Refused
from schemas.errors import ConfigError, StorageUnavailable
from schemas.feedback import Passage, Request, Vote

ROOT = Path(__file__).resolve().parents[2]
AT = datetime(2026, 3, 1, 10, 0, 0, 123456, tzinfo=UTC)
FULL = Request(
    request_id="req-1",
    asked_at=AT,
    user_id="ann",
    question="Кто платит?",
    response="Your manager [1].",
    context=(Passage("c1", "The manager pays."), Passage("c2", "")),
    session_id="s1",
    history=({"role": "user", "content": "Hi"},),
    prompt=({"role": "user", "content": "Q"},),
    release=4,
    details={"team": {"a": [1, None]}},
    assistant="handbook",
    version="ab12",
    status="answered",
    route={"tried": ["small"], "chosen": "small"},
    guard={"in": "passed"},
    params={"temperature": 0},
    first_token_ms=12.5,
    trace_id="t",
    principals_hash="p",
    context_hashes=("h1", "h2"),
)
LIKE = Vote("req-1", "ann", AT, 1, "fine")
DISLIKE = Vote("req-1", "bob", AT, -1, None, "Nobody.")
PROCESS = """
import sys
from datetime import UTC, datetime
from almanac.journal import Journal
from schemas.feedback import Request

path, name = sys.argv[1:]
sys.stdin.readline()
journal = Journal(path)
for number in range(50):
    journal.append_request(Request(f"{name}-{number}", datetime.now(UTC), name, "Why?", "So."))
    print(number, flush=True)
"""


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal" / "journal.sqlite")


def test_what_was_appended_is_read_back_equal(journal: Journal) -> None:
    journal.append_request(FULL)
    journal.append_vote(DISLIKE)
    other = Journal(journal.path)
    assert other.request("req-1") == FULL
    assert other.request("req-2") is None
    assert other.votes("req-1") == [DISLIKE]
    assert other.identity == journal.identity
    pending = other.pending()
    assert (pending.requests, pending.votes, pending.refused, pending.rows) == (1, 1, 0, 2)
    assert pending.oldest is not None
    assert abs((datetime.now(UTC) - pending.oldest).total_seconds()) < 60


def test_an_id_stands_for_one_request(journal: Journal) -> None:
    journal.append_request(FULL)
    journal.append_request(FULL)
    with pytest.raises(ConfigError, match="another request of the id 'req-1' is stored"):
        journal.append_request(replace(FULL, question="What?"))
    with pytest.raises(ConfigError, match="a text cannot be stored: surrogates not allowed"):
        journal.append_request(replace(FULL, request_id="req-2", question="\ud800"))
    assert [row.request_id for row in journal.first("requests", 9)] == ["req-1"]


def test_a_vote_is_taken_back(journal: Journal) -> None:
    journal.append_vote(LIKE)
    journal.append_vote(DISLIKE)
    journal.withdraw_vote("req-1", "ann")
    assert journal.votes("req-1") == [DISLIKE]
    assert list(journal.withdrawn("req-1")) == ["ann"]
    journal.append_vote(replace(LIKE, rating=-1))
    assert journal.votes("req-1") == [DISLIKE, replace(LIKE, rating=-1)]


def test_numbers_are_not_given_again(journal: Journal) -> None:
    for name in ("a", "b"):
        journal.append_request(replace(FULL, request_id=name))
    assert [row.number for row in journal.first("requests", 9)] == [1, 2]
    broken = Refused(2, "requests", "{}", "rule", "why", "value", "must")
    journal.settle("requests", 2, [broken])
    assert journal.first("requests", 9) == []
    assert journal.refused() == [broken]
    journal.settle_refused([broken])
    assert journal.pending() == Pending(0, 0, 0, None)
    journal.append_request(FULL)
    assert [row.number for row in Journal(journal.path).first("requests", 9)] == [3]


def test_only_the_owner_reads_the_files(journal: Journal) -> None:
    journal.append_request(FULL)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in journal.path.parent.iterdir()}
    names = ("journal.sqlite", "journal.sqlite-shm", "journal.sqlite-wal")
    assert modes == dict.fromkeys(names, 0o600)


def test_what_is_forgotten_is_in_no_file(journal: Journal) -> None:
    secret = "the-word-that-nobody-may-find " * 500  # over many pages
    for number in range(20):
        user = "eve-777" if number % 2 else "ann"
        text = secret if number % 2 else "other"
        journal.append_request(replace(FULL, request_id=str(number), user_id=user, question=text))
    journal.append_vote(Vote("0", "eve-777", AT, -1, "the-word-that-nobody-may-find"))
    journal.append_vote(LIKE)
    journal.settle("votes", 0, [Refused(9, "requests", _record(secret), "r", "w", "v", "must")])
    assert journal.forget(lambda item: item.user_id == "eve-777", "eve-777") == 12
    assert [row.request_id for row in journal.first("requests", 99)] == [
        str(number) for number in range(0, 20, 2)
    ]
    for path in journal.path.parent.iterdir():
        data = path.read_bytes()
        assert b"nobody-may-find" not in data
        assert b"eve-777" not in data


def _record(text: str) -> str:
    from almanac.journal.records import request_text

    return request_text(replace(FULL, request_id="r", user_id="eve-777", question=text))[0]


def test_threads_share_commits(journal: Journal) -> None:
    names = [f"r{number}" for number in range(400)]

    def append(name: str) -> None:
        journal.append_request(replace(FULL, request_id=name))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(append, names))
    assert sorted(row.request_id for row in journal.first("requests", 999)) == sorted(names)
    with ThreadPoolExecutor(8) as pool:  # one that fails fails alone
        tries = [
            pool.submit(journal.append_request, replace(FULL, request_id=name, question=text))
            for name, text in [("new", "Why?"), *((f"r{n}", "other") for n in range(30))]
        ]
    assert [one.exception() is None for one in tries] == [True, *[False] * 30]


@pytest.mark.slow
def test_two_processes_append_and_one_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(path), name],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b")
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    killed, other = processes
    assert killed.stdout is not None
    told = [int(killed.stdout.readline()) for _ in range(10)]
    killed.kill()
    told += [int(line) for line in killed.stdout]
    other.communicate(timeout=60)
    assert other.returncode == 0
    stored = [row.request_id for row in Journal(path).first("requests", 999)]
    assert {f"b-{number}" for number in range(50)} <= set(stored)
    assert {f"a-{number}" for number in told} <= set(stored)
    assert len(stored) == len(set(stored)) <= 50 + len(told) + 1


def test_a_full_disk_says_so_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    code = """
import resource, signal, sys
from dataclasses import replace
from almanac.journal import Journal
from schemas.errors import StorageUnavailable
from tests.journal.test_journal import FULL

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = Journal(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
stored = 0
try:
    for number in range(1000):
        journal.append_request(replace(FULL, request_id=str(number)))
        stored += 1
except StorageUnavailable as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.append_request(replace(FULL, request_id="after"))
print(stored)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    error, stored = done.stdout.splitlines()
    assert error.startswith(f"the journal {path} cannot be written or read")
    assert 1 < int(stored) < 1000
    rows = [row.request_id for row in Journal(path).first("requests", 9999)]
    assert rows == [*map(str, range(int(stored))), "after"]


def test_what_is_no_journal_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("no database at all, but a text that is long enough " * 20)
    with pytest.raises(ConfigError, match="is no journal, or is damaged"):
        Journal(text)
    later = tmp_path / "later"
    Journal(later).close()
    with sqlite3.connect(later) as database:
        database.execute("PRAGMA user_version = 7")
    with pytest.raises(ConfigError, match=r"later version of Almanac \(format 7, known is 1\)"):
        Journal(later)
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageUnavailable, match="cannot be made or read"):
        Journal(tmp_path / "file" / "journal.sqlite")


def test_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("ALMANAC_SERVING__JOURNAL", raising=False)
    assert journal_places("/data/lake") == [Path("/data/lake/journal/journal.sqlite")]
    (remote,) = journal_places("s3://bucket/lake/")
    assert journal_places("s3://bucket/lake") == [remote]
    assert re.fullmatch(r"[0-9a-f]{16}", remote.parent.name)
    assert remote.is_relative_to(tmp_path / "state" / "almanac")
    monkeypatch.setenv("ALMANAC_SERVING__JOURNAL", str(tmp_path / "own"))
    assert journal_places("/data/lake", str(tmp_path / "set")) == [
        tmp_path / "set",
        tmp_path / "own",
        Path("/data/lake/journal/journal.sqlite"),
    ]


def test_ids_sort_by_time_and_differ() -> None:
    ids = [new_request_id() for _ in range(5000)]
    assert len(set(ids)) == 5000
    assert all(re.fullmatch(r"req-[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}", one) for one in ids)
    made = int(ids[0][4:16], 16) / 1000
    assert abs(made - datetime.now(UTC).timestamp()) < 60
    assert [one[4:16] for one in ids] == sorted(one[4:16] for one in ids)


def test_a_journal_that_was_closed_is_not_called_damaged(journal: Journal) -> None:
    journal.append_request(FULL)
    journal.close()
    with pytest.raises(StorageUnavailable, match=r"is closed: its server ends"):
        journal.append_request(replace(FULL, request_id="req-2"))
    with pytest.raises(StorageUnavailable, match=r"is closed: its server ends"):
        journal.room()
