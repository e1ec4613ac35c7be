"""DOCX to Markdown, after the archive was found harmless. Runs in the parser process."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import NoReturn
from xml.parsers import expat

import mammoth

from almanac.sources.markup import markup_to_markdown
from almanac.sources.parsed import Parsed, Unreadable, shown

_EXPECTATION = "docx_is_readable"
_MAX_UNPACKED = 200_000_000
_MAX_RATIO = 100  # Word's own files stay below 30; deflate reaches 1,000
_RATIO_FROM = 1_000_000  # bytes unpacked; small files may compress as they like
_MAX_MEMBERS = 10_000
_ENCRYPTED = 0x1
_OLE = b"\xd0\xcf\x11\xe0"


def parse_docx(data: bytes) -> Parsed:
    """The document as Markdown, its pictures as their alternative texts.

    Raises:
        Unreadable: no DOCX, encrypted, damaged, or made to harm its reader.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _refuse_bombs(archive, len(data))
            _refuse_doctypes(archive)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
        raise Unreadable(_EXPECTATION, _no_archive(data, error)) from None
    html = mammoth.convert_to_html(
        io.BytesIO(data),
        include_embedded_style_map=False,
        external_file_access=False,
        convert_image=mammoth.images.img_element(lambda image: {"src": ""}),
    ).value
    return markup_to_markdown(html)


def _no_archive(data: bytes, error: Exception) -> str:
    if data.startswith(_OLE):
        return "it is encrypted with a password, or in Word's old binary format"
    return f"it is no intact ZIP archive: {error}"


def _refuse_bombs(archive: zipfile.ZipFile, packed: int) -> None:
    """Judge by the directory alone: zipfile never unpacks more than that declares."""
    members = archive.infolist()
    if len(members) > _MAX_MEMBERS:
        raise Unreadable(_EXPECTATION, f"it holds {len(members):,} members, over {_MAX_MEMBERS:,}")
    unpacked = sum(member.file_size for member in members)
    if unpacked > _MAX_UNPACKED or unpacked > max(_RATIO_FROM, _MAX_RATIO * packed):
        raise Unreadable(_EXPECTATION, f"{packed:,} bytes unpack to {unpacked:,}: a ZIP bomb")
    for member in members:
        if member.flag_bits & _ENCRYPTED:
            raise Unreadable(_EXPECTATION, "a member is encrypted", shown(member.filename))
        if _climbs(member.filename):
            raise Unreadable(_EXPECTATION, "a member climbs out", shown(member.filename))
    if "word/document.xml" not in archive.namelist():
        raise Unreadable(_EXPECTATION, "it has no word/document.xml")


def _climbs(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return parts[0] == "" or ".." in parts


def _refuse_doctypes(archive: zipfile.ZipFile) -> None:
    """No part of a DOCX has a document type; one that does defines entities."""
    for name in archive.namelist():
        if not name.lower().endswith((".xml", ".rels")):
            continue
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = _refuse_doctype
        try:
            parser.Parse(archive.read(name), True)
        except expat.ExpatError as error:
            raise Unreadable(_EXPECTATION, f"broken XML: {error}", shown(name)) from None


def _refuse_doctype(*_: object) -> NoReturn:
    raise Unreadable(_EXPECTATION, "its XML has a document type (DTD), so it may define entities")
