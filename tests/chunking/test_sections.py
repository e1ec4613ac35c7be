from __future__ import annotations

from almanac.chunking.cutting import Seam
from almanac.chunking.sections import read_sections


def sections(text: str, media_type: str = "text/markdown") -> list[tuple[tuple[str, ...], str]]:
    """(headings, text from the first atom to the last) of each section."""
    return [
        (section.headings, text[section.atoms[0].start : section.atoms[-1].end])
        for section in read_sections(text, media_type, longest=80)
    ]


def atoms(text: str) -> list[tuple[str, Seam]]:
    return [
        (text[atom.start : atom.end], atom.seam)
        for section in read_sections(text, "text/markdown", longest=80)
        for atom in section.atoms
    ]


def test_headings_nest_by_level():
    text = "before\n# A\na\n### C\nc\n## B\nb\n# D\nd"
    assert sections(text) == [
        ((), "before"),
        (("A",), "# A\na"),
        (("A", "C"), "### C\nc"),
        (("A", "B"), "## B\nb"),
        (("D",), "# D\nd"),
    ]


def test_a_bare_heading_goes_with_the_deeper_one_below_it():
    text = "---\nkey: x\n---\n# A\n## B\n\n### C\nc\n### D\n### E"
    assert sections(text) == [
        (("A", "B", "C"), "---\nkey: x\n---\n# A\n## B\n\n### C\nc"),
        (("A", "B", "D"), "### D"),
        (("A", "B", "E"), "### E"),
    ]


def test_an_empty_heading_counts_for_its_level_only():
    assert [headings for headings, _ in sections("# A\na\n## \nb\n### C\nc")] == [
        ("A",),
        ("A",),
        ("A", "C"),
    ]


def test_plain_text_is_one_section():
    for media_type in ("text/plain", "application/pdf"):
        assert sections("# A\na\n\n# B\n\n", media_type) == [((), "# A\na\n\n# B")]


def test_a_blank_text_has_no_section():
    assert sections("") == sections(" \n\t\n\u2028") == sections("\n", "text/plain") == []


def test_prose_is_cut_at_sentences():
    text = 'One is e.g. this. "Two?" Three… четыре. Пять!\nSix 1.5 (seven.) Eight。九。'
    assert [piece for piece, _ in atoms(text)] == [
        "One is e.g. this.",
        '"Two?"',
        "Three… четыре.",
        "Пять!",
        "Six 1.5 (seven.)",
        "Eight。",
        "九。",
    ]


def test_seams_tell_how_blocks_belong_together():
    text = """\
Intro.

As follows:

* one
* two
    * nested

Outro.

/// note

Inside.

///

| a |
|---|
| 1 |
| 2 |

```
x = 1
y = 2

z = 3
```
"""
    assert atoms(text) == [
        ("Intro.", Seam.GLUE),
        ("As follows:", Seam.BLOCK),
        ("* one", Seam.GLUE),
        ("* two", Seam.ITEM),
        ("* nested", Seam.NESTED),
        ("Outro.", Seam.BLOCK),
        ("/// note", Seam.BLOCK),
        ("Inside.", Seam.GLUE),
        ("///", Seam.GLUE),
        ("| a |", Seam.BLOCK),
        ("|---|", Seam.GLUE),
        ("| 1 |", Seam.GLUE),
        ("| 2 |", Seam.LINE),
        ("```", Seam.BLOCK),
        ("x = 1", Seam.GLUE),
        ("y = 2", Seam.SENTENCE),
        ("z = 3", Seam.LINE),
        ("```", Seam.GLUE),
    ]
