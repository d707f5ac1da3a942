"""The socket of live painting: the newest drawing wins, frames that were overtaken are never painted.

A client sends JSON (the wishes, and `frame`, a number of its own) and, where `drawing` is true, the drawing as the
next, binary message. It is answered by a binary message, 4 bytes of `frame` (big end first) and a JPEG, or by JSON
{"frame", "error"}.
"""

import json
import struct
from typing import Any

import anyio
from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from danqing.errors import DanqingError
from danqing.jobs.helper import Helper
from danqing.jobs.remote import API
from danqing.jobs.uploads import LARGEST

Frame = tuple[int, dict[str, Any], bytes]


class Newest:
    """Holds one frame; a newer one takes its place."""

    def __init__(self) -> None:
        self.frame: Frame | None = None
        self.come = anyio.Event()

    def put(self, frame: Frame) -> None:
        self.frame = frame
        self.come.set()

    async def take(self) -> Frame:
        while self.frame is None:
            await self.come.wait()
            self.come = anyio.Event()
        frame, self.frame = self.frame, None
        return frame


def router(painter: Helper) -> APIRouter:
    routes = APIRouter(prefix=API)

    @routes.websocket("/live")
    async def follow(socket: WebSocket) -> None:
        await socket.accept()
        newest = Newest()
        async with anyio.create_task_group() as tasks:

            async def listen() -> None:
                try:
                    while True:
                        newest.put(await heard(socket))
                except (WebSocketDisconnect, RuntimeError, ValueError, KeyError, TypeError):
                    tasks.cancel_scope.cancel()

            tasks.start_soon(listen)
            while True:
                number, wishes, drawing = await newest.take()
                try:
                    painted = await anyio.to_thread.run_sync(painter.ask, wishes, drawing)
                    await socket.send_bytes(struct.pack(">I", number) + painted)
                except DanqingError as error:
                    await socket.send_text(json.dumps({"frame": number, "error": str(error)}))

    return routes


async def heard(socket: WebSocket) -> Frame:
    """The next frame. Raises ValueError, KeyError, TypeError for nonsense, and the socket is closed."""
    said = json.loads(await socket.receive_text())
    drawing = await socket.receive_bytes() if said.pop("drawing", False) else b""
    if len(drawing) > LARGEST:
        raise ValueError("too large")
    return int(said.pop("frame")) % 2**32, said, drawing
