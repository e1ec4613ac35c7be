"""Word documents, as pandoc reads them, with what it would miss or should not show.

Before: hidden text and tables of contents go, boxes of forms become ☒ or ☐. After: the headers and
footers of the pages are put in front, once.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator, Mapping

from lxml import etree

from almanac.sources.archive import checked, replaced
from almanac.sources.office_xml import OfficeXml, distinct_edges
from almanac.sources.pandoc import as_document, convert
from almanac.sources.parsed import Options, Parsed

_EXPECTATION = "docx_is_readable"
_MAIN = "word/document.xml"
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_W14 = "{http://schemas.microsoft.com/office/word/2010/wordml}"
_NS = {
    "w": _W[1:-1],
    "w14": _W14[1:-1],
    "wp": "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
    "c": "http://schemas.openxmlformats.org/drawingml/2006/chart",
    "dgm": "http://schemas.openxmlformats.org/drawingml/2006/diagram",
    "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
    "pic": "http://schemas.openxmlformats.org/drawingml/2006/picture",
}
_OFF = ("0", "false", "off")
_EDGE = re.compile(r"word/(?:header|footer)\d*\.xml")
_PAGE_FIELD = re.compile(r"\b(?:PAGE|NUMPAGES|SECTIONPAGES|SAVEDATE|PRINTDATE)\b")
_XML = OfficeXml(_EXPECTATION, _NS)


def parse(data: bytes, options: Options) -> Parsed:
    """The document as Markdown, the latest text of tracked changes, pictures as their descriptions.

    Raises:
        Unreadable: no DOCX, encrypted, damaged, or made to harm its reader.
    """
    members = checked(data, _EXPECTATION, _MAIN)
    lost: Counter[str] = Counter()
    hidden = _hidden_styles(members.get("word/styles.xml"))
    changed = {}
    for name, content in members.items():
        if name == _MAIN or re.fullmatch(r"word/(?:foot|end)notes\.xml", name):
            tree = _XML.tree(content)
            _prepare(tree, hidden, lost)
            changed[name] = etree.tostring(tree, encoding="utf-8", xml_declaration=True)
    if styles := members.get("word/styles.xml"):
        changed["word/styles.xml"] = _without_looks(styles)
    lost["comments"] += _comments(members.get("word/comments.xml"))
    made = convert(replaced(data, changed), "docx", _EXPECTATION)
    edges = "".join(
        f"<p>{html.escape(text)}</p>" for text in distinct_edges(_edges(members, hidden))
    )
    return as_document(made._replace(html=edges + made.html), lost)


def _hidden_styles(styles: bytes | None) -> frozenset[str]:
    """The ids of styles whose text Word does not show."""
    if styles is None:
        return frozenset()
    marked = _XML.find(_XML.tree(styles), "//w:style[w:rPr/w:vanish]")
    return frozenset(
        str(style.get(f"{_W}styleId"))
        for style in marked
        if _is_on(style.find(f"{_W}rPr/{_W}vanish"))
    )


def _without_looks(styles: bytes) -> bytes:
    """The styles without those of tables: most of the bytes, and most of pandoc's time."""
    tree = _XML.tree(styles)
    for style in _XML.find(tree, "//w:latentStyles | //w:style[@w:type='table']"):
        _remove(style)
    return bytes(etree.tostring(tree, encoding="utf-8", xml_declaration=True))


def _prepare(tree: etree._Element, hidden: frozenset[str], lost: Counter[str]) -> None:
    for run in _hidden_runs(tree, hidden):
        lost["hidden passages"] += bool("".join(run.itertext(f"{_W}t")).strip())
        _remove(run)
    for paragraph in _XML.find(tree, "//w:p[w:pPr/w:pStyle]"):
        style = str(paragraph.find(f"{_W}pPr/{_W}pStyle").get(f"{_W}val"))
        if re.fullmatch(r"TOC\d|TableofFigures", style, re.IGNORECASE):
            _remove(paragraph)
    _write_boxes(tree)
    _lift_text_boxes(tree)
    for picture in _XML.find(
        tree, "//w:drawing[.//wp:docPr and .//pic:pic and not(.//w:txbxContent)]"
    ):
        described = str(_XML.find(picture, ".//wp:docPr")[0].get("descr") or "").strip()
        lost["pictures without a description"] += not described
        text = etree.Element(f"{_W}t")
        text.text = described
        picture.getparent().replace(picture, text)
    lost["charts"] += len(_XML.find(tree, "//c:chart"))
    lost["diagrams"] += len(_XML.find(tree, "//dgm:relIds"))
    lost["embedded objects"] += len(_XML.find(tree, "//w:object"))


