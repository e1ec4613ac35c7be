"""A model's thoughts, which stand before its answer between tags of their own, told apart from it.

Nobody was shown them, so they are no answer and nothing to learn from.
"""

from __future__ import annotations

import re

_LINE = r"(?:\A|(?<=\n))[ \t]*"
_BLOCKS = (
    re.compile(_LINE + r"<(think|thinking)>(?P<said>.*?)</\1>\s*", re.I | re.S),
    re.compile(r"\A\s*<(thoughts?|reasoning)>(?P<said>.*?)</\1>\s*", re.I | re.S),
    re.compile(r"\A\s*<(?:think|thinking)>(?P<said>.*)", re.I | re.S),  # cut off while it thought
    re.compile(
        _LINE + r"<details\s[^>]*type=\"reasoning\"[^>]*>(?P<said>.*?)</details>\s*", re.I | re.S
    ),
    re.compile(_LINE + r"\[THINK\](?P<said>.*?)\[/THINK\]\s*", re.S),
    re.compile(r"\A\s*◁think▷(?P<said>.*?)(?:◁/think▷|\Z)\s*", re.S),
    re.compile(
        r"\A\s*<\|channel\|>analysis<\|message\|>(?P<said>.*?)"
        r"(?:<\|end\|>(?:<\|start\|>assistant)?<\|channel\|>final<\|message\|>|\Z)",
        re.S,
    ),
    # Where the chat template opened the tag itself, the answer holds its end alone.
    re.compile(r"\A(?P<said>(?:(?!<think>).)*?)(?<!`)</think>(?!`)\s*", re.I | re.S),
)
_CODE = re.compile(r"^[ \t]*(```|~~~).*?^[ \t]*\1", re.M | re.S)
_MOST = 50  # thoughts of a kind in a text; each costs a look at the whole of it
_SUMMARY = re.compile(r"<summary>.{0,2000}?</summary>", re.I | re.S)


def answer_and_thoughts(text: str) -> tuple[str, str]:
    """What of a model's text its reader sees, and what it thought before.

    A text without thoughts is returned as it is. Tags within blocks of code are no thoughts.
    """
    code = [match.span() for match in _CODE.finditer(text)]
    thoughts: list[str] = []
    for block in _BLOCKS:
        match, taken = block.search(text), 0
        while match and taken < _MOST:
            if any(start <= match.start() < end for start, end in code):
                match = block.search(text, match.end())
                continue
            taken += 1
            thoughts.append(_SUMMARY.sub("", match["said"]).strip())
            text = text[: match.start()] + text[match.end() :]
            code = [one.span() for one in _CODE.finditer(text)]
            match = block.search(text)
    kept = "\n\n".join(filter(None, thoughts))
    return (text.strip(), kept) if thoughts else (text, "")
