"""Who may ask: a token or an account on every route, also on this machine, and exact Host and Origin against strangers.

A page anywhere in the web can make a browser send requests to 127.0.0.1, and a name can be pointed there (DNS
rebinding). So the Host must be ours, an Origin, where there is one, too, and nothing is answered without the token. A
browser that was given a password sends it along with whatever another site has it get, without an Origin: that is
refused by Sec-Fetch-Site, and a GET changes nothing here.
"""

import base64
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, unquote

from starlette.exceptions import HTTPException

from danqing.server.accounts import Accounts, BusyError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
COOKIE = "danqing"
LARGE = "The request is too large; send a smaller picture, or fewer words."
SMALL = 100_000
"""bytes of a request that does not say otherwise"""
ASK = {"www-authenticate": 'Basic realm="Danqing", charset="UTF-8"'}
"""has a browser ask for name and password"""
HEADERS = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-src 'self'; frame-ancestors 'self'",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class Rules:
    token: str
    hosts: Sequence[str]
    """exact values of the Host header, ports included"""
    large: Mapping[str, int]
    """path, or its beginning where it ends in '/' -> bytes that a request to it may have; SMALL elsewhere"""
    accounts: Accounts | None = None
    """people who may ask by name and password, besides whoever knows the token"""

    def most(self, path: str) -> int:
        begun = [size for known, size in self.large.items() if known.endswith("/") and path.startswith(known)]
        return self.large.get(path, max(begun, default=SMALL))


class Guard:
    """ASGI middleware; whatever it refuses never reaches the app."""

    def __init__(self, app: App, rules: Rules) -> None:
        self.app, self.rules = app, rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        status, reason = self.verdict(scope, headers)
        known, name = False, ""
        try:
            known, name = await self.known(headers) if not status else (False, "")
        except BusyError:
            status, reason = 429, "Too many try to come in at once; try again in some seconds."
        if not status and not known:
            if scope["type"] == "http" and scope["path"] == "/" and self.opened_by(scope):
                await let_in(send, self.rules.token)
                return
            status, reason = 401, "The token is missing or wrong; open the address that the server printed."
            if self.rules.accounts:
                reason = "The name or password is missing or wrong; ask whoever runs this server for an account."
        if status:
            more = {"retry-after": "5"} if status == 429 else ASK if status == 401 and self.rules.accounts else {}
            await refuse(send, scope["type"], status, reason, more)
            return
        given = {"set-cookie": cookie(self.rules.accounts.pass_of(name))} if name and self.rules.accounts else {}
        limit = self.rules.most(scope.get("path", ""))
        await self.app(scope, limited(receive, limit), with_headers(send, {**HEADERS, **given}))

    def verdict(self, scope: Scope, headers: Mapping[str, str]) -> tuple[int, str]:
        """(0, '') for a request that may pass if who asks is known, else a status and a sentence."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if host not in self.rules.hosts:
            return 421, "This server is not asked by that name; open it by the address that it printed."
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            return 403, "Another site may not ask this server."
        if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
            return 403, "Another site may not ask this server."
        if not headers.get("content-length", "0").isdecimal():
            return 400, "The length of the request is no number."
        if int(headers.get("content-length", "0")) > self.rules.most(scope.get("path", "")):
            return 413, LARGE
        return 0, ""

    async def known(self, headers: Mapping[str, str]) -> tuple[bool, str]:
        """Whether who asks is known, and the name of an account that came without a pass."""
        token, accounts = given_token(headers), self.rules.accounts
        if hmac.compare_digest(token.encode(), self.rules.token.encode()):
            return True, ""
        if accounts is None:
            return False, ""
        if accounts.passes(cookie_token(headers)):
            return True, ""
        name, password = basic(headers)
        return (True, name) if name and await accounts.knows(name, password) else (False, "")

    def opened_by(self, scope: Scope) -> bool:
        """Whether the page was asked for by the address that the server printed, which ends in ?token=…"""
        given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
        return hmac.compare_digest(given.encode(), self.rules.token.encode())


async def let_in(send: Send, token: str) -> None:
    """Keep the token in a cookie, and go to the bare address."""
    headers = [(b"location", b"/"), (b"set-cookie", cookie(token).encode())]
    await with_headers(send)({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def cookie(word: str) -> str:
    """One that scripts cannot read and other sites cannot send."""
    return f"{COOKIE}={quote(word)}; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000"


def given_token(headers: Mapping[str, str]) -> str:
    """Of 'Authorization: Bearer …', the password of 'Basic …' (whoever the user), or of the page's cookie."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return token.strip()
    return basic(headers)[1] if kind.lower() == "basic" else cookie_token(headers)


def cookie_token(headers: Mapping[str, str]) -> str:
    """Of the page's cookie; '' without one."""
    parts = [part.strip().partition("=") for part in headers.get("cookie", "").split(";")]  # others' may be odd
    return next((unquote(value) for name, _, value in parts if name == COOKIE), "")


def basic(headers: Mapping[str, str]) -> tuple[str, str]:
    """Name and password of 'Authorization: Basic …' (RFC 7617); ('', '') without them."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return "", ""
    try:
        name, _, password = base64.b64decode(token, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return name, password


def limited(receive: Receive, limit: int) -> Receive:
    """Breaks off a body that grows beyond what it may, whatever its header says."""
    seen = 0

    async def guarded() -> MutableMapping[str, Any]:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise HTTPException(413, LARGE)
        return message

    return guarded


def with_headers(send: Send, headers: Mapping[str, str] = HEADERS) -> Send:
    async def sent(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            there = {name.lower() for name, _ in message["headers"]}
            extra = [(k.encode(), v.encode()) for k, v in headers.items() if k.encode() not in there]
            message = {**message, "headers": [*message["headers"], *extra]}
        await send(message)

    return sent


async def refuse(send: Send, kind: str, status: int, reason: str, headers: Mapping[str, str]) -> None:
    if kind == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": reason})
        return
    body = json.dumps(problem(status, reason)).encode()
    start = {"type": "http.response.start", "status": status}
    await with_headers(send, {**HEADERS, **headers})(
        {**start, "headers": [(b"content-type", b"application/problem+json")]}
    )
    await send({"type": "http.response.body", "body": body})


def problem(status: int, detail: str) -> dict[str, Any]:
    """RFC 9457."""
    return {
        "type": "about:blank",
        "title": detail.partition(";")[0].partition(".")[0],
        "status": status,
        "detail": detail,
    }
