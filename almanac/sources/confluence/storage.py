"""Confluence's storage format as HTML: macros, links, tasks and pictures."""

from __future__ import annotations

import html
import re
from collections import Counter

from bs4 import BeautifulSoup, Tag

from almanac.sources.markup import soup_of

_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_CLOSED = re.compile(r"<((?:ac|ri):[\w-]+)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)/>")
_NOTICES = frozenset({"info", "note", "warning", "tip", "panel"})
_CODE = frozenset({"code", "noformat"})
_NAVIGATION = frozenset({"toc", "toc-zone", "anchor", "pagetree", "children", "livesearch"})
_INCLUDED = frozenset({"include", "excerpt-include", "multiexcerpt-include"})
_FILES = frozenset({"view-file", "viewpdf", "viewdoc", "viewxls", "viewppt"})
_UNWRAPPED = (
    "ac:layout, ac:layout-section, ac:layout-cell, ac:inline-comment-marker, ac:adf-content"
)


def storage_to_html(storage: str) -> tuple[str, dict[str, int]]:
    """The page as HTML, and how much of what it had could not be carried over."""
    text = _CDATA.sub(lambda found: html.escape(found[1]), storage)
    soup = soup_of(_CLOSED.sub(r"<\1\2></\1>", text))
    lost: Counter[str] = Counter()
    for tag in soup.find_all("ac:placeholder"):
        tag.extract()
    for tag in soup.find_all(["ac:image"]):
        _picture(tag, lost)
    for tag in soup.find_all("ac:link"):
        tag.replace_with(_link_text(tag))
    for tag in soup.find_all("ac:emoticon"):
        tag.replace_with(str(tag.get("ac:emoji-fallback") or tag.get("ac:name") or ""))
    for tag in soup.find_all("time"):
        tag.replace_with(str(tag.get("datetime") or tag.get_text()))
    _tasks(soup)
    for tag in reversed(soup.find_all(["ac:structured-macro", "ac:macro"])):  # inner ones first
        _macro(soup, tag, lost)
    for tag in soup.select(_UNWRAPPED.replace(":", r"\:")):
        tag.unwrap()
    return "".join(str(one) for one in (soup.body or soup).children), dict(lost)


def _picture(tag: Tag, lost: Counter[str]) -> None:
    text = str(tag.get("ac:alt") or "")
    file = tag.find("ri:attachment")
    name = str(file.get("ri:filename") or "") if isinstance(file, Tag) else ""
    if not text:
        lost["pictures without a description"] += 1
    tag.replace_with(f"[{text or name}]" if text or name else "")


def _link_text(tag: Tag) -> str:
    body = tag.find(["ac:plain-text-link-body", "ac:link-body"])
    if isinstance(body, Tag) and body.get_text(strip=True):
        return " ".join(body.get_text().split())
    for name, attribute in (
        ("ri:page", "ri:content-title"),
        ("ri:blog-post", "ri:content-title"),
        ("ri:attachment", "ri:filename"),
        ("ri:space", "ri:space-key"),
        ("ri:url", "ri:value"),
    ):
        target = tag.find(name)
        if isinstance(target, Tag) and target.get(attribute):
            return str(target[attribute])
    return str(tag.get("ac:anchor") or "")


def _tasks(soup: BeautifulSoup) -> None:
    for task in soup.find_all("ac:task"):
        status, body = task.find("ac:task-status"), task.find("ac:task-body")
        done = status is not None and status.get_text(strip=True) == "complete"
        item = soup.new_tag("li")
        item.append("☒ " if done else "☐ ")
        if isinstance(body, Tag):
            item.extend(list(body.contents))
        task.replace_with(item)
    for tasks in soup.find_all("ac:task-list"):
        tasks.name = "ul"


def _macro(soup: BeautifulSoup, tag: Tag, lost: Counter[str]) -> None:
    name = str(tag.get("ac:name") or "")
    parameters = {
        str(one.get("ac:name")): one.get_text(strip=True)
        for one in tag.find_all("ac:parameter", recursive=False)
    }
    plain = tag.find("ac:plain-text-body", recursive=False)
    rich = tag.find("ac:rich-text-body", recursive=False)
    title = parameters.get("title", "")
    if name in _CODE or (isinstance(plain, Tag) and not isinstance(rich, Tag)):
        tag.replace_with(_code(soup, plain, parameters.get("language", "")))
    elif name == "status" or name in _FILES:
        tag.replace_with(title or parameters.get("name", ""))
    elif name == "jira" and "key" in parameters:
        tag.replace_with(parameters["key"])
    elif isinstance(rich, Tag):
        _unwrap(soup, tag, rich, title or (name.capitalize() if name in _NOTICES else ""))
    else:
        if name in _INCLUDED:
            lost["included pages"] += 1
        elif name not in _NAVIGATION:
            lost[f"macros ({name or 'without a name'})"] += 1
        tag.extract()


def _code(soup: BeautifulSoup, body: object, language: str) -> Tag:
    block = soup.new_tag("pre")
    attributes = {"class": f"language-{language}"} if language else {}
    code = soup.new_tag("code", attrs=attributes)
    code.append(body.get_text() if isinstance(body, Tag) else "")
    block.append(code)
    return block


def _unwrap(soup: BeautifulSoup, tag: Tag, body: Tag, title: str) -> None:
    """What a macro holds in its place, below its title."""
    made = soup.new_tag("div")
    if title:
        head = soup.new_tag("p")
        strong = soup.new_tag("strong")
        strong.append(title)
        head.append(strong)
        made.append(head)
    made.extend(list(body.contents))
    tag.replace_with(made)
