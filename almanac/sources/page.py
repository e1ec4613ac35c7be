"""The content of a saved web page: without menus, banners, search boxes and footers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bs4 import BeautifulSoup, Tag
from soupsieve import SelectorSyntaxError

from almanac.sources.parsed import Options, Unreadable

_AROUND = (
    "nav, [role=navigation], [role=search], [role=dialog], [role=alertdialog], [role=menu], "
    "[role=menubar], dialog, .breadcrumb, .breadcrumbs, .skip-link, .skiplink, .toctree-wrapper ~ "
    ".pagination, .md-source-file, .md-sidebar, .theme-doc-toc-mobile, .theme-doc-toc-desktop, "
    ".theme-edit-this-page, .tabbed-set > input, .prev-next-area, .related, .edit-this-page, button"
)
_EDGES = "header, footer, [role=banner], [role=contentinfo], aside, [role=complementary]"
_HEADINGS = ["title", "h1", "h2", "h3", "h4", "h5", "h6"]
_SHORTEST_TEXT = 8
_CONTENT = ["article", "section", "main"]
_NOTICE = re.compile(r"\b(?:cookie|consent|gdpr)", re.IGNORECASE)
_MENU = re.compile(
    r"(?:^|[\s_-])(?:nav|navbar|menu|sidebar|side-bar|toc|breadcrumbs?|pagination|pager|related|share"
    r"|social|footer|skip|sitemap|tags?-list|toolbar|header-links)(?:$|[\s_-])",
    re.IGNORECASE,
)
_LONGEST_NOTICE = 1_500  # characters
_SHORT_LINK = 40
_MOSTLY = 0.6
_FEW_LINKS = 5
_SHARE_OF_MAIN = 0.2


def content_of(soup: BeautifulSoup, options: Options) -> BeautifulSoup | Tag:
    """The part of a page that is worth reading; the tree is changed.

    Chosen by the settings, else `<main>` or `<article>`, else the page without what stands around
    its text. A page that is nothing but links stays whole.

    Raises:
        Unreadable: a selector of the settings is malformed, or selects nothing.
    """
    try:
        for tag in soup.select(", ".join(options.drop)) if options.drop else ():
            tag.extract()
        if options.select:
            return _selected(soup, options.select)
    except SelectorSyntaxError as error:
        reason = " ".join(str(error).split("\n")[0].split())
        raise Unreadable("selector_is_valid", f"html.select or html.drop: {reason}") from None
    main = _main(soup)
    _drop_around(soup, main)
    _drop_menus(soup, main)
    if main is not None and _length(main) >= min(100, _SHARE_OF_MAIN * _length(soup)):
        return main
    return soup


def _selected(soup: BeautifulSoup, select: tuple[str, ...]) -> BeautifulSoup:
    chosen = soup.select(", ".join(select))
    kept = [tag for tag in chosen if not any(parent in chosen for parent in tag.parents)]
    if not kept:
        raise Unreadable(
            "selector_finds_content", f"html.select finds nothing: {', '.join(select)}"
        )
    page = BeautifulSoup("", "lxml")
    for tag in kept:
        page.append(tag.extract())
    return page


def _main(soup: BeautifulSoup) -> Tag | None:
    """The element that holds the content, where the page names one."""
    for selector in ("main, [role=main]", "article"):
        found = [tag for tag in soup.select(selector) if not tag.find_parent(["nav", "aside"])]
        outer = [tag for tag in found if not any(parent in found for parent in tag.parents)]
        if len(outer) == 1:
            return outer[0]
    return None


def _drop_around(soup: BeautifulSoup, main: Tag | None) -> None:
    for tag in soup.select(_AROUND):
        if not _holds(tag, main):
            tag.extract()
    for tag in soup.select(_EDGES):
        outside = main is None or main not in tag.parents
        own = tag.find_parent(_CONTENT)
        if _holds(tag, main) or tag.find("h1"):
            continue
        if (outside and own is None) or _is_menu(tag):
            tag.extract()
    for tag in soup.select("#footer, .footer, .site-footer, .page-footer, .md-footer"):
        outside = main is None or main not in tag.parents
        if outside and not _holds(tag, main) and _length(tag) < _LONGEST_NOTICE:
            tag.extract()
    for tag in list(_notices(soup)):
        if not _holds(tag, main):
            tag.extract()


def _notices(soup: BeautifulSoup) -> Iterator[Tag]:
    """Cookie banners, told by their id or class."""
    for tag in soup.find_all(["div", "section", "aside", "form", "p"]):
        if _NOTICE.search(_names(tag)) and len(tag.get_text()) < _LONGEST_NOTICE:
            yield tag


def _drop_menus(soup: BeautifulSoup, main: Tag | None) -> None:
    """Blocks of short links outside of the content, where the page says something else too."""
    menus: list[Tag] = []
    for tag in soup.find_all(["ul", "ol", "div", "section", "td", "p"]):
        if any(menu in tag.parents for menu in menus) or _holds(tag, main):
            continue
        if main is not None and main in tag.parents:
            continue
        if _is_menu(tag):
            menus.append(tag)
    headings = [tag for tag in soup.find_all(_HEADINGS) if not any(m in tag.parents for m in menus)]
    if _length(soup) - sum(map(_length, [*menus, *headings])) < _SHORTEST_TEXT:
        return
    for tag in menus:
        tag.extract()


def _is_menu(tag: Tag) -> bool:
    """Whether an element is a list of links, not text with links in it."""
    if tag.find(["h1", "pre", "table", "code"]):
        return False
    links = [link.get_text(" ", strip=True) for link in tag.find_all("a")]
    linked, length = sum(map(len, links)), _length(tag)
    if not length or not links or linked < _MOSTLY * length:
        return False
    named = bool(_MENU.search(_names(tag)))
    return (named or len(links) > _FEW_LINKS) and linked / len(links) < _SHORT_LINK


def _names(tag: Tag) -> str:
    return " ".join([str(tag.get("id") or ""), *map(str, tag.get_attribute_list("class"))])


def _holds(tag: Tag, main: Tag | None) -> bool:
    return main is not None and (tag is main or tag in main.parents)


def _length(tag: Tag) -> int:
    """Characters of the text in an element, scripts and styles aside."""
    unseen = ("script", "style")
    return sum(
        len(text.strip())
        for text in tag.strings
        if text.parent is None or text.parent.name not in unseen
    )
