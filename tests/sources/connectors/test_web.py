"""A web site on loopback: what deletes a page, what keeps it, and what is asked for."""

from __future__ import annotations

import gzip
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from almanac.sources.reading import list_source
from almanac.sources.website.page import Html, without_volatile
from almanac.sources.website.urls import Scope, is_trap, normal_url
from schemas.documents import Listing
from schemas.errors import ConfigError, SourceUnavailable
from schemas.settings import SourceSettings
from tests.sources.connectors.nights import Nights
from tests.sources.connectors.site import Reply, Site, local_site

FAST = {"per_second": 1000, "retry_seconds": 0.01}


@pytest.fixture
def site() -> Iterator[Site]:
    with local_site() as made:
        made.page("/docs/", "Start of the docs", "mail pay/ pay/#top mail?utm_source=x")
        made.page("/docs/mail", "Set up mail", "/docs/ http://other.example/x /blog")
        made.page("/docs/pay/", "Pay day is Friday", "../deep/one")
        made.page("/docs/deep/one", "A deep page")
        made.page("/blog", "Not below the address")
        yield made


@pytest.fixture
def nights(tmp_path: Path, site: Site) -> Nights:
    return _nights(tmp_path, site)


def _nights(tmp_path: Path, site: Site, **more: Any) -> Nights:
    cache = str(tmp_path / "cache")
    return Nights(
        tmp_path / "lake", uri=f"{site.address}/docs/", kind="web", cache=cache, **FAST, **more
    )


def _notes(found: Any) -> set[tuple[str, str]]:
    return {(rejection.doc_id, rejection.expectation) for _, rejection in found.rejections}


def test_a_crawl_reads_each_page_once_and_only_what_changed(nights: Nights, site: Site) -> None:
    assert nights.read() == ["deep/one", "index", "mail", "pay"]
    assert nights.texts["mail"].startswith("Set up mail")
    assert nights.stored["mail"].title == "Set up mail"
    assert nights.stored["pay"].uri == f"{site.address}/docs/pay/"
    assert site.paths() == ["/docs/", "/docs/deep/one", "/docs/mail", "/docs/pay/"]
    site.page("/docs/mail", "Mail is new", "/docs/")
    assert nights.read() == ["mail"]
    assert site.paths(304) == ["/docs/", "/docs/deep/one", "/docs/pay/"]


def test_only_the_word_of_the_server_deletes(nights: Nights, site: Site) -> None:
    nights.run()
    before = set(nights.stored)
    for path, status in (("/docs/mail", 503), ("/docs/pay/", 500), ("/docs/deep/one", 403)):
        site.put(path, status)
    found = nights.run()
    assert set(nights.stored) == before  # deep/one is reached by the kept links of pay
    assert _notes(found) == {(i, "page_is_answered") for i in ("mail", "pay", "deep/one")}
    site.put("/docs/mail", 410)
    site.put("/docs/deep/one", 404)
    site.page("/docs/pay/", "Pay day is Friday", "../deep/one")
    nights.run()
    assert set(nights.stored) == {"index", "pay"}
    del site.pages["/docs/pay/"]
    nights.run()
    assert set(nights.stored) == {"index"}


def test_a_failing_page_without_a_copy_keeps_what_it_may_lead_to(
    tmp_path: Path, site: Site
) -> None:
    nights = _nights(tmp_path, site)
    nights.run()
    site.put("/docs/pay/", 500)
    site.page("/docs/mail", "Changed", "/docs/")
    assert nights.read(cache=str(tmp_path / "another")) == ["mail"]
    assert set(nights.stored) == {"deep/one", "index", "mail", "pay"}
    assert nights.texts["mail"].startswith("Changed")


class Listings:
    """Listings of a site without a lakehouse behind them."""

    def __init__(self, cache: Path, site: Site) -> None:
        self._given = {"uri": f"{site.address}/docs/", "kind": "web", "cache": str(cache), **FAST}

    def __call__(self, **more: Any) -> Listing:
        self._given |= more
        return list_source(SourceSettings.model_validate(self._given))

    @property
    def note(self) -> Path:
        return next(Path(self._given["cache"]).glob("*/walk.json"))


@pytest.fixture
def listed(tmp_path: Path, site: Site) -> Listings:
    return Listings(tmp_path / "cache", site)


def _stamps(listing: Listing) -> dict[str, str | None]:
    return {file.path: file.stamp for file in listing.files}


def _kept(listing: Listing) -> set[tuple[str, str]]:
    return {(rejection.doc_id, rejection.expectation) for rejection in listing.rejections}


