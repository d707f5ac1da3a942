"""The door of AUTOMATIC1111's API under /sdapi/v1, so that its clients and plug-ins paint here.

Square pictures only, the smallest size of ours that holds what is asked for (of a pretrained model any size); the seed
of picture i is seed + i. What has no meaning here (samplers, LoRA, ControlNet, face restoration) is taken and not
heeded; `info` says what was done.
"""

import base64
import binascii
import hashlib
import io
import json
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Body, Request
from fastapi.responses import JSONResponse
from PIL import Image

from danqing.errors import BadInputError, NotFoundError, UsageError
from danqing.home import fetched_names
from danqing.images.reading import read_rgba
from danqing.images.writing import PARAMETERS_KEY, encode_array, read_recipe
from danqing.jobs import Job, Uploads
from danqing.jobs.wishes import MOST
from danqing.limits import MOST_GUIDANCE, MOST_STEPS
from danqing.server.asking import Asker
from danqing.server.values import clamped, listed, model_of, real, seed, sides, square, text, whole
from danqing.version import __version__

PREFIX = "/sdapi/v1"
MODEL = "danqing"
SAMPLER = {"name": "Danqing", "aliases": ["danqing"], "options": {}}
SCHEDULER = {"name": "automatic", "label": "Automatic", "aliases": None, "default_rho": -1, "need_inner_model": False}
UPSCALERS = ("None", "Danqing 4x")
EMPTY: dict[str, Any] = {
    "sd-vae": [], "sd-modules": [], "loras": [], "hypernetworks": [], "face-restorers": [], "realesrgan-models": [],
    "latent-upscale-modes": [{"name": "Latent"}], "scripts": {"txt2img": [], "img2img": []}, "script-info": [],
    "embeddings": {"loaded": {}, "skipped": {}}, "cmd-flags": {}, "extensions": [],
    "memory": {"ram": {"free": 0, "used": 0, "total": 0}, "cuda": {"error": "no GPU is used"}},
    "samplers": [SAMPLER], "schedulers": [SCHEDULER],
    "upscalers": [{"name": name, "model_name": None, "model_path": None, "model_url": None, "scale": 4.0}
                  for name in UPSCALERS],
}  # fmt: skip
"""lists that are the same for everyone"""
NOTHING_TO_DO = ("refresh-checkpoints", "refresh-vae", "refresh-embeddings", "refresh-loras", "unload-checkpoint",
                 "reload-checkpoint")  # fmt: skip
PICTURED = ("img2img", "extra-single-image", "extra-batch-images", "png-info", "interrogate")
"""routes whose body holds pictures"""
Given = Annotated[dict[str, Any], Body()]


def router(asker: Asker, styles: list[str]) -> APIRouter:
    """`styles`: drawing styles of the painter, offered as prompt styles."""
    routes = APIRouter(prefix=PREFIX)
    options: dict[str, Any] = {"sd_model_checkpoint": MODEL, "samples_format": "png", "CLIP_stop_at_last_layers": 1}

    @routes.post("/txt2img")
    async def txt2img(request: Request, given: Given) -> JSONResponse:
        wishes = painting(given, styles, options)
        return await answer(asker, request, wishes, given)

    @routes.post("/img2img")
    async def img2img(request: Request, given: Given) -> JSONResponse:
        if not listed(given, "init_images"):
            raise NotFoundError("Init image not found; send one in init_images.")
        brought = await anyio.to_thread.run_sync(started, asker.place.uploads, given)
        wishes = painting(given, styles, options) | brought
        return await answer(asker, request, wishes, given)

    @routes.post("/extra-single-image")
    async def extra(request: Request, given: Given) -> dict[str, Any]:
        return {"image": await upscaled(asker, request, given, given.get("image")), "html_info": ""}

    @routes.post("/extra-batch-images")
    async def extras(request: Request, given: Given) -> dict[str, Any]:
        files = [one.get("data") if isinstance(one, dict) else None for one in listed(given, "imageList")]
        return {"images": [await upscaled(asker, request, given, one) for one in files], "html_info": ""}

    @routes.post("/png-info")
    def png_info(given: Given) -> dict[str, Any]:
        found = asker.place.inspect(decoded(given.get("image")))
        words = found["parameters"]
        return {"info": words, "items": {PARAMETERS_KEY: words}, "parameters": found["recipe"] or {}}

    @routes.post("/interrogate")
    async def interrogate(request: Request, given: Given) -> dict[str, str]:
        upload = await asker.brought(decoded(given.get("image")))
        job = await asker.ask(request, "describe", {"picture": upload, "n": 1})
        names = json.loads((asker.place.results / job.id / "names.json").read_text(encoding="utf-8"))
        return {"caption": ", ".join(one["name"] for one in names)}

    @routes.get("/progress")
    async def progress() -> dict[str, Any]:
        return running(await anyio.to_thread.run_sync(open_jobs, asker))

    @routes.post("/interrupt")
    @routes.post("/skip")
    async def interrupt() -> dict[str, Any]:
        for job in await anyio.to_thread.run_sync(open_jobs, asker):
            if job.state == "running" and job.kind in ("paint", "vary", "upscale"):
                await anyio.to_thread.run_sync(asker.cancelled, job.id)
        return {}

    @routes.get("/options")
    def get_options() -> dict[str, Any]:
        return options

    @routes.post("/options")
    def set_options(given: Given) -> None:
        options.update({name: value for name, value in given.items() if name in options})
        options["sd_model_checkpoint"] = model_of(options["sd_model_checkpoint"]) or MODEL

    @routes.get("/sd-models")
    def sd_models() -> list[dict[str, Any]]:
        return [{"title": name, "model_name": name, "hash": None, "sha256": None, "filename": name, "config": None}
                for name in (MODEL, *fetched_names())]  # fmt: skip

    @routes.get("/prompt-styles")
    def prompt_styles() -> list[dict[str, str]]:
        return [{"name": name, "prompt": "", "negative_prompt": ""} for name in styles]

    for name, value in EMPTY.items():
        routes.add_api_route(f"/{name}", constant(value), methods=["GET"], name=name)
    for name in NOTHING_TO_DO:
        routes.add_api_route(f"/{name}", constant(None), methods=["POST"], name=name)
    return routes


