"""Endpoints that can less than OpenAI's: everything is embedded, to the same bits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import numpy as np
import pytest

from almanac.embedding.endpoint import EndpointEncoder
from almanac.embedding.patience import Patience, told
from schemas.errors import EmbeddingFailed
from schemas.settings import EmbedderSettings
from tests.embedding.server import Always, Endpoint, Limits, hashed, serving, status

TEXTS = [f"text number {number}" for number in range(40)]


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving(lambda text, _: hashed(text)) as running:
        yield running


@pytest.fixture
def encoder(endpoint: Endpoint) -> Callable[..., EndpointEncoder]:
    def make(**settings: Any) -> EndpointEncoder:
        known = {"provider": "openai", "model": "m", "base_url": endpoint.url, "dimension": 32}
        return EndpointEncoder(EmbedderSettings(**(known | settings)))

    return make


@pytest.mark.parametrize(
    "limits",
    [
        Limits(texts=10),
        Limits(texts=32, code=413),
        Limits(texts=1, code=422),
        Limits(texts=10, vague=True),
        Limits(base64=False),
        Limits(base64=False, vague=True),
        Limits(dimensions=False, code=422),
        Limits(texts=7, base64=False, dimensions=False),
        Limits(texts=7, base64=False, dimensions=False, vague=True),
    ],
    ids=lambda limits: str({k: v for k, v in vars(limits).items() if v not in (None, 400, True)}),
)
def test_what_is_refused_changes_no_bit(endpoint: Endpoint, encoder: Any, limits: Limits) -> None:
    free = encoder()
    expected = free.encode(TEXTS)
    endpoint.faults = Always(limits)
    made = encoder()
    assert made.identity == free.identity
    assert made.encode(TEXTS).tobytes() == expected.tobytes()
    # What was refused once is not tried again.
    before = len(endpoint.requests)
    assert made.encode(TEXTS).tobytes() == expected.tobytes()
    again = endpoint.inputs[before:]
    assert [text for asked in again for text in asked] == TEXTS
    assert made.in_pieces == set()


def test_the_number_of_texts_is_a_setting(endpoint: Endpoint, encoder: Any) -> None:
    endpoint.faults = Always(Limits(texts=10))
    encoder(batch_texts=10).encode(TEXTS)
    assert [len(asked) for asked in endpoint.inputs] == [10, 10, 10, 10]


def test_a_long_text_is_embedded_by_its_pieces_whatever_goes_with_it(
    endpoint: Endpoint, encoder: Any
) -> None:
    endpoint.faults = Always(Limits(tokens=8))
    long = "one two three four five six seven eight nine ten eleven twelve"
    made = encoder(normalize=False)
    alone = made.encode([long])
    assert made.in_pieces == {long}
    halves = ("one two three four five six seven", "eight nine ten eleven twelve")
    weights = [len(half) for half in halves]
    mean = np.average([hashed(half) for half in halves], axis=0, weights=weights)
    assert np.allclose(alone[0], mean, atol=1e-6)
    among = encoder(normalize=False).encode([*TEXTS, long, *TEXTS])
    assert among[len(TEXTS)].tobytes() == alone[0].tobytes()
    assert among[:40].tobytes() == encoder(normalize=False).encode(TEXTS).tobytes()
    # One long text is no reason to send fewer of the others.
    before = len(endpoint.requests)
    made.encode(TEXTS)
    assert [len(asked) for asked in endpoint.inputs[before:]] == [40]


def test_a_long_text_is_cut_or_refused_where_that_is_told(endpoint: Endpoint, encoder: Any) -> None:
    endpoint.faults = Always(Limits(tokens=8))
    long = " ".join(["word"] * 20)
    made = encoder(too_long="truncate", normalize=False)
    made.encode([long])
    assert made.in_pieces == {long}
    assert long.startswith(endpoint.inputs[-1][0])
    assert len(endpoint.inputs[-1][0].split()) <= 8
    with pytest.raises(EmbeddingFailed, match=r"HTTP 400: .*maximum of 8 tokens"):
        encoder(too_long="stop").encode(["fine", long])


def test_a_question_that_is_too_long_is_cut(endpoint: Endpoint, encoder: Any) -> None:
    endpoint.faults = Always(Limits(tokens=8))
    assert encoder().encode_queries([" ".join(["word"] * 20)]).shape == (1, 32)


def test_a_size_that_is_not_what_was_asked_is_refused(endpoint: Endpoint, encoder: Any) -> None:
    endpoint.faults = Always(Limits(dimensions=False))
    with pytest.raises(EmbeddingFailed, match=r"array of \(1, 32\) where \(1, 8\) was due"):
        encoder(dimension=8).encode(["a"])


def test_an_unclear_refusal_is_told_when_all_was_left_out(endpoint: Endpoint, encoder: Any) -> None:
    endpoint.faults = Always(status(400, text="no such model"))
    with pytest.raises(EmbeddingFailed, match=r"HTTP 400: .*no such model"):
        encoder().encode(["a"])
    asked = [(one["encoding_format"], one.get("dimensions")) for one in endpoint.requests]
    assert asked == [("base64", 32), ("float", 32), ("float", None)]


def test_rate_limits_are_waited_for_longer_than_failures(endpoint: Endpoint, encoder: Any) -> None:
    soon = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "20ms"}
    endpoint.faults = [status(429, soon) for _ in range(9)]
    assert encoder(max_retries=0).encode(["a"]).shape == (1, 32)
    assert len(endpoint.requests) == 10


def test_a_rate_limit_longer_than_is_waited_for(endpoint: Endpoint, encoder: Any) -> None:
    endpoint.faults = Always(status(429, {"Retry-After": "120"}, "slow down"))
    with pytest.raises(EmbeddingFailed, match=r"HTTP 429: .*slow down.*60 seconds .embedder\.rate"):
        encoder(rate_limit_seconds=60).encode(["a"])
    assert len(endpoint.requests) == 1


def test_a_used_up_quota_is_no_rate(endpoint: Endpoint, encoder: Any) -> None:
    body = b'{"error": {"message": "pay first", "code": "insufficient_quota"}}'
    endpoint.faults = Always(lambda _: (429, {}, body))
    with pytest.raises(EmbeddingFailed, match=r"HTTP 429: .*pay first"):
        encoder().encode(["a"])
    assert len(endpoint.requests) == 1


def test_a_used_up_limit_is_waited_for_before_the_next_request(
    endpoint: Endpoint, encoder: Any
) -> None:
    said = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "300ms"}

    def answered(request: dict[str, Any]) -> Any:
        code, headers, body = endpoint.answer(request)
        return code, headers | said, body

    endpoint.faults = [answered]
    made = encoder()
    made.encode(["a"])
    started = time.monotonic()
    made.encode(["b"])
    assert time.monotonic() - started >= 0.2


def test_a_minute_of_refusals_is_waited_through() -> None:
    waited: list[float] = []
    patience = Patience(6, 900, waited.append)
    while sum(waited) < 60:
        assert patience.limited({})
    assert len(waited) <= 8
    assert not Patience(6, 1, waited.append).limited({"retry-after": "2"})


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, 360),
        (
            {
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "1.5s",
                "x-ratelimit-remaining-requests": "5",
                "x-ratelimit-reset-requests": "1h",
            },
            1.5,
        ),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "12"}, 12),
        ({"x-ratelimit-remaining-requests": "5", "x-ratelimit-reset-requests": "1h"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_what_headers_say(headers: dict[str, str], seconds: float | None) -> None:
    assert told(headers) == seconds


def test_dates_and_moments_in_headers() -> None:
    later = datetime.now(UTC) + timedelta(seconds=90)
    assert 80 < (told({"retry-after": format_datetime(later, usegmt=True)}) or 0) <= 90
    known = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(later.timestamp()))}
    assert 80 < (told(known) or 0) <= 90


def test_azure_has_paths_and_headers_of_its_own(endpoint: Endpoint, encoder: Any) -> None:
    url = endpoint.url.removesuffix("/v1")
    for base_url in (url, f"{url}/", f"{url}/openai/deployments/m"):
        made = encoder(base_url=base_url, model="m", api_version="2024-10-21")
        assert made.encode(["a"]).shape == (1, 32)
        path = endpoint.requests[-1]["path"]
        assert path == "/openai/deployments/m/embeddings?api-version=2024-10-21"
    assert made.identity.revision == url.removeprefix("http://")
    assert endpoint.headers[-1]["api-key"] == "none"
