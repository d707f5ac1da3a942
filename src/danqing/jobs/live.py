"""Painting that follows the hand: a process that keeps the painter warm and answers one glimpse at a time."""

import io
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

from danqing.errors import DanqingError, UsageError
from danqing.jobs.helper import Helper, serve

HEEDED = ("prompt", "negative", "seed", "style", "strength", "guidance", "steps")
QUALITY = 90
"""of the JPEG"""
PATIENCE = 60.0
"""seconds that an answer may take, the loading of the model included"""


def live() -> Helper:
    """Asked with wishes and a drawing (PNG, b"" for none) it answers a JPEG."""
    return Helper(glimpses, PATIENCE, DanqingError("The painter of live pictures was lost; it begins anew, draw on."))


def glimpses(pipe: Connection) -> None:
    serve(pipe, glimpse)


def glimpse(wishes: Mapping[str, Any], drawing: bytes) -> bytes:
    """Raises UsageError and what painting raises."""
    from PIL import Image

    from danqing import api

    strange = set(wishes) - set(HEEDED)
    if strange:
        raise UsageError(f"'{min(strange)}' is not heeded here; known: {', '.join(HEEDED)}.")
    given = dict(wishes)
    prompt = str(given.pop("prompt", ""))
    if drawing:
        given["image"] = drawing
    else:
        given.pop("strength", None)
    try:
        picture = api.glimpse(prompt, **given)
    except (TypeError, ValueError) as error:
        raise UsageError(f"These wishes make no sense ({error}); give numbers as numbers.") from None
    memory = io.BytesIO()
    Image.fromarray(picture.pixels).convert("RGB").save(memory, "JPEG", quality=QUALITY)
    return memory.getvalue()
