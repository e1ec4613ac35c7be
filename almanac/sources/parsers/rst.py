"""reStructuredText with the directives and roles of Sphinx."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from bs4 import BeautifulSoup, Tag

from almanac.sources.decoding import decode
from almanac.sources.markup import soup_of
from almanac.sources.pandoc import Converted, as_document, read_or_keep
from almanac.sources.parsed import Note, Options, Parsed

_DOMAIN_DIRECTIVE = re.compile(r"^([ \t]*\.\. )[a-z]{1,4}:([\w-]+)::", re.MULTILINE)
_DOMAIN_ROLE = re.compile(r"(?<![\w:`]):[a-z]{1,4}:([\w-]+):(?=`)")
_CODE_BLOCK = re.compile(r"^([ \t]*\.\. )(?:sourcecode|code-block|prompt|parsed-literal)::", re.M)
_INCLUDED = re.compile(r"^([ \t]*)\.\. (?:include|literalinclude)::", re.MULTILINE)
_AFTER_VERSION = re.compile(
    r"^([ \t]*\.\. (?:version(?:added|changed|removed)|deprecated)::[^\n]*)\n(?=[ \t]+\S)",
    re.MULTILINE,
)
_NO_CONTENT = (
    "toctree",
    "contents",
    "index",
    "currentmodule",
    "module",
    "highlight",
    "meta",
    "sectnum",
    "tabularcolumns",
    "sectionauthor",
    "codeauthor",
    "raw",
    "default-role",
    "role",
    "testsetup",
    "testcleanup",
    "currentlibrary",
    "todo",
)
_VERSIONS = {
    "versionadded": "Added in version ",
    "versionchanged": "Changed in version ",
    "deprecated": "Deprecated since version ",
    "versionremoved": "Removed in version ",
}
_CODE_ROLES = {
    "class",
    "func",
    "meth",
    "mod",
    "attr",
    "exc",
    "data",
    "obj",
    "const",
    "file",
    "command",
    "option",
    "program",
    "envvar",
    "samp",
    "literal",
    "code",
    "type",
    "macro",
    "member",
    "enum",
}


def parse(data: bytes, options: Options) -> Parsed:
    """The page as Markdown. Comments, labels and tables of contents go.

    Files that it includes, and descriptions that Sphinx takes from the code, are counted as lost.
    """
    text, notes = decode(data)
    included = len(_INCLUDED.findall(text))
    plainer = _plainer(_INCLUDED.sub(r"\1.. (included)", text))
    return read_or_keep(plainer, "rst", lambda made: _page(made, included, notes), notes)


def _page(made: Converted, included: int, notes: Sequence[Note]) -> Parsed:
    soup = soup_of(made.html)
    lost = {
        "included files": included,
        "descriptions taken from code": len(_directives(soup, lambda name: name[:4] == "auto")),
    }
    for tag in _directives(soup, lambda name: name in _NO_CONTENT):
        tag.extract()
    _name_versions(soup)
    _write_roles(soup)
    return as_document(made._replace(html=str(soup)), lost, notes)


def _plainer(text: str) -> str:
    """Sphinx's spellings in those that pandoc knows: `py:function` is `function`."""
    text = _DOMAIN_DIRECTIVE.sub(r"\1\2::", text)
    text = _CODE_BLOCK.sub(r"\1code::", text)
    text = _AFTER_VERSION.sub(r"\1\n\n", text)
    return _DOMAIN_ROLE.sub(r":\1:", text)


def _directives(soup: BeautifulSoup, wanted: Callable[[str], bool]) -> list[Tag]:
    return [
        tag
        for tag in soup.find_all("div")
        if any(wanted(str(name)) for name in tag.get_attribute_list("class") if name)
    ]


def _name_versions(soup: BeautifulSoup) -> None:
    for name, words in _VERSIONS.items():
        for tag in soup.find_all("div", class_=name):
            first = tag.find("p")
            if isinstance(first, Tag):
                first.insert(0, words)
                if tag.find_all("p")[1:]:
                    first.append(":")


def _write_roles(soup: BeautifulSoup) -> None:
    """What Sphinx shows of a role: the title of a link, the last part of `~a.b.c`."""
    for tag in soup.select("code.interpreted-text"):
        role = str(tag.get("role") or "")
        shown = _shown(role, tag.get_text())
        if role in _CODE_ROLES:
            tag.attrs = {}
            tag.string = shown
        else:
            tag.replace_with(shown)


def _shown(role: str, text: str) -> str:
    title, mark, target = text.removesuffix(">").rpartition("<")
    if mark and text.endswith(">") and ">" not in target:
        return title.rstrip()
    name = text.removeprefix("!")
    if name.startswith("~"):
        name = name[1:].rpartition(".")[2]
    if role in ("func", "meth") and not name.endswith(")"):
        name += "()"
    if role == "menuselection":
        name = name.replace("-->", "→")
    return name.replace("&", "") if role == "guilabel" else name
