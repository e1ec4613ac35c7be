"""Pages of a site with the same content."""

from __future__ import annotations

from collections.abc import Mapping

from almanac.sources.listing import Walk
from almanac.sources.parsed import Note
from almanac.sources.website.crawl import MANY_TO_ONE, Found


def drop_duplicates(
    found: Found, walk: Walk, before: Mapping[str, str], notices: frozenset[str]
) -> list[str]:
    """Of pages with the same bytes one stays: that had them before, else the shortest id.

    Where there are many of them, or all had other bytes before, as with a notice of maintenance,
    the last versions stay.

    Args:
        before: the digests of the last night by id.
        notices: digests that were found to be such notices then.

    Returns:
        The digests of notices now.
    """
    groups: dict[str, list[str]] = {}

    def rank(page_id: str) -> tuple[bool, int, str]:
        return before.get(page_id) != found.pages[page_id].digest, len(page_id), page_id

    for page_id in sorted(found.pages, key=rank):
        groups.setdefault(found.pages[page_id].digest, []).append(page_id)
    sudden: list[str] = []
    for digest, page_ids in groups.items():
        were_others = all(before.get(one, digest) != digest for one in page_ids)
        is_notice = len(page_ids) >= MANY_TO_ONE or were_others or digest in notices
        is_notice &= len(page_ids) > 1
        dropped = page_ids if is_notice else page_ids[1:]
        for page_id in dropped:
            del found.pages[page_id]
        walk.skipped += len(dropped)
        if is_notice:
            sudden.append(digest)
            found.unasked.update(page_ids)
            reason = f"{len(page_ids):,} pages have the same content; their last versions stay"
            walk.remark(page_ids[0], Note("page_is_itself", reason))
    return sudden
