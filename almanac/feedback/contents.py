"""What of a logged message a person saw: its text, without thoughts, pictures and other files.

Messages come as a text, or as parts in the spelling of OpenAI, Anthropic, Gemini, Bedrock,
LangChain or OpenTelemetry. Thoughts are parts of such a type, or stand in the text between tags of
their own, as models write them that were made to think aloud.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_TEXTS = ("content", "text", "response", "result")
_THOUGHTS = {
    "reasoning",
    "reasoning_text",
    "reasoning_content",
    "thinking",
    "redacted_thinking",
    "thought",
    "reasoningcontent",
}
_MEDIA = {
    "image",
    "image_url",
    "image_file",
    "input_image",
    "output_image",
    "blob",
    "uri",
    "file",
    "input_file",
    "input_audio",
    "output_audio",
    "audio",
    "audio_url",
    "video",
    "video_url",
    "media",
    "inline_data",
    "inlinedata",
    "file_data",
    "filedata",
}
_MEDIA_TYPES = ("mime_type", "mimeType", "media_type", "mediaType")
_DATA = re.compile(
    r"!?\[[^\]\n]*\]\(\s*data:[^)\s]{64,}\s*\)"
    r"|data:(?:[\w.+-]+/[\w.+-]+)?(?:;[\w=.+-]+)*;base64,[A-Za-z0-9+/=_-]{64,}"
)
IMAGE = "[image]"  # stands where a message is nothing but a picture or a file


def plain(content: Any) -> str:
    """The content of a message as one text: its text parts, a line each.

    Thoughts and files are left out. A message of nothing but files is `[image]`, for it is not
    empty. Parts of no known type are kept as JSON.
    """
    texts = [text for part in _parts(content) if (text := _text(part))]
    if not texts and any(map(_is_media, _parts(content))):
        return IMAGE
    return "\n".join(texts)


def whole(content: Any) -> str:
    """The content as releases before this module read it, thoughts and files included.

    What they stored is found again by its hash.
    """
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(filter(None, map(whole, content)))
    if isinstance(content, Mapping):
        said = _first(content, _TEXTS)
        return _as_json(content) if said is None else whole(said)
    return "" if content is None else _as_json(content)


def without_files(text: str) -> str:
    """A text without the files that stand in it as `data:` addresses; `[image]` in their place."""
    return _DATA.sub(IMAGE, text) if "data:" in text else text


def thoughts_in(content: Any) -> str:
    """The thoughts among the parts of a message, a paragraph each."""
    if isinstance(content, Mapping):
        beside = _first(content, ("reasoning_content", "reasoning", "thinking"))
        own = [whole(beside)] if isinstance(beside, str) and beside and not _kind(content) else []
    else:
        own = []
    own += [_thought(part) for part in _parts(content) if _is_thought(part)]
    return "\n\n".join(filter(None, own))


def media_types(value: Any) -> list[str]:
    """The media types of all files in some messages, each once; `image` where no more is known."""
    found: dict[str, None] = {}
    messages = value if isinstance(value, list) else [value]
    for message in messages:
        content = _first(message, ("parts", "content")) if isinstance(message, Mapping) else message
        for part in _parts(content):
            if _is_media(part):
                found[_media_type(part)] = None
    return list(found)


def _parts(content: Any) -> Iterator[Any]:
    """The parts of a content, nested ones too; a text is one part."""
    if isinstance(content, list):
        for part in content:
            yield from _parts(part)
    elif isinstance(content, Mapping) and isinstance(content.get("parts"), list):
        yield from _parts(content["parts"])
    elif (
        isinstance(content, Mapping)
        and not _is_thought(content)
        and not _is_media(content)
        and isinstance(content.get("content"), list)
    ):
        yield from _parts(content["content"])
    elif content is not None:
        yield content


def _text(part: Any) -> str:
    if isinstance(part, str):
        return without_files(part)
    if not isinstance(part, Mapping):
        return _as_json(part)
    if _is_thought(part) or _is_media(part):
        return ""
    if isinstance(source := part.get("source"), Mapping) and source.get("type") == "text":
        return str(source.get("data") or "")
    said = _first(part, _TEXTS)
    return _as_json(part) if said is None else plain(said)


def _kind(part: Mapping[str, Any]) -> str:
    return str(part.get("type") or "").lower()


def _is_thought(part: Any) -> bool:
    if not isinstance(part, Mapping):
        return False
    named = {name.lower() for name in part} if len(part) == 1 else set()
    return _kind(part) in _THOUGHTS or part.get("thought") is True or bool(named & _THOUGHTS)


def _is_media(part: Any) -> bool:
    if not isinstance(part, Mapping):
        return False
    kind = _kind(part)
    if kind in ("document", "text_file"):  # of Anthropic: a text, or a file in base64
        source = part.get("source")
        return not (isinstance(source, Mapping) and source.get("type") in ("text", "content"))
    if kind in _MEDIA or ("modality" in part and kind not in ("text", "tool_call_response")):
        return True
    if kind or _first(part, _TEXTS) is not None:
        return False
    return any(name.lower() in _MEDIA for name in part)


def _media_type(part: Mapping[str, Any]) -> str:
    for name in _MEDIA_TYPES:
        if isinstance(part.get(name), str):
            return str(part[name])
    for inner in part.values():
        if isinstance(inner, Mapping):
            return _media_type({"type": _kind(part), **inner})
        if isinstance(inner, str) and (match := re.match(r"data:([\w.+-]+/[\w.+-]+)[;,]", inner)):
            return match[1]
    modality = part.get("modality")
    return str(modality) if modality else re.sub(r"^input_|_url$|_file$", "", _kind(part)) or "file"


def _thought(part: Mapping[str, Any]) -> str:
    said = _first(part, ("content", "text", "thinking", "reasoning", "summary", "reasoningContent"))
    return whole(said) if said is not None else ""


def _first(values: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((values[name] for name in names if values.get(name) is not None), None)


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
