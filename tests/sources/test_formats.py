"""Documents as people have them: what of each format comes through, and what is counted as lost."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pytest
from docx.oxml import parse_xml
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from almanac.sources import pandoc
from almanac.sources.formats import DEFAULT_GLOBS, FORMATS, format_of
from almanac.sources.pandoc import executable
from schemas.documents import WITHOUT_MARKUP, Document, Rejection
from tests.sources.helpers import ingest, write, zipped

WORD = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape"'
)
OPEN = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("text", "style", "office", "draw", "form", "table")
)


def read(folder: Path, name: str, data: str | bytes, **settings: Any) -> Document:
    documents, _ = ingest(write(folder, {name: data}), **settings)
    assert list(documents) == [name]
    return documents[name]


def lost(folder: Path) -> dict[str, str]:
    """What was not carried over, by document."""
    _, rejections = ingest(folder)
    return {r.doc_id: r.reason for r in rejections if r.expectation == "document_is_complete"}


def saved(thing: Any) -> bytes:
    data = io.BytesIO()
    thing.save(data)
    return data.getvalue()


def test_every_ending_belongs_to_one_format_and_is_read_by_default_but_json() -> None:
    endings = [ending for one in FORMATS for ending in one.endings]
    assert len(endings) == len(set(endings))
    assert {glob.removeprefix("**/*.") for glob in DEFAULT_GLOBS} == {*endings} - {"json"}
    assert {one.media_type for one in FORMATS if not one.markup} == WITHOUT_MARKUP
    for one in FORMATS:
        assert hasattr(one.load(), "rows" if one.is_table else "parse")
    assert format_of("a/B.EPUB").name == "epub"
    assert format_of("a/README").name == "plain"


TABLES = {
    "spans in head and body": (
        "<table><thead><tr><th rowspan=2>Team<th colspan=2>2025<tr><th>Q1<th>Q2</thead>"
        "<tr><td rowspan=0>A<td>1<td>2<tr><td>3<td>4</table>",
        "| Team | 2025 Q1 | 2025 Q2 |\n| --- | --- | --- |\n| A | 1 | 2 |\n| A | 3 | 4 |\n",
    ),
    "bars and blocks in cells": (
        "<table><tr><th>Command<th>What<tr><td><code>a | b</code><td>x<br>y<ul><li>one<li>two"
        "</ul></table>",
        "| Command | What |\n| --- | --- |\n| `a \\| b` | x; y; one; two |\n",
    ),
    "a table within a cell": (
        "<table><tr><th>Plan<th>Limits<tr><td>B<td><table><tr><th>Kind<th>Min<th>Max"
        "<tr><td>cpu<td>1<td>2<tr><td>ram<td>3<td>4</table></table>",
        "| Plan | Limits |\n| --- | --- |\n"
        "| B | Kind: cpu, Min: 1, Max: 2; Kind: ram, Min: 3, Max: 4 |\n",
    ),
    "names at the left": (
        "<table><tr><th>Name<td>Ann<tr><th>Phone<td>12</table>",
        "|  |  |\n| --- | --- |\n| Name | Ann |\n| Phone | 12 |\n",
    ),
    "a short row": (
        "<table><tr><th>A<th>B<tr><td>1</table>",
        "| A | B |\n| --- | --- |\n| 1 |  |\n",
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_keep_their_columns(tmp_path: Path, name: str) -> None:
    html, expected = TABLES[name]
    assert read(tmp_path, "a.html", html).text == expected


def test_spans_made_to_fill_the_memory_are_bounded(tmp_path: Path) -> None:
    bomb = "<table>" + "<tr><td colspan=1000 rowspan=60000>x" * 30 + "</table><p>after"
    assert read(tmp_path, "a.html", bomb).text.endswith("\n\nafter\n")


CODE = {
    "sphinx, a table of one row": (
        "<table class=highlighttable><tr><td class=linenos><pre>1\n2</pre><td class=code>"
        "<pre>if a:\n    b()\n</pre></table>",
        "```\nif a:\n    b()\n```\n",
    ),
    "hexo, spans and line breaks": (
        "<figure class='highlight python'><table><tr><td class=gutter><pre><span>1</span><br>"
        "<span>2</span><br></pre><td class=code><pre><span>if a:</span><br><span>    b()</span>"
        "<br></pre></table></figure>",
        "```\nif a:\n    b()\n```\n",
    ),
    "rouge, a table in a block of code": (
        "<div class=language-ruby><div class=highlight><pre><code><table class=rouge-table><tr>"
        "<td class='gutter gl'><pre class=lineno>1\n2\n</pre><td class=code><pre>def x\n  y\n"
        "</pre></table></code></pre></div></div>",
        "```ruby\ndef x\n  y\n```\n",
    ),
    "github, a row a line": (
        "<table class=highlight><tr><td class=blob-num data-line-number=1><td class=blob-code>"
        "for x in y:<tr><td class=blob-num data-line-number=2><td class=blob-code>    go(x)"
        "</table>",
        "```\nfor x in y:\n    go(x)\n```\n",
    ),
    "numbers between the lines": (
        "<div class='highlight-python'><pre><span class=linenos>1</span>def f():\n"
        "<span class=linenos>2</span>    pass\n</pre></div>",
        "```python\ndef f():\n    pass\n```\n",
    ),
    "docusaurus, an element a line": (
        "<pre class='prism-code language-js'><code><span class=token-line>const a = 1;<br></span>"
        "<span class=token-line>  b();<br></span></code></pre>",
        "```js\nconst a = 1;\n  b();\n```\n",
    ),
}


@pytest.mark.parametrize("name", CODE)
def test_code_keeps_its_lines_without_their_numbers(tmp_path: Path, name: str) -> None:
    html, expected = CODE[name]
    assert read(tmp_path, "a.html", html).text == expected


def test_a_table_of_numbers_is_no_code(tmp_path: Path) -> None:
    html = "<table><tr><td>1<td>2<tr><td>3<td>4</table>"
    assert read(tmp_path, "a.html", html).text == "| 1 | 2 |\n| --- | --- |\n| 3 | 4 |\n"


def test_a_layout_table_is_sections_and_what_it_holds_stays_a_table(tmp_path: Path) -> None:
    html = (
        "<table><tr><td><h2>Hours</h2><p>Mon to Fri.<ul><li>8 to 12</ul><td><h2>Rates</h2>"
        "<table><tr><th>Kind<th>EUR<tr><td>Van<td>12</table></table>"
    )
    assert read(tmp_path, "a.html", html).text == (
        "## Hours\n\nMon to Fri.\n\n- 8 to 12\n\n## Rates\n\n"
        "| Kind | EUR |\n| --- | --- |\n| Van | 12 |\n"
    )


def test_a_form_shows_what_is_filled_in(tmp_path: Path) -> None:
    html = (
        "<p><input type=checkbox checked> Insurer<p><input type=checkbox> Employer<p>Name "
        "<input value=Ann><p><select><option>Rome<option selected>Bonn</select>"
        "<input type=hidden value=secret><input type=submit value=Go><button>Send</button>"
    )
    assert read(tmp_path, "a.html", html).text == "☒ Insurer\n\n☐ Employer\n\nName Ann\n\nBonn\n"


MENU = "".join(f'<li><a href="{at}.html">Circular of the year {at}</a>' for at in range(20))
PAGES = {
    "main": f"<nav><ul>{MENU}</ul></nav>"
    "<main><h1>Badges</h1><p>Call 4411.</main><footer>©</footer>",
    "mkdocs": f"<main><div class=md-sidebar><nav><ul>{MENU}</ul></nav></div><article><h1>Badges"
    "<a class=headerlink>¶</a></h1><p>Call 4411.</article></main><footer>Next</footer>",
    "sphinx": f"<div class=related><ul>{MENU}</ul></div><div role=main><h1>Badges<a "
    f"class=headerlink>¶</a></h1><p>Call 4411.</div><div class=sphinxsidebar><ul>{MENU}</ul></div>"
    "<div class=footer>© 2026</div>",
    "no main": f"<div class=side><ul>{MENU}</ul></div><h1>Badges</h1><p>Call 4411.</p>"
    "<div class=cookie-banner>We use cookies <a href=x>fine</a></div><div id=footer>Imprint</div>",
    "an article": f"<header><ul>{MENU}</ul></header><article><header><h1>Badges</h1></header>"
    f"<p>Call 4411.</article><aside><h3>Related</h3><ul>{MENU}</ul></aside>",
}


@pytest.mark.parametrize("name", PAGES)
def test_of_a_page_its_content_is_read(tmp_path: Path, name: str) -> None:
    document = read(tmp_path, "a.html", f"<html><body>{PAGES[name]}</body></html>")
    assert (document.title, document.text) == ("Badges", "# Badges\n\nCall 4411.\n")


def test_a_page_of_links_and_one_with_an_empty_main_stay_whole(tmp_path: Path) -> None:
    index = read(tmp_path / "a", "a.html", f"<h1>All</h1><ul>{MENU}</ul>")
    assert index.text.count("](") == 20
    odd = read(tmp_path / "b", "b.html", "<main></main><div><p>All is here.</div>")
    assert odd.text == "All is here.\n"


def test_selectors_choose_and_drop(tmp_path: Path) -> None:
    page = "<div class=a>One <b class=x>out</b></div><div class=b>Two</div>"
    write(tmp_path, {"a.html": page})
    documents, _ = ingest(tmp_path, html={"select": [".a"], "drop": [".x"]})
    assert documents["a.html"].text == "One\n"
    for broken, rule in (("..", "selector_is_valid"), (".none", "selector_finds_content")):
        documents, rejections = ingest(tmp_path, html={"select": [broken]})
        assert documents == {}
        assert [r.expectation for r in rejections] == [rule]


RST = """
.. _top:

API
***

See :ref:`the guide <guide>`, :py:meth:`~gw.Client.send`. E = :math:`mc^2`. Note [1]_.

.. py:function:: connect(host)
   :noindex:

   Opens it.

.. versionadded:: 2.1
   The port.

Deep
====

.. warning:: Do not unplug.

.. code-block:: python
   :linenos:

   def f():
       return 1

.. csv-table:: Limits
   :header: "Name", "Max"

   "cpu", 4

.. toctree::

   a

.. include:: /etc/passwd

.. a comment

.. [1] The end.
"""
RST_TEXT = """# API

See the guide, `send()`. E = \\(mc^2\\). Note^1.

connect(host)

Opens it.

Added in version 2.1:

The port.

## Deep

**Warning**

Do not unplug.

```python
def f():
    return 1
```

Limits

| Name | Max |
| --- | --- |
| cpu | 4 |

---

1. The end.
"""


def test_restructured_text_with_sphinx(tmp_path: Path) -> None:
    document = read(tmp_path, "a.rst", RST)
    assert (document.title, document.text) == ("API", RST_TEXT)
    assert lost(tmp_path) == {"a.rst": "not carried over: included files 1"}


MARKUPS: dict[str, tuple[str, str, str]] = {
    "a.adoc": (
        "= Backups\n:toc:\n\n// remark\n== Times\n\n|===\n|Day |Time\n\n|Mon |02:00\n|===\n\n"
        "[source,bash]\n----\nbackup --all\n----\n\ninclude::more.adoc[]\n",
        "# Backups\n\n# Times\n\n| Day | Time |\n| --- | --- |\n| Mon | 02:00 |\n\n"
        "```bash\nbackup --all\n```\n",
        "included files 1",
    ),
    "a.org": (
        "#+TITLE: Ops\n# remark\n* Ports\n| Name | Port |\n|------+------|\n| smtp | 25 |\n",
        "# Ops\n\n# Ports\n\n| Name | Port |\n| --- | --- |\n| smtp | 25 |\n",
        "",
    ),
    "a.mediawiki": (
        "= Main =\n'''Bold''' {{Infobox|x}}\n{| class=\"wikitable\"\n! A !! B\n|-\n| 1 || 2\n|}\n",
        "# Main\n\n**Bold**\n\n| A | B |\n| --- | --- |\n| 1 | 2 |\n",
        "templates 1",
    ),
    "a.tex": (
        "\\documentclass{article}\\title{Queues}\\begin{document}\\maketitle\\section{Model}\n"
        "Rate $\\lambda$.\n% remark\n\\begin{tabular}{ll}A & B\\\\1 & 2\\end{tabular}\n"
        "\\input{/etc/passwd}\\end{document}",
        "# Queues\n\n# Model\n\nRate \\(\\lambda\\).\n\n| A | B |\n| --- | --- |\n| 1 | 2 |\n",
        "included files 1",
    ),
}


@pytest.mark.parametrize("name", MARKUPS)
def test_markup_that_pandoc_reads(tmp_path: Path, name: str) -> None:
    source, text, loss = MARKUPS[name]
    assert read(tmp_path, name, source).text == text
    assert lost(tmp_path) == ({name: f"not carried over: {loss}"} if loss else {})


def test_markup_that_is_broken_is_kept_as_it_is(tmp_path: Path) -> None:
    source = "Title\n=====\n\n.. |a| image::\n\n.. figure::\n\n+---+\n| a\n"
    documents, rejections = ingest(write(tmp_path, {"a.rst": source}))
    assert "Title" in documents["a.rst"].text
    assert {r.severity for r in rejections} <= {"should"}


def test_without_pandoc_other_formats_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process: what the parser process does where pandoc's package is not there."""
    executable.cache_clear()
    monkeypatch.setattr(pandoc.Path, "is_file", lambda self: False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pandoc.Unreadable, match="pip install pypandoc_binary") as raised:
        executable()
    assert raised.value.note.expectation == "file_is_parseable"  # so it is tried the next night
    executable.cache_clear()


