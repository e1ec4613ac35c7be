"""A user's erasure reaches their keys, which have the user's name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from almanac.serving.keys import Keys
from schemas.errors import AlmanacError
from schemas.settings import Settings


def erase_with_keys(
    settings: Settings, user_id: str | None, erase: Callable[[], dict[str, Any]], dry_run: bool
) -> dict[str, Any]:
    """What an erasure says, its user's keys among what it touched; they go first.

    Raises:
        AlmanacError: as `erase` does; where it finds nothing, the message tells of the keys too.
    """
    if user_id is None:
        return erase()
    store = Keys.of(settings)
    count = len(store.of_user(user_id)) if dry_run else store.forget(user_id)
    try:
        report = erase()
    except AlmanacError as error:
        if not count:
            raise
        what = "would be revoked and erased, with --yes" if dry_run else "are revoked and erased"
        raise AlmanacError(f"{error}; {count} keys of this user {what}") from None
    return report | {"touched": report["touched"] | {"keys": count}}
