"""Mail as an mbox, a Maildir and a folder: threads, quotes, attachments, who takes part."""

from __future__ import annotations

import mailbox
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from almanac.sources.reading import list_source, read_files
from schemas.documents import Document, Listing
from schemas.errors import ConfigError, SourceUnavailable
from schemas.settings import SourceSettings
from tests.sources.connectors.nights import Nights

ANN, BOB, CARL = "Ann <ann@e.org>", "Bob <bob@e.org>", "carl@e.org"


def _mail(number: int, sender: str, body: str, **more: Any) -> EmailMessage:
    made = EmailMessage()
    made["Message-ID"] = f"<m{number}@e.org>"
    made["From"], made["To"] = sender, more.get("to", f"{ANN}, {BOB}")
    made["Date"] = f"Mon, 0{number} Jun 2026 10:00:00 +0200"
    made["Subject"] = more.get("subject", "Re: Printer")
    if answers := more.get("answers"):
        made["References"] = " ".join(f"<m{one}@e.org>" for one in answers)
    if reply := more.get("reply"):
        made["In-Reply-To"] = f"<m{reply}@e.org>"
    made.set_content(body)
    return made


FIRST = _mail(1, ANN, "The printer on floor 2 is out of paper.\nWho has some?\n", subject="Printer")
SECOND = _mail(
    2,
    BOB,
    "It is in room 7.\n\nOn Mon, 1 Jun 2026 Ann wrote:\n> The printer on floor 2 is out of paper.\n"
    "> Who has some?\n",
    answers=[1],
)
THIRD = _mail(
    3,
    ANN,
    "Thanks!\nFrom there I took two.\n\n-----Original Message-----\nFrom: Bob\nSent: Tuesday\n"
    "To: Ann\nSubject: Re: Printer\n\nIt is in room 7.\n\n"
    "> The printer on floor 2 is out of paper.\n",
    reply=2,
    to=f"{BOB}, {CARL}",
)
OTHER = _mail(4, CARL, "> What does this quote?\nNothing that is here.\n", subject="Quote")


def _listed(place: Path, **more: Any) -> tuple[SourceSettings, Listing]:
    settings = SourceSettings.model_validate({"uri": str(place), "kind": "mail", **more})
    return settings, list_source(settings)


def _documents(place: Path, **more: Any) -> dict[str, Document]:
    settings, listing = _listed(place, **more)
    readings = read_files(settings, listing.files)
    return {one.doc_id: one for reading in readings for one in reading.documents}


def _mbox(place: Path, *mails: EmailMessage) -> Path:
    box = mailbox.mbox(str(place))
    for mail in mails:
        box.add(mail)
    box.flush()
    box.close()
    return place


def test_a_thread_is_one_document_without_what_it_repeats(tmp_path: Path) -> None:
    documents = _documents(_mbox(tmp_path / "all.mbox", THIRD, OTHER, FIRST, SECOND))
    assert set(documents) == {"m1@e.org", "m4@e.org"}
    thread = documents["m1@e.org"]
    assert (thread.title, thread.media_type) == ("Printer", "application/mbox")
    both = "To: Ann <ann@e.org>, Bob <bob@e.org>"
    assert thread.text == (
        f"## Ann <ann@e.org>, Mon, 01 Jun 2026 10:00:00 +0200\n\n{both}\n\n"
        "The printer on floor 2 is out of paper.\nWho has some?\n\n"
        f"## Bob <bob@e.org>, Tue, 02 Jun 2026 10:00:00 +0200\n\n{both}\n\n"
        "It is in room 7.\n\n"
        "## Ann <ann@e.org>, Wed, 03 Jun 2026 10:00:00 +0200\n\n"
        "To: Bob <bob@e.org>, carl@e.org\n\n"
        "Thanks!\nFrom there I took two.\n"
    )
    assert "> What does this quote?" in documents["m4@e.org"].text


def test_nights_over_an_mbox(tmp_path: Path) -> None:
    place = _mbox(tmp_path / "all.mbox", FIRST, OTHER)
    nights = Nights(tmp_path / "lake", uri=str(place), kind="mail")
    assert nights.read() == ["m1@e.org", "m4@e.org"]
    _mbox(place, SECOND)
    assert nights.read() == ["m1@e.org"]
    place.unlink()
    _mbox(place, SECOND, THIRD)  # the first is gone: the thread keeps its id
    nights.run()
    assert set(nights.stored) == {"m1@e.org"}
    place.write_bytes(b"")
    with pytest.raises(SourceUnavailable, match="there is no mail in"):
        nights.run()


def test_a_maildir_without_drafts_bin_and_unfinished_ones(tmp_path: Path) -> None:
    box = mailbox.Maildir(str(tmp_path / "mail"))
    flags = {FIRST: "S", SECOND: "ST", THIRD: "D", OTHER: ""}
    for mail, flag in flags.items():
        message = mailbox.MaildirMessage(mail)
        message.set_flags(flag)
        box.add(message)
    copy = mailbox.MaildirMessage(FIRST)
    box.add_folder("Copies").add(copy)
    (tmp_path / "mail" / "tmp" / "half").write_bytes(OTHER.as_bytes()[:50])
    assert set(_documents(tmp_path / "mail")) == {"m1@e.org", "m4@e.org"}


