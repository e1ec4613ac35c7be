from __future__ import annotations

import pytest

from almanac.chunking.blocks import Kind, read_blocks, read_paragraphs


def outline(text: str) -> list[tuple[str, str]]:
    """(kind, first line) of each block; headings with their level."""
    return [
        (f"{block.kind.value}{block.level or ''}", block.lines[0].text)
        for block in read_blocks(text)
    ]


def test_a_page_with_everything():
    text = """\
---
title: Page
---

# One #

Running text
on two lines.
* item
  goes on
* item two

    nested paragraph

| a | b |
|---|---|
| 1 | 2 |

> quoted
> # no heading

/// note

Two
---
<!-- # comment
# still -->
"""
    assert outline(text) == [
        ("front matter", "---"),
        ("heading1", "# One #"),
        ("paragraph", "Running text"),
        ("item", "* item"),
        ("item", "* item two"),
        ("paragraph", "nested paragraph"),
        ("table", "| a | b |"),
        ("quote", "> quoted"),
        ("directive", "/// note"),
        ("heading2", "Two"),
        ("html", "<!-- # comment"),
    ]


@pytest.mark.parametrize(
    "fenced",
    [
        "```python\n# comment\n```",
        "~~~\n# comment\n```\n# comment\n~~~",
        "````md\n```\n# comment\n```\n````",
        "   ```\n# comment\n   ```",
        "```\n\n# comment\n\n\n# comment\n```   ",
        "<pre>\n# comment\n</pre>",
    ],
)
def test_code_holds_no_heading(fenced):
    kinds = [kind for kind, _ in outline(f"before\n{fenced}\n# After")]
    assert kinds[0] == "paragraph"
    assert len(kinds) == 3
    assert kinds[2] == "heading1"


def test_an_unclosed_fence_runs_to_the_end():
    assert outline("# A\n```\nx\n\n# not\n") == [("heading1", "# A"), ("fence", "```")]


def test_an_unclosed_fence_in_a_list_item_ends_with_the_item():
    text = "* item\n\n    ```\n    # not\n\nText\n\n# Heading\n"
    assert outline(text) == [
        ("item", "* item"),
        ("fence", "```"),
        ("paragraph", "Text"),
        ("heading1", "# Heading"),
    ]


@pytest.mark.parametrize(
    "text",
    ["#no space", "    # code", "####### seven", "```inline``` # text", "- # item", "> # quote"],
)
def test_what_only_looks_like_a_heading(text):
    assert not [kind for kind, _ in outline(text) if kind.startswith("heading")]


def test_setext_headings_and_rules():
    assert outline("One\n===\nTwo\nlines\n---\n\n---\n\ntext\n---") == [
        ("heading1", "One"),
        ("heading2", "Two"),
        ("paragraph", "---"),
        ("heading2", "text"),
    ]
    assert outline("a\nb\nc\nd\n---") == [("paragraph", "a"), ("paragraph", "---")]
    assert outline("* item\n---") == [("item", "* item"), ("paragraph", "---")]
    assert outline("---\ntext\n---") == [("paragraph", "---"), ("heading2", "text")]


def test_a_leading_rule_is_no_front_matter():
    assert outline("---\n\nKey: value\n\n---")[0] == ("paragraph", "---")
    assert outline("---\nkey: 1\n# not closed")[:2] == [
        ("paragraph", "---"),
        ("paragraph", "key: 1"),
    ]
    assert outline('+++\ntitle = "x"\n+++\ntext') == [
        ("front matter", "+++"),
        ("paragraph", "text"),
    ]


def test_letters_that_fold_to_ascii_open_no_html():
    assert outline("<ſcript>\n# Heading") == [("paragraph", "<ſcript>"), ("heading1", "# Heading")]


def test_lines_know_their_place():
    text = "\n  \t* item \r\n\u2028 more\n"
    lines = [line for block in read_blocks(text) for line in block.lines]
    assert [text[line.start : line.end] for line in lines] == ["* item", "more"]
    assert [line.indent for line in lines] == [4, 1]


def test_plain_text_has_paragraphs_only():
    blocks = list(read_paragraphs("# one\n```\n\n\n* two\n"))
    assert [block.kind for block in blocks] == [Kind.PARAGRAPH] * 2
    assert [[line.text for line in block.lines] for block in blocks] == [
        ["# one", "```"],
        ["* two"],
    ]
