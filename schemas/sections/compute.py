"""What a run may take of the machine."""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from schemas.sections.base import Section

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(MB|GB|MiB|GiB)", re.IGNORECASE)
_UNITS = {"mb": 10**6, "gb": 10**9, "mib": 1 << 20, "gib": 1 << 30}
_LEAST = 500 * 10**6


class ComputeSettings(Section):
    """What a run may take of the machine."""

    memory: str = Field(
        default="1GB",
        description="What a run's own process is meant to take, beside the weights of a model: "
        "800MB, 4GB; at least 500MB. A quarter of it, 128 MiB to 1 GiB, is DuckDB's limit, and "
        "what is more goes to temporary files. LanceDB and Arrow have no limit.",
    )

    @field_validator("memory")
    @classmethod
    def _is_size(cls, value: str) -> str:
        found = _SIZE.fullmatch(value.strip())
        if found is None:
            raise ValueError(f"{value!r} is no size; right is 1GB, or 800MB")
        if _bytes(found) < _LEAST:
            raise ValueError(f"{value!r} is too little for a run: at least 500MB")
        return value

    @property
    def memory_bytes(self) -> int:
        """The same in bytes."""
        found = _SIZE.fullmatch(self.memory.strip())
        assert found is not None  # it was looked at
        return _bytes(found)


def _bytes(found: re.Match[str]) -> int:
    return int(float(found[1]) * _UNITS[found[2].lower()])