def office_form() -> bytes:
    document = docx.Document()
    document.add_heading("Form", 1)
    for state, label in (("<w:checked/>", "insurer"), ('<w:default w:val="0"/>', "employer")):
        paragraph = document.add_paragraph()
        for part in (
            f'<w:fldChar w:fldCharType="begin"><w:ffData><w:checkBox>{state}</w:checkBox>'
            "</w:ffData></w:fldChar>",
            "<w:instrText> FORMCHECKBOX </w:instrText>",
            '<w:fldChar w:fldCharType="end"/>',
        ):
            paragraph._p.append(parse_xml(f"<w:r {WORD}>{part}</w:r>"))
        paragraph.add_run(label)
    control = (
        f'<w:sdt {WORD}><w:sdtPr><w14:checkbox><w14:checked w14:val="1"/></w14:checkbox></w:sdtPr>'
        '<w:sdtContent><w:r><w:sym w:font="Wingdings" w:char="F0FE"/></w:r></w:sdtContent></w:sdt>'
    )
    paragraph = document.add_paragraph()
    paragraph._p.append(parse_xml(control))
    paragraph.add_run(" nobody")
    return saved(document)


def office_hidden() -> bytes:
    document = docx.Document()
    style = document.styles.add_style("Secret", 2)
    style.font.hidden = True
    paragraph = document.add_paragraph("Shown")
    paragraph.add_run(" hush", style="Secret")
    paragraph.add_run(" hid").font.hidden = True
    paragraph.add_run(" too").font.hidden = False
    document.add_comment(paragraph.runs, text="remark", author="a", initials="b")
    document.sections[0].header.paragraphs[0].text = "Policy HR-77"
    document.sections[0].footer.paragraphs[0].text = "Page 3"
    return saved(document)


