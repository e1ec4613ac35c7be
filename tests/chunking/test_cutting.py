from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from almanac.chunking.cutting import Atom, Seam, pack, split_long

sizes_and_keys = st.lists(
    st.tuples(st.integers(1, 30), st.tuples(st.integers(0, 3), st.integers(0, 9))), max_size=120
)


def test_the_best_seam_wins_then_the_lowest_key_then_the_longer_pack():
    sizes = [10] * 8
    keys = [(0, 0), (0, 1), (1, 5), (1, 3), (2, 1), (2, 2), (1, 9), (0, 7)]
    assert pack(sizes, keys, low=20, high=40) == [0, 3, 6]
    assert pack(sizes, [(0, 0)] * 8, low=20, high=40) == [0, 4]
    assert pack(sizes[:4], keys[:4], low=20, high=40) == [0]


def test_no_short_rest_where_it_can_be_helped():
    assert pack([10] * 5, [(0, 9 - at) for at in range(5)], low=20, high=40) == [0, 3]


def test_an_item_above_the_maximum_is_alone():
    assert pack([10, 90, 10, 90], [(0, 0)] * 4, low=20, high=40) == [0, 1, 2, 3]
    assert pack([90], [(0, 0)], low=20, high=40) == [0]
    assert pack([], [], low=20, high=40) == [0]


@given(sizes_and_keys)
def test_packs_keep_to_their_bounds(items):
    sizes, keys = [size for size, _ in items], [key for _, key in items]
    starts = pack(sizes, keys, low=30, high=90)
    packs = [sum(sizes[a:b]) for a, b in zip(starts, [*starts[1:], len(sizes)], strict=True)]
    assert sum(packs) == sum(sizes)
    assert all(size <= 90 for size in packs)
    # Two neighbours too short to stand alone never stay apart.
    assert all(size >= 30 for size in packs) or len(packs) == 1


@given(sizes_and_keys, sizes_and_keys, sizes_and_keys)
def test_the_same_keys_bring_packs_back_into_step(before, other, common):
    """Once two runs share one cut in a common tail, every later cut is shared."""

    def cuts_in_tail(head):
        items = [*head, *common]
        starts = pack([size for size, _ in items], [key for _, key in items], low=30, high=90)
        return {start - len(head) for start in starts if start >= len(head)}

    left, right = cuts_in_tail(before), cuts_in_tail(other)
    shared = left & right
    if shared:
        first = min(shared)
        assert {at for at in left if at > first} == {at for at in right if at > first}


@given(st.text(alphabet="ab .\n\r\u2028é漢", min_size=1, max_size=600), st.integers(1, 40))
def test_long_texts_are_cut_between_non_blanks(text, longest):
    text = f"x{text}x"
    atoms = list(split_long(text, Atom(0, len(text), Seam.ITEM), longest))
    pieces = [text[atom.start : atom.end] for atom in atoms]
    assert all(piece and piece == piece.strip() and len(piece) <= longest for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert atoms[0].seam is Seam.ITEM


def test_lines_go_before_words_and_words_before_characters():
    def seams(text: str, longest: int) -> set[Seam]:
        return {atom.seam for atom in split_long(text, Atom(0, len(text), Seam.BLOCK), longest)}

    assert seams("\n".join(["two words"] * 20), 40) == {Seam.BLOCK, Seam.LINE}
    assert seams("word " * 50 + "end", 40) == {Seam.BLOCK, Seam.WORD}
    assert seams("x" * 200, 40) == {Seam.BLOCK, Seam.CHARACTER}
