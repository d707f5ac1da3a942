"""People who may ask: an account file holds a line `name:hash` for each, the password as an Argon2id hash (RFC 9106).

Who knows a name and its password gets a pass, a word signed with a key that lives as long as the server, so that the
hash, slow by design, is reckoned once and not with every request. Who is taken out of the file is shut out when the
server starts anew.
"""

import asyncio
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from danqing.errors import BadInputError, DiskError, NotFoundError, UsageError

NAME = re.compile(r"[\w.@-]{1,64}")
LEAST, MOST = 10, 1000
"""letters of a password"""
KNOWN = 256
"""passwords that are remembered as right, in a form that does not tell them"""
WAITING = 8
"""passwords that may wait to be reckoned; more are turned away, for strangers may ask, and each takes a while"""


class BusyError(Exception):
    """Too many passwords wait."""


class Accounts:
    def __init__(self, hashes: Mapping[str, str]) -> None:
        """name -> Argon2 hash"""
        self.hashes, self.hasher = dict(hashes), PasswordHasher()
        self.key, self.known = secrets.token_bytes(32), dict[str, bytes]()
        self.nobody = self.hasher.hash(secrets.token_urlsafe())
        """is verified for names that are not there, so that the time tells nothing"""
        self.one, self.waiting = asyncio.Lock(), 0
        """one hash at a time: each takes 64 MiB"""

    async def knows(self, name: str, password: str) -> bool:
        """Whether the password is that of the name. Raises BusyError."""
        seen = self.signed(f"{name}\0{password}").encode()
        if self.seen(name, seen):
            return True
        if self.waiting >= WAITING:
            raise BusyError
        self.waiting += 1
        try:
            async with self.one:
                right = self.seen(name, seen) or await asyncio.to_thread(self.verified, name, password)
        finally:
            self.waiting -= 1
        if right:
            if len(self.known) >= KNOWN:
                self.known.clear()
            self.known[name] = seen
        return right

    def seen(self, name: str, signed: bytes) -> bool:
        """Whether that very password has been found right before."""
        return name in self.known and hmac.compare_digest(self.known[name], signed)

    def verified(self, name: str, password: str) -> bool:
        try:
            return self.hasher.verify(self.hashes.get(name, self.nobody), password[:MOST]) and name in self.hashes
        except VerificationError:
            return False

    def pass_of(self, name: str) -> str:
        """What a browser keeps instead of the password."""
        return f"{name}:{self.signed(name)}"

    def passes(self, word: str) -> bool:
        """Whether it is a pass that was given out since the server started."""
        name, _, sign = word.partition(":")
        return name in self.hashes and hmac.compare_digest(sign.encode(), self.signed(name).encode())

    def signed(self, text: str) -> str:
        return hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()


def read_accounts(path: Path) -> dict[str, str]:
    """name -> hash. Raises NotFoundError, BadInputError naming the line that is none."""
    found: dict[str, str] = {}
    for number, line in enumerate(lines_of(path), start=1):
        name, _, hashed = line.partition(":")
        if line and not line.startswith("#"):
            try:
                PasswordHasher().check_needs_rehash(hashed)
            except InvalidHashError:
                hashed = ""
            if not hashed or not NAME.fullmatch(name) or name in found:
                raise BadInputError(f"Line {number} of {path} is no new 'name:hash' of Argon2; make it anew.")
            found[name] = hashed
    if not found:
        raise BadInputError(f"{path} holds no account; add one with 'danqing account {path} NAME'.")
    return found


def lines_of(path: Path) -> list[str]:
    """Without blanks around them. Raises NotFoundError, BadInputError."""
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except FileNotFoundError:
        raise NotFoundError(f"There is no {path}; make it with 'danqing account {path} NAME'.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path} cannot be read ({error}); make it anew with 'danqing account'.") from None


def add_account(path: Path, name: str, password: str) -> None:
    """Write or replace one; other lines stay. Only the owner of the file may read it. Raises UsageError, BadInputError,
    DiskError."""
    if not NAME.fullmatch(name):
        raise UsageError(f"{name[:64]!r} cannot name an account; give up to 64 letters, digits, dots or dashes.")
    if not LEAST <= len(password) <= MOST:
        raise UsageError(f"A password of {len(password)} letters came; give {LEAST} to {MOST}.")
    others = [line for line in (lines_of(path) if path.exists() else []) if line.partition(":")[0] != name]
    lines = [*others, f"{name}:{PasswordHasher().hash(password)}"]
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise DiskError(f"{path} cannot be written ({error.strerror}); name another file.") from None
