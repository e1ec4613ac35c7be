"""What happens to kept answers from outside: erasures and dislikes, also of other machines."""

from __future__ import annotations

from threading import Lock

from almanac.cache.database import places
from almanac.cache.store import AnswerStore, Kept
from lakehouse import Lakehouse
from lakehouse.erasures import document_subject, user_subject
from lakehouse.suppression import Suppressed
from schemas.errors import StorageUnavailable
from schemas.settings import Settings


def open_store(settings: Settings, lake: Lakehouse) -> AnswerStore:
    """The kept answers of a lakehouse. Raises StorageUnavailable."""
    serving = settings.serving
    path = places(lake.location.uri, serving.journal)[0]
    return AnswerStore(path, serving.cache_entries, serving.cache_days)


def is_erased(erased: Suppressed, one: Kept) -> bool:
    """Was its user erased, its request, a passage that it shows, or what it says?"""
    if not erased:
        return False
    return bool(
        user_subject(one.user_id) in erased
        or erased.request(one.request_id)
        or any(document_subject(*key) in erased for key in one.documents)
        or erased.any_content([one.question, one.answer])
    )


def forget_erased(settings: Settings, lake: Lakehouse, user_id: str | None) -> int:
    """Erase kept answers of what was erased, and of a user, bytes and all; how many.

    Raises:
        StorageUnavailable: a process reads the file all the while, so that bytes are left in it.
    """
    erased, count = lake.erasures.erased(), 0
    for path in places(lake.location.uri, settings.serving.journal):
        if not path.exists():
            continue
        store = AnswerStore(path)
        try:
            count += store.forget(lambda one: one.user_id == user_id or is_erased(erased, one))
            if not store.scrub():
                raise StorageUnavailable(
                    f"the kept answers {path} are read by another process all the while, so what "
                    "was erased may stand there still: run the same command again"
                )
        finally:
            store.close()
    return count


class Tending:
    """Looks at what was erased and disliked since, and lets the answers go."""

    def __init__(self, store: AnswerStore, lake: Lakehouse) -> None:
        self._store, self._lake = store, lake
        self._lock = Lock()
        self._heads: tuple[int, int] | None = None
        self._erased: Suppressed | None = None

    def poll(self) -> None:
        """Look now; nothing is read where nothing was erased or voted since.

        Raises:
            AlmanacError: the lakehouse or the file does not answer; the next look makes up for it.
        """
        with self._lock:
            heads = (self._lake.erasures.head(), self._lake.votes.head())
            if heads != self._heads:
                erased = self._lake.erasures.erased()
                self._store.forget(lambda one: is_erased(erased, one))
                for vote in self._lake.votes.rows(self._store.requests()):
                    if vote.rating < 0:
                        self._store.disliked(vote.request_id)
                self._erased, self._heads = erased, heads
            self._store.tidy()

    def refuses(self, one: Kept) -> bool:
        """Was what it tells erased? Looks first, where it never did; raises as `poll`."""
        if self._erased is None:
            self.poll()
        assert self._erased is not None
        return is_erased(self._erased, one)

    def first(self) -> None:
        """Look, unless it was done before; raises as `poll`."""
        if self._heads is None:
            self.poll()