def office_box() -> bytes:
    document = docx.Document()
    paragraph = document.add_paragraph("x")
    paragraph.add_run("2").font.superscript = True
    inner = "<w:txbxContent><w:p><w:r><w:t>In the box</w:t></w:r></w:p></w:txbxContent>"
    paragraph._p.append(
        parse_xml(
            f"<w:r {WORD}><mc:AlternateContent><mc:Choice><w:drawing><wps:txbx>{inner}</wps:txbx>"
            f"</w:drawing></mc:Choice><mc:Fallback><w:pict>{inner}</w:pict></mc:Fallback>"
            "</mc:AlternateContent></w:r>"
        )
    )
    return saved(document)


def office_table() -> bytes:
    document = docx.Document()
    table = document.add_table(3, 3)
    for at, cell in enumerate(table._cells):
        cell.text = "abcdefghi"[at]
    table.cell(1, 0).merge(table.cell(2, 0)).text = "North"
    table.cell(0, 1).merge(table.cell(0, 2)).text = "EUR"
    return saved(document)


OFFICE: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "boxes": (office_form, "# Form\n\n☒ insurer\n\n☐ employer\n\n☒ nobody\n", ""),
    "hidden": (office_hidden, "Policy HR-77\n\nShown too\n", "comments 1, hidden passages 2"),
    "text box": (office_box, "x^2\n\nIn the box\n", ""),
    "merged": (
        office_table,
        "| a | EUR | EUR |\n| --- | --- | --- |\n| North | e | f |\n| North | h | i |\n",
        "",
    ),
}


@pytest.mark.parametrize("name", OFFICE)
def test_word_documents(tmp_path: Path, name: str) -> None:
    make, text, loss = OFFICE[name]
    assert read(tmp_path, "a.docx", make()).text == text
    assert lost(tmp_path) == ({"a.docx": f"not carried over: {loss}"} if loss else {})


