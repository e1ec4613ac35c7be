"""What is filled in on a page of a PDF form, each value where its field stands."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import pypdfium2
from pypdfium2 import raw

from almanac.sources.pdf_layout import Piece

_BOXES = (raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON)
_VALUES = (raw.FPDF_FORMFIELD_TEXTFIELD, raw.FPDF_FORMFIELD_COMBOBOX, raw.FPDF_FORMFIELD_LISTBOX)


def filled_fields(document: pypdfium2.PdfDocument, page: pypdfium2.PdfPage) -> list[Piece]:
    """The values of text fields and lists, and boxes as ☒ or ☐."""
    if not document.formenv:
        return []
    return list(_fields(document.formenv.raw, page))


def _fields(form: ctypes.c_void_p, page: pypdfium2.PdfPage) -> Iterator[Piece]:
    for number in range(raw.FPDFPage_GetAnnotCount(page)):
        note = raw.FPDFPage_GetAnnot(page, number)
        try:
            if raw.FPDFAnnot_GetSubtype(note) == raw.FPDF_ANNOT_WIDGET:
                text = _text(form, note)
                place = raw.FS_RECTF()
                if text and raw.FPDFAnnot_GetRect(note, place):
                    yield Piece(text, place.left, place.bottom, place.right, place.top)
        finally:
            raw.FPDFPage_CloseAnnot(note)


def _text(form: ctypes.c_void_p, note: ctypes.c_void_p) -> str:
    kind = raw.FPDFAnnot_GetFormFieldType(form, note)
    if kind in _BOXES:
        return "☒" if raw.FPDFAnnot_IsChecked(form, note) else "☐"
    if kind not in _VALUES:
        return ""
    size = raw.FPDFAnnot_GetFormFieldValue(form, note, None, 0)
    buffer = ctypes.create_string_buffer(size)
    pointer = ctypes.cast(buffer, ctypes.POINTER(raw.FPDF_WCHAR))
    raw.FPDFAnnot_GetFormFieldValue(form, note, pointer, size)
    return " ".join(buffer.raw[: max(0, size - 2)].decode("utf-16-le", "replace").split())
