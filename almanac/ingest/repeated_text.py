"""Text that repeats on the pages of a source: looked for only on a night that changed a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from almanac.sources.reading import read_files
from almanac.sources.repeated import Repeated, find_repeated, is_page, site_id, sites_of
from lakehouse.runs import KnownFile
from schemas.documents import SourceFile
from schemas.settings import SourceSettings


def repeated_now(
    settings: SourceSettings, files: Sequence[SourceFile], changed: Iterable[SourceFile | str]
) -> Repeated | None:
    """What repeats; None where it is as it was the last time, since no page changed.

    Args:
        files: all that the source holds.
        changed: files that are to be read, and paths that are gone.
    """
    named = (SourceFile(one, 0, None) if isinstance(one, str) else one for one in changed)
    if not any(map(is_page, named)):
        return None

    def texts(pages: Sequence[SourceFile]) -> Iterator[tuple[str, str]]:
        for reading in read_files(settings, pages):
            for document in reading.documents:
                yield reading.file.path, document.text

    return find_repeated(_samples(settings, files), texts)


def site_ids(settings: SourceSettings, files: Iterable[SourceFile]) -> list[str]:
    """What notes about the sites of a source are filed under."""
    return [site_id(folder) for folder in _samples(settings, files)]


def read_with_others(
    files: Iterable[SourceFile], known: Mapping[str, KnownFile], repeated: Repeated
) -> list[SourceFile]:
    """The pages of which other text is left out now than when they were read."""
    return [
        file
        for file in files
        if is_page(file)
        and file.path in known
        and known[file.path].rules.partition("+")[2] != repeated.mark(file.path)
    ]


def _samples(settings: SourceSettings, files: Iterable[SourceFile]) -> dict[str, list[SourceFile]]:
    return sites_of(files) if settings.html.repeated == "drop" else {}
