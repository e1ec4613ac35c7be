"""A web site night after night: a page goes only where the server itself says so."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.errors import SourceUnavailable
from tests.sources.connectors.nights import Nights
from tests.sources.connectors.site import Site, local_site

ALL = {"index", "mail", "pay", "deep/one"}


@pytest.fixture
def site() -> Iterator[Site]:
    with local_site() as made:
        made.page("/docs/", "Start of the docs", "mail pay/")
        made.page("/docs/mail", "Set up mail")
        made.page("/docs/pay/", "Pay day is Friday", "../deep/one")
        made.page("/docs/deep/one", "A deep page")
        yield made


@pytest.fixture
def nights(tmp_path: Path, site: Site) -> Nights:
    """After the first night."""
    given = {"kind": "web", "cache": str(tmp_path / "cache"), "per_second": 1000}
    made = Nights(tmp_path / "lake", uri=f"{site.address}/docs/", retry_seconds=0.01, **given)
    made.run()
    assert set(made.stored) == ALL
    site.paths()
    return made


def _notes(nights: Nights) -> dict[str, str]:
    return {one.doc_id: one.reason for _, one in nights.run().rejections}


@pytest.mark.parametrize("cause", ["no links", "not linked", "depth", "limit", "sitemap", "cache"])
def test_pages_that_are_not_met_are_asked_for(
    nights: Nights, site: Site, tmp_path: Path, cause: str
) -> None:
    if cause == "no links":
        site.page("/docs/", "Now made by a script")
    elif cause == "not linked":
        site.page("/docs/", "Start of the docs", "mail")
    elif cause == "depth":
        nights.source["depth"] = 0
    elif cause == "limit":
        nights.source["page_limit"] = 1
    elif cause == "sitemap":
        site.put("/sitemap.xml", body=f"{site.address}/docs/mail", media_type="text/plain")
    elif cause == "cache":
        site.page("/docs/", "Start of the docs", "mail")
        shutil.rmtree(tmp_path / "cache")
    site.page("/docs/deep/one", "A deep page, changed")
    nights.run()
    assert set(nights.stored) == ALL
    assert nights.texts["deep/one"].startswith("A deep page, changed")
    assert "/docs/pay/" in site.paths(200 if cause == "cache" else 304)
    del site.pages["/docs/pay/"]
    site.put("/docs/deep/one", 500)
    assert _notes(nights)["deep/one"] == "HTTP 500; its last version stays"
    assert set(nights.stored) == ALL - {"pay"}
    site.put("/docs/deep/one", 410)
    nights.run()
    assert set(nights.stored) == ALL - {"pay", "deep/one"}


def test_all_that_is_not_met_gone_or_down(nights: Nights, site: Site) -> None:
    for number in range(12):
        site.page(f"/docs/p{number:02}", f"Page {number}")
    site.page("/docs/", "Start", " ".join(["mail", "pay/", *(f"p{n:02}" for n in range(12))]))
    nights.run()
    site.page("/docs/", "Start")
    for number in range(12):
        site.put(f"/docs/p{number:02}", 503)
    with pytest.raises(SourceUnavailable, match="no answer to 10 pages one after another"):
        nights.run()
    assert len(nights.stored) == 16


@pytest.mark.parametrize(
    ("status", "target", "reason"),
    [
        (301, "/docs/pay/", None),
        (308, "/docs/new", None),
        (301, "/docs/nothing", None),
        (302, "/docs/pay/", "but not for good"),
        (307, "/docs/new", "but not for good"),
        (301, "/docs/broken", "/docs/broken, which cannot be read"),
        (301, "/login?next=mail", "/login, which is no page of this source"),
        (301, "/docs/picture.png", "/docs/picture.png, which is no page of this source"),
        (301, "/docs/mail", "it redirects in a circle"),
    ],
)
def test_a_page_that_redirects_went_only_where_it_now_is(
    nights: Nights, site: Site, status: int, target: str, reason: str | None
) -> None:
    site.put("/docs/mail", status, Location=target)
    site.put("/docs/broken", 500)
    site.page("/docs/new", "Set up mail, now here")
    notes = _notes(nights)
    moved = {"new"} if target.endswith("new") else set()
    if reason is None:
        assert set(nights.stored) == (ALL - {"mail"}) | moved
        assert "mail" not in notes
    else:
        assert set(nights.stored) == ALL | moved
        assert re.search(f"{re.escape(reason)}; its last version stays$", notes["mail"])


@pytest.mark.parametrize("answer", ["a password", "a new host"])
@pytest.mark.parametrize("is_linked", [True, False])
def test_a_part_that_is_refused_stops_no_night(
    nights: Nights, site: Site, answer: str, is_linked: bool
) -> None:
    part = [f"part/{number:02}" for number in range(12)]
    site.page("/docs/", "Start of the docs", " ".join(["mail", "pay/", *part]))
    for path in part:
        site.page(f"/docs/{path}", f"Page {path} of a part")
    nights.run()
    assert set(nights.stored) == ALL | set(part)
    for path in part:
        if answer == "a password":
            site.put(f"/docs/{path}", 403)
        else:
            site.put(f"/docs/{path}", 301, location="https://example.org/")
    if not is_linked:
        site.page("/docs/", "Start of the docs", "mail pay/")
    site.page("/docs/mail", "Set up mail, changed")
    assert set(part) <= _notes(nights).keys()
    assert set(nights.stored) == ALL | set(part)
    assert nights.texts["mail"].startswith("Set up mail, changed")


def test_a_chain_of_redirects_is_followed_to_its_end(nights: Nights, site: Site) -> None:
    site.put("/docs/mail", 301, Location="/docs/post")
    site.put("/docs/post", 301, Location="/docs/letters")
    site.put("/docs/letters", 503)
    nights.run()
    assert "mail" in nights.stored
    site.page("/docs/letters", "Set up letters")
    nights.run()
    assert set(nights.stored) == (ALL - {"mail"}) | {"letters"}


def test_another_media_type_and_a_login_everywhere_delete_nothing(
    nights: Nights, site: Site
) -> None:
    site.put("/docs/mail", body=b"\x00\x01", media_type="application/octet-stream")
    assert _notes(nights)["mail"].startswith("it is application/octet-stream now")
    assert set(nights.stored) == ALL
    form = '<form><h1>Please log in</h1>User <input name="u"> <input type="Password"></form>'
    site.put("/login", body=form)
    site.missing.status, site.missing.headers["Location"] = 302, "/login"
    site.put("/docs/pay/", 302, Location="/login")
    site.put("/docs/deep/one", 302, Location="/login")
    assert {"pay", "deep/one"} <= _notes(nights).keys()
    assert set(nights.stored) == ALL


def test_a_notice_on_a_small_site_keeps_what_it_stands_for(nights: Nights, site: Site) -> None:
    kept = nights.texts
    for path in ("/docs/mail", "/docs/pay/"):
        site.page(path, "Back at noon")
    for _ in range(2):  # the second night, too
        assert "2 pages have the same content" in _notes(nights)["pay"]
        assert nights.texts == kept
    site.page("/docs/mail", "Set up mail")
    site.page("/docs/pay/", "Start of the docs", "mail pay/")  # as a page that did not change
    nights.run()
    assert nights.texts == {key: text for key, text in kept.items() if key != "pay"}


def test_most_pages_that_say_they_are_missing_stay(nights: Nights, site: Site) -> None:
    names = [f"p{number}" for number in range(6)]
    site.page("/docs/", "Start", " ".join(names))
    for name in names:
        site.page(f"/docs/{name}", f"Page {name}")
    nights.run()
    before = set(nights.stored)
    for name in names[:2]:
        site.page(f"/docs/{name}", "Page not found", name)
    nights.run()
    assert set(nights.stored) == before - {"p0", "p1"}
    for name in ["mail", "pay/", "deep/one", *names[2:]]:
        site.page(f"/docs/{name}", f"404 no {name}", name)
    notes = _notes(nights)
    assert "7 pages say that they are missing, but not by HTTP 404" in notes["deep/one"]
    assert set(nights.stored) == before - {"p0", "p1"}
