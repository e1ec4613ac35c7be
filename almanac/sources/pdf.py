"""The text layer of a PDF. Runs in the parser process."""

from __future__ import annotations

import pypdfium2

from almanac.sources.decoding import clean
from almanac.sources.parsed import Parsed, Unreadable

_HYPHEN = "\ufffe"  # how pypdfium2 gives a hyphen at a line's end, the two halves joined
_NO_TITLES = {"", "untitled"}


def parse_pdf(data: bytes) -> Parsed:
    """The pages' texts with a blank line between them; the title from the PDF's properties.

    Raises:
        Unreadable: no PDF, damaged, locked by a password, or without any text (scanned pages).
    """
    try:
        document = pypdfium2.PdfDocument(data)
        pages = [_text_of(document[at]) for at in range(len(document))]
        title = document.get_metadata_value("Title").strip()
    except pypdfium2.PdfiumError as error:
        raise _refusal(error) from None
    text, notes = clean("\n\n".join(page for page in pages if page))
    if not text.strip():
        raise Unreadable(
            "document_has_text", f"no text on any of {len(pages)} pages; scanned ones need OCR"
        )
    return Parsed(text + "\n", None if title.lower() in _NO_TITLES else title, notes=notes)


def _text_of(page: pypdfium2.PdfPage) -> str:
    text: str = page.get_textpage().get_text_range()
    page.close()
    return text.replace(_HYPHEN, "").strip()


def _refusal(error: pypdfium2.PdfiumError) -> Unreadable:
    if getattr(error, "err_code", None) == pypdfium2.raw.FPDF_ERR_PASSWORD:
        return Unreadable("pdf_is_readable", "it is encrypted and opens only with a password")
    return Unreadable("pdf_is_readable", f"it is no intact PDF: {error}")