def constant(value: Any) -> Any:
    def same() -> Any:
        return value

    return same


# What is asked for, in our words.


def painting(given: Mapping[str, Any], styles: list[str], options: Mapping[str, Any]) -> dict[str, Any]:
    count = whole(given, "batch_size", 1) * whole(given, "n_iter", 1)
    if not 1 <= count <= MOST:
        raise UsageError(f"batch_size x n_iter = {count} pictures are not possible; choose 1 to {MOST}.")
    scale = clamped(real(given, "hr_scale", 2), 1, 8) if given.get("enable_hr") else 1
    override = given.get("override_settings")
    model = model_of({**options, **(override if isinstance(override, dict) else {})}["sd_model_checkpoint"])
    fit = sides if model else square
    size = fit(scale * whole(given, "width", 512), scale * whole(given, "height", 512))
    wishes: dict[str, Any] = {
        "prompt": text(given, "prompt"), "negative": text(given, "negative_prompt"), "n": count, "size": size,
        "seed": seed(given, "seed", chance(text(given, "force_task_id"))),
    }  # fmt: skip
    if given.get("steps"):
        wishes["steps"] = int(clamped(whole(given, "steps", 0), 1, MOST_STEPS))
    if given.get("cfg_scale") is not None:
        wishes["guidance"] = clamped(real(given, "cfg_scale", 0), 0, MOST_GUIDANCE)
    if given.get("tiling"):
        wishes["tile"] = True
    if model:
        wishes["model"] = model
    chosen = [name for name in listed(given, "styles") if name in styles and not model]
    return wishes | ({"style": chosen[0]} if chosen else {})


def chance(task: str) -> int:
    """A seed by chance; of a named task always the same, so that asking again is the same job."""
    return (
        int(hashlib.sha256(task.encode("utf-8", "replace")).hexdigest()[:7], 16) if task else secrets.randbelow(2**31)
    )


def started(uploads: Uploads, given: Mapping[str, Any]) -> dict[str, Any]:
    """The picture to start from; white of a mask is painted anew, as in ours, black if it is to be inverted."""
    wishes: dict[str, Any] = {"image": uploads.put(decoded(listed(given, "init_images")[0])), "tile": False}
    if given.get("mask"):
        mask = read_rgba(uploads.path(uploads.put(decoded(given["mask"]))))
        grey = mask[..., :3]
        wishes["mask"] = uploads.put(encode_array(255 - grey if given.get("inpainting_mask_invert") else grey))
    if given.get("denoising_strength") is not None:
        wishes["strength"] = clamped(real(given, "denoising_strength", 1), 0, 1)
    return wishes


def decoded(text: Any) -> bytes:
    """Base64, bare or as a data: address. Addresses of other places are not fetched. Raises BadInputError."""
    if not isinstance(text, str) or text.startswith(("http:", "https:", "file:")):
        raise BadInputError("A picture is missing; send it as base64, addresses are not fetched.")
    try:
        return base64.b64decode(text.partition(",")[2] if text.startswith("data:") else text, validate=True)
    except (binascii.Error, ValueError):
        raise BadInputError("Invalid encoded image; send a picture as base64.") from None


