"""Messages over a real connection to a real receiver."""

from __future__ import annotations

import asyncio
import logging
from urllib.parse import parse_qs, urlsplit

import pytest
from prefect.blocks.abstract import NotificationError
from pydantic import SecretStr

from almanac.supervisor import notify
from almanac.supervisor.notify import AlmanacAlarm, service_urls
from schemas.errors import ConfigError
from tests.supervisor.receiver import receiver


def send(addresses: str) -> None:
    asyncio.run(AlmanacAlarm(addresses=SecretStr(addresses)).notify("The body.", "The subject"))


def test_a_webhook_gets_json_with_its_query_as_it_was() -> None:
    with receiver() as hook:
        send(f"{hook.url}?token=a%20b%2Bc&to=ops")
    ((_, path, message),) = hook.messages
    asked = urlsplit(path)
    assert (asked.path, parse_qs(asked.query)) == ("/hook", {"token": ["a b+c"], "to": ["ops"]})
    assert {name: message[name] for name in ("title", "message", "type")} == {
        "title": "The subject",
        "message": "The body.",
        "type": "info",
    }


@pytest.fixture(autouse=True)
def _nothing_sent() -> None:
    notify._sent.clear()


def test_a_message_goes_out_once_however_often_the_server_fires() -> None:
    with receiver() as hook:
        for _ in range(3):  # as after a locked database
            send(hook.url)
        asyncio.run(AlmanacAlarm(addresses=SecretStr(hook.url)).notify("Another run.", "The s"))
    assert hook.subjects == ["The subject", "The s"]


def test_only_who_did_not_take_it_gets_it_again() -> None:
    with receiver() as refuses, receiver() as takes:
        refuses.answer = 500
        with pytest.raises(NotificationError):
            send(f"{refuses.url} {takes.url}")
        refuses.answer = 200
        send(f"{refuses.url} {takes.url}")
    assert takes.subjects == ["The subject"]
    assert refuses.subjects[-1] == "The subject"


def test_it_is_sent_again_when_it_is_told_later(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as hook:
        send(hook.url)
        monkeypatch.setattr(notify, "_SAME_SECONDS", -1.0)
        send(hook.url)
    assert hook.subjects == ["The subject"] * 2


def test_every_address_gets_it_a_webhook_or_one_of_apprise() -> None:
    with receiver() as one, receiver() as two:
        send(f" {one.url}\n{two.url.replace('http://', 'json://')} ")
    assert (one.subjects, two.subjects) == (["The subject"], ["The subject"])


def test_one_that_does_not_take_it_keeps_no_other_from_it_and_is_not_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with receiver() as refuses, receiver() as takes:
        refuses.answer = 500
        with pytest.raises(NotificationError) as error:
            send(f"{refuses.url}?token=secret-1 {takes.url}")
    assert takes.subjects == ["The subject"]
    assert error.value.log == "an address of alarms.address did not take the message (2 in all)"
    assert "secret-1" not in "".join(record.getMessage() for record in caplog.records)


def test_addresses_of_services_are_known_in_either_form() -> None:
    slack = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    given = SecretStr(f"{slack} https://user:pw@host.example/x/y?k=v mailto://u:p@gmail.com")
    assert service_urls(given) == [
        slack,
        "jsons://user:pw@host.example/x/y?-k=v",
        "mailto://u:p@gmail.com",
    ]


@pytest.mark.parametrize("address", ["hook.example/secret", "http://", "foo://secret"])
def test_what_is_no_address_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(ConfigError, match=r"address 1 of alarms\.address") as refused:
        service_urls(SecretStr(address))
    assert "secret" not in str(refused.value)


def test_the_block_shows_no_address() -> None:
    block = AlmanacAlarm(addresses=SecretStr("https://host/secret"))
    assert "secret" not in repr(block) + str(block) + block.model_dump_json()
