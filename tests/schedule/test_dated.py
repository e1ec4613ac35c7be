"""Sources whose address names the day: templates, absent days, and no mix-up of folders."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from traceback import format_exception

import fsspec
import pytest

from almanac.ingest.ingest import ingest
from almanac.ingest.ingested import Ingested
from almanac.ingest.run import begin_run
from almanac.schedule.dated import absence, dated_names
from schemas.dated import is_dated, resolved
from schemas.errors import ConfigError, SourceAbsent, SourceUnavailable
from schemas.settings import Settings, SourceSettings, load_settings

AT = datetime(2026, 3, 4, 2, tzinfo=UTC)
PAGE = "# Mail\n\nOpen the settings of the {device} and add the mail account there.\n"


@pytest.mark.parametrize(
    ("template", "address"),
    [
        ("docs/{date}", "docs/2026-03-04"),
        ("s3://bucket/{as_of:%Y/%m/%d}/x", "s3://bucket/2026/03/04/x"),
        ("items-{as_of:%Y%m%dT%H%M}.csv", "items-20260304T0200.csv"),
        ("weeks/{as_of:%G-W%V}", "weeks/2026-W10"),
        ("{date}/{as_of:%H}", "2026-03-04/02"),
        ("a{{b}}", "a{b}"),
        ("docs", "docs"),
    ],
)
def test_a_template_becomes_an_address(template: str, address: str) -> None:
    assert resolved(template, AT) == address
    assert is_dated(template) == (template not in ("docs", "a{{b}}"))


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("docs/{day}", "holds {day}"),
        ("docs/{as_of}", "holds {as_of}"),
        ("docs/{as_of:%Q}", "holds {as_of:%Q}"),
        ("docs/{as_of:%B}", "holds {as_of:%B}"),
        ("docs/{as_of:today}", "holds {as_of:today}"),
        ("docs/{date:%Y}", "holds {date:%Y}"),
        ("docs/{date!r}", "holds {date!r}"),
        ("docs/{}", "holds {}"),
        ("docs/{date", "expected '}' before end of string"),
        ("docs/}", "Single '}'"),
    ],
)
def test_a_wrong_template_is_refused_when_it_is_loaded(
    tmp_path: Path, template: str, found: str
) -> None:
    config = tmp_path / "almanac.toml"
    config.write_text(f'[sources.documents]\nuri = "{template}"\n')
    with pytest.raises(ConfigError, match=r"right is .date. .2026-03-04. or") as error:
        load_settings(config)
    assert found in str(error.value)
    with pytest.raises(ConfigError, match="right is"):
        begin_run(Settings(lakehouse=str(tmp_path / "lake")).with_source(template), AT)


def test_no_password_is_repeated() -> None:
    with pytest.raises(ConfigError) as error:
        SourceSettings(uri="https://me:secret@host/{day}")
    assert "host/{day}" in str(error.value) and "secret" not in str(error.value)


def test_the_date_is_the_one_in_utc() -> None:
    berlin = datetime.fromisoformat("2026-03-04T00:30:00+01:00")
    assert resolved("{date}", berlin) == "2026-03-03"


class Days:
    """A folder a day, and one lakehouse."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.settings = Settings(
            lakehouse=str(root / "lake"),
            sources={"documents": SourceSettings(uri=str(root / "docs" / "{date}"))},
        )

    def folder(self, day: int) -> Path:
        folder = self.root / "docs" / f"2026-03-{day:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def put(self, day: int, device: str) -> Path:
        file = self.folder(day) / "mail.md"
        file.write_text(PAGE.format(device=device))
        return file

    def read(self, day: int) -> Ingested:
        """What a night of that day finds, and remembers."""
        run = begin_run(self.settings, AT + timedelta(days=day - 4), f"night {day}")
        state = run.lake.documents.state(run.releases.last_snapshot())
        found = ingest(run, state)
        run.lake.files.record(found.read, found.gone)
        return found


@pytest.fixture
def days(tmp_path: Path) -> Days:
    return Days(tmp_path)


def test_each_night_reads_its_own_folder(days: Days) -> None:
    days.put(4, "phone")
    days.put(5, "tablet")
    assert dated_names(days.settings) == {"documents"}
    texts = [[one.text for one in days.read(day).documents.values()] for day in (4, 5)]
    assert texts == [[PAGE.format(device="phone")], [PAGE.format(device="tablet")]]


def test_a_file_of_equal_stamp_in_another_folder_is_read(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("almanac.sources.local._stamp", lambda found: f"{found.st_size} bytes")
    days.put(4, "phone")
    days.put(5, "radio")  # as long as the other word
    days.read(4)
    found = days.read(5)
    assert [one.text for one in found.documents.values()] == [PAGE.format(device="radio")]
    assert [file.path for file in found.read] == ["mail.md"]


def test_a_day_without_a_folder_is_absent_and_no_empty_corpus(days: Days) -> None:
    days.put(4, "phone")
    with pytest.raises(SourceAbsent, match="2026-03-05, does not exist: nothing was changed"):
        days.read(5)
    days.folder(6)
    with pytest.raises(SourceAbsent, match="2026-03-06, holds no file: nothing was changed"):
        days.read(6)
    assert absence(days.settings, AT) == ""
    assert "does not exist" in absence(days.settings, AT + timedelta(days=1))


def test_a_folder_that_may_not_be_listed_is_not_absent(days: Days) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may list everything")
    folder = days.put(4, "phone").parent
    folder.chmod(0)
    try:
        with pytest.raises(SourceUnavailable) as error:
            days.read(4)
        assert not isinstance(error.value, SourceAbsent)
    finally:
        folder.chmod(0o755)


def test_a_day_without_an_object_is_absent_too() -> None:
    objects = fsspec.filesystem("memory")
    objects.pipe("/dumps/2026-03-04/mail.md", b"# Mail")
    settings = Settings(sources={"documents": SourceSettings(uri="memory://dumps/{date}")})
    try:
        assert absence(settings, AT) == ""
        said = absence(settings, AT + timedelta(days=1))
    finally:
        objects.rm("/dumps", recursive=True)
    assert "memory://dumps/2026-03-05, does not exist: nothing was changed" in said


class OneDay(SimpleHTTPRequestHandler):
    """Has one day, and answers no question about another one."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        code = {"/2026-03-04.csv": 200, "/2026-03-05.csv": 404}.get(self.path, 500)
        self.send_response(code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Nothing."""


def test_a_web_server_that_fails_says_nothing_of_what_it_has() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), OneDay)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://me:hunter2@127.0.0.1:{server.server_port}/{{date}}"
    table, folder = (
        Settings(sources={"documents": SourceSettings(uri=address + end)}) for end in (".csv", "/")
    )
    try:
        assert absence(table, AT) == ""
        assert "does not exist" in absence(table, AT + timedelta(days=1))
        for settings in (table, folder):
            with pytest.raises(SourceUnavailable) as failed:
                absence(settings, AT + timedelta(days=2))
            assert "hunter2" not in "".join(format_exception(failed.value))
    finally:
        server.shutdown()
        server.server_close()
    with pytest.raises(SourceUnavailable):
        absence(table, AT + timedelta(days=1))
