"""What share of titles, sections, tables, code and formulas comes through, by format; and seconds.

    python benchmarks/quality/formats.py               # the code beside this file
    python benchmarks/quality/formats.py --code DIR    # another checkout, such as an older one

One handbook is written in each format; what is read of it is held against what stands in it. A
table row counts where its cells stand in their order on one line, code where its lines stand
together as code, a formula where its TeX, or the same signs in their order, are there.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).resolve().parent / "samples"
TITLE = "Roaster handbook"
SECTIONS = (
    "Before you begin",
    "Install the roaster",
    "Temperatures",
    "Roast a batch",
    "When something goes wrong",
)
BEANS = [
    ["Bean", "Start", "Signal"],
    ["Arabica", "190 °C", "a | b"],
    ["Robusta", "205 °C", "none"],
]
CODES = [["Code", "Meaning"], ["E1", "The drum is jammed."], ["E2", "No gas."]]
BASH = "sudo apt-get install roaster\nroaster setup \\\n    --drum 12"
PYTHON = (
    "def roast(batch):\n    drum.fill(batch)\n\n    while not drum.cracked():\n        drum.turn()"
)
FORMULAS = (r"t = \frac{m}{r}", "a^2 + b^2")
INTRODUCTION = "How to run the drum roaster of the small plant."
# What a format can hold at all.
WITHOUT = {
    "deck.pptx": {"code", "formulas"},
    "sheet.xlsx": {"code", "formulas"},
    "paper.pdf": {"sections", "tables", "code"},
    "form.docx": {"code"},
}


def documents() -> dict[str, bytes]:
    """The handbook in each format, by file name."""
    made = {
        "handbook.rst": (SAMPLES / "source.rst").read_bytes(),
        "handbook.md": (SAMPLES / "source.md").read_bytes(),
    }
    for site in ("sphinx", "mkdocs", "docusaurus"):
        made[f"{site}.html"] = (SAMPLES / f"{site}.html").read_bytes()
    made["notebook.ipynb"] = _notebook()
    writers: dict[str, Callable[[], bytes]] = {
        "form.docx": _docx,
        "sheet.xlsx": _xlsx,
        "deck.pptx": _pptx,
        "paper.pdf": _pdf,
    }
    return made | {name: write() for name, write in writers.items()}


def _notebook() -> bytes:
    text = (SAMPLES / "source.md").read_text(encoding="utf-8")
    cells: list[dict[str, Any]] = []
    for at, part in enumerate(re.split(r"```(?:python)\n(.*?)```\n", text, flags=re.DOTALL)):
        if at % 2:
            cells.append(
                {"cell_type": "code", "source": part.rstrip("\n"), "outputs": [], "metadata": {}}
            )
        else:
            cells.append({"cell_type": "markdown", "source": part, "metadata": {}})
    metadata = {"language_info": {"name": "python"}}
    book = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(book).encode()


def _docx() -> bytes:
    import docx
    from docx.oxml import parse_xml

    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    maths = "http://schemas.openxmlformats.org/officeDocument/2006/math"
    document = docx.Document()
    document.core_properties.title = TITLE
    document.add_heading(TITLE, 0)
    document.add_paragraph(INTRODUCTION)
    for section in SECTIONS:
        document.add_heading(section, 1)
        for rows in [BEANS] if section == "Temperatures" else [CODES] * ("wrong" in section):
            table = document.add_table(0, len(rows[0]))
            for row in rows:
                for cell, text in zip(table.add_row().cells, row, strict=True):
                    cell.text = text
        document.add_paragraph("What is said here.")

    def run(text: str) -> str:
        return f"<m:r><m:t>{text}</m:t></m:r>"

    parts = {
        "num": run("m"),
        "den": run("r"),
    }
    fraction = f"<m:f><m:num>{parts['num']}</m:num><m:den>{parts['den']}</m:den></m:f>"
    powers = [f"<m:sSup><m:e>{run(name)}</m:e><m:sup>{run('2')}</m:sup></m:sSup>" for name in "ab"]
    for inner in (f"{run('t = ')}{fraction}", f"{powers[0]}{run(' + ')}{powers[1]}"):
        paragraph = document.add_paragraph()._p
        paragraph.append(
            parse_xml(f'<m:oMath xmlns:m="{maths}" xmlns:w="{word}">{inner}</m:oMath>')
        )
    return _saved(document.save)


def _xlsx() -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    book.properties.title = TITLE
    book.remove(book.active)
    for section in SECTIONS:
        sheet = book.create_sheet(section)
        for row in BEANS if section == "Temperatures" else CODES:
            sheet.append(row)
    return _saved(book.save)


def _pptx() -> bytes:
    from pptx import Presentation
    from pptx.util import Inches

    deck = Presentation()
    first = deck.slides.add_slide(deck.slide_layouts[0])
    first.shapes.title.text = TITLE
    for section in SECTIONS:
        slide = deck.slides.add_slide(deck.slide_layouts[5])
        slide.shapes.title.text = section
        rows = BEANS if section == "Temperatures" else CODES
        size = (Inches(1), Inches(2), Inches(6), Inches(2))
        table = slide.shapes.add_table(len(rows), len(rows[0]), *size).table
        for line, row in enumerate(rows):
            for at, text in enumerate(row):
                table.cell(line, at).text = text
    return _saved(deck.save)


def _pdf() -> bytes:
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate, Paragraph

    made = io.BytesIO()
    width, height = A4
    columns = [Frame(50 + at * 255, 60, 240, height - 130) for at in (0, 1)]

    def head(canvas: Any, document: Any) -> None:
        canvas.drawString(50, height - 40, "Journal of Roasting, volume 7")
        canvas.drawString(width / 2, 30, str(document.page))

    paper = BaseDocTemplate(made, pagesize=A4, title=TITLE)
    paper.addPageTemplates(PageTemplate(frames=columns, onPage=head))
    styles = getSampleStyleSheet()
    story = [Paragraph(TITLE, styles["Title"])]
    for number, text in enumerate(_sentences()):
        if number % 8 == 0 and number // 8 < len(SECTIONS):
            story.append(Paragraph(SECTIONS[number // 8], styles["Heading2"]))
        story.append(Paragraph(text, styles["BodyText"]))
    story.append(
        Paragraph("The loss is at most a<super>2</super> + b<super>2</super>.", styles["Normal"])
    )
    paper.build(story)
    return made.getvalue()


def _sentences() -> list[str]:
    words = ["drum", "bean", "heat", "smoke", "crack", "batch", "scale", "sack", "cup", "mill"]
    return [
        f"Sentence {n} tells of the {words[n % 10]} and of the {words[n * 7 % 10]}, and it is long "
        f"enough to take more than one line of its column; it ends with mark {n}."
        for n in range(80)
    ]


def _saved(save: Callable[[Any], Any]) -> bytes:
    made = io.BytesIO()
    save(made)
    return made.getvalue()


def shares(name: str, title: str, text: str) -> dict[str, tuple[int, int]]:
    """(found, expected) by kind of content."""
    rows = [row for table in (BEANS, CODES) for row in table]
    found = {
        "title": (int(_plain(title).startswith(TITLE)), 1),
        "sections": (sum(_is_heading(text, one) for one in SECTIONS), len(SECTIONS)),
        "tables": (sum(_has_row(text, row) for row in rows), len(rows)),
        "code": (sum(_has_code(text, one) for one in (BASH, PYTHON)), 2),
        "formulas": (sum(_has_formula(text, one) for one in FORMULAS), len(FORMULAS)),
    }
    if name == "paper.pdf":
        found["formulas"] = (int(_has_formula(text, FORMULAS[1])), 1)
        found["order"] = (sum(_in_order(text)), len(_sentences()) - 1)
    return {kind: value for kind, value in found.items() if kind not in WITHOUT.get(name, ())}


def _plain(text: str) -> str:
    return " ".join(text.split())


def _is_heading(text: str, heading: str) -> bool:
    return re.search(rf"^#+ {re.escape(heading)}\s*$", text, re.MULTILINE) is not None


def _has_row(text: str, row: list[str]) -> bool:
    cells = [re.escape(_escaped(cell)) for cell in row]
    return re.search(r"\|\s*`?" + r"`?\s*\|\s*`?".join(cells) + r"`?\s*\|", text) is not None


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")


def _has_code(text: str, code: str) -> bool:
    """Are the lines together in a block of code?"""
    for block in re.findall(r"^```[^\n]*\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        if code in block:
            return True
    return False


def _has_formula(text: str, formula: str) -> bool:
    bare = re.sub(r"[\s$\\{}]|\\left|\\right", "", text)
    return re.sub(r"[\s\\{}]", "", formula) in bare


def _in_order(text: str) -> Iterator[bool]:
    """For each sentence of the two columns, whether the one after it is the next in the text."""
    marks = [int(found) for found in re.findall(r"mark (\d+)\.", _plain(text))]
    return (after == before + 1 for before, after in pairwise(marks))


def main() -> int:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--code", type=Path, default=Path(__file__).resolve().parents[2])
    parser.add_argument("--times", type=int, default=3, help="readings of each document")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    sys.path.insert(0, str(arguments.code))
    result = measure(arguments.code, arguments.times)
    if arguments.json:
        print(json.dumps(result))
        return 0
    for name, figures in result.items():
        print(name, " ".join(f"{kind} {value}" for kind, value in figures.items()), sep="\t")
    return 0


def measure(code: Path, times: int) -> dict[str, dict[str, str]]:
    """What came through of each format, as `found/expected`, and seconds for each reading."""
    reading = _reading(code)
    from schemas.settings import SourceSettings

    result = {}
    for name, data in documents().items():
        with tempfile.TemporaryDirectory() as folder:
            for number in range(times):
                path = Path(folder) / f"{number}-{name}"
                path.write_bytes(data)
            settings = SourceSettings(uri=folder, include=[f"**/*-{name}"])
            files = reading.list_source(settings).files
            list(reading.read_files(settings, files[:1]))  # the parser's process has started
            began = time.perf_counter()
            found = [one for made in reading.read_files(settings, files) for one in made.documents]
            seconds = (time.perf_counter() - began) / times
        figures = shares(name, found[0].title, found[0].text) if found else {}
        shown = {kind: f"{got}/{of}" for kind, (got, of) in figures.items()}
        result[name] = {**shown, "seconds": f"{seconds:.3f}"} if found else {"read": "no"}
    return result


def _reading(code: Path) -> Any:
    from importlib import import_module

    inside = "almanac" if (code / "almanac" / "sources").is_dir() else "tasks"
    return import_module(f"{inside}.sources.reading")


if __name__ == "__main__":
    raise SystemExit(main())
