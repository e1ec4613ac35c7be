"""Files of a git repository as of a commit, through dulwich.

The stamp of a file is its blob's id, which is made of its content: a fresh clone, or a branch that
was written anew, reads only what differs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISREG
from typing import Any

from pydantic import Field

from almanac.sources.access import Sidecar, with_access
from almanac.sources.address import local_path, redacted
from almanac.sources.base import ConnectorBase, Content, options_of
from almanac.sources.listing import Walk, too_large
from almanac.sources.parsed import Note, Unreadable
from schemas.documents import Listing, SourceFile
from schemas.errors import ConfigError, SourceUnavailable
from schemas.hashing import sha256_text
from schemas.sections.base import Section
from schemas.settings import SourceSettings
from schemas.times import parse_when

_SUBMODULE = 0o160000
_LINK = 0o120000
_LFS = b"version https://git-lfs.github.com/spec/"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_POINTER = Note("file_is_complete", "a pointer of Git LFS: the content is not in the repository")


_LOST = Note("file_is_complete", "its blob is missing from the repository: fetch it again")


class GitOptions(Section):
    """The keys of a source of kind git."""

    ref: str = Field(
        default="HEAD",
        description="A branch, a tag or a commit; main@{date} is the newest commit of main then.",
    )
    cache: str | None = Field(
        default=None, description="A folder for the copy of a remote repository."
    )


class GitConnector(ConnectorBase):
    """One repository and ref. Raises SourceUnavailable where there is no such repository."""

    Options = GitOptions
    stamps_are_content = True

    def __init__(self, settings: SourceSettings) -> None:
        self._settings = settings
        self._options = options_of(GitOptions, settings)
        self._folder = local_path(settings.uri)

    def list(self) -> Listing:
        """Every file of the commit that the globs name."""
        with self._reporting():
            repository, refs = self._fetched()
            commit = self._commit(repository, refs)
            walk = Walk(self._settings)
            blobs = self._blobs(repository, commit.tree, walk)
            for path, blob in blobs.items():
                if walk.selection.takes(path):
                    walk.add(path, 0, blob)
                else:
                    walk.skip(path)
            sidecars = tuple(
                Sidecar.parse(path, repository[blobs[path].encode()].data)
                for path in sorted(walk.sidecars)
            )
        return with_access(self._settings, walk.listing(), sidecars)

    def fetch(self, files: Sequence[SourceFile]) -> Iterator[Content | Unreadable]:
        """The blobs that were listed."""
        with self._reporting():
            repository = self._opened()
        for file in files:
            data = self._blob(repository, str(file.stamp))
            if data is None:
                yield Unreadable.because(_LOST)
            elif len(data) > self._settings.max_bytes:
                yield Unreadable.because(too_large(len(data), self._settings.max_bytes))
            elif data.startswith(_LFS):
                yield Unreadable.because(_POINTER)
            else:
                yield Content(data, f"{redacted(self._settings.uri).rstrip('/')}/{file.path}")

    def _blob(self, repository: Any, sha: str) -> bytes | None:
        try:
            return bytes(repository[sha.encode()].data)
        except KeyError:
            return None

    def _blobs(self, repository: Any, tree: bytes, walk: Walk) -> dict[str, str]:
        """The id of each file by its path; submodules and links are remarked on."""
        blobs = {}
        for entry in repository.object_store.iter_tree_contents(tree):
            path = entry.path.decode("utf-8", "surrogateescape")
            if S_ISREG(entry.mode):
                blobs[path] = entry.sha.decode()
            elif entry.mode == _SUBMODULE:
                walk.remark(path, Note("folder_is_here", "a submodule: name it as a source"))
            elif entry.mode == _LINK and walk.selection.takes(path):
                walk.remark(path, Note("file_is_regular", "a link: what it stands for is read"))
        return blobs

    def _commit(self, repository: Any, refs: dict[bytes, bytes]) -> Any:
        name, _, moment = self._options.ref.partition("@")
        commit = _peeled(repository, self._tip(refs, name))
        if not moment:
            return commit
        at = parse_when(moment)
        while commit.commit_time > at.timestamp():
            if not commit.parents:
                born = datetime.fromtimestamp(commit.commit_time, UTC)
                raise SourceUnavailable(
                    f"{redacted(self._settings.uri)} has no commit of {name} by {moment}: its "
                    f"first is of {born:%Y-%m-%d %H:%M}"
                )
            commit = repository[commit.parents[0]]
        return commit

    def _tip(self, refs: dict[bytes, bytes], name: str) -> bytes:
        if _COMMIT.fullmatch(name):
            return name.encode()
        for prefix in ("", "refs/", "refs/heads/", "refs/tags/"):
            if found := refs.get(f"{prefix}{name}".encode()):
                return found
        known = sorted(ref.decode().removeprefix("refs/heads/") for ref in refs)[:10]
        raise SourceUnavailable(
            f"{redacted(self._settings.uri)} has no ref {name!r}; some that it has: "
            f"{', '.join(known) or 'none'}"
        )

    def _fetched(self) -> tuple[Any, dict[bytes, bytes]]:
        """The repository with all that it holds now, and its refs as they are now."""
        repository = self._opened()
        if self._folder is not None:
            return repository, dict(repository.get_refs())
        from dulwich.client import get_transport_and_path

        client, path = get_transport_and_path(self._settings.uri)
        found = client.fetch(path, repository)
        return repository, {ref: sha for ref, sha in found.refs.items() if sha}

    def _opened(self) -> Any:
        from dulwich.repo import Repo

        if self._folder is not None:
            return Repo(self._folder)
        home = Path(self._options.cache or Path.home() / ".cache" / "almanac" / "git").expanduser()
        copy = home / sha256_text(self._settings.uri)[:16]
        if (copy / "HEAD").is_file():
            return Repo(str(copy))
        copy.mkdir(parents=True, exist_ok=True)
        return Repo.init_bare(str(copy))

    def _reporting(self) -> _Reporting:
        return _Reporting(self._settings.uri)


class _Reporting:
    """What git or the network refuses, as SourceUnavailable in one line."""

    def __init__(self, uri: str) -> None:
        self._uri = redacted(uri)

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        from dulwich.errors import FileFormatException, GitProtocolError, NotGitRepository

        broken = (OSError, KeyError, NotGitRepository, GitProtocolError, FileFormatException)
        if isinstance(error, ConfigError | SourceUnavailable) or not isinstance(error, broken):
            return
        reason = redacted(f"{type(error).__name__}: {error}".rstrip(": "))
        raise SourceUnavailable(
            f"the repository {self._uri} cannot be read ({reason}); check uri and ref, and that it "
            "is complete"
        ) from None


def _peeled(repository: Any, sha: bytes) -> Any:
    """The commit that a ref or an annotated tag stands for."""
    found = repository[sha]
    while found.type_name == b"tag":
        found = repository[found.object[1]]
    return found
