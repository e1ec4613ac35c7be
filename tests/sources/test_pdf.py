"""PDFs: columns, powers, forms, running heads, pages without text."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen import canvas

from tests.sources.helpers import broken, ingest, write

Draw = Callable[[canvas.Canvas, int], None]
GREY = ImageReader(Image.new("L", (50, 50), 128))


def pdf(draw: Draw, pages: int = 1) -> bytes:
    data = io.BytesIO()
    sheet = canvas.Canvas(data, invariant=1)
    for page in range(pages):
        draw(sheet, page)
        sheet.showPage()
    sheet.save()
    return data.getvalue()


def text_of(folder: Path, draw: Draw, pages: int = 1) -> str:
    documents, _ = ingest(write(folder, {"a.pdf": pdf(draw, pages)}))
    return documents["a.pdf"].text


def test_columns_that_are_drawn_row_by_row_are_read_one_after_the_other(tmp_path: Path) -> None:
    left = [f"Left column line {at} has several words" for at in range(6)]
    right = [f"Right column line {at} has several words" for at in range(6)]

    def draw(sheet: canvas.Canvas, page: int) -> None:
        sheet.setFont("Helvetica", 10)
        sheet.drawString(60, 800, "A heading over the whole width of the page, " + "so to say " * 4)
        for at in range(6):
            sheet.drawString(60, 760 - 14 * at, left[at])
            sheet.drawString(310, 760 - 14 * at, right[at])
        sheet.drawString(60, 640, "A line at the end over the whole width as well, " + "word " * 8)

    lines = text_of(tmp_path, draw).strip().split("\n")
    assert lines[1:-1] == [*left, *right]


def test_a_table_is_read_by_its_rows(tmp_path: Path) -> None:
    def draw(sheet: canvas.Canvas, page: int) -> None:
        for at in range(8):
            sheet.drawString(60, 760 - 14 * at, f"Item {at}")
            sheet.drawString(310, 760 - 14 * at, f"{at} EUR")

    assert text_of(tmp_path, draw).split("\n")[:2] == ["Item 0 0 EUR", "Item 1 1 EUR"]


@pytest.mark.parametrize(
    ("before", "power", "after", "text"),
    [
        ("It covers 10", "2", " metres.", "It covers 10^2 metres.\n"),
        ("At most 5 x 10", "-3", " grams", "At most 5 x 10^-3 grams\n"),
        ("As shown", "12", " by others", "As shown^12 by others\n"),
    ],
)
@pytest.mark.parametrize("small", [7, 10])
def test_powers_and_marks_of_notes_stay_apart(
    tmp_path: Path, before: str, power: str, after: str, text: str, small: int
) -> None:
    def draw(sheet: canvas.Canvas, page: int) -> None:
        line = sheet.beginText(60, 700)
        for rise, size, part in ((0, 12, before), (5, small, power), (0, 12, after)):
            line.setRise(rise)
            line.setFont("Helvetica", size)
            line.textOut(part)
        sheet.drawText(line)

    assert text_of(tmp_path, draw) == text


def test_a_form_shows_its_values_where_they_stand(tmp_path: Path) -> None:
    def draw(sheet: canvas.Canvas, page: int) -> None:
        form = sheet.acroForm
        sheet.drawString(60, 800, "Name of the tenant:")
        form.textfield(name="n", value="Ann Miller", x=200, y=794, width=200, height=20)
        for at, (label, ticked) in enumerate((("Pets", True), ("Smoking", False))):
            form.checkbox(name=label, checked=ticked, x=60, y=700 - 30 * at)
            sheet.drawString(90, 704 - 30 * at, label)

    assert text_of(tmp_path, draw) == "Name of the tenant: Ann Miller\n☒ Pets\n☐ Smoking\n"


def test_running_heads_and_numbers_of_pages_are_left_out(tmp_path: Path) -> None:
    words = ("Alpha.", "Beta.", "Gamma.", "Delta.")

    def draw(sheet: canvas.Canvas, page: int) -> None:
        sheet.drawString(60, 820, "Handbook, version 4")
        sheet.drawString(60, 700, words[page])
        sheet.drawString(300, 30, f"Page {page + 1} of 4")

    assert text_of(tmp_path, draw, 4) == "Alpha.\n\nBeta.\n\nGamma.\n\nDelta.\n"


@pytest.mark.parametrize("mark", ["", "{page}", "Copy for the tenant"])
def test_pages_that_are_scans_are_named_whatever_is_stamped_on_them(
    tmp_path: Path, mark: str
) -> None:
    def draw(sheet: canvas.Canvas, page: int) -> None:
        if page == 0:
            sheet.drawString(60, 800, "A typed cover sheet.")
            return
        sheet.drawImage(GREY, 60, 100, 200, 200)
        sheet.drawString(60, 30, mark.format(page=page + 1))

    documents, rejections = ingest(write(tmp_path, {"a.pdf": pdf(draw, 5)}))
    assert documents["a.pdf"].text == "A typed cover sheet.\n"
    assert broken(rejections) == {("a.pdf", "pages_have_text", "should")}
    assert rejections[0].reason.startswith("4 of 5 pages have no text (2, 3, 4, 5); scanned ones")


def test_ocr_is_asked_for_where_tesseract_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("tesseract"):
        pytest.skip("tesseract is installed here")

    def draw(sheet: canvas.Canvas, page: int) -> None:
        sheet.drawImage(GREY, 60, 100, 200, 200)

    _, rejections = ingest(write(tmp_path, {"a.pdf": pdf(draw)}), ocr="eng")
    assert broken(rejections) == {("a.pdf", "file_is_parseable", "must")}
    assert "apt install tesseract-ocr" in rejections[0].reason
