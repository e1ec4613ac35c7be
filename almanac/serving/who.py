"""Who asks, what they may do, and what they may see."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request

from almanac.serving.errors import Refused
from almanac.serving.keys import Keys
from schemas.hashing import sha256_parts

ANONYMOUS = "anonymous"


@dataclass(frozen=True)
class Caller:
    """Who sent a request. `principals` is None where all may see everything."""

    user: str | None
    principals: frozenset[str] | None
    roles: frozenset[str] = frozenset()

    @property
    def principals_hash(self) -> str | None:
        """Names whose rights were applied; None where none were."""
        if self.principals is None:
            return None
        return sha256_parts(*sorted(self.principals))[:16]

    def named(self, claimed: str | None) -> str:
        """The user that is logged: the key's, else the one that the client claims to be."""
        return self.user or claimed or ANONYMOUS


PUBLIC = Caller(None, None)


class Door:
    """Lets requests in: everybody where the server is public, else who brings a key."""

    def __init__(self, keys: Keys, is_loopback: bool) -> None:
        self._keys = keys
        self._is_loopback = is_loopback

    @property
    def is_public(self) -> bool:
        """Only this machine reaches the server, and no key was ever made."""
        return self._is_loopback and not self._keys.all()

    def caller(self, request: Request, role: str) -> Caller:
        """Who asks; they must have the role.

        Raises:
            Refused: no key, a wrong one (401), or one without the role (403).
        """
        return self.bearer(request.headers.get("authorization"), role)

    def bearer(self, authorization: str | None, role: str) -> Caller:
        """Whom the header `Authorization` stands for, and raises as `caller` does."""
        kind, _, secret = (authorization or "").partition(" ")
        return self.admit(secret.strip() if kind.casefold() == "bearer" else None, role)

    def has(self, request: Request, role: str) -> bool:
        """Would a request be let in for a role?"""
        try:
            self.caller(request, role)
        except Refused:
            return False
        return True

    def admit(self, secret: str | None, role: str) -> Caller:
        """Whom a key stands for, and raises as `caller` does."""
        caller = self.caller_of(secret)
        if caller is None:
            said = "a wrong or revoked key" if secret else "no key"
            raise Refused(
                401,
                f"{said}: send `Authorization: Bearer KEY`, which `almanac keys create` makes",
                "invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if caller.principals is not None and role not in caller.roles:
            said = f"the key of {caller.user} has no role {role}: this needs another key"
            raise Refused(403, said, "no_role")
        return caller

    def caller_of(self, secret: str | None) -> Caller | None:
        """Whom a key stands for; None for a wrong one. Everybody is the same where it is public."""
        if self.is_public:
            return PUBLIC
        key = self._keys.find(secret) if secret else None
        if key is None:
            return None
        groups = {f"group:{name}" for name in key.groups}
        principals = frozenset({"public", f"user:{key.user}", *groups})
        return Caller(key.user, principals, frozenset(key.roles))
