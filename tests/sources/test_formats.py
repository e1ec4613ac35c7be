"""Every format belongs to one ending; books, notebooks, mails, rows of tables."""

from __future__ import annotations

import json
from email.message import EmailMessage
from pathlib import Path

import pytest

from almanac.sources.formats import DEFAULT_GLOBS, FORMATS, format_of
from schemas.documents import WITHOUT_MARKUP, Rejection
from tests.sources.helpers import ingest, lost, read, write, zipped


def test_every_ending_belongs_to_one_format_and_is_read_by_default_but_json() -> None:
    endings = [ending for one in FORMATS for ending in one.endings]
    assert len(endings) == len(set(endings))
    assert {glob.removeprefix("**/*.") for glob in DEFAULT_GLOBS} == {*endings} - {"json"}
    assert {one.media_type for one in FORMATS if not one.markup} == WITHOUT_MARKUP
    for one in FORMATS:
        assert hasattr(one.load(), "rows" if one.is_table else "parse")
    assert format_of("a/B.EPUB").name == "epub"
    assert format_of("a/README").name == "plain"


CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles>'
    '<rootfile full-path="c.opf" media-type="application/oebps-package+xml"/></rootfiles>'
    "</container>"
)
PACKAGE = (
    '<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="i"><metadata '
    'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>The Handbook</dc:title><dc:identifier '
    'id="i">x</dc:identifier><dc:language>en</dc:language></metadata><manifest><item id="a" '
    'href="a.xhtml" media-type="application/xhtml+xml"/></manifest><spine><itemref idref="a"/>'
    "</spine></package>"
)


def book(chapter: str, doctype: str = "<!DOCTYPE html>") -> bytes:
    page = (
        f'<?xml version="1.0"?>{doctype}<html xmlns="http://www.w3.org/1999/xhtml"><head><title>x'
        f"</title></head><body>{chapter}</body></html>"
    )
    members = {"META-INF/container.xml": CONTAINER, "c.opf": PACKAGE, "a.xhtml": page}
    return zipped({"mimetype": "application/epub+zip", **members})


def test_books(tmp_path: Path) -> None:
    document = read(tmp_path, "a.epub", book("<h1>Chapter one</h1><p>Text.</p>"))
    assert (document.title, document.media_type) == ("The Handbook", "application/epub+zip")
    assert document.text == "# The Handbook\n\n# Chapter one\n\nText.\n"


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.epub", book("&a;", '<!DOCTYPE html [<!ENTITY a "x">]>'), "its XML defines entities"),
        ("a.epub", b"no archive", "it is no intact ZIP archive"),
        ("a.odt", zipped({"content.xml": "<!DOCTYPE a><a/>"}), "document type"),
        ("a.odt", zipped({"content.xml": "A" * 60_000_000}), "a ZIP bomb"),
        ("a.xlsx", zipped({"xl/workbook.xml": "<broken"}), "broken XML"),
        ("a.xlsx", zipped({"xl/workbook.xml": "<a/>"}), "no intact spreadsheet"),
        ("a.pptx", zipped({"ppt/presentation.xml": "<a/>"}), "no intact presentation"),
        ("a.pptx", zipped({"ppt/other.xml": "<a/>"}), "it has no ppt/presentation.xml"),
        ("a.ipynb", b"{}", "there are no cells"),
        ("a.ipynb", b"{", "it is no JSON"),
        ("a.eml", b"\n", ""),
    ],
)
def test_what_is_broken_or_means_harm_is_refused(
    tmp_path: Path, name: str, data: bytes, reason: str
) -> None:
    documents, rejections = ingest(write(tmp_path, {name: data, "good.md": "Good."}))
    assert list(documents) == ["good.md"]
    assert all(reason in r.reason and r.severity == "must" for r in rejections)
    assert bool(rejections) is bool(reason)


