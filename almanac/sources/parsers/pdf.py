"""The text layer of a PDF, and of pages without one, where the settings ask for it, tesseract's."""

from __future__ import annotations

from collections.abc import Sequence

import pypdfium2

from almanac.sources.decoding import clean
from almanac.sources.ocr import read_page
from almanac.sources.parsed import Note, Options, Parsed, Unreadable
from almanac.sources.pdf_forms import filled_fields
from almanac.sources.pdf_layout import page_text
from almanac.sources.pdf_pages import drop_running_heads

_NO_TITLES = {"", "untitled"}
_NAMED = 20  # pages in a note
_OCR_MARK = "[Text recognised by OCR, page {page}]"


def parse(data: bytes, options: Options) -> Parsed:
    """The pages' texts with a blank line between them; the title from the PDF's properties.

    Columns are read one after the other, values of forms are there, superscripts stay apart
    (10^2), and what stands at the edge of most pages is left out.

    Raises:
        Unreadable: no PDF, damaged, locked by a password, or without any text (scanned pages).
    """
    try:
        document = pypdfium2.PdfDocument(data)
        if document.get_formtype():
            document.init_forms()
        pages = drop_running_heads([_text_of(document, at) for at in range(len(document))])
        title = document.get_metadata_value("Title").strip()
        empty = [at for at, text in enumerate(pages) if not text.strip()]
        bare = [at for at in empty if next(document[at].get_objects(max_depth=1), None)]
        scanned = [at for at in bare if _has_picture(document[at])]
        read = _recognise(document, bare, options.ocr) if options.ocr else {}
    except pypdfium2.PdfiumError as error:
        raise _refusal(error) from None
    for at, text in read.items():
        pages[at] = f"{_OCR_MARK.format(page=at + 1)}\n{text}"
    bare = [at for at in bare if at not in read]
    text, notes = clean("\n\n".join(page for page in pages if page))
    if not text.strip():
        raise Unreadable(
            "document_has_text", f"no text on any of {len(pages)} pages; scanned ones need OCR"
        )
    named = None if title.lower() in _NO_TITLES else title
    return Parsed(text + "\n", named, notes=(*notes, *_notes(bare, scanned, read, len(pages))))


def _text_of(document: pypdfium2.PdfDocument, at: int) -> str:
    page = document[at]
    text = page_text(page, filled_fields(document, page))
    page.close()
    return text


def _has_picture(page: pypdfium2.PdfPage) -> bool:
    kinds = [pypdfium2.raw.FPDF_PAGEOBJ_IMAGE]
    return next(page.get_objects(filter=kinds, max_depth=3), None) is not None


def _recognise(
    document: pypdfium2.PdfDocument, pages: Sequence[int], languages: str
) -> dict[int, str]:
    read = {at: read_page(document[at], languages) for at in pages}
    return {at: text for at, text in read.items() if text.strip()}


def _notes(
    bare: Sequence[int], scanned: Sequence[int], read: dict[int, str], pages: int
) -> list[Note]:
    """The pages without a text, and those whose text was recognised, by number."""
    notes = []
    if read:
        reason = f"the text of {len(read)} of {pages} pages is recognised by OCR ({_list(read)})"
        notes.append(Note("text_is_not_recognised", reason, str(len(read))))
    if bare:
        hint = "; scanned ones need OCR (ocr of the source)" if set(bare) & set(scanned) else ""
        reason = f"{len(bare)} of {pages} pages have no text ({_list(bare)}){hint}"
        notes.append(Note("pages_have_text", reason, str(len(bare))))
    return notes


def _list(pages: Sequence[int] | dict[int, str]) -> str:
    numbers = [str(at + 1) for at in pages]
    more = len(numbers) - _NAMED
    return ", ".join(numbers[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _refusal(error: pypdfium2.PdfiumError) -> Unreadable:
    if getattr(error, "err_code", None) == pypdfium2.raw.FPDF_ERR_PASSWORD:
        return Unreadable("pdf_is_readable", "it is encrypted and opens only with a password")
    return Unreadable("pdf_is_readable", f"it is no intact PDF: {error}")
