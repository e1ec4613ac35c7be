from __future__ import annotations

import io
from pathlib import Path

import docx
import pytest
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen import canvas

from schemas.documents import Document
from tests.sources.helpers import broken, ingest, write, zipped

DOCX_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PAGE = """<!doctype html><html><head><meta charset="{charset}"><title> The
 title </title><style>p {{ color: red }}</style></head><body>
<!-- comment --><script>alert("script")</script><noscript>no script</noscript>
<h1>Head <code>one</code></h1>
<p onclick="steal()">A snake_case name, 2 * 3, <a href="a.html">a link</a>.</p>
<p hidden>hidden</p><p style="color: red; DISPLAY : none">hidden</p><template>hidden</template>
<pre><code>def f():
    return 1
</code></pre>
<table><thead><tr><th>A<th>B</thead><tr><td>1<td>2</table>
<ul><li>one<li>two</ul>
<img src="data:image/png;base64,AAAA" alt="a picture"><img src="b.png" alt="kept">
<p>Ночная копия запускается в 02:00</body></html>"""
PAGE_TEXT = """# Head `one`

A snake_case name, 2 * 3, [a link](a.html).

```
def f():
    return 1
```

| A | B |
| --- | --- |
| 1 | 2 |

- one
- two

a picture![kept](b.png)

Ночная копия запускается в 02:00
"""


def only(root: Path) -> Document:
    documents, rejections = ingest(root)
    assert rejections == []
    (document,) = documents.values()
    return document


@pytest.mark.parametrize("name", ["a.html", "a.HTM"])
def test_html_becomes_the_markdown_that_a_reader_sees(tmp_path: Path, name: str) -> None:
    document = only(write(tmp_path, {name: PAGE.format(charset="utf-8")}))
    assert document.text == PAGE_TEXT
    assert document.title == "The title"
    assert document.media_type == "text/html"


@pytest.mark.parametrize(
    ("charset", "encoding"),
    [
        ("windows-1251", "cp1251"),
        ("koi8-r", "koi8-r"),
        ("utf-8", "cp1251"),
        ("utf-16", "cp1251"),
        ("nosuch", "cp1251"),
    ],
)
def test_html_in_another_encoding(tmp_path: Path, charset: str, encoding: str) -> None:
    write(tmp_path, {"a.html": PAGE.format(charset=charset).encode(encoding)})
    documents, rejections = ingest(tmp_path)
    assert documents["a.html"].text == PAGE_TEXT
    assert broken(rejections) == {("a.html", "text_is_utf8", "should")}


def test_html_in_utf8_is_so_whatever_it_says(tmp_path: Path) -> None:
    document = only(write(tmp_path, {"a.html": PAGE.format(charset="windows-1251")}))
    assert document.text == PAGE_TEXT


def test_html_titles_fall_back_to_the_heading_then_to_the_name(tmp_path: Path) -> None:
    write(tmp_path, {"a.html": "<h1> One\n heading</h1>", "b.html": "<p># no heading"})
    documents, _ = ingest(tmp_path)
    assert {d.doc_id: d.title for d in documents.values()} == {
        "a.html": "One heading",
        "b.html": "b",
    }


def test_html_without_text_is_recorded(tmp_path: Path) -> None:
    documents, rejections = ingest(write(tmp_path, {"a.html": "<script>only()</script>"}))
    assert documents == {}
    assert broken(rejections) == {("a.html", "document_has_text", "should")}


def test_html_that_is_nested_without_end_is_refused(tmp_path: Path) -> None:
    deep = "<div>" * 20_000 + "deep" + "</div>" * 20_000
    documents, rejections = ingest(write(tmp_path, {"a.html": deep, "b.html": "<p>good"}))
    assert list(documents) == ["b.html"]
    assert broken(rejections) == {("a.html", "file_is_parseable", "must")}
    assert rejections[0].reason == "it is nested too deeply"


def pdf(*pages: list[str], title: str = "", password: str | None = None) -> bytes:
    data = io.BytesIO()
    lock = None if password is None else StandardEncryption(password, ownerPassword="owner")
    sheet = canvas.Canvas(data, encrypt=lock, invariant=1)
    if title:
        sheet.setTitle(title)
    for lines in pages:
        for row, line in enumerate(lines):
            sheet.drawString(72, 720 - 14 * row, line)
        sheet.showPage()
    sheet.save()
    return data.getvalue()


def test_pdf_pages_are_joined_with_blank_lines(tmp_path: Path) -> None:
    pages = ["This is an exam-", "ple of text.", "A second-hand line."], [], ["Page three."]
    document = only(write(tmp_path, {"a.pdf": pdf(*pages, title="A  title")}))
    assert document.text == "This is an example of text.\nA second-hand line.\n\nPage three.\n"
    assert (document.title, document.media_type) == ("A title", "application/pdf")


