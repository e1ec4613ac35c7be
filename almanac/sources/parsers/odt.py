"""OpenDocument texts, as pandoc reads them, with what it would miss or should not show."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterator

from lxml import etree

from almanac.sources.archive import checked, replaced
from almanac.sources.office_xml import OfficeXml, distinct_edges
from almanac.sources.pandoc import as_document, convert
from almanac.sources.parsed import Options, Parsed, Unreadable

_EXPECTATION = "odt_is_readable"
_NS = {
    name: f"urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"
    for name in ("text", "style", "office", "draw", "form", "table")
}
_NS["svg"] = "urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0"
_TEXT, _FORM, _STYLE, _DRAW = (f"{{{_NS[name]}}}" for name in ("text", "form", "style", "draw"))
_FIELDS = (f"{_TEXT}page-number", f"{_TEXT}page-count", f"{_TEXT}date", f"{_TEXT}time")
_XML = OfficeXml(_EXPECTATION, _NS)


def parse(data: bytes, options: Options) -> Parsed:
    """The document as Markdown; headers and footers of the pages in front, once.

    Raises:
        Unreadable: no ODT, encrypted, damaged, or made to harm its reader.
    """
    members = checked(data, _EXPECTATION, "content.xml")
    if b"encryption-data" in members.get("META-INF/manifest.xml", b""):
        raise Unreadable(_EXPECTATION, "it is encrypted with a password")
    lost: Counter[str] = Counter()
    tree = _XML.tree(members["content.xml"])
    styles = _XML.tree(members["styles.xml"]) if "styles.xml" in members else None
    _drop_hidden(tree, _hidden_styles(tree, styles), lost)
    _write_boxes(tree)
    lost["comments"] += len(_XML.find(tree, "//office:annotation"))
    lost["pictures without a description"] += len(
        _XML.find(
            tree, "//draw:frame[draw:image and not(svg:desc) and not(svg:title)][not(draw:object)]"
        )
    )
    content = etree.tostring(tree, encoding="utf-8", xml_declaration=True)
    made = convert(replaced(data, {"content.xml": content}), "odt", _EXPECTATION)
    edges = "".join(f"<p>{html.escape(text)}</p>" for text in distinct_edges(_edges(styles)))
    return as_document(made._replace(html=edges + made.html), lost)


def _hidden_styles(*trees: etree._Element | None) -> frozenset[str]:
    path = "//style:style[style:text-properties/@text:display='none']"
    return frozenset(
        str(style.get(f"{_STYLE}name"))
        for tree in trees
        if tree is not None
        for style in _XML.find(tree, path)
    )


def _drop_hidden(tree: etree._Element, hidden: frozenset[str], lost: Counter[str]) -> None:
    marked = _XML.find(tree, "//text:span | //text:p | //text:h")
    found = [one for one in marked if one.get(f"{_TEXT}style-name") in hidden]
    found += _XML.find(tree, "//text:hidden-text | //text:hidden-paragraph/..")
    found += _XML.find(tree, "//text:section[@text:display='none']")
    for element in found:
        lost["hidden passages"] += 1
        parent = element.getparent()
        if parent is not None:
            tail, before = element.tail or "", element.getprevious()
            if before is not None:
                before.tail = (before.tail or "") + tail
            else:
                parent.text = (parent.text or "") + tail
            parent.remove(element)


def _write_boxes(tree: etree._Element) -> None:
    """The state of each check box of a form as a character, where the box stands."""
    states: dict[str | None, str] = {}
    for box in _XML.find(tree, "//form:checkbox | //form:radio"):
        on = (
            box.get(f"{_FORM}current-state") == "checked"
            or (box.get(f"{_FORM}current-state") is None and box.get(f"{_FORM}state") == "checked")
            or box.get(f"{_FORM}current-selected") == "true"
        )
        label = box.get(f"{_FORM}label") or ""
        names = [value for key, value in box.attrib.items() if key.endswith("}id")]
        states |= dict.fromkeys(names, f"{'☒' if on else '☐'} {label}".rstrip() + " ")
    for control in _XML.find(tree, "//draw:control"):
        state = states.get(control.get(f"{_DRAW}control"))
        if state is not None:
            span = etree.Element(f"{_TEXT}span")
            span.text = state
            span.tail, control.tail = control.tail, None
            control.getparent().replace(control, span)


def _edges(styles: etree._Element | None) -> Iterator[str]:
    """The texts of headers and footers, without fields such as the page's number."""
    for paragraph in (
        _XML.find(styles, "//style:header//text:p | //style:footer//text:p")
        if styles is not None
        else ()
    ):
        for field in [one for one in paragraph.iter() if one.tag in _FIELDS]:
            field.text = ""
        yield "".join(paragraph.itertext())
