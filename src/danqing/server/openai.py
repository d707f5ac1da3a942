"""The door of OpenAI's Images API under /v1, so that its clients paint here.

A model's name that is not known means the painter of this place (clients have names built in). `seed`, `steps`,
`guidance`, `style` and `negative_prompt` may be given besides. Sizes are taken as the smallest of ours that holds them.
"""

import base64
import io
import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any

import anyio
import numpy as np
from fastapi import APIRouter, Body, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from PIL import Image
from starlette.datastructures import FormData, UploadFile

from danqing.errors import DanqingError, UsageError
from danqing.home import fetched_names
from danqing.images.reading import read_rgba
from danqing.images.writing import encode_array
from danqing.jobs import Job, Uploads
from danqing.jobs.remote import API
from danqing.limits import MOST_GUIDANCE, MOST_STEPS
from danqing.server.asking import Asker, JobError
from danqing.server.values import clamped, model_of, real, seed, sides, square, text, whole

PREFIX = "/v1"
MODEL = "danqing"
MOST = 10
NO_STYLES = ("vivid", "natural", "")
"""theirs, which mean nothing here"""
FORMATS = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}


def router(asker: Asker) -> APIRouter:
    routes = APIRouter(prefix=PREFIX)

    @routes.get("/models")
    def models() -> dict[str, Any]:
        return {"object": "list", "data": [model_card(name) for name in (MODEL, *fetched_names())]}

    @routes.get("/models/{name:path}")
    def model(name: str) -> dict[str, Any]:
        return model_card(model_of(name) or MODEL)

    @routes.post("/images/generations")
    async def generations(request: Request, given: Annotated[dict[str, Any], Body()]) -> Response:
        return await answer(asker, request, "paint", painting(given), given, "image_generation")

    @routes.post("/images/edits")
    async def edits(request: Request) -> Response:
        async with request.form(max_files=20) as form:
            given = plain(form)
            wishes = painting(given)
            pictures = [one for name in ("image", "image[]") for one in form.getlist(name)]
            image, mask = await brought(pictures[0] if pictures else None), None
            if form.get("mask"):
                mask = await brought(form.get("mask"))
        wishes |= await anyio.to_thread.run_sync(edited, asker.place.uploads, image, mask)
        return await answer(asker, request, "paint", wishes, given, "image_edit")

    @routes.post("/images/variations")
    async def variations(request: Request) -> Response:
        async with request.form(max_files=2) as form:
            given = plain(form)
            image = await brought(form.get("image"))
        wishes = {"picture": await asker.brought(image), **common(given)}
        return await answer(asker, request, "vary", wishes, given, "image_variation")

    return routes


def model_card(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1767225600, "owned_by": "danqing"}


# What is asked for, in our words.


def painting(given: Mapping[str, Any]) -> dict[str, Any]:
    prompt, style = text(given, "prompt"), text(given, "style")
    if not prompt.strip():
        raise UsageError("prompt is missing; say in words what to paint.")
    return {"prompt": prompt, **common(given), **({"style": style} if style not in NO_STYLES else {})}


def common(given: Mapping[str, Any]) -> dict[str, Any]:
    form_of(given)
    count = whole(given, "n", 1)
    if not 1 <= count <= MOST:
        raise UsageError(f"n = {count} pictures are not possible; choose 1 to {MOST}.")
    wishes: dict[str, Any] = {"n": count}
    model = model_of(given.get("model"))
    if model:
        wishes["model"] = model
    wishes |= sized(text(given, "size") or "auto", pretrained=model is not None)
    wishes["seed"] = seed(given, "seed", secrets.randbelow(2**31))
    if given.get("background") == "transparent":
        wishes["transparent"] = True
    if given.get("steps") is not None:
        wishes["steps"] = int(clamped(whole(given, "steps", 0), 1, MOST_STEPS))
    if given.get("guidance") is not None:
        wishes["guidance"] = clamped(real(given, "guidance", 0), 0, MOST_GUIDANCE)
    if text(given, "negative_prompt"):
        wishes["negative"] = text(given, "negative_prompt")
    return wishes


def form_of(given: Mapping[str, Any]) -> tuple[str, int]:
    """Format and quality of the pictures that are answered."""
    form = text(given, "output_format") or "png"
    if form not in FORMATS:
        raise UsageError(f"output_format = {form[:40]!r} is not possible; choose {', '.join(FORMATS)}.")
    return form, int(clamped(whole(given, "output_compression", 90), 1, 100))


