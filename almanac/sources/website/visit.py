"""Asking for one page: what the answer means for a document that was there before."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlsplit

from almanac.sources.formats import format_of, has_media_type, is_known
from almanac.sources.web_client import Answer, Unanswered, WebClient
from almanac.sources.website.page import (
    Html,
    Page,
    PageStore,
    is_alike,
    is_html,
    without_volatile,
)
from almanac.sources.website.urls import Scope, normal_url
from schemas.hashing import sha256_bytes, sha256_text

_GONE = (404, 410)
_FOR_GOOD = (301, 308)
_SECRET = (401, 403)
_BY_ENDING = ("", "text/plain", "application/octet-stream", "binary/octet-stream")


@dataclass(frozen=True, slots=True)
class Visit:
    """What became of one address.

    page: it is there. gone: the server says that it is not; `is_permanent` unless only the page's
    own words say so. moved: `target` is another address of the site, for good if `is_permanent`.
    no_document: nobody reads its media type, `reason`. unknown: it could not be asked, for
    `reason`, and its last version stays; the server said so itself if `is_answered`. too_large:
    over max_bytes.
    """

    kind: Literal["page", "gone", "moved", "no_document", "unknown", "too_large"]
    page: Page | None = None
    target: str = ""
    reason: str = ""
    is_permanent: bool = True
    is_answered: bool = True


@dataclass(frozen=True, slots=True)
class Missing:
    """How the site answers for a page that is not there, where it does not say 404."""

    words: frozenset[str] | None = None
    target: str = ""


class Visitor:
    """Visits to pages of one site, by what is stored of them."""

    def __init__(
        self,
        client: WebClient,
        store: PageStore,
        scope: Scope,
        most: int,
        since: float = 0.0,
        trust_dates: bool = False,
    ) -> None:
        self._client = client
        self._store = store
        self._scope = scope
        self._most = most
        self._since = since
        self._trust_dates = trust_dates
        self._missing = Missing()

    def learn_missing(self) -> None:
        """Ask for a page that can't be there, to know such an answer when it comes with 200.

        A site that answers every address alike, its start page too, can't be told apart by it. Nor
        can one that asks strangers for a password: its pages are there.
        """
        url = f"{self._scope.root}/almanac-{sha256_text(self._scope.host)[:12]}-is-no-page"
        try:
            answer = self._ask(url, {})
        except Unanswered:
            return
        if answer.target is not None:
            self._missing = Missing(target=normal_url(answer.target) or "")
            if self._missing.target == self._scope.start or self._is_login(self._missing.target):
                self._missing = Missing()
        elif answer.status == 200 and is_html(answer.media_type):
            html = Html(url, answer.data)
            if html.asks_password:
                return
            words = html.words
            try:
                start = self._ask(self._scope.start, {})
            except Unanswered:  # the walk will say so
                return
            if not is_alike(words, Html(self._scope.start, start.data).words):
                self._missing = Missing(words)

    def _is_login(self, url: str) -> bool:
        if not url or not self._scope.on_host(url):
            return False
        try:
            answer = self._ask(url, {})
        except Unanswered:
            return True
        return answer.status in _SECRET or Html(url, answer.data).asks_password

    def visit(self, url: str, page_id: str, sitemap_date: str = "") -> Visit:
        """The page at an address now, asked for only if it changed."""
        known = self._store.page(page_id)
        if known and (known.url != url or self._store.body(page_id, known.digest) is None):
            known = None
        if known and self._is_fresh(known, sitemap_date):
            return Visit("page", known)
        try:
            answer = self._ask(url, known.conditions if known else {})
        except Unanswered as failure:
            return Visit("unknown", known, reason=failure.reason, is_answered=False)
        now = time.time()
        if answer.status == 304 and known:
            page = replace(known, checked=now, sitemap_date=sitemap_date)
            self._store.keep(page_id, page)
            return Visit("page", page)
        return self._judged(url, page_id, answer, known, sitemap_date, now)

    def _is_fresh(self, known: Page, sitemap_date: str) -> bool:
        if 0 < self._since <= known.checked:
            return True
        return self._trust_dates and bool(sitemap_date) and sitemap_date == known.sitemap_date

    def _judged(
        self,
        url: str,
        page_id: str,
        answer: Answer,
        known: Page | None,
        sitemap_date: str,
        now: float,
    ) -> Visit:
        if answer.target is not None:
            return self._moved(url, answer, answer.target, known)
        if answer.status in _GONE:
            return Visit("gone")
        if answer.status != 200:
            return Visit("unknown", known, reason=f"HTTP {answer.status}")
        media_type = _readable(url, answer.media_type)
        if media_type is None:
            return Visit("no_document", reason=answer.media_type)
        if answer.is_cut:
            return Visit("too_large", reason=str(len(answer.data)))
        page, data = self._page(url, answer, media_type)
        if page is None:
            return Visit("gone", is_permanent=False)
        page = replace(page, checked=now, sitemap_date=sitemap_date)
        self._store.keep(page_id, page, data)
        return Visit("page", page)

    def _page(self, url: str, answer: Answer, media_type: str) -> tuple[Page | None, bytes]:
        """The page in an answer, and its bytes; None where it only says that there is none."""
        etag = answer.headers.get("etag", "")
        changed = answer.headers.get("last-modified", "")
        if not is_html(media_type):
            digest = sha256_bytes(answer.data)
            return Page(url, digest, media_type, etag, changed), answer.data
        html = Html(url, answer.data)
        if html.says_missing or (self._missing.words and is_alike(html.words, self._missing.words)):
            return None, b""
        data = without_volatile(answer.data)
        made = Page(
            url, sha256_bytes(data), media_type, etag, changed, html.links, html.canonical,
            html.is_listed,
        )  # fmt: skip
        return made, data

    def _moved(self, url: str, answer: Answer, address: str, known: Page | None) -> Visit:
        target = normal_url(address)
        if target is not None and target == self._missing.target and target != url:
            return Visit("gone", is_permanent=False)
        if target is None or not self._scope.on_host(target):
            host = urlsplit(target).netloc if target else "no web address"
            return Visit("unknown", known, reason=f"it redirects to {host}, which is not followed")
        return Visit("moved", target=target, is_permanent=answer.status in _FOR_GOOD)

    def _ask(self, url: str, headers: dict[str, str]) -> Answer:
        def wanted(answer: Answer) -> bool:
            return answer.status == 200 and _readable(url, answer.media_type) is not None

        return self._client.ask("GET", url, headers, most=self._most, wanted=wanted)


def _readable(url: str, media_type: str) -> str | None:
    """The media type by which the bytes are read, "" where the ending says it; None for neither."""
    path = urlsplit(url).path
    if media_type in _BY_ENDING:
        return "" if is_known(path) else media_type if media_type == "text/plain" else None
    if has_media_type(media_type):
        return media_type if format_of(path, media_type).by_default else None
    return "" if is_known(path) and not media_type.startswith(("image/", "text/html")) else None
