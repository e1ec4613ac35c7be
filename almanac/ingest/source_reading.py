"""One source on its way through `ingest`: which files are read, and what each becomes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from almanac.ingest.ingested import Ingested
from almanac.ingest.rejections import emptied, erased_content, erased_document
from almanac.ingest.repeated_text import read_with_others, repeated_now, site_ids
from almanac.sources.address import is_table
from almanac.sources.formats import ending
from almanac.sources.identity import accepted_fingerprints
from almanac.sources.reading import read_files
from almanac.sources.registry import place_of
from almanac.sources.repeated import Repeated, is_page
from expectations.frames import documents_frame
from expectations.runner import (
    failed_as_a_whole,
    suite_fingerprint,
    validate,
    validate_parts,
)
from lakehouse.documents import Key, StoredDocument
from lakehouse.erasures import document_subject
from lakehouse.runs import KnownFile
from lakehouse.suppression import Suppressed
from schemas.documents import Document, FileReading, Listing, Rejection, SourceFile
from schemas.errors import VerificationFailed
from schemas.hashing import sha256_parts
from schemas.settings import SourceSettings

Progress = Callable[[int, int], None]
_JUDGED_AT_ONCE = 4_000_000  # characters, of which the check holds several copies


class SourceReading:
    """One source: `pick` what may have changed, `read` it, `check` it."""

    def __init__(
        self,
        name: str,
        settings: SourceSettings,
        listing: Listing,
        known: Mapping[tuple[str, str], KnownFile],
        state: Mapping[Key, StoredDocument],
        found: Ingested,
        erased: Suppressed,
    ) -> None:
        self._name = name
        self._erased = erased
        self._settings = settings
        self._rules: dict[str, tuple[str, ...]] = {}
        self._listing = listing
        self._known = {path: file for (source, path), file in known.items() if source == name}
        self._state = state
        self._found = found
        self._fresh: dict[Key, Document] = {}
        self._readings: list[FileReading] = []
        self._repeated = Repeated()
        self.keeps_result = False  # Great Expectations' own: it costs seconds
        self._tables: dict[str, list[Key]] = {}
        for key in state:
            if key[0] == name and "#" in key[1]:
                self._tables.setdefault(key[1].partition("#")[0], []).append(key)

    def pick(self, read_all: bool, retry: bool) -> list[SourceFile]:
        """The files to read; the others are taken over from what is known of them."""
        self._found.skipped += self._listing.skipped
        self._found.files += len(self._listing.files)
        self._found.endings.update(ending(file.path) for file in self._listing.files)
        self._found.not_read.update(self._listing.unread)
        present = {file.path for file in self._listing.files}
        self._protect_unasked()
        if self._listing.is_complete:
            gone = self._known.keys() - present - set(self._listing.unasked)
            self._found.gone += [(self._name, path) for path in sorted(gone)]
        changed = []
        for file in self._listing.files:
            self._note_access(file, self._known.get(file.path))
            if self._must_be_read(file, read_all, retry):
                changed.append(file)
        changed = self._with_repeated(changed, present)
        to_read = {file.path for file in changed}
        for path in sorted(present - to_read):
            self._take_over(self._known[path])
        for rejection in self._listing.rejections:
            self._reject(rejection)
            self._protect_below(rejection.doc_id)
        return changed

    def _must_be_read(self, file: SourceFile, read_all: bool, retry: bool) -> bool:
        known = self._known.get(file.path)
        return (
            known is None or read_all or (retry and bool(known.rejected)) or not self._holds(file)
        )

    def _with_repeated(self, changed: list[SourceFile], present: set[str]) -> list[SourceFile]:
        """The files to read, with those of which other text is left out than the last time."""
        files, gone = self._listing.files, self._known.keys() - present
        repeated = repeated_now(self._settings, files, [*changed, *gone])
        if repeated is None:
            sites = site_ids(self._settings, files)
            self._found.unchecked.update((self._name, site) for site in sites)
            return changed
        self._repeated = repeated
        for note in repeated.notes():
            self._reject(note)
        again = {file.path for file in read_with_others(files, self._known, repeated)}
        again |= {file.path for file in changed}
        return [file for file in files if file.path in again]

    def _note_access(self, file: SourceFile, known: KnownFile | None) -> None:
        """Who may see what the file holds, read again or not.

        A row whose own column said it keeps that until its file is read again.
        """
        if file.access is None:
            return
        self._found.access[self._name, file.path] = file.access
        for doc_id, _ in known.documents if known else ():
            self._found.row_access[self._name, doc_id] = file.access

    def _holds(self, file: SourceFile) -> bool:
        known = self._known[file.path]
        if (
            file.stamp is None
            or known.stamp != file.stamp
            or known.rules.partition("+")[0] not in self._rules_of(file)
        ):
            return False
        return all(
            (stored := self._state.get((self._name, doc_id))) and stored.content_hash == content
            for doc_id, content in known.documents
        )

    def _rules_of(self, file: SourceFile) -> tuple[str, ...]:
        """What a reading of the file depends on, the present first; by its ending.

        The address is a rule too: in another folder an equal stamp says nothing.
        """
        kind = file.media_type or ending(file.path)
        if kind not in self._rules:
            self._rules[kind] = tuple(
                sha256_parts(fingerprint, suite_fingerprint(), place_of(self._settings))[:16]
                for fingerprint in accepted_fingerprints(self._settings, file.path, file.media_type)
            )
        return self._rules[kind]

    def _take_over(self, known: KnownFile) -> None:
        keys = {(self._name, doc_id) for doc_id, _ in known.documents}
        rejected = {(self._name, doc_id) for doc_id in known.rejected}
        self._found.unread |= keys
        self._found.rejected |= rejected
        self._found.unchecked |= keys | rejected | {(self._name, known.path)}
        if (self._name, known.path) in rejected:
            self._protect(known.path)

    def read(self, files: list[SourceFile], progress: Progress) -> None:
        """Read the files; what they hold waits for `check`."""
        readings = read_files(self._settings, files, self._repeated)
        for done, one in enumerate(readings, 1):
            reading = self._unless_emptied(one)
            self._readings.append(reading)
            for document in reading.documents:
                if rejection := self._refused(document):
                    self._reject(rejection)
                else:
                    self._fresh[self._name, document.doc_id] = document
                    if access := document.access or reading.file.access:
                        self._found.access[self._name, document.doc_id] = access
            for rejection in reading.rejections:
                self._reject(rejection)
            if any(_of_the_file(rejection, reading.file.path) for rejection in reading.rejections):
                self._protect(reading.file.path)
            progress(done, len(files))

    def _unless_emptied(self, reading: FileReading) -> FileReading:
        """The reading, with a rejection where the file has no text any more but had some.

        An interrupted upload, a full disk and a failed export leave such files. A deletion is a
        file that is gone.
        """
        path = reading.file.path
        if reading.documents or any(one.severity == "must" for one in reading.rejections):
            return reading
        had = (self._name, path) in self._state or path in self._tables
        if is_table(self._settings):
            had = any(source == self._name for source, _ in self._state)
        if not had:
            return reading
        others = [one for one in reading.rejections if one.expectation != "document_has_text"]
        return replace(reading, rejections=(*others, emptied(path, reading.file.size)))

    def _refused(self, document: Document) -> Rejection | None:
        """Why a document may not come back, if it was erased or says what one said that was."""
        if document_subject(self._name, document.doc_id) in self._erased:
            return erased_document(document.doc_id)
        erased = self._erased.content(document.text)
        return erased_content(document.doc_id, erased) if erased else None

    def check(self) -> None:
        """Validate the documents that were read, and remember what each file became."""
        documents = list(self._fresh.values())
        if self.keeps_result:
            result = validate("documents", documents_frame(documents), self._keep)
        else:  # in parts: ids differ already, and every other rule looks at one document
            result = validate_parts("documents", map(documents_frame, _parts(documents)))
        if broken := failed_as_a_whole(result):
            raise VerificationFailed("; ".join(check.reason for check in broken))
        self._found.checks += result.checks
        for _, rejection in result.failing:
            self._reject(rejection)
        for at, (key, document) in enumerate(self._fresh.items()):
            if at in result.kept_out:
                self._found.protected.add(key)
            else:
                self._found.documents[key] = document
                self._found.unjudged.add(key)
        for reading in self._readings:
            if _holds_for_the_next_night(reading):
                self._remember(reading)

    def _keep(self, validated: Any) -> None:
        self._found.validated[self._name] = validated

    def _remember(self, reading: FileReading) -> None:
        ids = {document.doc_id for document in reading.documents}
        accepted = tuple(
            (document.doc_id, document.content_hash)
            for document in reading.documents
            if (self._name, document.doc_id) in self._found.documents
        )
        broken = {r.doc_id for r in reading.rejections if r.severity == "must"}
        rejected = tuple(sorted(broken | (ids - {doc_id for doc_id, _ in accepted})))
        path, stamp = reading.file.path, reading.file.stamp
        mark = self._repeated.mark(path) if is_page(reading.file) else ""
        rules = "+".join(filter(None, [self._rules_of(reading.file)[0], mark]))
        self._found.read.append(KnownFile(self._name, path, stamp, rules, accepted, rejected))

    def _reject(self, rejection: Rejection) -> None:
        self._found.rejections.append((self._name, rejection))
        if rejection.severity == "must":
            self._found.rejected.add((self._name, rejection.doc_id))

    def _protect(self, path: str) -> None:
        """Keep every document of a file of which something could not be read.

        A broken line may be any of its rows, and a rejected document keeps its last good version.
        """
        if is_table(self._settings):  # its rows go by their bare ids: any of them may be meant
            self._found.protected.update(key for key in self._state if key[0] == self._name)
        self._found.protected.update([(self._name, path), *self._tables.get(path, ())])

    def _protect_unasked(self) -> None:
        """Keep what the source could not say anything of this time."""
        if not self._listing.is_complete:
            self._found.protected.update(key for key in self._state if key[0] == self._name)
        for path in self._listing.unasked:
            self._found.protected.update([(self._name, path), *self._tables.get(path, ())])

    def _protect_below(self, path: str) -> None:
        below = (f"{path}/", f"{path}#")
        self._protect(path)
        self._found.protected.update(
            key for key in self._state if key[0] == self._name and key[1].startswith(below)
        )


def _parts(documents: Sequence[Document]) -> Iterator[Sequence[Document]]:
    """The documents in parts whose texts have so many characters together, or of one."""
    start = size = 0
    for at, document in enumerate(documents):
        if at > start and size + len(document.text) > _JUDGED_AT_ONCE:
            yield documents[start:at]
            start, size = at, 0
        size += len(document.text)
    if documents:
        yield documents[start:]


def _holds_for_the_next_night(reading: FileReading) -> bool:
    """Would the same bytes be read the same? Not if they could not be had, or a parser gave up."""
    gave_up = {rejection.expectation for rejection in reading.rejections} & {"file_is_parseable"}
    return bool(reading.content_hash) and not gave_up


def _of_the_file(rejection: Rejection, path: str) -> bool:
    """Is it about the file as a whole, or about a row that could not even be named?"""
    return rejection.severity == "must" and rejection.doc_id == path