def test_pdfs_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    good = pdf(["Text."])
    write(
        tmp_path,
        {
            "cut.pdf": good[: len(good) // 2],
            "empty.pdf": b"%PDF-1.7\n",
            "good.pdf": good,
            "locked.pdf": pdf(["Secret."], password="secret"),
            "owner.pdf": pdf(["Readable."], password=""),
            "scanned.pdf": pdf([], []),
            "text.pdf": "text",
        },
    )
    documents, rejections = ingest(tmp_path)
    assert {d.doc_id: (d.text, d.title) for d in documents.values()} == {
        "good.pdf": ("Text.\n", "good"),
        "owner.pdf": ("Readable.\n", "owner"),
    }
    assert broken(rejections) == {
        ("cut.pdf", "pdf_is_readable", "must"),
        ("empty.pdf", "pdf_is_readable", "must"),
        ("locked.pdf", "pdf_is_readable", "must"),
        ("scanned.pdf", "document_has_text", "must"),
        ("text.pdf", "pdf_is_readable", "must"),
    }
    reasons = {r.doc_id: r.reason for r in rejections}
    assert reasons["locked.pdf"] == "it is encrypted and opens only with a password"
    assert reasons["scanned.pdf"] == "no text on any of 2 pages; scanned ones need OCR"


def word() -> bytes:
    document = docx.Document()
    document.add_heading("Backups", level=1)
    document.add_paragraph("Restore with the ").add_run("wizard").bold = True
    document.add_heading("Steps", level=2)
    for step in ("Open it", "Choose"):
        document.add_paragraph(step, style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip(table._cells, ("A", "B", "1", "2"), strict=True):
        cell.text = text
    data = io.BytesIO()
    document.save(data)
    return data.getvalue()


def test_docx_becomes_markdown(tmp_path: Path) -> None:
    document = only(write(tmp_path, {"a.docx": word()}))
    assert document.text == (
        "# Backups\n\nRestore with the **wizard**\n\n## Steps\n\n- Open it\n- Choose\n\n"
        "| A | B |\n| --- | --- |\n| 1 | 2 |\n"
    )
    assert (document.title, document.media_type) == ("Backups", DOCX_TYPE)


WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
UTF16 = '<?xml version="1.0" encoding="utf-16"?>'
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def small_docx(body: str, head: str = "", **more: str | bytes) -> bytes:
    paragraph = f"<w:p><w:r><w:t>{body}</w:t></w:r></w:p>"
    text = f"{head}<w:document {WORD}><w:body>{paragraph}</w:body></w:document>"
    return zipped(
        {
            "_rels/.rels": f'<Relationships xmlns="{RELATIONS}"><Relationship Id="r1" '
            f'Type="{OFFICE}/officeDocument" Target="word/document.xml"/></Relationships>',
            "word/document.xml": text.encode("utf-16") if "utf-16" in head else text,
            **more,
        }
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"plain text", "it is no intact ZIP archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 100, "encrypted with a password"),
        (small_docx("x")[:-40], "it is no intact ZIP archive"),
        (zipped({"word/other.xml": "<a/>"}), "it has no word/document.xml"),
        (small_docx("A" * 60_000_000), "a ZIP bomb"),
        (small_docx("x", **{"../../climbed.txt": "x"}), "a member climbs out"),
        (small_docx("x", **{"/etc/passwd": "x"}), "a member climbs out"),
        (small_docx("x", **{"..\\climbed.txt": "x"}), "a member climbs out"),
        (small_docx("&a;", '<!DOCTYPE w [<!ENTITY a "lol">]>'), "document type"),
        (small_docx("&a;", '<!DOCTYPE w [<!ENTITY a SYSTEM "/etc/passwd">]>'), "document type"),
        (small_docx("x", f"{UTF16}<!DOCTYPE w>"), "document type"),
        (small_docx("x", **{"word/styles.xml": "<!DOCTYPE w><w/>"}), "document type"),
        (small_docx("<broken"), "broken XML"),
        (small_docx("x", **{"a.xml": "<w/>"}).replace(b"a.xml", b"b.xml", 1), "no intact ZIP"),
    ],
)
def test_docx_that_is_broken_or_means_harm_is_refused(
    tmp_path: Path, data: bytes, reason: str
) -> None:
    write(tmp_path, {"bad.docx": data, "good.docx": small_docx("Good.")})
    documents, rejections = ingest(tmp_path)
    assert {d.doc_id: d.text for d in documents.values()} == {"good.docx": "Good.\n"}
    assert broken(rejections) == {("bad.docx", "docx_is_readable", "must")}
    assert reason in rejections[0].reason


def test_docx_pictures_are_neither_embedded_nor_fetched(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(b"SECRET")
    drawing = (
        '</w:t></w:r><w:r><w:drawing><wp:inline xmlns:wp="http://schemas.openxmlformats.org/'
        'drawingml/2006/wordprocessingDrawing"><wp:docPr descr="a chart"/><a:graphic xmlns:a='
        '"http://schemas.openxmlformats.org/drawingml/2006/main"><a:graphicData><pic:pic xmlns:pic'
        '="http://schemas.openxmlformats.org/drawingml/2006/picture"><pic:blipFill><a:blip xmlns:r'
        f'="{OFFICE}" r:link="p1"/></pic:blipFill></pic:pic></a:graphicData></a:graphic>'
        "</wp:inline></w:drawing></w:r><w:r><w:t> below"
    )
    relations = (
        f'<Relationships xmlns="{RELATIONS}"><Relationship Id="p1" Type="{OFFICE}/image" '
        f'Target="{tmp_path}/secret.png" TargetMode="External"/></Relationships>'
    )
    data = small_docx(drawing, **{"word/_rels/document.xml.rels": relations})
    assert only(write(tmp_path / "docs", {"a.docx": data})).text == "a chart below\n"
