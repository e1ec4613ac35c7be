"""Documents that are ZIP archives: refused where they are made to harm their reader."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Mapping
from typing import NoReturn
from xml.parsers import expat

from almanac.sources.parsed import Unreadable, shown

_MAX_UNPACKED = 200_000_000
_MAX_RATIO = 100  # Word's own files stay below 30; deflate reaches 1,000
_RATIO_FROM = 1_000_000  # bytes unpacked; small files may compress as they like
_MAX_MEMBERS = 10_000
_ENCRYPTED = 0x1
_OLE = b"\xd0\xcf\x11\xe0"
_XML = (".xml", ".rels", ".opf", ".ncx", ".xhtml", ".html")
_ENTITY = re.compile(rb"<!\s*ENTITY", re.IGNORECASE)


def checked(
    data: bytes, expectation: str, needed: str, may_have_doctype: bool = False
) -> dict[str, bytes]:
    """The XML members of the archive by name.

    Raises:
        Unreadable: no archive, without the member `needed`, encrypted, damaged, or made to harm:
            bombs, paths that lead out, document types that may define entities.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _refuse_bombs(archive, len(data), expectation)
            if needed not in archive.namelist():
                raise Unreadable(expectation, f"it has no {needed}")
            members = {
                name: archive.read(name)
                for name in archive.namelist()
                if name.lower().endswith(_XML)
            }
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError) as error:
        raise Unreadable(expectation, _no_archive(data, error)) from None
    if may_have_doctype:
        _refuse_entities(members, expectation)
    else:
        _refuse_doctypes(members, expectation)
    return members


def replaced(data: bytes, members: Mapping[str, bytes]) -> bytes:
    """The archive with other bytes in the named members."""
    made = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as new,
    ):
        for name in dict.fromkeys(old.namelist()):
            new.writestr(name, members.get(name) or old.read(name))
    return made.getvalue()


def _no_archive(data: bytes, error: Exception) -> str:
    if data.startswith(_OLE):
        return "it is encrypted with a password, or in Office's old binary format"
    return f"it is no intact ZIP archive: {error}"


def _refuse_bombs(archive: zipfile.ZipFile, packed: int, expectation: str) -> None:
    """Judge by the directory alone: zipfile never unpacks more than that declares."""
    members = archive.infolist()
    if len(members) > _MAX_MEMBERS:
        raise Unreadable(expectation, f"it holds {len(members):,} members, over {_MAX_MEMBERS:,}")
    unpacked = sum(member.file_size for member in members)
    if unpacked > _MAX_UNPACKED or unpacked > max(_RATIO_FROM, _MAX_RATIO * packed):
        raise Unreadable(expectation, f"{packed:,} bytes unpack to {unpacked:,}: a ZIP bomb")
    for member in members:
        if member.flag_bits & _ENCRYPTED:
            raise Unreadable(expectation, "a member is encrypted", shown(member.filename))
        if _climbs(member.filename):
            raise Unreadable(expectation, "a member climbs out", shown(member.filename))


def _climbs(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return parts[0] == "" or ".." in parts


def _refuse_entities(members: Mapping[str, bytes], expectation: str) -> None:
    for name, content in members.items():
        if _ENTITY.search(content.replace(b"\0", b"")):
            raise Unreadable(expectation, "its XML defines entities", shown(name))


def _refuse_doctypes(members: Mapping[str, bytes], expectation: str) -> None:
    """No part of an office document has a document type; one that does may define entities."""

    def refuse(*_: object) -> NoReturn:
        raise Unreadable(
            expectation, "its XML has a document type (DTD), so it may define entities"
        )

    for name, content in members.items():
        if not name.lower().endswith((".xml", ".rels")):
            continue
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = refuse
        try:
            parser.Parse(content, True)
        except expat.ExpatError as error:
            raise Unreadable(expectation, f"broken XML: {error}", shown(name)) from None