def test_open_documents(tmp_path: Path) -> None:
    row = "<table:table-row>{}</table:table-row>"
    cell = "<table:table-cell {}><text:p>{}</text:p></table:table-cell>"
    head = row.format(cell.format("", "Region") + cell.format("", "EUR"))
    first = row.format(cell.format('table:number-rows-spanned="2"', "North") + cell.format("", 1))
    second = row.format("<table:covered-table-cell/>" + cell.format("", 2))
    content = (
        f'<office:document-content {OPEN} office:version="1.2"><office:automatic-styles>'
        '<style:style style:name="H" style:family="text"><style:text-properties '
        'text:display="none"/></style:style></office:automatic-styles><office:body><office:text>'
        '<office:forms><form:form><form:checkbox form:id="c1" form:current-state="checked"/>'
        '<form:checkbox form:id="c2"/></form:form></office:forms>'
        '<text:h text:outline-level="1">Consent</text:h>'
        '<text:p><draw:control draw:control="c1"/>Insurer</text:p>'
        '<text:p><draw:control draw:control="c2"/>Employer</text:p>'
        '<text:p>Seen <text:span text:style-name="H">hidden</text:span>after'
        "<office:annotation><text:p>remark</text:p></office:annotation>.</text:p>"
        f"<table:table>{head}{first}{second}</table:table>"
        "</office:text></office:body></office:document-content>"
    )
    styles = (
        f'<office:document-styles {OPEN}><office:master-styles><style:master-page style:name="S">'
        "<style:header><text:p>Policy HR-9</text:p></style:header><style:footer><text:p>Page "
        "<text:page-number>1</text:page-number></text:p></style:footer></style:master-page>"
        "</office:master-styles></office:document-styles>"
    )
    manifest = '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    members = {
        "mimetype": "application/vnd.oasis.opendocument.text",
        "META-INF/manifest.xml": manifest,
        "content.xml": content,
        "styles.xml": styles,
    }
    document = read(tmp_path, "a.odt", zipped(members))
    assert document.text == (
        "Policy HR-9\n\n# Consent\n\n☒ Insurer\n\n☐ Employer\n\nSeen after.\n\n"
        "| Region | EUR |\n| --- | --- |\n| North | 1 |\n| North | 2 |\n"
    )
    assert lost(tmp_path) == {"a.odt": "not carried over: comments 1, hidden passages 1"}


def test_spreadsheets(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Prices"
    for line in (
        ["Price list 2026"],
        [],
        ["Item", "Price", "Share", "Valid"],
        ["Van|Car", 12.5, 0.19, dt.date(2026, 5, 1)],
        [None, 7, 0.07, dt.datetime(2026, 5, 1, 8, 30)],  # noqa: DTZ001 - a sheet has no zones
        ["=SUM(B4:B5)"],
    ):
        sheet.append(line)
    sheet.merge_cells("A4:A5")
    sheet["B4"].number_format = '#,##0.00 "EUR"'
    sheet["C4"].number_format = sheet["C5"].number_format = "0%"
    hidden = book.create_sheet("Salaries")
    hidden["A1"], hidden.sheet_state = "secret", "hidden"
    assert read(tmp_path, "a.xlsx", saved(book)).text == (
        "## Prices\n\nPrice list 2026\n\n| Item | Price | Share | Valid |\n"
        "| --- | --- | --- | --- |\n| Van\\|Car | 12.5 EUR | 19% | 2026-05-01 |\n"
        "| Van\\|Car | 7 | 7% | 2026-05-01 08:30 |\n"
    )
    assert lost(tmp_path) == {
        "a.xlsx": "not carried over: formulas without a stored value 1, hidden sheets 1"
    }


def test_presentations(tmp_path: Path) -> None:
    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.shapes.title.text = "Roadmap"
    frame = slide.placeholders[1].text_frame
    frame.text = "First"
    more = frame.add_paragraph()
    more.text, more.level = "Nested", 1
    slide.notes_slide.notes_text_frame.text = "Say hello"
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "Costs"
    size = (Inches(1), Inches(2), Inches(4), Inches(1))
    table = slide.shapes.add_table(2, 2, *size).table
    for at, text in enumerate(("Item", "EUR", "Van", "12")):
        table.cell(at // 2, at % 2).text = text
    figures = CategoryChartData()
    figures.categories = ["Q1", "Q2"]
    figures.add_series("Sales", (1.5, 2))
    below = (Inches(1), Inches(4), Inches(4), Inches(2))
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *below, figures)
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "Not shown"
    slide._element.set("show", "0")
    document = read(tmp_path, "a.pptx", saved(deck))
    assert (document.title, document.text) == (
        "Roadmap",
        "## Roadmap\n\n- First\n  - Nested\n\nNotes: Say hello\n\n## Costs\n\n"
        "| Item | EUR |\n| --- | --- |\n| Van | 12 |\n\n"
        "|  | Sales |\n| --- | --- |\n| Q1 | 1.5 |\n| Q2 | 2 |\n",
    )
    assert lost(tmp_path) == {"a.pptx": "not carried over: hidden slides 1"}


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
