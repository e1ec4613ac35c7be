"""The OpenAI-compatible encoder against a real server on the loopback."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from almanac.embedding.endpoint import EndpointEncoder
from almanac.embedding.factory import identity_of, open_encoder, token_counter
from schemas.errors import ConfigError, EmbeddingFailed
from schemas.settings import EmbedderSettings
from tests.embedding.server import Endpoint, changed, hang, raw, serving, status, vector

KEY = "sk-very-secret-0123456789"
SOON = {"retry-after-ms": "20"}


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving() as running:
        yield running


@pytest.fixture
def encoder(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Callable[..., EndpointEncoder]:
    monkeypatch.setenv("TEST_KEY", KEY)

    def make(**settings: Any) -> EndpointEncoder:
        defaults = {"base_url": endpoint.url, "normalize": False, "api_key_env": "TEST_KEY"}
        return EndpointEncoder(EmbedderSettings(**endpoint_settings(**(defaults | settings))))

    return make


def endpoint_settings(**settings: Any) -> dict[str, Any]:
    return {"provider": "openai", "model": "text-embedding-3-small"} | settings


def test_texts_become_vectors_in_order(endpoint: Endpoint, encoder: Any) -> None:
    vectors = encoder().encode(["a", "bbb", "cc"])
    assert vectors.dtype == np.float32
    assert vectors.tolist() == [vector("a"), vector("bbb"), vector("cc")]
    assert endpoint.requests == [
        {
            "path": "/v1/embeddings",
            "input": ["a", "bbb", "cc"],
            "model": "text-embedding-3-small",
            "encoding_format": "base64",
        }
    ]
    assert endpoint.keys == [f"Bearer {KEY}"]


def test_vectors_are_brought_to_length_one(encoder: Any) -> None:
    vectors = encoder(normalize=True).encode(["a", "bbb"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(vectors[1] * np.linalg.norm(vector("bbb")), vector("bbb"), rtol=1e-6)


def test_lists_of_numbers_are_read_as_well(endpoint: Endpoint, encoder: Any) -> None:
    numbers = [{"index": 0, "embedding": [1, 2.5, -3]}]
    endpoint.faults = [changed(lambda _: numbers)]
    assert encoder().encode(["a"]).tolist() == [[1, 2.5, -3]]


def test_the_dimension_is_asked_for(endpoint: Endpoint, encoder: Any) -> None:
    assert encoder(dimension=8).encode(["a"]).shape == (1, 8)
    assert endpoint.requests[0]["dimensions"] == 8


def test_the_dimension_is_found_out_once(endpoint: Endpoint, encoder: Any) -> None:
    made = encoder()
    assert endpoint.requests == []
    assert (made.identity.dimension, made.identity.dimension) == (4, 4)
    made.encode(["a"])
    assert endpoint.inputs == [["dimension"], ["a"]]


def test_the_first_vectors_tell_the_dimension(endpoint: Endpoint, encoder: Any) -> None:
    made = encoder()
    made.encode(["a"])
    assert made.identity.dimension == 4
    assert endpoint.inputs == [["a"]]


def test_the_identity_needs_neither_key_nor_network_when_told(endpoint: Endpoint) -> None:
    settings = EmbedderSettings(
        **endpoint_settings(base_url="https://user:word@host.example:8/v1", dimension=8)
    )
    identity = identity_of(settings)
    assert (identity.provider, identity.model) == ("openai", "text-embedding-3-small")
    assert (identity.revision, identity.dimension) == ("host.example:8", 8)
    assert (identity.precision, identity.window) == ("float32", 2047)
    pinned = settings.model_copy(update={"revision": "2024-01", "max_tokens": 128})
    assert identity_of(pinned).revision == "2024-01"
    assert identity_of(pinned).window == 128


def test_the_identity_is_the_encoders(endpoint: Endpoint, encoder: Any) -> None:
    settings = EmbedderSettings(**endpoint_settings(base_url=endpoint.url))
    assert identity_of(settings) == open_encoder(settings).identity
    assert identity_of(settings).dimension == 4


def test_requests_are_bounded_by_count(endpoint: Endpoint, encoder: Any) -> None:
    texts = [str(number) for number in range(600)]
    vectors = encoder().encode(texts)
    assert [len(asked) for asked in endpoint.inputs] == [256, 256, 88]
    assert [text for asked in endpoint.inputs for text in asked] == texts
    assert vectors[:, 0].tolist() == [len(text) for text in texts]


def test_requests_are_bounded_by_bytes(endpoint: Endpoint, encoder: Any) -> None:
    texts = ["я" * 4000] * 70
    assert encoder().encode(texts).shape == (70, 4)
    assert [len(asked) for asked in endpoint.inputs] == [31, 31, 8]


def test_nothing_asks_for_the_dimension_only(endpoint: Endpoint, encoder: Any) -> None:
    assert encoder(dimension=8).encode([]).shape == (0, 8)
    assert endpoint.requests == []


def test_prefixes_follow_the_models_name(endpoint: Endpoint, encoder: Any) -> None:
    made = encoder(model="intfloat/multilingual-e5-small")
    made.encode(["a"])
    made.encode_queries(["b"])
    assert endpoint.inputs == [["passage: a"], ["query: b"]]


def test_counts_are_quarters_of_bytes(encoder: Any) -> None:
    texts = ["", "abcd", "abcde", "яяя", "漢"]
    assert encoder().count_tokens(texts) == [0, 1, 2, 2, 1]
    settings = EmbedderSettings(**endpoint_settings(passage_prefix="ab"))
    assert token_counter(settings).count_tokens(["cd", "cde"]) == [1, 2]


def test_a_text_beyond_the_window_is_refused_unasked(endpoint: Endpoint, encoder: Any) -> None:
    made = encoder()
    assert made.encode(["a" * 8188]).shape == (1, 4)
    with pytest.raises(
        EmbeddingFailed, match=r"^text 1 has 2048 tokens, and text-embed.* reads 2047"
    ):
        made.encode(["fine", "a" * 8189])
    with pytest.raises(EmbeddingFailed, match=r"^text 0 is empty"):
        made.encode([" "])
    assert len(endpoint.requests) == 1


def test_a_long_query_is_cut_at_a_character(endpoint: Endpoint, encoder: Any) -> None:
    encoder(max_tokens=2, query_prefix="q: ").encode_queries(["яяяяя", "ok"])
    assert endpoint.inputs == [["q: яя", "q: ok"]]


def test_rate_limits_are_waited_for(endpoint: Endpoint, encoder: Any) -> None:
    endpoint.faults = [status(429, {"Retry-After": "1"})]
    started = time.monotonic()
    assert encoder().encode(["a"]).shape == (1, 4)
    assert time.monotonic() - started >= 1
    assert endpoint.inputs == [["a"], ["a"]]


def test_server_errors_are_repeated_up_to_the_limit(endpoint: Endpoint, encoder: Any) -> None:
    endpoint.faults = [status(500, SOON), status(503, SOON), status(502, SOON)]
    assert encoder(max_retries=3).encode(["a"]).shape == (1, 4)
    assert len(endpoint.requests) == 4
    endpoint.faults = [status(500, SOON, "over\nloaded") for _ in range(9)]
    with pytest.raises(EmbeddingFailed, match=r"failed \(2 retries allowed\): HTTP 500: .*loaded"):
        encoder(max_retries=2).encode(["a"])
    assert len(endpoint.requests) == 4 + 3


def test_only_the_failed_request_is_repeated(endpoint: Endpoint, encoder: Any) -> None:
    endpoint.faults = [lambda _: None, status(500, SOON)]
    texts = [str(number) for number in range(300)]
    assert encoder().encode(texts)[:, 0].tolist() == [len(text) for text in texts]
    assert [len(asked) for asked in endpoint.inputs] == [256, 44, 44]


@pytest.mark.parametrize("code", [401, 403, 404])
def test_refusals_are_not_repeated(endpoint: Endpoint, encoder: Any, code: int) -> None:
    endpoint.faults = [status(code, text="this is why")]
    with pytest.raises(EmbeddingFailed, match=rf"HTTP {code}: .*this is why"):
        encoder().encode(["a"])
    assert len(endpoint.requests) == 1


def test_a_hanging_server_is_given_up(endpoint: Endpoint, encoder: Any) -> None:
    endpoint.faults = [hang(2), hang(2)]
    with pytest.raises(EmbeddingFailed, match=r"no answer within 0.2 seconds"):
        encoder(timeout_seconds=0.2, max_retries=1).encode(["a"])
    assert endpoint.inputs == [["a"], ["a"]]


def test_an_unreachable_server_is_named(encoder: Any) -> None:
    with serving() as gone:
        url = gone.url
    with pytest.raises(EmbeddingFailed, match=r"at 127\.0\.0\.1:\d+ failed .*ConnectError"):
        encoder(base_url=url, max_retries=0).encode(["a"])


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (raw(b"{not json"), "no list of vectors"),
        (raw(b"[]"), "no list of vectors"),
        (raw(b'{"data": null}'), "no list of vectors"),
        (raw(b'{"data": [{"index": 0}, 5]}'), "no list of vectors"),
        (changed(lambda data: data[:1]), r"1 vectors, the first numbered \[0\], where 0 to 1"),
        (changed(lambda data: data * 2), "4 vectors"),
        (changed(lambda data: [data[0], data[0]]), "2 vectors, the first numbered"),
        (changed(lambda data: [item | {"index": item["index"] + 1} for item in data]), "numbered"),
        (changed(lambda data: [data[0] | {"embedding": "%%"}, data[1]]), "can't be read"),
        (changed(lambda data: [data[0] | {"embedding": "AAAA"}, data[1]]), "can't be read"),
        (changed(lambda data: [data[0] | {"embedding": ["x"]}, data[1]]), "can't be read"),
        (changed(lambda data: [data[0] | {"embedding": [1.0]}, data[1]]), "can't be read"),
        (changed(lambda data: [item | {"embedding": 3} for item in data]), "else than one list"),
        (changed(lambda data: [item | {"embedding": [1.0] * 3} for item in data]), r"\(2, 4\) was"),
        (changed(lambda data: [item | {"embedding": []} for item in data]), r"\(2, 4\) was due"),
        (
            changed(lambda data: [data[0], data[1] | {"embedding": [1.0, float("nan"), 1, 1]}]),
            "NaN or infinity for text 1",
        ),
        (
            changed(lambda data: [data[0], data[1] | {"embedding": [1.0, 1e300, 1, 1]}]),
            "NaN or infinity for text 1",
        ),
        (changed(lambda data: [data[0], data[1] | {"embedding": [0] * 4}]), "zeros for text 1"),
    ],
)
def test_an_answer_that_is_not_what_was_asked_is_refused(
    endpoint: Endpoint, encoder: Any, fault: Any, message: str
) -> None:
    made = encoder()
    assert made.identity.dimension == 4
    endpoint.faults = [fault]
    with pytest.raises(EmbeddingFailed, match=message):
        made.encode(["a", "b"])
    assert endpoint.inputs == [["dimension"], ["a", "b"]]


def test_another_order_is_put_right(endpoint: Endpoint, encoder: Any) -> None:
    endpoint.faults = [changed(lambda data: data[::-1])]
    assert encoder().encode(["a", "bbb"]).tolist() == [vector("a"), vector("bbb")]


def test_a_bad_first_answer_does_not_set_the_dimension(endpoint: Endpoint, encoder: Any) -> None:
    endpoint.faults = [changed(lambda data: [data[0] | {"embedding": [0.0] * 9}])]
    made = encoder()
    with pytest.raises(EmbeddingFailed, match=r"zeros"):
        made.encode(["a"])
    assert made.encode(["a"]).shape == (1, 4)


def test_another_dimension_than_asked_is_refused(endpoint: Endpoint, encoder: Any) -> None:
    endpoint.faults = [changed(lambda data: [data[0] | {"embedding": [1.0] * 9}])]
    with pytest.raises(EmbeddingFailed, match=r"array of \(1, 9\) where \(1, 8\) was due"):
        encoder(dimension=8).encode(["a"])


def test_the_key_is_never_told(
    endpoint: Endpoint, encoder: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = encoder(max_retries=1)
    made.encode(["a"])
    said = [repr(made), repr(made.identity)]
    for fault in (status(401, text=f"wrong key {KEY}"), status(400, text=KEY), raw(KEY.encode())):
        endpoint.faults = [fault, fault]
        with pytest.raises(EmbeddingFailed) as caught:
            made.encode(["a"])
        said += [str(caught.value), repr(caught.value)]
    endpoint.faults = [status(500, SOON), status(500, SOON)]
    with pytest.raises(EmbeddingFailed) as caught:
        made.encode(["a"])
    assert "wrong key [key]" in said[2]
    assert KEY in str(endpoint.keys)
    assert KEY not in " ".join([*said, caplog.text, str(caught.value)])


@pytest.mark.parametrize("base_url", [None, "https://host.example/v1", "http://10.0.0.1/v1"])
def test_a_missing_key_is_named(base_url: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", " ")
    settings = EmbedderSettings(**endpoint_settings(base_url=base_url, api_key_env="TEST_KEY"))
    with pytest.raises(ConfigError, match=r"^the environment variable TEST_KEY with the key for"):
        open_encoder(settings)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_loopback_needs_no_key(
    endpoint: Endpoint, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TEST_KEY", raising=False)
    url = endpoint.url.replace("127.0.0.1", host)
    settings = EmbedderSettings(**endpoint_settings(base_url=url, api_key_env="TEST_KEY"))
    assert open_encoder(settings).encode(["a"]).shape == (1, 4)
    assert endpoint.keys == ["Bearer none"]
