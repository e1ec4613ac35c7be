"""Texts that speak to the model, or to who trains it, instead of asking.

No library of such rules is both kept up and offline, so they stand here, each under a name.
"""

from __future__ import annotations

import re

from almanac.guards.hidden import decoded, hidden, readable
from almanac.guards.phrases import ABOUT, MARKERS, SPOKEN

_QUOTED = re.compile(
    r"\"[^\"\n]{3,300}\"|“[^”\n]{3,300}”|«[^»\n]{3,300}»|`[^`\n]{3,300}`|'[^'\n]{8,300}'(?!\w)"
)


def injected(text: str) -> str | None:
    """The name of the first rule that a text breaks.

    What stands in quotes of a text about such attacks is spoken of, not spoken.
    """
    if rule := hidden(text):
        return rule
    seen = readable(text)
    if MARKERS.search(seen):
        return "role_marker"
    unquoted = _QUOTED.sub(" ", seen)
    spoken = unquoted if ABOUT.search(unquoted) else seen
    for rule, pattern in SPOKEN.items():
        if pattern.search(spoken):
            return rule
    return "base64" if any(map(injected, decoded(text))) else None
