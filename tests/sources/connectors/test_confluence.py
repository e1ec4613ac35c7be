"""Confluence by both APIs, against a local server with recorded shapes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from almanac.sources.confluence.rights import combined
from almanac.sources.confluence.storage import storage_to_html
from almanac.sources.markup import html_to_markdown
from almanac.sources.reading import list_source, read_files
from schemas.documents import Listing
from schemas.errors import ConfigError, SourceUnavailable
from schemas.settings import SourceSettings
from testing.services.confluence import Confluence, WikiPage
from testing.services.server import serving
from tests.sources.connectors.nights import Nights


@pytest.fixture(params=["v1", "v2"])
def wiki(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Confluence]:
    monkeypatch.setenv("CONFLUENCE_TOKEN", "secret")
    made = Confluence(
        request.param,
        {
            "1": WikiPage("Home", "<p>Welcome to the handbook.</p>"),
            "2": WikiPage("Pay", "<p>Pay day is Friday.</p>", parent="1", readers=("group:hr",)),
            "3": WikiPage("Bonus", "<p>Who gets a bonus.</p>", parent="2", readers=("user:ann",)),
            "4": WikiPage("Draft", "<p>Not ready.</p>", status="draft"),
            "5": WikiPage("Old", "<p>Past.</p>", status="archived"),
            "6": WikiPage("News", "<p>We moved.</p>", kind="blogpost"),
            "7": WikiPage("Files", "<p>See below.</p>", parent="1"),
        },
        groups={"hr": ("ann", "bob")},
    )
    made.pages["7"].files = {"rules.md": b"# Rules\n\nBe kind.\n", "logo.png": b"\x89PNG"}
    with serving(made):
        yield made


def _given(wiki: Confluence, **more: Any) -> dict[str, Any]:
    fast = {"per_second": 1000, "retry_seconds": 0.01}
    return (
        {"uri": wiki.base, "kind": "confluence", "spaces": ["DOC"], "api": wiki.api} | fast | more
    )


def _settings(wiki: Confluence, **more: Any) -> SourceSettings:
    return SourceSettings.model_validate(_given(wiki, **more))


def _access(listing: Listing) -> dict[str, tuple[str, ...] | None]:
    return {file.path: file.access and file.access.principals for file in listing.files}


def test_pages_are_followed(wiki: Confluence, tmp_path: Path) -> None:
    nights = Nights(tmp_path, **_given(wiki), access={"default": ["group:all"]})
    assert nights.read() == ["1", "2", "3", "6", "7", "att70.md"]
    assert nights.texts["att70.md"] == "# Rules\n\nBe kind."
    assert nights.stored["2"].title == "Pay"
    assert nights.stored["2"].uri == f"{wiki.base}/pages/viewpage.action?pageId=2"
    assert nights.access["2"] == ("group:hr",)
    assert nights.access["3"] == ("user:ann",)  # ann is in hr
    assert nights.access["1"] == ("group:all",)
    wiki.pages["1"].version = 2
    wiki.pages["1"].storage = "<p>Welcome back.</p>"
    wiki.pages["2"].readers = ()
    del wiki.pages["6"]
    assert nights.read() == ["1"]
    assert set(nights.stored) == {"1", "2", "3", "7", "att70.md"}
    assert (nights.access["2"], nights.access["3"]) == (("group:all",), ("user:ann",))


def test_restrictions_are_inherited(wiki: Confluence) -> None:
    wiki.pages["3"].readers = ("group:board", "user:eve")
    wiki.groups["board"] = ("bob", "carl")
    wiki.unsearchable = {"3"}
    wiki.pages["7"].parent = "3"
    access = _access(list_source(_settings(wiki)))
    assert access == {
        "1": None,
        "2": ("group:hr",),
        "3": ("user:bob",),  # eve is not in hr, carl neither
        "6": None,
        "7": ("user:bob",),
        "att70.md": ("user:bob",),
    }
    del wiki.groups["board"]  # who is in it may not be asked
    listing = list_source(_settings(wiki))
    assert _access(listing)["3"] == ()
    assert ("3", "access_is_readable") in {(r.doc_id, r.expectation) for r in listing.rejections}


def test_rate_limits_are_waited_for(wiki: Confluence) -> None:
    wiki.refuse = 3
    assert len(list_source(_settings(wiki)).files) == 6


def test_a_page_that_moves_while_it_is_listed_is_not_missed(wiki: Confluence) -> None:
    """It leaves the second space for the first when the first was listed already."""

    def move(what: str) -> None:
        if what == "space NEW":
            wiki.pages["8"].space = "DOC"

    wiki.pages["8"] = WikiPage("Nomad", "<p>Here and there.</p>", space="NEW")
    wiki.pages["9"] = WikiPage("Settled", "<p>Stays.</p>", space="NEW")
    wiki.on_list = move
    settings = _settings(wiki, spaces=["DOC", "NEW"], attachments=False)
    assert {file.path for file in list_source(settings).files} == set("1236789")


def test_a_list_that_never_stands_still_or_breaks_off(wiki: Confluence) -> None:
    def grow(what: str) -> None:
        number = str(100 + len(wiki.pages))
        wiki.pages[number] = WikiPage("More", "<p>More.</p>")

    wiki.on_list = grow
    wiki.page_size = 10_000
    with pytest.raises(SourceUnavailable, match="changed during each of 4 passes"):
        list_source(_settings(wiki, attachments=False))
    wiki.on_list = lambda what: setattr(wiki, "token", "another")
    with pytest.raises(SourceUnavailable, match="HTTP 401: the token is wrong or has expired"):
        list_source(_settings(wiki))


def test_a_wrong_space_is_no_empty_one(wiki: Confluence) -> None:
    with pytest.raises(SourceUnavailable, match="NOPE"):
        list_source(_settings(wiki, spaces=["DOC", "NOPE"]))


def test_a_page_that_went_after_the_listing(wiki: Confluence) -> None:
    settings = _settings(wiki, attachments=False)
    files = list_source(settings).files[:2]
    del wiki.pages["1"]
    first, second = read_files(settings, files)
    assert [r.expectation for r in first.rejections] == ["page_is_there"]
    assert second.documents[0].text.strip() == "Pay day is Friday."


def test_a_missing_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONFLUENCE_TOKEN", raising=False)
    settings = {"uri": "https://x.atlassian.net/wiki", "kind": "confluence", "spaces": ["A"]}
    with pytest.raises(ConfigError, match=r"CONFLUENCE_TOKEN .token_env. is not set"):
        list_source(SourceSettings.model_validate(settings))


def test_the_storage_format() -> None:
    code = '<ac:structured-macro ac:name="code"><ac:parameter ac:name="language">python'
    code += "</ac:parameter><ac:plain-text-body><![CDATA[if a < b:\n    run()]]>"
    storage = f"""<h1>Set up</h1>{code}</ac:plain-text-body></ac:structured-macro>