def test_a_lost_cache_changes_no_stamp(listed: Listings, tmp_path: Path) -> None:
    before = listed()
    assert listed(cache=str(tmp_path / "another")) == before


def test_a_site_that_is_down_is_unavailable(listed: Listings, site: Site, tmp_path: Path) -> None:
    listed()
    site.put("/docs/", 502)
    with pytest.raises(SourceUnavailable, match="cannot be read: HTTP 502"):
        listed(cache=str(tmp_path / "another"))
    site.put("/robots.txt", 503)
    with pytest.raises(SourceUnavailable, match=r"robots\.txt cannot be had .HTTP 503."):
        listed()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(SourceUnavailable, match="nothing was changed"):
        listed(uri=f"http://127.0.0.1:{port}/docs/")


def test_many_failures_in_a_row_end_the_walk(listed: Listings, site: Site) -> None:
    names = [f"p{n:02}" for n in range(14)]
    site.page("/docs/", "Start", " ".join(names))
    for name in names:
        site.put(f"/docs/{name}", 500)
    with pytest.raises(SourceUnavailable, match="no answer to 10 pages one after another"):
        listed()


def test_robots_are_obeyed_and_keep_what_was_read(listed: Listings, site: Site) -> None:
    listed()
    site.put("/robots.txt", body="User-agent: *\nDisallow: /docs/pay\n", media_type="text/plain")
    site.paths()
    listing = listed()
    assert "/docs/pay/" not in site.paths()
    assert (set(_stamps(listing)), listing.unasked) == ({"index", "mail", "deep/one"}, ("pay",))
    assert _kept(listing) == {("pay", "page_may_be_asked")}


def test_redirects(listed: Listings, site: Site) -> None:
    site.page("/docs/", "Start", "old mail out")
    site.put("/docs/old", 301, Location="/docs/pay/")
    site.put("/docs/out", 302, Location="http://127.0.0.2:1/secret")
    listing = listed()
    assert set(_stamps(listing)) == {"index", "mail", "pay", "deep/one"}
    assert _kept(listing) == {("out", "page_is_answered")}
    assert "127.0.0.2:1, which is not followed" in listing.rejections[0].reason


def _pages(site: Site, count: int) -> list[str]:
    names = [f"p{n}" for n in range(count)]
    site.page("/docs/", "Start", " ".join(names))
    for name in names:
        site.page(f"/docs/{name}", f"Page {name}")
    return names


def test_pages_that_all_lead_to_a_login_are_kept(listed: Listings, site: Site) -> None:
    names = _pages(site, 6)
    listed()
    site.page("/login", "Who are you?")
    for name in names:
        site.put(f"/docs/{name}", 302, Location="/login")
    assert listed().unasked == tuple(names)


def test_a_notice_of_maintenance_everywhere_keeps_all(listed: Listings, site: Site) -> None:
    names = _pages(site, 6)
    listed()
    for name in names:
        site.page(f"/docs/{name}", "We are back at noon")
    listing = listed()
    assert _kept(listing) == {("p0", "page_is_itself")}
    assert (set(_stamps(listing)), listing.unasked) == ({"index"}, tuple(names))


def test_soft_404(listed: Listings, site: Site) -> None:
    site.page("/docs/", "Start", "mail pay/ short status")
    site.page("/docs/status", "Meaning of 404 and other codes of HTTP")
    site.page("/docs/short", "Page not found")
    words = "We looked everywhere for what you want and it seems to have moved away from us"
    site.missing = Reply(f"<p>{words}</p>".encode())  # with status 200
    del site.pages["/docs/mail"]
    assert set(_stamps(listed())) == {"deep/one", "index", "pay", "status"}


def test_one_page_under_several_addresses(listed: Listings, site: Site) -> None:
    canonical = '<link rel="canonical" href="/docs/mail"><title>Mail</title><p>Set up mail</p>'
    site.page("/docs/", "Start", "mail mail/ mail?print=1 mail-copy index.html")
    site.put("/docs/mail/", body=site.pages["/docs/mail"].body)
    site.put("/docs/mail?print=1", body=canonical)
    site.put("/docs/mail-copy", body=site.pages["/docs/mail"].body)
    site.put("/docs/index.html", body=site.pages["/docs/"].body)
    assert set(_stamps(listed(queries=True))) == {"index", "mail"}


