"""What a person saw of a message: text, and neither thoughts nor files."""

from __future__ import annotations

from typing import Any

import pytest

from almanac.core.thoughts import answer_and_thoughts
from almanac.feedback.contents import media_types, plain, thoughts_in, without_files

DATA = "iVBORw0KGgo" * 40
URL = f"data:image/png;base64,{DATA}"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("as it is", "as it is"),
        (None, ""),
        (["a", {"type": "text", "text": "b"}, {"type": "text", "content": "c"}], "a\nb\nc"),
        ([{"type": "reasoning", "content": "hm"}, {"type": "text", "content": "yes"}], "yes"),
        (
            [
                {"type": "thinking", "thinking": "hm", "signature": "x"},
                {"type": "text", "text": "yes"},
            ],
            "yes",
        ),
        ([{"type": "redacted_thinking", "data": "xx"}, {"type": "text", "text": "yes"}], "yes"),
        ([{"text": "hm", "thought": True}, {"text": "yes"}], "yes"),
        ([{"reasoningContent": {"reasoningText": {"text": "hm"}}}, {"text": "yes"}], "yes"),
        ([{"type": "image_url", "image_url": {"url": URL}}, {"type": "text", "text": "q"}], "q"),
        ([{"type": "input_image", "image_url": URL}, {"type": "input_text", "text": "q"}], "q"),
        (
            [
                {"type": "input_audio", "input_audio": {"data": DATA, "format": "wav"}},
                {"type": "text", "text": "q"},
            ],
            "q",
        ),
        ([{"type": "file", "file": {"file_data": URL}}, {"type": "text", "text": "q"}], "q"),
        (
            [
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": DATA},
                },
                {"type": "text", "text": "q"},
            ],
            "q",
        ),
        (
            [
                {"type": "blob", "modality": "image", "mime_type": "image/png", "content": DATA},
                {"type": "text", "content": "q"},
            ],
            "q",
        ),
        ([{"inline_data": {"mime_type": "image/png", "data": DATA}}, {"text": "q"}], "q"),
        (
            [
                {"type": "document", "source": {"type": "text", "data": "a page"}},
                {"type": "text", "text": "q"},
            ],
            "a page\nq",
        ),
        (
            [
                {
                    "type": "tool_result",
                    "tool_use_id": "t",
                    "content": [{"type": "text", "text": "a page"}],
                }
            ],
            "a page",
        ),
        ([{"type": "tool_call_response", "id": "t", "result": "a page"}], "a page"),
        ([{"type": "image_url", "image_url": {"url": URL}}], "[image]"),
        ({"text": "read it", "file": "a.txt"}, "read it"),
        ([{"odd": 1}], '{"odd": 1}'),
    ],
)
def test_the_text_of_a_message(content: Any, text: str) -> None:
    assert plain(content) == text


@pytest.mark.parametrize(
    ("text", "answer", "thoughts"),
    [
        ("Thirty days.", "Thirty days.", ""),
        (" kept as it is \n", " kept as it is \n", ""),
        ("<think>Perhaps.</think>\n\nThirty days.", "Thirty days.", "Perhaps."),
        ("<THINK>\nPerhaps.\n</THINK>Thirty.", "Thirty.", "Perhaps."),
        ("<thinking>Perhaps.</thinking> Thirty.", "Thirty.", "Perhaps."),
        ("<reasoning>Perhaps.</reasoning>Thirty.", "Thirty.", "Perhaps."),
        ("Perhaps.\n</think>\n\nThirty.", "Thirty.", "Perhaps."),
        ("<think>\n\n</think>\n\nThirty.", "Thirty.", ""),
        ("<think>cut off while", "", "cut off while"),
        ("First.\n<think>again</think>\nThirty.", "First.\nThirty.", "again"),
        ("[THINK]Perhaps.[/THINK]Thirty.", "Thirty.", "Perhaps."),
        ("◁think▷Perhaps.◁/think▷Thirty.", "Thirty.", "Perhaps."),
        (
            "<|channel|>analysis<|message|>Perhaps.<|end|><|start|>assistant<|channel|>final"
            "<|message|>Thirty.",
            "Thirty.",
            "Perhaps.",
        ),
        (
            '<details type="reasoning" done="true" duration="3">\n<summary>Thought for 3 seconds'
            "</summary>\n> Perhaps.\n</details>\nThirty.",
            "Thirty.",
            "> Perhaps.",
        ),
        (
            "Write `<think>` and `</think>` around it.",
            "Write `<think>` and `</think>` around it.",
            "",
        ),
        (
            "Use:\n```\n<think>a</think>\n```\nThat is all.",
            "Use:\n```\n<think>a</think>\n```\nThat is all.",
            "",
        ),
        ("The element\n<reasoning>\nholds text.", "The element\n<reasoning>\nholds text.", ""),
        (
            "<details><summary>More</summary>x</details>",
            "<details><summary>More</summary>x</details>",
            "",
        ),
    ],
)
def test_thoughts_are_no_answer(text: str, answer: str, thoughts: str) -> None:
    assert answer_and_thoughts(text) == (answer, thoughts)


def test_thoughts_among_parts_and_beside_them() -> None:
    parts = [{"type": "reasoning", "content": "one"}, {"type": "text", "content": "yes"}]
    assert thoughts_in(parts) == "one"
    assert thoughts_in({"role": "assistant", "content": "yes", "reasoning_content": "two"}) == "two"
    assert thoughts_in({"role": "assistant", "parts": parts}) == "one"
    summary = [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "three"}]}]
    assert thoughts_in(summary) == "three"
    assert thoughts_in("plain") == thoughts_in(None) == ""


def test_files_in_a_text_are_marked() -> None:
    assert without_files(f"What is ![a]({URL}) this?") == "What is [image] this?"
    assert without_files(f"{URL}\nWhat is this?") == "[image]\nWhat is this?"
    assert without_files("data:image/png;base64,iVBO is short") == (
        "data:image/png;base64,iVBO is short"
    )


def test_the_types_of_files() -> None:
    messages = [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": URL}}]},
        {"role": "user", "parts": [{"type": "blob", "mime_type": "audio/wav", "content": DATA}]},
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": DATA}}]},
        {"role": "user", "content": "no file"},
    ]
    assert media_types(messages) == ["image/png", "audio/wav", "audio"]
    assert media_types("no file") == []
