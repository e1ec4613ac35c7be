from __future__ import annotations

import pytest

from almanac.chunking.counting import Tokens
from almanac.chunking.headings import clean_heading, heading_lines, with_title
from tests.chunking.counters import Words


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Body { #body }", "Body"),
        ("Use  `async`\t def", "Use `async` def"),
        ("[0.1.0](https://example.org/a) - first", "0.1.0 - first"),
        ("![logo](a.png) Name", "logo Name"),
        ("{ #only }", ""),
        ("word " * 100, ("word " * 60).strip()),
    ],
)
def test_headings_are_cleaned(raw, clean):
    assert clean_heading(raw) == clean


def test_the_title_comes_first_unless_it_is_there():
    assert with_title("Guide", ("Install",)) == ("Guide", "Install")
    assert with_title("The `Guide` { #g }", ("the *Guide*", "Install")) == (
        "the *Guide*",
        "Install",
    )
    assert with_title("", ("Install",)) == ("Install",)
    assert with_title("Guide", ()) == ("Guide",)


def test_long_paths_keep_the_innermost_headings():
    paths = [("a b c", "d e", "f"), ("one two three four five six seven eight",), ("x",), ()]
    lines = heading_lines(paths, 5, Tokens(Words()))
    assert [lines[path].text for path in paths] == ["d e › f", "one two three four…", "x", ""]
    assert [lines[path].tokens for path in paths] == [4, 4, 1, 0]


def test_a_heading_without_room_goes():
    assert heading_lines([("a b", "c")], 0, Tokens(Words()))[("a b", "c")].text == ""