# What is answered.


async def answer(asker: Asker, request: Request, wishes: dict[str, Any], given: Mapping[str, Any]) -> JSONResponse:
    task = text(given, "force_task_id")
    job = await asker.ask(request, "paint", wishes, key=f"a1111:{task}" if task else None)
    images, info = await anyio.to_thread.run_sync(told, asker, job)
    images = images if given.get("send_images", True) else []
    return JSONResponse({"images": images, "parameters": dict(given), "info": json.dumps(info, ensure_ascii=False)})


def told(asker: Asker, job: Job) -> tuple[list[str], dict[str, Any]]:
    """Pictures as base64, and `info`."""
    files = asker.pictures(job)
    return [base64.b64encode(file).decode() for file in files], described(job, files)


def described(job: Job, files: list[bytes]) -> dict[str, Any]:
    """`info`, as their clients read it; sizes, steps and guidance are those of the pictures."""
    count, wishes = len(files), job.wishes
    recipes = [read_recipe(io.BytesIO(file)) for file in files]
    first = recipes[0]
    with Image.open(io.BytesIO(files[0])) as image:
        width, height = image.size
    seeds = [wishes["seed"] + place for place in range(count)]
    texts = []
    for file in files:
        with Image.open(io.BytesIO(file)) as image:
            texts.append(str(image.info.get(PARAMETERS_KEY, "")))
    return {
        "prompt": wishes["prompt"], "all_prompts": [wishes["prompt"]] * count,
        "negative_prompt": wishes["negative"], "all_negative_prompts": [wishes["negative"]] * count,
        "seed": seeds[0], "all_seeds": seeds, "subseed": seeds[0], "all_subseeds": seeds, "subseed_strength": 0,
        "width": width, "height": height, "sampler_name": SAMPLER["name"],
        "cfg_scale": first.guidance if first else 0, "steps": first.steps if first else 0,
        "batch_size": count, "restore_faces": False, "face_restoration_model": None,
        "sd_model_name": wishes.get("model") or MODEL,
        "sd_model_hash": first.model_hash if first else "", "sd_vae_name": None, "sd_vae_hash": None,
        "seed_resize_from_w": -1, "seed_resize_from_h": -1, "denoising_strength": wishes.get("strength"),
        "extra_generation_params": {}, "index_of_first_image": 0, "infotexts": texts,
        "styles": [wishes["style"]] if "style" in wishes else [], "clip_skip": 1,
        "job_timestamp": datetime.fromtimestamp(job.created, UTC).strftime("%Y%m%d%H%M%S"),
        "is_using_inpainting_conditioning": False, "version": f"Danqing {__version__}",
    }  # fmt: skip


async def upscaled(asker: Asker, request: Request, given: Mapping[str, Any], picture: Any) -> str:
    data = decoded(picture)
    upload = await asker.brought(data)
    with Image.open(asker.place.uploads.path(upload)) as image:
        longest = max(image.size)
    if whole(given, "resize_mode", 0) == 1:
        size = max(whole(given, "upscaling_resize_w", 512), whole(given, "upscaling_resize_h", 512))
    else:
        size = round(longest * clamped(real(given, "upscaling_resize", 2), 1, 8))
    if size <= longest:
        return base64.b64encode(data).decode()
    job = await asker.ask(request, "upscale", {"picture": upload, "size": size})
    return base64.b64encode((await anyio.to_thread.run_sync(asker.pictures, job))[0]).decode()


def open_jobs(asker: Asker) -> list[Job]:
    """Running and waiting ones, the running first."""
    with asker.stores.lent() as store:
        return [*store.page(state="running"), *store.page(state="waiting")]


def running(jobs: list[Job]) -> dict[str, Any]:
    """`progress`; idle is 0 of 0."""
    job = jobs[0] if jobs else None
    done = job.done if job else 0.0
    spent = time.time() - job.started if job and job.started else 0.0
    steps = int(job.wishes.get("steps") or 4) if job else 0
    return {
        "progress": done, "eta_relative": spent * (1 - done) / done if done else 0.0,
        "state": {
            "skipped": False, "interrupted": False, "stopping_generation": False, "job": job.id if job else "",
            "job_count": len(jobs), "job_timestamp": "0", "job_no": 0, "sampling_step": int(done * steps),
            "sampling_steps": steps,
        },
        "current_image": None, "textinfo": job.message if job else None,
    }  # fmt: skip
