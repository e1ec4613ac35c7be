"""What goes to hosts that a service only names: neither its credentials nor our texts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from almanac.embedding.endpoint import EndpointEncoder
from almanac.llm.chat import Chat, EndpointFailed
from almanac.llm.streaming import StreamingChat
from almanac.sources.reading import list_source, read_files
from almanac.sources.web_client import Unanswered, WebClient, is_home, refuse_private
from schemas.errors import EmbeddingFailed
from schemas.sections.serving import ModelEndpoint
from schemas.settings import EmbedderSettings, EndpointSettings, SourceSettings
from testing.services.confluence import Confluence, WikiPage
from testing.services.server import Reply, serving


@dataclass
class Stranger:
    """Gives a file to anybody, and keeps what it was told."""

    told: list[tuple[str, str, Any]] = field(default_factory=list)
    redirect: str = ""
    address: str = ""

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Reply:
        self.told.append((path, query["authorization"], body))
        if self.redirect:
            return 307, {"Location": f"{self.redirect}{path}"}, {}
        return 200, {}, b"# Rules\n\nBe kind.\n"


@pytest.fixture
def others() -> Iterator[tuple[Stranger, Stranger]]:
    with ExitStack() as stack:
        made = Stranger(), Stranger()
        for one in made:
            stack.enter_context(serving(one))
        made[0].redirect = made[1].address
        yield made


@pytest.mark.parametrize("api", ["v1", "v2"])
@pytest.mark.parametrize("is_named", [True, False])
def test_an_attachment_on_another_host_is_asked_for_as_by_a_stranger(
    others: tuple[Stranger, Stranger], api: str, is_named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONFLUENCE_TOKEN", "secret")
    wiki = Confluence(api, {"7": WikiPage("Files", "<p>See below.</p>")}, is_named=is_named)
    wiki.pages["7"].files = {"rules.md": b""}
    wiki.media = others[1].address
    given = {"kind": "confluence", "spaces": ["DOC"], "api": api}
    with serving(wiki):
        settings = SourceSettings.model_validate({"uri": wiki.base, **given})
        files = [one for one in list_source(settings).files if one.path.startswith("att")]
        (reading,) = read_files(settings, files)
        assert reading.documents[0].text == "# Rules\n\nBe kind.\n"
        wiki.media = "http://169.254.169.254"
        with pytest.raises(OSError, match="which is no public address"):
            list(read_files(settings, files))
    assert others[1].told == [("/download/7/rules.md", "", None)]


def test_addresses_within_the_network_are_for_services_within_it() -> None:
    with pytest.raises(Unanswered, match=r"169\.254\.169\.254, which is no public address"):
        refuse_private("http://169.254.169.254/latest", "http://127.0.0.1:1/")
    with pytest.raises(Unanswered, match=r"127\.0\.0\.1, which is no public address"):
        refuse_private("http://127.0.0.1:1/", "http://192.0.9.1/")
    refuse_private("http://10.0.0.6/", "http://10.0.0.5/")


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("https://Wiki.example.org/x", True),
        ("https://wiki.example.org:443/x", True),
        ("http://wiki.example.org/x", False),
        ("https://wiki.example.org:8443/x", False),
        ("https://wiki.example.org.evil.com/x", False),
        ("https://user@evil.com/?https://wiki.example.org/", False),
        ("https://wiki.example.org:x/", False),
    ],
)
def test_which_addresses_are_those_of_the_service(url: str, known: bool) -> None:
    assert is_home(url, "https://wiki.example.org/wiki") == known


def test_a_service_that_moves_to_https_is_the_same() -> None:
    assert is_home("https://e.org/a", "http://e.org")
    assert not is_home("https://e.org/a", "http://e.org:8080")


def test_a_client_sends_its_headers_home_alone(others: tuple[Stranger, Stranger]) -> None:
    secret = {"Authorization": "Bearer secret"}
    basic = ("ann", "secret")
    for headers, auth in ((secret, None), (None, basic)):
        with WebClient(1000, 5.0, 1, 0.0, headers, auth, home=others[0].address) as client:
            for one in others:
                client.ask("POST", f"{one.address}/x", body={"a": 1})
    known = ["Bearer secret", "Basic YW5uOnNlY3JldA=="]
    assert others[0].told == [("/x", key, {"a": 1}) for key in known]
    assert others[1].told == [("/x", "", {"a": 1})] * 2


@pytest.mark.parametrize("version", [None, "2024-10-21"])
def test_an_embedding_endpoint_sends_texts_to_nobody_else(
    others: tuple[Stranger, Stranger], version: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", "secret")
    given = {"provider": "openai", "model": "m", "api_key_env": "TEST_KEY", "max_retries": 0}
    url = f"{others[0].address}/v1"
    encoder = EndpointEncoder(EmbedderSettings(**given, base_url=url, api_version=version))
    with pytest.raises(EmbeddingFailed, match="HTTP 307"):
        encoder.encode(["A text of ours."])
    assert others[0].told and not others[1].told


def test_a_chat_endpoint_sends_texts_to_nobody_else(
    others: tuple[Stranger, Stranger], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", "secret")
    given = {"model": "m", "base_url": f"{others[0].address}/v1", "max_retries": 0}
    with pytest.raises(EndpointFailed, match="HTTP 307"):
        Chat(EndpointSettings(**given, api_key_env="TEST_KEY")).ask([])

    async def asked() -> None:
        async for _ in StreamingChat(ModelEndpoint(**given), "secret").stream([], 1, 0.0, 0):
            pass

    with pytest.raises(EndpointFailed, match="HTTP 307"):
        asyncio.run(asked())
    assert others[0].told and not others[1].told
