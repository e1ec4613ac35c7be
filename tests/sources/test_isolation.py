from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from almanac.sources import isolation
from almanac.sources.isolation import Crashed, ParserProcess, parse_text
from almanac.sources.parsed import Unreadable
from almanac.sources.reading import list_source, read_files
from schemas.settings import SourceSettings
from tests.sources.helpers import broken, ingest, write

ROOT = Path(__file__).resolve().parents[2]
READY = "import os, sys, time; print('{}', flush=True); sys.stdin.readline(); "
SLOW = b"<table>" + b"<tr><td>cell" * 150_000  # seconds of work
LARGE = b"<p>" + b"text " * 9_000_000


@pytest.fixture(autouse=True)
def no_idle_processes() -> Iterator[None]:
    isolation._idle.clear()
    yield
    isolation._idle.clear()


def toy(code: str) -> ParserProcess:
    return ParserProcess([sys.executable, "-c", READY + code])


def test_one_process_serves_file_after_file() -> None:
    assert parse_text("html", b"<p>one", 60).text == "one\n"
    first = isolation._idle[0]
    assert parse_text("html", b"<p>two", 60).text == "two\n"
    assert isolation._idle == [first]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("os.kill(os.getpid(), 11)", "SIGSEGV"),
        ("os.abort()", "SIGABRT"),
        ("os._exit(3)", "exit status 3"),
        ("os._exit(12)", "it needs more than 2,147,483,648 bytes of memory"),
        ("sys.stdout.write('{}'); sys.stdout.flush(); os._exit(0)", "exit status 0"),
    ],
)
def test_a_death_is_told_with_its_signal(code: str, reason: str) -> None:
    with pytest.raises(Crashed) as raised:
        toy(code).ask({}, b"x" * 1_000_000, 60)
    assert raised.value.note.reason == f"the parser died of it: {reason}"
    assert raised.value.note.expectation == "file_is_parseable"


def test_a_parser_that_hangs_is_ended_in_time() -> None:
    process = toy("time.sleep(600)")
    started = time.monotonic()
    with pytest.raises(Unreadable, match=r"took longer than 0.5 s"):
        process.ask({}, b"", 0.5)
    assert time.monotonic() - started < 10
    assert not process.is_usable()


def test_a_process_that_does_not_start_is_no_fault_of_the_file() -> None:
    with pytest.raises(ChildProcessError, match="exit status 7"):
        ParserProcess([sys.executable, "-c", "raise SystemExit(7)"])
    with pytest.raises(ChildProcessError, match="cannot be started"):
        ParserProcess(["/nonexistent/python"])


def test_a_file_is_tried_again_where_an_older_file_may_be_to_blame() -> None:
    isolation._idle.append(toy("os.abort()"))
    assert parse_text("html", b"<p>innocent", 60).text == "innocent\n"


def test_an_idle_process_that_died_is_replaced() -> None:
    parse_text("html", b"<p>one", 60)
    child = isolation._idle[0]._child
    child.kill()
    child.wait()
    assert parse_text("html", b"<p>two", 60).text == "two\n"


def test_a_file_that_takes_too_long_leaves_its_neighbours_alone(tmp_path: Path) -> None:
    write(tmp_path, {"a.html": "<p>before", "b.html": SLOW, "c.html": "<p>after"})
    documents, rejections = ingest(tmp_path, parse_timeout_seconds=1.5)
    assert {d.doc_id: d.text for d in documents.values()} == {
        "a.html": "before\n",
        "c.html": "after\n",
    }
    assert broken(rejections) == {("b.html", "file_is_parseable", "must")}
    assert rejections[0].reason == "parsing it took longer than 1.5 s"


def test_a_file_that_needs_too_much_memory_leaves_its_neighbours_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "MEMORY_LIMIT", 300_000_000)
    write(tmp_path, {"a.html": "<p>before", "b.html": LARGE, "c.html": "<p>after"})
    documents, rejections = ingest(tmp_path)
    assert sorted(documents) == ["a.html", "c.html"]
    assert broken(rejections) == {("b.html", "file_is_parseable", "must")}
    assert "300,000,000 bytes of memory" in rejections[0].reason


def test_threads_share_the_processes() -> None:
    texts: dict[int, str] = {}

    def parse(number: int) -> None:
        texts[number] = parse_text("html", f"<p>{number}".encode(), 60).text

    threads = [threading.Thread(target=parse, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == {number: f"{number}\n" for number in range(12)}
    assert 1 <= len(isolation._idle) <= 4


def run(script: Path, code: str, cwd: Path) -> str:
    script.write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, script], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_script_without_a_main_guard_runs_once_and_shadows_nothing(tmp_path: Path) -> None:
    write(tmp_path, {"bs4.py": "raise SystemExit('imported from the working directory')"})
    write(tmp_path, {"docs/a.html": "<p>text"})
    code = (
        "from schemas.settings import SourceSettings\n"
        "from almanac.sources.reading import list_source, read_files\n"
        "source = SourceSettings(uri='docs')\n"
        "print([d.text for r in read_files(source, list_source(source).files)\n"
        "       for d in r.documents])\n"
    )
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    assert run(scripts / "script.py", code, tmp_path) == "['text\\n']\n"


def test_markdown_alone_starts_no_process_and_loads_no_parser(tmp_path: Path) -> None:
    write(tmp_path, {"docs/a.md": "---\ntitle: T\n---\ntext", "docs/b.csv": "id,text\n1,x\n"})
    code = (
        "import sys, psutil\n"
        "from schemas.settings import SourceSettings\n"
        "from almanac.sources.reading import list_source, read_files\n"
        "source = SourceSettings(uri='docs')\n"
        "print(sum(len(r.documents) for r in read_files(source, list_source(source).files)))\n"
        "print(psutil.Process().children())\n"
        "heavy = {'bs4', 'lxml', 'mammoth', 'pypdfium2', 'pyarrow', 'fsspec', 'prefect', 'torch'}\n"
        "print(heavy & sys.modules.keys())\n"
    )
    assert run(tmp_path / "script.py", code, tmp_path) == "2\n[]\nset()\n"


def test_the_processes_end_with_their_parent(tmp_path: Path) -> None:
    code = (
        "import os, signal, psutil\n"
        "from almanac.sources.isolation import parse_text\n"
        "parse_text('html', b'<p>x', 60)\n"
        "print([child.pid for child in psutil.Process().children()][0], flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    (tmp_path / "script.py").write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, tmp_path / "script.py"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL
    orphan = int(done.stdout)
    deadline = time.monotonic() + 20
    while psutil.pid_exists(orphan) and psutil.Process(orphan).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_readings_come_in_order_and_reading_may_stop_early(tmp_path: Path) -> None:
    names = [f"{number:03}.{'html' if number % 3 else 'md'}" for number in range(60)]
    write(tmp_path, {name: f"<p>{name}</p>" for name in names})
    source = SourceSettings(uri=str(tmp_path))
    files = list_source(source).files
    assert [reading.file.path for reading in read_files(source, files)] == names
    readings = read_files(source, files)
    assert next(readings).file.path == names[0]
    readings.close()