def _hidden_runs(tree: etree._Element, hidden: frozenset[str]) -> list[etree._Element]:
    runs = [run for run in _XML.find(tree, "//w:r[w:rPr/w:vanish]") if _is_on(_property(run))]
    for kind, path in (("rStyle", "//w:r[w:rPr/w:rStyle]"), ("pStyle", "//w:p[w:pPr/w:pStyle]")):
        for element in _XML.find(tree, path):
            properties = f"{_W}rPr" if kind == "rStyle" else f"{_W}pPr"
            if element.find(f"{properties}/{_W}{kind}").get(f"{_W}val") in hidden:
                runs += [element] if kind == "rStyle" else _XML.find(element, ".//w:r")
    return [run for run in dict.fromkeys(runs) if not _is_shown_again(run)]


def _property(run: etree._Element) -> etree._Element | None:
    return run.find(f"{_W}rPr/{_W}vanish")


def _is_shown_again(run: etree._Element) -> bool:
    own = _property(run)
    return own is not None and not _is_on(own)


def _is_on(flag: etree._Element | None) -> bool:
    return flag is not None and str(flag.get(f"{_W}val", "true")).lower() not in _OFF


def _remove(element: etree._Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _write_boxes(tree: etree._Element) -> None:
    """The state of each check box as a character: content controls, and fields of old forms."""
    for control in _XML.find(tree, "//w:sdt[w:sdtPr/w14:checkbox]"):
        checked_mark = control.find(f"{_W}sdtPr/{_W14}checkbox/{_W14}checked")
        ticked = checked_mark is not None and checked_mark.get(f"{_W14}val", "1") not in _OFF
        runs = _XML.find(control, "./w:sdtContent//w:r")
        for run in runs[1:]:
            _remove(run)
        if runs:
            _set_text(runs[0], "☒" if ticked else "☐")
    for field in _XML.find(tree, "//w:fldChar/w:ffData/w:checkBox"):
        state = field.find(f"{_W}checked")
        if state is None:
            state = field.find(f"{_W}default")
        run = field.getparent().getparent().getparent()
        box = etree.Element(f"{_W}r")
        _set_text(box, "☒ " if _is_on(state) else "☐ ")
        run.addprevious(box)


def _lift_text_boxes(tree: etree._Element) -> None:
    """The paragraphs of text boxes behind the paragraph that they are anchored in."""
    for fallback in _XML.find(tree, "//mc:Fallback"):  # the same box, for older programs
        _remove(fallback)
    for box in _XML.find(tree, "//w:txbxContent"):
        anchor = next(box.iterancestors(f"{_W}p"), None)
        if anchor is not None:
            for paragraph in reversed(list(box)):
                anchor.addnext(paragraph)


def _set_text(run: etree._Element, text: str) -> None:
    for child in run:
        if child.tag != f"{_W}rPr":
            run.remove(child)
    run.append(etree.fromstring(f'<w:t xmlns:w="{_NS["w"]}" xml:space="preserve">{text}</w:t>'))


def _comments(comments: bytes | None) -> int:
    return len(_XML.find(_XML.tree(comments), "//w:comment")) if comments is not None else 0


def _edges(members: Mapping[str, bytes], hidden: frozenset[str]) -> Iterator[str]:
    """The texts of headers and footers."""
    for name in sorted(filter(_EDGE.fullmatch, members)):
        tree = _XML.tree(members[name])
        for run in _hidden_runs(tree, hidden):
            _remove(run)
        for paragraph in _XML.find(tree, "//w:p"):
            yield _edge_text(paragraph)


def _edge_text(paragraph: etree._Element) -> str:
    """The text of a paragraph without fields such as the page's number."""
    parts, instructions, in_field = [], "", False
    for element in paragraph.iter(f"{_W}t", f"{_W}tab", f"{_W}fldChar", f"{_W}instrText"):
        if element.tag == f"{_W}fldChar":
            in_field = element.get(f"{_W}fldCharType") != "end"
            instructions = "" if not in_field else instructions
        elif element.tag == f"{_W}instrText":
            instructions += element.text or ""
        elif in_field and _PAGE_FIELD.search(instructions):
            continue
        elif not _XML.find(element, "ancestor::w:fldSimple[contains(@w:instr, 'PAGE')]"):
            parts.append(" " if element.tag == f"{_W}tab" else element.text or "")
    return "".join(parts)
