"""What is printed: words of documents and users can't steer the terminal that shows them."""

from __future__ import annotations

import json
import re
from typing import Any

# Control characters (those of ESC among them), and those that turn the direction of what follows.
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def shown(text: str) -> str:
    """A text for people, each character that would steer a terminal as a dot."""
    return _STEERING.sub("·", text)


def json_line(value: Any) -> str:
    """A value as JSON on one line: the same value, such characters of its texts escaped."""
    return _STEERING.sub(
        lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False)
    )