def sized(size: str, pretrained: bool = False) -> dict[str, Any]:
    """Of a size of theirs; where it is left to us 512, or what a pretrained model learned.

    >>> sized("auto"), sized("1024x1792"), sized("auto", True), sized("1024x1792", True)
    ({'size': 512}, {'size': 1024}, {}, {'size': '1024x1792'})
    """
    if size == "auto":
        return {} if pretrained else {"size": 512}
    width, _, height = size.partition("x")
    if not (width.isdecimal() and height.isdecimal() and len(size) < 20):
        raise UsageError(f"size = {size[:40]!r} is no size; write 512x512, or auto.")
    found = (int(width), int(height))
    return {"size": sides(*found) if pretrained else square(*found)}


def plain(form: FormData) -> dict[str, Any]:
    """The fields of a form that are no files."""
    return {name: value for name, value in form.items() if isinstance(value, str)}


async def brought(file: Any) -> bytes:
    if not isinstance(file, UploadFile):
        raise UsageError("image is missing; send a picture as a part of the form.")
    return await file.read()


def edited(uploads: Uploads, image: bytes, mask: bytes | None) -> dict[str, Any]:
    """Their mask is painted where it is transparent; ours is painted where it is white."""
    whole_picture = uploads.put(image)
    rgba = read_rgba(uploads.path(whole_picture))
    holes = rgba[..., 3] if mask is None else read_rgba(uploads.path(uploads.put(mask)))[..., 3]
    whole = holes.min() == 255
    if whole and mask is not None:
        raise UsageError("The mask is transparent nowhere, so there is nothing to paint; make it transparent there.")
    if whole:  # a picture to start from
        return {"image": whole_picture}
    white = np.repeat(255 - holes[..., None], 3, axis=2)
    return {
        "image": uploads.put(encode_array(np.ascontiguousarray(rgba[..., :3]))),
        "mask": uploads.put(encode_array(white)),
    }


# What is answered.


async def answer(
    asker: Asker, request: Request, kind: str, wishes: Mapping[str, Any], given: Mapping[str, Any], event: str
) -> Response:
    if str(given.get("stream")).lower() == "true":
        return StreamingResponse(streamed(asker, request, kind, wishes, given, event), media_type="text/event-stream")
    job = await asker.ask(request, kind, wishes)
    if given.get("response_format") == "url":
        base = str(request.base_url).rstrip("/")
        data = [{"url": f"{base}{API}/pictures/{name}/file"} for name in job.pictures]
    else:
        data = [{"b64_json": one} for one in await anyio.to_thread.run_sync(encoded, asker, job, given)]
    return JSONResponse({"created": int(job.created), "data": data, **described(wishes, given)})


def encoded(asker: Asker, job: Job, given: Mapping[str, Any], only: int | None = None) -> list[str]:
    """The pictures of a job, or one of them, in the format that is asked for, as base64."""
    form, quality = form_of(given)
    found = []
    for png in asker.pictures(job)[only : None if only is None else only + 1]:
        memory = io.BytesIO(png)
        if form != "png":
            memory = io.BytesIO()
            with Image.open(io.BytesIO(png)) as image:
                image.convert("RGB" if form == "jpeg" else image.mode).save(memory, form.upper(), quality=quality)
        found.append(base64.b64encode(memory.getvalue()).decode())
    return found


def described(wishes: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    side = wishes["size"]
    background = "transparent" if wishes.get("transparent") else "opaque"
    usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0,
             "input_tokens_details": {"image_tokens": 0, "text_tokens": 0}}  # fmt: skip
    return {
        "background": background, "output_format": form_of(given)[0], "quality": "auto",
        "size": f"{side}x{side}", "usage": usage,
    }  # fmt: skip


async def streamed(
    asker: Asker, request: Request, kind: str, wishes: Mapping[str, Any], given: Mapping[str, Any], event: str
) -> AsyncIterator[str]:
    """Their events: each picture as a partial one when it is painted, and completed when all are."""
    told, most = 0, whole(given, "partial_images", 0)
    try:
        async for job in asker.follow(request, kind, wishes):
            while told < min(len(job.pictures), most):
                (picture,) = await anyio.to_thread.run_sync(encoded, asker, job, given, told)
                yield said(f"{event}.partial_image", wishes, given, picture, partial_image_index=told)
                told += 1
        if job.state != "done":
            raise JobError(job.message)
        for picture in await anyio.to_thread.run_sync(encoded, asker, job, given):
            yield said(f"{event}.completed", wishes, given, picture)
    except DanqingError as error:
        yield f"event: error\ndata: {json.dumps(problem(str(error)))}\n\n"


def said(event: str, wishes: Mapping[str, Any], given: Mapping[str, Any], picture: str, **more: Any) -> str:
    data = {"type": event, "b64_json": picture, "created_at": int(time.time()), **described(wishes, given), **more}
    return f"event: {event}\ndata: {json.dumps(data)}\n\n"


def problem(detail: str, status: int = 400) -> dict[str, Any]:
    """Their shape of an error."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": detail, "type": kind, "param": None, "code": None}}