def test_media_types_and_sizes(listed: Listings, site: Site) -> None:
    site.page("/docs/", "Start", "a.csv notes.txt data big page.php picture.png app.js")
    site.put("/docs/a.csv", body="id,text\n1,One.\n2,Two.\n", media_type="text/csv")
    site.put("/docs/notes.txt", body="Some notes.", media_type="text/plain")
    site.put("/docs/data", body="\x00\x01", media_type="application/octet-stream")
    site.put("/docs/big", body="<p>" + "x" * 5000)
    site.page("/docs/page.php", "Made by a script")
    listing = listed(max_bytes=3000)
    assert set(_stamps(listing)) == {"a.csv", "index", "notes.txt", "page.php"}
    assert _kept(listing) == {("big", "file_is_not_too_large")}
    assert listing.unread == {"": 1, "js": 1, "png": 1}
    assert "/docs/picture.png" not in site.paths()


def test_a_sitemap_names_the_pages(listed: Listings, site: Site) -> None:
    entry = "<url><loc>{}</loc><lastmod>{}</lastmod></url>".format
    head = '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
    urls = [entry(f"{site.address}/docs/{name}", "2026-03-01") for name in ("mail", "deep/one")]
    pages = gzip.compress(f"{head}{''.join(urls)}</urlset>".encode())
    loc = f"<sitemap><loc>{site.address}/pages.xml.gz</loc></sitemap>"
    index = f"<sitemapindex>{loc}</sitemapindex>"
    site.put("/sitemap.xml", body=index, media_type="application/xml")
    site.put("/pages.xml.gz", body=pages, media_type="application/gzip")
    assert set(_stamps(listed())) == {"deep/one", "mail"}
    site.paths()
    assert set(_stamps(listed(trust_sitemap_dates=True))) == {"deep/one", "mail"}
    assert site.paths() == ["/pages.xml.gz"]
    site.put("/pages.xml.gz", body=pages[:-20], media_type="application/gzip")
    with pytest.raises(SourceUnavailable, match="cut short"):
        listed()
    site.put("/pages.xml.gz", 500)
    with pytest.raises(SourceUnavailable, match=r"pages\.xml\.gz cannot be had"):
        listed()
    del site.pages["/sitemap.xml"]
    with pytest.raises(SourceUnavailable, match=r"sitemap.xml is not there .HTTP 404."):
        listed()


def test_limits_and_globs(listed: Listings, site: Site, tmp_path: Path) -> None:
    site.page("/docs/", "Start", "mail pay/ cal?day=1 nested/nested/nested/x")
    assert set(_stamps(listed(exclude=["pay"], include=["mail", "index"]))) == {"index", "mail"}
    assert set(_stamps(listed(exclude=[], include=None, depth=1))) == {"index", "mail", "pay"}
    listing = listed(depth=8, page_limit=2, cache=str(tmp_path / "another"))
    assert (set(_stamps(listing)), listing.is_complete) == ({"index", "mail"}, False)
    assert _kept(listing) == {("index", "site_is_whole")}
    assert not {"/docs/cal?day=1", "/docs/nested/nested/nested/x"} & set(site.paths())


def test_what_differs_at_every_request_is_no_change(listed: Listings, site: Site) -> None:
    html = '<title>Mail</title><!-- built {0} --><p>Set up mail</p><script nonce="{0}">x</script>'
    html += '<input type="hidden" name="csrf" value="{0}">'
    site.pages["/docs/mail"] = Reply(html.format("a").encode(), etag=False)
    before = listed()
    site.pages["/docs/mail"] = Reply(html.format("b").encode(), etag=False)
    assert listed() == before


def test_a_walk_that_was_cut_is_resumed(listed: Listings, site: Site) -> None:
    def cut(path: str) -> None:
        if path == "/docs/pay/":  # the last but one
            copied.append(shutil.copytree(listed.note.parents[1], listed.note.parents[2] / "cut"))

    copied: list[Path] = []
    site.on_request = cut
    listed()
    site.on_request = lambda path: None
    site.paths()
    listing = listed(cache=str(copied[0]))
    assert set(_stamps(listing)) == {"deep/one", "index", "mail", "pay"}
    assert site.paths() == ["/docs/deep/one", "/docs/pay/"]
    assert listed() == listing
    assert len(site.paths()) == 4


def test_crawl_delay_is_kept(listed: Listings, site: Site) -> None:
    site.put("/robots.txt", body="User-agent: *\nCrawl-delay: 0.1\n", media_type="text/plain")
    began = time.monotonic()
    listed()
    assert time.monotonic() - began > 0.5


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("HTTP://Docs.Example:80/a/../b//c#x", "http://docs.example/b/c"),
        ("https://e.org/%7Euser/%d0%bf?b=1&utm_medium=y", "https://e.org/~user/%D0%BF?b=1"),
        ("/x y?q=a b", "https://base.org/x%20y?q=a+b"),
        ("/caf%E9", "https://base.org/caf%E9"),
        ("mailto:a@b.c", None),
        ("http://[broken", None),
    ],
)
def test_normal_addresses(written: str, normal: str | None) -> None:
    assert normal_url(written, "https://base.org/z/") == normal


