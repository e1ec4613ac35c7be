from __future__ import annotations

import pytest

from schemas.errors import ConfigError
from schemas.times import isoformat, parse_when


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-03", "2026-03-03T23:59:59.999999Z"),
        ("20260303", "2026-03-03T23:59:59.999999Z"),
        ("2024-02-29", "2024-02-29T23:59:59.999999Z"),
        ("2026-03-03T02:00:00", "2026-03-03T02:00:00Z"),
        ("2026-03-03T02:00:00Z", "2026-03-03T02:00:00Z"),
        ("2026-03-03T02:00:00+03:00", "2026-03-02T23:00:00Z"),
        ("2026-03-03 02:00", "2026-03-03T02:00:00Z"),
    ],
)
def test_a_date_is_its_end_and_an_offset_is_honoured(text: str, instant: str) -> None:
    assert isoformat(parse_when(text)) == instant


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "03.03.2026", "2026-03-03T25:00"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="neither a date"):
        parse_when(text)
