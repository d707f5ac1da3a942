"""Who may ask: a token on every route, also on this machine, and exact Host and Origin against pages of strangers.

A page anywhere in the web can make a browser send requests to 127.0.0.1, and a name can be pointed there (DNS
rebinding). So the Host must be ours, an Origin, where there is one, too, and nothing is answered without the token.
"""

import base64
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, unquote

from starlette.exceptions import HTTPException

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
COOKIE = "danqing"
LARGE = "The request is too large; send a smaller picture, or fewer words."
SMALL = 100_000
"""bytes of a request that does not say otherwise"""
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
        if status == 401 and scope["type"] == "http" and scope["path"] == "/" and self.opened_by(scope):
            await let_in(send, self.rules.token)
            return
        if status:
            await refuse(send, scope["type"], status, reason)
            return
        limit = self.rules.most(scope.get("path", ""))
        await self.app(scope, limited(receive, limit), with_headers(send))

    def verdict(self, scope: Scope, headers: Mapping[str, str]) -> tuple[int, str]:
        """(0, '') for a request that may pass, else a status and a sentence."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if host not in self.rules.hosts:
            return 421, "This server is not asked by that name; open it by the address that it printed."
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            return 403, "Another site may not ask this server."
        if not hmac.compare_digest(given_token(headers).encode(), self.rules.token.encode()):
            return 401, "The token is missing or wrong; open the address that the server printed."
        if not headers.get("content-length", "0").isdecimal():
            return 400, "The length of the request is no number."
        if int(headers.get("content-length", "0")) > self.rules.most(scope.get("path", "")):
            return 413, LARGE
        return 0, ""

    def opened_by(self, scope: Scope) -> bool:
        """Whether the page was asked for by the address that the server printed, which ends in ?token=…"""
        given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
        return hmac.compare_digest(given.encode(), self.rules.token.encode())


async def let_in(send: Send, token: str) -> None:
    """Keep the token in a cookie that scripts cannot read and other sites cannot send, and go to the bare address."""
    cookie = f"{COOKIE}={quote(token)}; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000".encode()
    headers = [(b"location", b"/"), (b"set-cookie", cookie)]
    await with_headers(send)({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def given_token(headers: Mapping[str, str]) -> str:
    """Of 'Authorization: Bearer …', the password of 'Basic …' (whoever the user), or of the page's cookie."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return token.strip()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(token, validate=True).decode().partition(":")[2]
        except ValueError:
            return ""
    parts = [part.strip().partition("=") for part in headers.get("cookie", "").split(";")]  # others' may be odd
    return next((unquote(value) for name, _, value in parts if name == COOKIE), "")


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


def with_headers(send: Send) -> Send:
    async def sent(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            there = {name.lower() for name, _ in message["headers"]}
            extra = [(k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in there]
            message = {**message, "headers": [*message["headers"], *extra]}
        await send(message)

    return sent


async def refuse(send: Send, kind: str, status: int, reason: str) -> None:
    if kind == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": reason})
        return
    body = json.dumps(problem(status, reason)).encode()
    await with_headers(send)(
        {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/problem+json")]}
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