def test_ids_and_traps() -> None:
    scope = Scope("https://e.org/docs/start.html")
    assert scope.id_of("https://e.org/docs/") == "index"
    assert scope.id_of("https://e.org/docs/%D0%BF/?a=b") == "п?a=b"
    assert scope.id_of("https://e.org/docs/c%23") == "c%23"
    assert not scope.holds("https://e.org/documents")
    assert not scope.holds("https://e.org.evil.com/docs/a")
    assert is_trap("https://e.org/a/b/a/b/a/b")


def test_robots_in_a_page_and_volatile_parts() -> None:
    html = Html("https://e.org/", b'<meta name="robots" content="noindex, nofollow"><a href="/x">')
    assert (html.is_listed, html.links) == (False, ())
    assert without_volatile(b"a<script>x</script>b<!-- c -->d") == b"abd"


def test_an_address_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="begins with https://"):
        Nights(tmp_path, uri="docs/", kind="web").run()


def test_a_page_whose_own_address_leads_back_to_it_stays(listed: Listings, site: Site) -> None:
    html = '<link rel="canonical" href="/docs/{}"><title>{}</title><p>Set up {}</p>'
    site.page("/docs/", "Start", "mail pay gone")
    site.put("/docs/mail", body=html.format("mail/", "Mail", "mail"))
    site.put("/docs/mail/", 301, Location="/docs/mail")
    site.put("/docs/pay", body=html.format("PAY", "Pay", "pay"))
    site.put("/docs/PAY", body=html.format("pay", "Pay", "pay again"))
    site.put("/docs/gone", body=html.format("gone?x=1", "Gone", "what is there"))
    for _ in range(2):
        assert set(_stamps(listed())) == {"index", "mail", "pay", "gone"}


def test_pages_that_lead_to_a_login_with_their_address_are_kept(
    listed: Listings, site: Site
) -> None:
    names = _pages(site, 6)
    listed()
    for name in names:
        site.put(f"/docs/{name}", 302, Location=f"/docs/login?next={name}")
        site.page(f"/docs/login?next={name}", f"Log in to see {name}")
    listing = listed()
    assert (set(_stamps(listing)), listing.unasked) == ({"index"}, tuple(names))


def test_what_a_server_says_amiss_costs_that_page_alone(listed: Listings, site: Site) -> None:
    site.page("/docs/mail", "Set up mail", etag=False)
    site.pages["/docs/mail"].headers["Last-Modified"] = "mié, 04 mar 2026 10:00:00 GMT"
    site.put("/docs/pay/", 302, Location="https://[broken")
    for _ in range(2):  # the second night asks with what the first was told
        listing = listed()
        assert set(_stamps(listing)) == {"index", "mail"}
        assert _kept(listing) == {("pay", "page_is_answered")}


def test_a_part_of_a_sitemap_that_is_empty_deletes_nothing(listed: Listings, site: Site) -> None:
    one, other = (f"{site.address}/docs/{name}\n".encode() for name in ("mail", "deep/one"))
    named = "".join(
        f"<sitemap><loc>{site.address}/{name}</loc></sitemap>" for name in ("a.txt.gz", "b.txt")
    )
    index = f"\n<?xml version='1.0'?><sitemapindex>{named}</sitemapindex>"
    site.put("/sitemap.xml", body=index, media_type="application/xml")
    packed = gzip.compress(one) + gzip.compress(other)  # as some tools append
    site.put("/a.txt.gz", body=packed, media_type="application/gzip")
    site.put("/b.txt", body=f"{site.address}/docs/pay/", media_type="text/plain")
    assert set(_stamps(listed())) == {"deep/one", "mail", "pay"}
    site.put("/b.txt", media_type="text/plain")
    with pytest.raises(SourceUnavailable, match=r"b\.txt is empty: nothing was changed"):
        listed()


def test_the_name_of_a_visit_makes_no_new_page(listed: Listings, site: Site) -> None:
    visits = iter(range(1000))

    def link(path: str) -> None:
        links = f"mail;jsessionid={next(visits):X} pay/?PHPSESSID={next(visits):X}"
        site.page("/docs/", "Start", links)

    site.on_request = link
    assert set(_stamps(listed(queries=True))) == {"deep/one", "index", "mail", "pay"}
    assert normal_url("https://e.org/a;jsessionid=F0.n1/b;v=2?sid=1&PHPSESSID=2") == (
        "https://e.org/a/b;v=2?sid=1"
    )
