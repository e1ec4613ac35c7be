from __future__ import annotations

from almanac.cli import show
from almanac.cli.passages import readable

TEXT = (
    "Query Parameters › Optional parameters\n\n## Optional parameters { #optional-parameters }\n\n"
    "The same way, {* ../../docs_src/a.py hl[7] *} set `None`.<!-- no -->\n\n### Note\n\n"
    "So {% raw %}it{% endraw %} is."
)


def test_a_hit_has_no_templates_and_no_heading_twice() -> None:
    heading, body = readable("Query Parameters › Optional parameters", TEXT)
    assert heading == "Query Parameters › Optional parameters"
    assert body == "The same way, set `None`. ### Note So it is."


def test_a_text_that_is_its_heading_stays() -> None:
    assert readable("A › B", "A › B\n\n## B\n") == ("", "A › B ## B")
    assert readable("", "{ a dict: 1 } stays, so does {x}") == (
        "",
        "{ a dict: 1 } stays, so does {x}",
    )


def test_scores_have_a_scale_and_a_far_hit_is_said_to_be_far() -> None:
    hit = {"rank": 1, "doc_id": "a.md", "score": 0.0328, "heading": "A", "text": "A\n\nbody"}
    result = {"release": 3, "mode": "hybrid", "hits": [hit], "far": True, "nearest_cosine": 0.11}
    assert show.search(result).splitlines() == [
        "Release 3; scores are ranks in both searches, fused, at most 0.0328:",
        "Nothing fits well: even the nearest passage is far from the question (cosine 0.11).",
        "",
        "  1. a.md  (0.0328)",
        "     A",
        "     body",
    ]
    assert "Nothing fits" not in show.search(result | {"far": None, "mode": "text"})


def test_inline_html_is_left_out_and_what_looks_like_it_stays() -> None:
    text = 'A › <dfn title="x">B</dfn>\n\nlist<int>, a<b and <T> stay<br/>.'
    assert readable('A › <dfn title="x">B</dfn>', text) == ("A › B", "list<int>, a<b and <T> stay.")
