"""What others wrote never acts on a page: parsed by a Markdown parser and looked at."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from almanac.core.markdown import Markup, bold, code, first_of, link, quoted, table

NASTY = (
    "a | b.md",
    "`<script>alert(1)</script>`",
    "<img src=x onerror=alert(1)>",
    "![x](https://elsewhere/pixel.png) [y](javascript:alert(1))",
    "line\nbreak\r\n\r\n# heading",
    "**bold** _slanted_ ~~gone~~ &lt;b&gt; \\| \\",
    "snake_case_name_2",
    "\x1b[31mred\u202e",
    "```\nfence",
    "almanac trace 'document:docs:a`![x](http://h/p.png)`.md' --limit 7",
    "almanac trace 'a|b $(touch x) ``' --limit 7",
)


def cells(markdown: str) -> list[list[str]]:
    """The text of each cell of the one table of a page; anything but text is refused."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    rows: list[list[str]] = []
    for token in parser.parse(markdown):
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            kinds = {child.type for child in token.children or ()}
            assert kinds <= {"text", "code_inline", "text_special"}, kinds
            rows[-1].append("".join(child.content for child in token.children or ()))
        else:
            assert token.type.startswith(("table", "thead", "tbody", "tr", "th", "td")), token.type
    return rows


def on_one_line(text: str) -> str:
    return "".join(char if char.isprintable() else "·" for char in " ".join(text.split()))


@pytest.mark.parametrize("text", NASTY)
def test_a_cell_shows_its_text_and_does_nothing_else(text: str) -> None:
    plain = on_one_line(text)
    assert cells(table(("a", "b"), [(text, 1)])) == [["a", "b"], [plain, "1"]]
    shown = cells(table(("a",), [(code(text),)]))[1]
    assert shown == [plain.replace("`", "'").strip() or ""]


@pytest.mark.parametrize("text", NASTY)
def test_a_command_below_a_table_can_be_copied_as_it_is(text: str) -> None:
    paragraph, line, end = (
        MarkdownIt("commonmark").enable("strikethrough").parse(first_of(1, 2, text))
    )
    assert (paragraph.type, end.type) == ("paragraph_open", "paragraph_close")
    before, said, after = line.children or ()
    assert (before.content, after.content) == ("The first 1 of 2; all of them: ", ".")
    assert (said.type, said.content) == ("code_inline", on_one_line(text))


def test_a_table_keeps_the_markup_that_is_meant() -> None:
    rows = [(bold("no"), link("https://h/a (b)", "a|b"), None)]
    assert table(("x", "y", "z"), rows).splitlines() == [
        "| x | y | z |",
        "| --- | --- | --- |",
        r"| **no** | [a\|b](https://h/a%20%28b%29) |  |",
    ]
    assert table(("n",), [(1,), (2.5,)]).splitlines()[1] == "| ---: |"
    assert table(("rule", "rows"), []) == "rule: none"


def test_long_texts_are_cut_and_words_stay_whole() -> None:
    assert len(quoted("x" * 999)) == 280
    assert quoted("pdf_is_readable") == "pdf_is_readable"
    assert isinstance(quoted("a"), Markup)


def test_a_cut_table_says_what_has_all_of_it() -> None:
    assert first_of(20, 1_204, "almanac history") == (
        "The first 20 of 1,204; all of them: `almanac history`."
    )
    assert first_of(3, 3, "almanac history") == ""