<ac:structured-macro ac:name="warning"><ac:rich-text-body><p>Never twice.</p>
</ac:rich-text-body></ac:structured-macro><ac:structured-macro ac:name="toc" />
<p>See <ac:link><ri:page ri:content-title="Pay &amp; more" /></ac:link>, then
<ac:link><ri:attachment ri:filename="a.pdf"/><ac:plain-text-link-body><![CDATA[this]]>
</ac:plain-text-link-body></ac:link>.</p>
<ac:image><ri:attachment ri:filename="map.png" /></ac:image>
<ac:task-list><ac:task><ac:task-status>complete</ac:task-status><ac:task-body>Order</ac:task-body>
</ac:task><ac:task><ac:task-status>incomplete</ac:task-status><ac:task-body>Pay</ac:task-body>
</ac:task></ac:task-list><ac:structured-macro ac:name="drawio"/>
<ac:structured-macro ac:name="expand"><ac:parameter ac:name="title">Details</ac:parameter>
<ac:rich-text-body><table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>x|y</td></tr></table>
</ac:rich-text-body></ac:structured-macro>"""
    html, lost = storage_to_html(storage)
    text, _ = html_to_markdown(html)
    for piece in (
        "# Set up",
        "```python\nif a < b:\n    run()\n```",
        "**Warning**\n\nNever twice.",
        "See Pay & more, then\nthis.",
        "[map.png]",
        "- ☒ Order\n- ☐ Pay",
        "**Details**",
        "| 1 | x\\|y |",
    ):
        assert piece in text, text
    assert lost == {"macros (drawio)": 1, "pictures without a description": 1}


def test_combined_rights() -> None:
    members = {"group:a": {"user:1", "user:2"}, "group:b": {"user:2"}}.__getitem__

    def of(*levels: set[str] | None) -> set[str] | None:
        found = combined(
            [None if one is None else frozenset(one) for one in levels],
            lambda group: frozenset(members(group)),
        )
        return None if found is None else set(found)

    assert of(None, None) is None
    assert of({"group:a"}, None) == {"group:a"}
    assert of({"group:a"}, {"group:a", "user:3"}) == {"group:a"}
    assert of({"group:a"}, {"group:b"}) == {"user:2"}
    assert of({"user:1"}, {"group:a"}, {"group:a"}) == {"user:1"}
    assert of({"user:3"}, {"group:a"}) == set()
    assert of(set(), {"group:a"}) == set()
