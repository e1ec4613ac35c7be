"""Some documents of a release: a search of these alone, before ranking and not after it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from functools import cached_property

from lakehouse.columns import literal, literals
from lakehouse.documents import Key


class Among:
    """The documents of these keys, out of all that a release has.

    A search that ranks first and filters then loses hits; so each engine gets the condition.
    """

    def __init__(self, keys: Collection[Key], every: Collection[Key]) -> None:
        self.keys = frozenset(keys)
        self._every = every

    @cached_property
    def predicate(self) -> str:
        """The condition in SQL over `source` and `doc_id`; the shorter of what is in and out.

        What is not among all documents of the release, as a row that it should not have, is out.
        """
        clauses = []
        of_source: dict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
        for key in self._every:
            of_source[key[0]][key not in self.keys].append(key[1])
        for source, (inside, outside) in sorted(of_source.items()):
            clause = f"source = {literal(source)}"
            if inside and outside:
                kept = len(inside) <= len(outside)
                ids = literals(sorted(inside if kept else outside))
                clause += f" AND doc_id {'IN' if kept else 'NOT IN'} ({ids})"
            if inside:
                clauses.append(f"({clause})")
        return " OR ".join(clauses) or "false"