def test_notebooks(tmp_path: Path) -> None:
    frame = (
        "<table><thead><tr><th></th><th>a</th></tr></thead><tr><th>0</th><td>1</td></tr></table>"
    )
    outputs = [
        {"output_type": "execute_result", "data": {"text/plain": ["a"], "text/html": [frame]}},
        {"output_type": "stream", "text": ["\x1b[31mdone\x1b[0m\n"]},
        {"output_type": "display_data", "data": {"image/png": "AA", "text/plain": "<Figure>"}},
        {"output_type": "error", "ename": "ValueError", "evalue": "bad", "traceback": []},
    ]
    new = {
        "nbformat": 4,
        "metadata": {"language_info": {"name": "python"}},
        "cells": [
            {"cell_type": "markdown", "source": ["# Analysis\n", "Text"]},
            {"cell_type": "code", "source": "df.head()", "outputs": outputs},
        ],
    }
    cells = [
        {"cell_type": "heading", "level": 1, "source": "Old"},
        {"cell_type": "code", "input": ["x = 1"], "outputs": []},
    ]
    old = {"nbformat": 3, "metadata": {}, "worksheets": [{"cells": cells}]}
    write(tmp_path, {"new.ipynb": json.dumps(new), "old.ipynb": json.dumps(old)})
    documents, _ = ingest(tmp_path)
    assert {doc_id: (d.title, d.text) for doc_id, d in documents.items()} == {
        "new.ipynb": (
            "Analysis",
            "# Analysis\nText\n\n```python\ndf.head()\n```\n\n|  | a |\n| --- | --- |\n| 0 | 1 |"
            "\n\n```\ndone\n```\n\n```\nValueError: bad\n```\n",
        ),
        "old.ipynb": ("Old", "# Old\n\n```python\nx = 1\n```\n"),
    }
    assert lost(tmp_path) == {"new.ipynb": "not carried over: pictures of outputs 1"}


def test_mails(tmp_path: Path) -> None:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "Rückfrage", "Ann <a@x.org>", "b@x.org"
    mail.set_content("Die Miete ist fällig.\n")
    mail.add_alternative("<p>the same</p>", subtype="html")
    mail.add_attachment(b"x", maintype="application", subtype="pdf", filename="rent.pdf")
    page = EmailMessage()
    page["Subject"] = "Only HTML"
    page.set_content("<style>p{}</style><p>Hello <b>you</b></p>", subtype="html")
    write(tmp_path, {"a.eml": mail.as_bytes(), "b.eml": page.as_bytes()})
    documents, _ = ingest(tmp_path)
    assert {doc_id: (d.title, d.text) for doc_id, d in documents.items()} == {
        "a.eml": (
            "Rückfrage",
            "From: Ann <a@x.org>\nTo: b@x.org\n\nDie Miete ist fällig.\n\nAttachments: rent.pdf\n",
        ),
        "b.eml": ("Only HTML", "Hello **you**\n"),
    }
    assert lost(tmp_path) == {"a.eml": "not carried over: attachments 1"}


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("<p>A&nbsp;fee (R&uuml;ck)<style>x{}</style><script>t()</script></p>", "A fee (Rück)\n"),
        ("Intro <p>one</p><p>two</p>", "Intro\n\none\n\ntwo\n"),
        (
            "<table><tr><th>A<th>B<tr><td>1<td>2</table></p>",
            "| A | B |\n| --- | --- |\n| 1 | 2 |\n",
        ),
        ("a < b and c > d &amp;", "a < b and c > d &amp;"),
        ("List<String> of <T>", "List<String> of <T>"),
        ("# Title\n\n- a <b>b</b>\n", "# Title\n\n- a <b>b</b>\n"),
        ("```html\n<p>x</p>\n```\n", "```html\n<p>x</p>\n```\n"),
    ],
)
def test_the_text_of_a_row_is_html_where_it_looks_like_it(
    tmp_path: Path, cell: str, text: str
) -> None:
    write(tmp_path, {"a.jsonl": json.dumps({"id": 1, "text": cell})})
    documents, rejections = ingest(tmp_path)
    assert ({d.text for d in documents.values()}, rejections) == ({text}, [])


def test_the_settings_say_what_the_text_of_a_row_is(tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": json.dumps({"id": 1, "text": "a &amp; b"})})
    read_as = {
        name: next(iter(ingest(tmp_path, columns={"format": name})[0].values()))
        for name in ("html", "markdown", "plain")
    }
    assert {name: (d.text, d.media_type) for name, d in read_as.items()} == {
        "html": ("a & b\n", "text/markdown"),
        "markdown": ("a &amp; b", "text/markdown"),
        "plain": ("a &amp; b", "text/plain"),
    }
    assert len({d.content_hash for d in read_as.values()}) == 1


@pytest.mark.parametrize(
    "data",
    [b"sep=;\nid;text\n1;a,b\n", b'"sep=;"\r\nid;text\r\n1;a,b\r\n', b"SEP=\t\nid\ttext\n1\ta,b\n"],
)
def test_a_csv_of_excel_names_its_delimiter(tmp_path: Path, data: bytes) -> None:
    documents, rejections = ingest(write(tmp_path, {"a.csv": data}))
    assert ({k: d.text for k, d in documents.items()}, rejections) == ({"a.csv#1": "a,b"}, [])


def test_an_empty_file_of_an_office_format_is_named(tmp_path: Path) -> None:
    documents, rejections = ingest(write(tmp_path, {"a.docx": b"", "b.md": b""}))
    assert documents == {}
    assert rejections == [
        Rejection("a.docx", "document_has_text", "should", "the file is empty", "")
    ]
