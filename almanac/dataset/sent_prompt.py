"""The prompt that production sent for a request, where the lakehouse has its template.

A log seldom has the final prompt, and often the name or the id of what made it.
"""

from __future__ import annotations

from almanac.assistants.logged import rendered
from almanac.assistants.template import Prompt
from lakehouse import Lakehouse
from schemas.errors import ConfigError
from schemas.feedback import Message, Request


class SentPrompts:
    """Templates by what requests call them: a prompt's id, NAME@NUMBER, or an assistant's version.

    A name without a number is not used: it says nothing of which text was sent.
    """

    def __init__(self, lake: Lakehouse) -> None:
        self._by_name: dict[str, Prompt] = {}
        for stored in lake.prompts.all():
            prompt = Prompt.of(stored.content, stored.label)
            self._by_name |= {stored.label: prompt}
            self._by_name.setdefault(stored.prompt_id, prompt)
        self._of_version = {
            one.version: str(one.spec.get("prompt") or "") for one in lake.assistant_versions.all()
        }

    def of(self, request: Request) -> tuple[Message, ...]:
        """The messages as they were sent; nothing where the template or the passages are unknown,
        or the template wants a value that the log does not have."""
        names = (request.prompt_version, self._of_version.get(request.version or ""))
        prompt = next((self._by_name[one] for one in names if one in self._by_name), None)
        if prompt is None or not request.context:
            return ()
        try:
            return rendered(prompt, request)
        except ConfigError:
            return ()
