"""HTML: tables, code, forms, and the content of a page without its menus."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sources.helpers import ingest, read, write

TABLES = {
    "spans in head and body": (
        "<table><thead><tr><th rowspan=2>Team<th colspan=2>2025<tr><th>Q1<th>Q2</thead>"
        "<tr><td rowspan=0>A<td>1<td>2<tr><td>3<td>4</table>",
        "| Team | 2025 Q1 | 2025 Q2 |\n| --- | --- | --- |\n| A | 1 | 2 |\n| A | 3 | 4 |\n",
    ),
    "bars and blocks in cells": (
        "<table><tr><th>Command<th>What<tr><td><code>a | b</code><td>x<br>y<ul><li>one<li>two"
        "</ul></table>",
        "| Command | What |\n| --- | --- |\n| `a \\| b` | x; y; one; two |\n",
    ),
    "a table within a cell": (
        "<table><tr><th>Plan<th>Limits<tr><td>B<td><table><tr><th>Kind<th>Min<th>Max"
        "<tr><td>cpu<td>1<td>2<tr><td>ram<td>3<td>4</table></table>",
        "| Plan | Limits |\n| --- | --- |\n"
        "| B | Kind: cpu, Min: 1, Max: 2; Kind: ram, Min: 3, Max: 4 |\n",
    ),
    "names at the left": (
        "<table><tr><th>Name<td>Ann<tr><th>Phone<td>12</table>",
        "|  |  |\n| --- | --- |\n| Name | Ann |\n| Phone | 12 |\n",
    ),
    "a short row": (
        "<table><tr><th>A<th>B<tr><td>1</table>",
        "| A | B |\n| --- | --- |\n| 1 |  |\n",
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_keep_their_columns(tmp_path: Path, name: str) -> None:
    html, expected = TABLES[name]
    assert read(tmp_path, "a.html", html).text == expected


def test_spans_made_to_fill_the_memory_are_bounded(tmp_path: Path) -> None:
    bomb = "<table>" + "<tr><td colspan=1000 rowspan=60000>x" * 30 + "</table><p>after"
    assert read(tmp_path, "a.html", bomb).text.endswith("\n\nafter\n")


CODE = {
    "sphinx, a table of one row": (
        "<table class=highlighttable><tr><td class=linenos><pre>1\n2</pre><td class=code>"
        "<pre>if a:\n    b()\n</pre></table>",
        "```\nif a:\n    b()\n```\n",
    ),
    "hexo, spans and line breaks": (
        "<figure class='highlight python'><table><tr><td class=gutter><pre><span>1</span><br>"
        "<span>2</span><br></pre><td class=code><pre><span>if a:</span><br><span>    b()</span>"
        "<br></pre></table></figure>",
        "```\nif a:\n    b()\n```\n",
    ),
    "rouge, a table in a block of code": (
        "<div class=language-ruby><div class=highlight><pre><code><table class=rouge-table><tr>"
        "<td class='gutter gl'><pre class=lineno>1\n2\n</pre><td class=code><pre>def x\n  y\n"
        "</pre></table></code></pre></div></div>",
        "```ruby\ndef x\n  y\n```\n",
    ),
    "github, a row a line": (
        "<table class=highlight><tr><td class=blob-num data-line-number=1><td class=blob-code>"
        "for x in y:<tr><td class=blob-num data-line-number=2><td class=blob-code>    go(x)"
        "</table>",
        "```\nfor x in y:\n    go(x)\n```\n",
    ),
    "numbers between the lines": (
        "<div class='highlight-python'><pre><span class=linenos>1</span>def f():\n"
        "<span class=linenos>2</span>    pass\n</pre></div>",
        "```python\ndef f():\n    pass\n```\n",
    ),
    "docusaurus, an element a line": (
        "<pre class='prism-code language-js'><code><span class=token-line>const a = 1;<br></span>"
        "<span class=token-line>  b();<br></span></code></pre>",
        "```js\nconst a = 1;\n  b();\n```\n",
    ),
}


@pytest.mark.parametrize("name", CODE)
def test_code_keeps_its_lines_without_their_numbers(tmp_path: Path, name: str) -> None:
    html, expected = CODE[name]
    assert read(tmp_path, "a.html", html).text == expected


def test_a_table_of_numbers_is_no_code(tmp_path: Path) -> None:
    html = "<table><tr><td>1<td>2<tr><td>3<td>4</table>"
    assert read(tmp_path, "a.html", html).text == "| 1 | 2 |\n| --- | --- |\n| 3 | 4 |\n"


def test_a_layout_table_is_sections_and_what_it_holds_stays_a_table(tmp_path: Path) -> None:
    html = (
        "<table><tr><td><h2>Hours</h2><p>Mon to Fri.<ul><li>8 to 12</ul><td><h2>Rates</h2>"
        "<table><tr><th>Kind<th>EUR<tr><td>Van<td>12</table></table>"
    )
    assert read(tmp_path, "a.html", html).text == (
        "## Hours\n\nMon to Fri.\n\n- 8 to 12\n\n## Rates\n\n"
        "| Kind | EUR |\n| --- | --- |\n| Van | 12 |\n"
    )


def test_a_form_shows_what_is_filled_in(tmp_path: Path) -> None:
    html = (
        "<p><input type=checkbox checked> Insurer<p><input type=checkbox> Employer<p>Name "
        "<input value=Ann><p><select><option>Rome<option selected>Bonn</select>"
        "<input type=hidden value=secret><input type=submit value=Go><button>Send</button>"
    )
    assert read(tmp_path, "a.html", html).text == "☒ Insurer\n\n☐ Employer\n\nName Ann\n\nBonn\n"


MENU = "".join(f'<li><a href="{at}.html">Circular of the year {at}</a>' for at in range(20))
PAGES = {
    "main": f"<nav><ul>{MENU}</ul></nav>"
    "<main><h1>Badges</h1><p>Call 4411.</main><footer>©</footer>",
    "mkdocs": f"<main><div class=md-sidebar><nav><ul>{MENU}</ul></nav></div><article><h1>Badges"
    "<a class=headerlink>¶</a></h1><p>Call 4411.</article></main><footer>Next</footer>",
    "sphinx": f"<div class=related><ul>{MENU}</ul></div><div role=main><h1>Badges<a "
    f"class=headerlink>¶</a></h1><p>Call 4411.</div><div class=sphinxsidebar><ul>{MENU}</ul></div>"
    "<div class=footer>© 2026</div>",
    "no main": f"<div class=side><ul>{MENU}</ul></div><h1>Badges</h1><p>Call 4411.</p>"
    "<div class=cookie-banner>We use cookies <a href=x>fine</a></div><div id=footer>Imprint</div>",
    "an article": f"<header><ul>{MENU}</ul></header><article><header><h1>Badges</h1></header>"
    f"<p>Call 4411.</article><aside><h3>Related</h3><ul>{MENU}</ul></aside>",
}


@pytest.mark.parametrize("name", PAGES)
def test_of_a_page_its_content_is_read(tmp_path: Path, name: str) -> None:
    document = read(tmp_path, "a.html", f"<html><body>{PAGES[name]}</body></html>")
    assert (document.title, document.text) == ("Badges", "# Badges\n\nCall 4411.\n")


def test_a_page_of_links_and_one_with_an_empty_main_stay_whole(tmp_path: Path) -> None:
    index = read(tmp_path / "a", "a.html", f"<h1>All</h1><ul>{MENU}</ul>")
    assert index.text.count("](") == 20
    odd = read(tmp_path / "b", "b.html", "<main></main><div><p>All is here.</div>")
    assert odd.text == "All is here.\n"


def test_selectors_choose_and_drop(tmp_path: Path) -> None:
    page = "<div class=a>One <b class=x>out</b></div><div class=b>Two</div>"
    write(tmp_path, {"a.html": page})
    documents, _ = ingest(tmp_path, html={"select": [".a"], "drop": [".x"]})
    assert documents["a.html"].text == "One\n"
    for broken, rule in (("..", "selector_is_valid"), (".none", "selector_finds_content")):
        documents, rejections = ingest(tmp_path, html={"select": [broken]})
        assert documents == {}
        assert [r.expectation for r in rejections] == [rule]
