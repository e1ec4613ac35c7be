"""API keys: made by `almanac keys`, kept as hashes in a file that its owner alone may read."""

from __future__ import annotations

import fcntl
import hmac
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from almanac.journal import journal_places
from lakehouse import open_lakehouse
from schemas.errors import AlmanacError, ConfigError, StorageUnavailable
from schemas.hashing import sha256_text
from schemas.settings import Settings
from schemas.times import isoformat

ROLES = ("ask", "read_logs", "operate")
_PREFIX = "alm_"
_ERASED = "erased"  # in place of a name


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is kept: who it stands for, and what it may do; never the key itself."""

    key_id: str
    sha256: str
    user: str
    groups: tuple[str, ...]
    roles: tuple[str, ...]
    created_at: str
    revoked_at: str | None = None


class Keys:
    """The keys in a file; there is none before the first."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stamp: tuple[int, int] | None = None
        self._read: list[Key] = []

    @classmethod
    def of(cls, settings: Settings) -> Keys:
        """The keys of a lakehouse on this machine, beside its journal."""
        lake = open_lakehouse(settings.lakehouse, settings.storage_options)
        journal = journal_places(lake.location.uri, settings.serving.journal)[0]
        return cls(journal.with_name("keys.json"))

    def all(self) -> list[Key]:
        """Every key, revoked ones too, in the order they were made; read anew when they changed.

        Raises:
            StorageUnavailable: the file cannot be read, so that nobody may be let in.
        """
        try:
            state = self._file.stat()
            stamp = (state.st_mtime_ns, state.st_ino)
            if stamp != self._stamp:
                rows = json.loads(self._file.read_text(encoding="utf-8"))
                self._read = [_key(row) for row in rows]
                self._stamp = stamp
        except FileNotFoundError:
            self._stamp, self._read = None, []
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise StorageUnavailable(
                f"the keys in {self._file} cannot be read: {error}: bring the file back, or remove "
                "it and create keys anew"
            ) from None
        return list(self._read)

    def active(self) -> list[Key]:
        """Those that open something."""
        return [key for key in self.all() if key.revoked_at is None]

    def find(self, secret: str) -> Key | None:
        """The key that a client sent; None where it is unknown or revoked."""
        digest = sha256_text(secret)
        found = None
        for key in self.active():
            if hmac.compare_digest(key.sha256, digest):
                found = key
        return found

    def create(self, user: str, groups: Sequence[str], roles: Sequence[str]) -> tuple[Key, str]:
        """A new key, and the secret, which is told once.

        Raises:
            ConfigError: a role is not known, or the user is blank.
        """
        unknown = sorted(set(roles) - set(ROLES))
        if unknown or not roles:
            raise ConfigError(f"no role {', '.join(unknown)}: there are {', '.join(ROLES)}")
        if not user.strip():
            raise ConfigError("a key needs a user: --user NAME")
        secret = _PREFIX + secrets.token_hex(24)
        digest = sha256_text(secret)
        key = Key(
            digest[:8],
            digest,
            user.strip(),
            tuple(sorted(set(groups))),
            tuple(sorted(set(roles))),
            isoformat(datetime.now(UTC)),
        )
        with self._alone():
            self._write([*self.all(), key])
        return key, secret

    def revoke(self, key_id: str) -> Key:
        """Take a key's rights away. Raises AlmanacError where no or several keys begin so."""
        with self._alone():
            keys = self.all()
            found = [key for key in keys if key.key_id.startswith(key_id)]
            if len(found) != 1:
                raise AlmanacError(
                    f"{len(found) or 'no'} keys begin with {key_id!r}: `almanac keys list` has them"
                )
            gone = _revoked(found[0])
            self._write([gone if key.key_id == gone.key_id else key for key in keys])
        return gone

    def of_user(self, user: str) -> list[Key]:
        """Those that stand for a user, revoked ones too."""
        return [key for key in self.all() if key.user == user]

    def forget(self, user: str) -> int:
        """Erase a user's name and groups, and revoke the keys; how many.

        Their rows stay, as without any the server would be open to everybody again.
        """
        if not self.of_user(user):
            return 0
        with self._alone():
            keys = self.all()
            self._write([_nameless(key) if key.user == user else key for key in keys])
        return sum(key.user == user for key in keys)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One writer at a time, so that no revoke is lost to a key made meanwhile."""
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = self._file.with_name(f"{self._file.name}-lock")
        handle = os.open(lock, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _write(self, keys: Sequence[Key]) -> None:
        beside = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        content = json.dumps([asdict(key) for key in keys], indent=1)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._file)


def _revoked(key: Key) -> Key:
    return replace(key, revoked_at=key.revoked_at or isoformat(datetime.now(UTC)))


def _nameless(key: Key) -> Key:
    return replace(_revoked(key), user=_ERASED, groups=())


def _key(row: dict[str, object]) -> Key:
    key = Key(**row)  # type: ignore[arg-type]
    return replace(key, groups=tuple(key.groups), roles=tuple(key.roles))
