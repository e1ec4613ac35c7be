"""Credentials in addresses: refused where they are given, left out where they are shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from almanac.releases.restore import restore
from schemas.dated import is_dated
from schemas.errors import ConfigError
from schemas.secrets import redacted, refuse_credentials
from schemas.settings import Settings

SECRET = [
    "s3://AKIA:SE/CRET@bucket/lake",
    "docs=https://u:SECRET@host/x",
    "https://u:SEC@RET@host/x",
    "az://docs?sv=1&sig=SECRET",
    "docs/x?sig=SECRET",
    *(
        f"https://host/x?v=2&{name}=SECRET"
        for name in (
            "X-Amz-Signature",
            "token",
            "subscription-key",
            "accesstoken",
            "sastoken",
            "accountkey",
            "API_KEY",
            "client_secret",
        )
    ),
]
PLAIN = [
    "s3://bucket/lake",
    "abfs://box@account.dfs.core.windows.net/x",
    "https://h:8080/a@2x.png",
    "sftp://user@host/x",
    "/data/a:b@c",
    "az://docs/what?.md",
]


@pytest.mark.parametrize("uri", SECRET)
def test_an_address_with_a_credential_is_refused_and_not_repeated(uri: str) -> None:
    with pytest.raises(ConfigError, match="credentials in the environment") as refused:
        refuse_credentials(uri)
    assert not any(part in str(refused.value) for part in ("SECRET@", "=SECRET", "u:", "AKIA"))
    for said in (redacted(uri), redacted(f"cannot list {uri!r}: no answer")):
        assert not any(part in said for part in ("SE", "RET"))


@pytest.mark.parametrize("uri", PLAIN)
def test_an_address_without_one_is_taken_and_shown(uri: str) -> None:
    refuse_credentials(uri)
    assert redacted(uri) == uri


def test_a_query_that_grants_nothing_is_taken_but_not_shown() -> None:
    refuse_credentials("https://h/x.csv?v=2")
    text = "https://h:80/x.csv?v=2 refused it; ask a@b, see s3://AKIA:SECRET@bucket/x"
    assert redacted(text) == "https://h:80/x.csv refused it; ask a@b, see s3://bucket/x"


@pytest.mark.parametrize(
    "uri",
    [
        "https://account.blob/docs/{day}?sv=1&sig=SECRET",
        "https://account.blob/{docs?sig=SECRET}",
        "https://account.blob/{docs?sig=SECRET",
        "az://u:SECRET@account/{day}?sastoken=SECRET",
    ],
)
def test_a_wrong_date_in_an_address_repeats_no_credential(uri: str) -> None:
    with pytest.raises(ConfigError, match=r"the source (https|az)://account") as refused:
        is_dated(uri)
    assert "SECRET" not in str(refused.value)


def test_a_copy_is_not_made_to_an_address_with_a_credential(tmp_path: Path) -> None:
    settings = Settings(lakehouse=str(tmp_path / "lake"))
    with pytest.raises(ConfigError, match="credentials in the environment"):
        restore(settings, 1, "copy", to="s3://AKIA:SECRET@bucket/copy", dry_run=False)