def test_attachments_and_forwarded_mails(tmp_path: Path) -> None:
    mail = _mail(5, ANN, "See the rules.", subject="Rules")
    mail.add_attachment("# Rules\n\nBe kind.\n", subtype="markdown", filename="rules v2.md")
    mail.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="logo.png")
    mail.add_attachment(FIRST, filename="old.eml")
    (tmp_path / "one.eml").write_bytes(mail.as_bytes())
    settings, listing = _listed(tmp_path)
    assert listing.unread == {"png": 1}
    readings = read_files(settings, listing.files)
    documents = {one.doc_id: one for reading in readings for one in reading.documents}
    assert documents["m5@e.org/1-rules_v2.md"].text.strip() == "# Rules\n\nBe kind."
    assert documents["m5@e.org/1-rules_v2.md"].title == "rules v2"
    assert "out of paper" in documents["m5@e.org/3-old.eml"].text
    assert "Attachments: rules v2.md, logo.png, old.eml" in documents["m5@e.org"].text
    assert set(_documents(tmp_path, attachments=False)) == {"m5@e.org"}


def test_who_takes_part_in_all_mails(tmp_path: Path) -> None:
    place = _mbox(tmp_path / "all.mbox", FIRST, SECOND, THIRD)
    _, listing = _listed(place, participants_only=True)
    (access,) = [file.access for file in listing.files]
    assert access is not None
    assert access.principals == ("user:ann@e.org", "user:bob@e.org")


def test_broken_mails(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(b"Subject: =?utf-8?q?broken\xff?=\nDate: yesterday\n\nText.\n")
    (tmp_path / "b.eml").write_bytes(b"\x00\x01\x02")
    (tmp_path / "c.eml").write_bytes(b"Message-ID: <a@[\nSubject: Odd\n\nText.\n")
    settings, listing = _listed(tmp_path)
    readings = list(read_files(settings, listing.files))
    assert [len(reading.documents) for reading in readings] == [1, 1]
    assert [(r.doc_id, r.expectation) for r in listing.rejections] == [
        ("b.eml", "email_is_readable")
    ]
    with pytest.raises(ConfigError, match="of this machine"):
        _listed(Path("x"), uri="https://e.org/mail")


@pytest.mark.parametrize("left", [b"", b"\x00\x01\x02"])
def test_a_file_that_a_full_disk_left_deletes_no_mail(tmp_path: Path, left: bytes) -> None:
    place = tmp_path / "mail"
    place.mkdir()
    for name, mail in (("a.eml", FIRST), ("b.eml", OTHER)):
        (place / name).write_bytes(mail.as_bytes())
    nights = Nights(tmp_path / "lake", uri=str(place), kind="mail")
    nights.run()
    (place / "b.eml").write_bytes(left)
    for _ in range(2):
        nights.run()
        assert set(nights.stored) == {"m1@e.org", "m4@e.org"}
    (place / "b.eml").unlink()
    nights.run()
    assert set(nights.stored) == {"m1@e.org"}


def _with_file(number: int, text: str) -> EmailMessage:
    made = _mail(number, ANN, "See the rules.", subject="Rules")
    made.add_attachment(text, subtype="markdown", filename="rules.md")
    return made


@pytest.mark.parametrize("left", ["nothing", "half a mail", "no mbox", "zeros"])
def test_a_box_that_was_cut_deletes_and_shortens_nothing(tmp_path: Path, left: str) -> None:
    place = tmp_path / "mail"
    place.mkdir()
    box = _mbox(place / "a.mbox", FIRST, SECOND, OTHER, _with_file(5, "# Rules\n\nBe kind.\n"))
    (place / "b.eml").write_bytes(THIRD.as_bytes())
    nights = Nights(tmp_path / "lake", uri=str(place), kind="mail")
    nights.run()
    before, whole = nights.texts, box.read_bytes()
    assert set(before) == {"m1@e.org", "m4@e.org", "m5@e.org", "m5@e.org/1-rules.md"}
    cut = whole.index(b"It is in room 7") + 5
    data = {"nothing": b"", "half a mail": whole[:cut], "no mbox": b"<html>504</html>\n"}
    box.write_bytes(data.get(left, whole[:cut] + bytes(len(whole) - cut)))
    (place / "c.eml").write_bytes(_mail(6, BOB, "A new one.", subject="New").as_bytes())
    for _ in range(2):
        found = nights.run()
        assert {k: v for k, v in nights.texts.items() if k != "m6@e.org"} == before
        assert "m6@e.org" in nights.stored
        (rejection,) = [one for _, one in found.rejections if one.severity == "must"]
        assert (rejection.doc_id, rejection.expectation) == ("a.mbox", "file_is_complete")
        assert "nothing counts as deleted: export it again" in rejection.reason
    box.write_bytes(whole)
    box.unlink()
    _mbox(box, FIRST, SECOND)  # a whole export with less: that is a deletion
    nights.run()
    assert nights.texts == {"m6@e.org": nights.texts["m6@e.org"], "m1@e.org": before["m1@e.org"]}


def test_a_mail_that_was_cut_or_emptied_shortens_no_thread(tmp_path: Path) -> None:
    place = tmp_path / "mail"
    place.mkdir()
    for name, mail in (("a.eml", FIRST), ("b.eml", SECOND), ("c.eml", _with_file(5, "# Rules\n"))):
        (place / name).write_bytes(mail.as_bytes())
    nights = Nights(tmp_path / "lake", uri=str(place), kind="mail", participants_only=True)
    nights.run()
    before, access = nights.texts, nights.access
    whole = (place / "c.eml").read_bytes()
    (place / "c.eml").write_bytes(whole[: whole.index(b"# Rules") + 3])
    nights.run()
    (place / "b.eml").write_bytes(b"")
    nights.run()
    assert (nights.texts, nights.access) == (before, access)
    (place / "c.eml").write_bytes(whole.replace(b"# Rules", b"# All rules"))
    (place / "b.eml").unlink()
    nights.run()
    assert nights.texts["m5@e.org/1-rules.md"] == "# All rules"
    assert "room 7" not in nights.texts["m1@e.org"]
