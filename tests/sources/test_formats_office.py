"""Word, OpenDocument, spreadsheets and presentations: what is carried over, what is counted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import docx
import openpyxl
import pytest
from docx.oxml import parse_xml
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from tests.sources.helpers import OPEN, WORD, lost, read, saved, zipped


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
