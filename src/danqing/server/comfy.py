"""The door of ComfyUI (/prompt, /ws, /history, /view, …; every route also under /api) for the common graphs.

A graph is read from its KSampler: its words, its latent (empty, of a picture, of a picture with a mask) and where it is
saved. Other nodes are refused by name. What was asked by this door is remembered as long as the server runs; the
pictures stay in the gallery.
"""

import json
import platform
import re
import sys
import time
import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import anyio
import numpy as np
from fastapi import APIRouter, Body, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.datastructures import UploadFile

from danqing.errors import BadInputError, NotFoundError, UsageError
from danqing.home import fetched_names
from danqing.images.reading import read_rgba
from danqing.images.writing import encode_array
from danqing.jobs import Job, Uploads, check
from danqing.jobs.job import CLOSED, OPEN
from danqing.jobs.uploads import LARGEST, NAME
from danqing.jobs.wishes import MOST
from danqing.limits import MOST_GUIDANCE, MOST_STEPS
from danqing.server.asking import Asker
from danqing.server.values import clamped, listed, model_of, real, seed, sides, square, whole
from danqing.version import __version__

MODEL = "danqing.safetensors"
KEPT = 200
"""graphs that are remembered, the newest; their pictures stay in the gallery"""
SAVES = ("SaveImage", "SaveImageAdvanced", "PreviewImage")
HEARD_EVERY = 0.05
"""seconds between two looks for news"""
LARGE_ROUTES = ("/upload/image", "/upload/mask")
GRAPH = 1_000_000
"""bytes of a graph"""
Link = list[Any]
Graph = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Asked:
    number: int
    id: str
    graph: Graph
    extra: Mapping[str, Any]
    outputs: tuple[str, ...]
    """ids of the nodes that save"""
    job: str
    client: str


class Memory:
    """Graphs by the id that their clients know them by."""

    def __init__(self) -> None:
        self.asked: OrderedDict[str, Asked] = OrderedDict()
        self.count = 0

    def add(self, one: Asked) -> None:
        self.asked[one.id] = one
        self.count += 1
        while len(self.asked) > KEPT:
            self.asked.popitem(last=False)


def router(asker: Asker, memory: Memory) -> APIRouter:
    routes = APIRouter()

    async def jobs() -> list[tuple[Asked, Job]]:
        known = list(memory.asked.values())
        found = await anyio.to_thread.run_sync(asker.several, [one.job for one in known])
        return list(zip(known, found, strict=True))

    async def remaining() -> int:
        return sum(job.state in OPEN for _, job in await jobs())

    @routes.post("/prompt")
    async def prompt(request: Request) -> Response:
        given = await read_json(request)  # their clients do not say that it is JSON
        graph, name = given.get("prompt"), str(given.get("prompt_id") or uuid.uuid4())
        if not isinstance(graph, dict) or not graph:
            return refused("no_prompt", "No prompt provided", {})
        trouble = strange_nodes(graph)
        if trouble:
            return refused("prompt_outputs_failed_validation", "Prompt outputs failed validation", trouble)
        wishes, outputs = await anyio.to_thread.run_sync(wishes_of, graph, asker.place.uploads)
        check("paint", wishes)
        job = await anyio.to_thread.run_sync(asker.submitted, "paint", wishes, f"comfy:{name}")
        extra = given.get("extra_data") or {}
        memory.add(Asked(memory.count, name, graph, extra, outputs, job.id, str(given.get("client_id") or "")))
        return JSONResponse({"prompt_id": name, "number": memory.count - 1, "node_errors": {}})

    @routes.get("/prompt")
    async def state() -> dict[str, Any]:
        return {"exec_info": {"queue_remaining": await remaining()}}

    @routes.get("/queue")
    async def queue() -> dict[str, Any]:
        found = await jobs()
        return {
            f"queue_{theirs}": [row(one) for one, job in found if job.state == ours]
            for theirs, ours in (("running", "running"), ("pending", "waiting"))
        }

    @routes.post("/queue")
    async def change_queue(given: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        gone = given.get("delete") or []
        for one, job in await jobs():
            if job.state == "waiting" and (given.get("clear") or one.id in gone):
                await anyio.to_thread.run_sync(asker.cancelled, job.id)
        return {}

    @routes.post("/interrupt")
    async def interrupt(request: Request) -> dict[str, Any]:
        only = (await read_json(request)).get("prompt_id")
        for one, job in await jobs():
            if job.state == "running" and only in (None, one.id):
                await anyio.to_thread.run_sync(asker.cancelled, job.id)
        return {}

    @routes.post("/free")
    def free() -> dict[str, Any]:
        return {}

    @routes.get("/history")
    async def history(max_items: int = 200) -> dict[str, Any]:
        found = [(one, job) for one, job in await jobs() if job.state in CLOSED]
        return {one.id: remembered(one, job) for one, job in found[-max_items:]}

    @routes.get("/history/{name}")
    async def history_of(name: str) -> dict[str, Any]:
        one = memory.asked.get(name)
        job = await anyio.to_thread.run_sync(asker.got, one.job) if one else None
        return {name: remembered(one, job)} if one and job and job.state in CLOSED else {}

    @routes.post("/history")
    def forget(given: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        for name in list(memory.asked) if given.get("clear") else listed(given, "delete"):
            memory.asked.pop(str(name), None)
        return {}

    @routes.get("/view")
    def view(filename: str, type: str = "output") -> FileResponse:
        """A picture by the name that the history gave it; never a path."""
        name = filename.removesuffix(".png")
        if type == "input":
            return FileResponse(asker.place.uploads.path(name), media_type="image/png")
        gallery = asker.place.gallery()
        try:
            return FileResponse(gallery.existing(name), media_type="image/png")
        finally:
            gallery.close()

    @routes.post("/upload/image")
    @routes.post("/upload/mask")
    async def upload(request: Request) -> dict[str, str]:
        async with request.form(max_files=1) as form:
            file = form.get("image")
            if not isinstance(file, UploadFile):
                raise UsageError("image is missing; send a picture as a part of the form.")
            data = await file.read()
        name = await asker.brought(data)
        return {"name": f"{name}.png", "subfolder": "", "type": "input"}

    @routes.get("/object_info")
    def object_info() -> dict[str, Any]:
        return nodes()

    @routes.get("/object_info/{name}")
    def object_info_of(name: str) -> dict[str, Any]:
        return {name: nodes()[name]} if name in NODES else {}

    @routes.get("/system_stats")
    def system_stats() -> dict[str, Any]:
        system = {"os": platform.system(), "ram_total": 0, "ram_free": 0, "comfyui_version": "0.3.45",
                  "danqing_version": __version__, "python_version": sys.version, "argv": []}  # fmt: skip
        device = {"name": "cpu", "type": "cpu", "index": 0, "vram_total": 0, "vram_free": 0, "torch_vram_total": 0,
                  "torch_vram_free": 0}  # fmt: skip
        return {"system": system, "devices": [device]}

    @routes.get("/embeddings")
    @routes.get("/extensions")
    def none() -> list[str]:
        return []

    @routes.get("/models")
    def model_folders() -> list[str]:
        return ["checkpoints"]

    @routes.get("/models/{folder}")
    def models(folder: str) -> list[str]:
        return checkpoints() if folder == "checkpoints" else []

    @routes.get("/features")
    def features() -> dict[str, Any]:
        return {"supports_preview_metadata": False, "max_upload_size": LARGEST}

    @routes.websocket("/ws")
    async def ws(socket: WebSocket, clientId: str = "") -> None:
        client = clientId or uuid.uuid4().hex
        await socket.accept()
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(listen, socket, tasks)
                async for message in messages(client, jobs):
                    await socket.send_text(json.dumps(message))
        except (WebSocketDisconnect, RuntimeError, anyio.get_cancelled_exc_class()):
            pass

    return routes


async def read_json(request: Request) -> dict[str, Any]:
    """The body, {} where there is none. Raises UsageError."""
    try:
        found = json.loads(await request.body() or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise UsageError("The body is no JSON object; send one.")
    return found


async def listen(socket: WebSocket, tasks: Any) -> None:
    """Clients may say what they can; what matters is when they leave."""
    try:
        while True:
            await socket.receive()
    except (WebSocketDisconnect, RuntimeError):
        tasks.cancel_scope.cancel()


async def messages(client: str, jobs: Any) -> AsyncIterator[dict[str, Any]]:
    """What happens to the graphs of a client, in their words; the history is written before the end is announced."""
    told: dict[str, int] = {}
    begun: set[str] = set()
    first = True
    while True:
        found = await jobs()
        news = False
        for one, job in found:
            if one.client != client or told.get(one.id) == job.version:
                continue
            if one.id not in told and first and job.state in CLOSED:
                told[one.id] = job.version  # over before the client came; the history knows
                continue
            told[one.id], news = job.version, True
            for kind, data in events(one, job, one.id not in begun):
                yield {"type": kind, "data": {**data, "prompt_id": one.id}}
            if job.state != "waiting":
                begun.add(one.id)
        if news or first:
            remaining = sum(job.state in OPEN for _, job in found)
            yield {"type": "status", "data": {"status": {"exec_info": {"queue_remaining": remaining}}, "sid": client}}
        first = False
        await anyio.sleep(HEARD_EVERY)


def events(one: Asked, job: Job, new: bool) -> list[tuple[str, dict[str, Any]]]:
    node = next((name for name, part in one.graph.items() if part["class_type"].startswith("KSampler")), "")
    if job.state == "waiting":
        return []
    said: list[tuple[str, dict[str, Any]]] = []
    if new:
        said += [("execution_start", {}), ("execution_cached", {"nodes": []}), ("executing", {"node": node})]
    if job.state == "running":
        return [*said, ("progress", {"value": round(100 * job.done), "max": 100, "node": node})]
    if job.state == "done":
        for name in one.outputs:
            said.append(("executed", {"node": name, "display_node": name, "output": {"images": shown(one, job, name)}}))
        said.append(("execution_success", {}))
    elif job.state == "cancelled":
        said.append(("execution_interrupted", {"node_id": node, "node_type": "KSampler", "executed": []}))
    else:
        what = {"exception_message": job.message, "exception_type": "", "traceback": []}
        said.append(("execution_error", {"node_id": node, "node_type": "KSampler", "executed": [], **what}))
    return [*said, ("executing", {"node": None})]


def row(one: Asked) -> list[Any]:
    return [one.number, one.id, one.graph, one.extra, list(one.outputs)]


def remembered(one: Asked, job: Job) -> dict[str, Any]:
    good = job.state == "done"
    said = [[kind, {**data, "prompt_id": one.id, "timestamp": int(1000 * (job.ended or time.time()))}]
            for kind, data in events(one, job, True) if kind.startswith("execution")]  # fmt: skip
    return {
        "prompt": row(one),
        "outputs": {name: {"images": shown(one, job, name)} for name in one.outputs} if good else {},
        "status": {"status_str": "success" if good else "error", "completed": good, "messages": said}, "meta": {},
    }  # fmt: skip


def shown(one: Asked, job: Job, node: str) -> list[dict[str, str]]:
    kind = "temp" if one.graph[node]["class_type"] == "PreviewImage" else "output"
    return [{"filename": f"{name}.png", "subfolder": "", "type": kind} for name in job.pictures]


def refused(kind: str, message: str, errors: Mapping[str, Any]) -> JSONResponse:
    error = {"type": kind, "message": message, "details": "", "extra_info": {}}
    return JSONResponse({"error": error, "node_errors": errors}, 400)


# From a graph to our wishes.


def strange_nodes(graph: Mapping[str, Any]) -> dict[str, Any]:
    """node -> error, for those that are not known here."""
    strange = {}
    for name, node in graph.items():
        kind = node.get("class_type") if isinstance(node, dict) else None
        if kind not in NODES or not isinstance(node.get("inputs", {}), dict):
            error = {"type": "invalid_prompt", "message": f"Danqing has no node {kind}; it knows {', '.join(NODES)}.",
                     "details": "", "extra_info": {}}  # fmt: skip
            strange[name] = {"errors": [error], "dependent_outputs": [], "class_type": str(kind)}
    return strange


def wishes_of(graph: Graph, uploads: Uploads) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The wishes of a painting job, and the nodes that save. Raises UsageError, NotFoundError, BadInputError."""
    outputs = tuple(name for name, node in graph.items() if node["class_type"] in SAVES)
    sampler = next((node for node in graph.values() if node["class_type"].startswith("KSampler")), None)
    if sampler is None or not outputs:
        raise UsageError("The graph has no KSampler or no SaveImage; give it both.")
    given = {name: solved(graph, value) for name, value in inputs_of(sampler).items()}
    wishes = {
        "prompt": words(graph, given.get("positive")), "negative": words(graph, given.get("negative")),
        "seed": seed(given, "seed", seed(given, "noise_seed", 0)),
        "steps": int(clamped(whole(given, "steps", 4), 1, MOST_STEPS)),
        "guidance": clamped(real(given, "cfg", 3.0), 0, MOST_GUIDANCE),
    }  # fmt: skip
    model = checkpoint(graph, given.get("model"))
    wishes |= {"model": model} if model else {}
    latent = followed(graph, given.get("latent_image"))
    kind = latent["class_type"]
    inputs = {name: solved(graph, value) for name, value in inputs_of(latent).items()}
    if kind.startswith("Empty"):
        size = (sides if model else square)(whole(inputs, "width", 512), whole(inputs, "height", 512))
        return {**wishes, "size": size, "n": int(clamped(whole(inputs, "batch_size", 1), 1, MOST))}, outputs
    upload = picture(graph, inputs.get("pixels"))
    brought: dict[str, Any] = {"n": 1, "image": upload}
    if kind == "VAEEncodeForInpaint":
        rgba = read_rgba(uploads.path(upload))
        white = np.repeat(255 - rgba[..., 3:], 3, axis=2)  # LoadImage's mask is 1 less alpha
        if not white.any():
            raise BadInputError("The picture is transparent nowhere, so there is nothing to paint; give it a mask.")
        brought = {
            "n": 1,
            "image": uploads.put(encode_array(rgba[..., :3].copy())),
            "mask": uploads.put(encode_array(white)),
        }
    elif real(given, "denoise", 1.0) < 1:
        brought["strength"] = clamped(real(given, "denoise", 1.0), 0, 1)
    return {**wishes, **brought}, outputs


def checkpoint(graph: Graph, link: Any) -> str | None:
    """The pretrained model that a graph loads; None for the painter of this place."""
    loaded = inputs_of(followed(graph, link)) if isinstance(link, list) else {}
    return model_of(str(solved(graph, loaded.get("ckpt_name", ""))).removesuffix(".safetensors"))


def followed(graph: Graph, link: Any) -> Mapping[str, Any]:
    """The node at the other end. Raises UsageError."""
    if not isinstance(link, list) or not link or str(link[0]) not in graph:
        raise UsageError(f"A link of the graph leads nowhere ({json.dumps(link)[:60]}); connect it.")
    return graph[str(link[0])]


def inputs_of(node: Mapping[str, Any]) -> Mapping[str, Any]:
    inputs = node.get("inputs")
    return inputs if isinstance(inputs, dict) else {}


def solved(graph: Graph, value: Any) -> Any:
    """A value, or that of the primitive node that a link leads to; other links stay links."""
    if isinstance(value, list) and value and str(value[0]) in graph:
        inputs = inputs_of(graph[str(value[0])])
        if graph[str(value[0])]["class_type"].startswith("Primitive"):
            return inputs.get("value", inputs.get("text"))
    return value


def words(graph: Graph, link: Any) -> str:
    if link is None:
        return ""
    return str(solved(graph, inputs_of(followed(graph, link)).get("text", "")))


def picture(graph: Graph, link: Any) -> str:
    name = re.sub(r" \[\w+\]$", "", str(inputs_of(followed(graph, link)).get("image", ""))).removesuffix(".png")
    if not NAME.fullmatch(name):
        raise NotFoundError(f"There is no uploaded picture '{name[:60]}'; upload it first.")
    return name


def node(
    inputs: Mapping[str, Any], outputs: list[str], optional: Mapping[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """A class as /object_info tells it; its name is filled in by NODES."""
    return {
        "input": {"required": dict(inputs), **({"optional": dict(optional)} if optional else {})},
        "input_order": {"required": list(inputs)}, "output": outputs, "output_name": outputs,
        "output_is_list": [False] * len(outputs), "description": "", "python_module": "nodes", "category": "danqing",
        "output_node": False, **more,
    }  # fmt: skip


WHOLE, REAL, TEXT = ("INT", {"default": 0}), ("FLOAT", {"default": 1.0}), ("STRING", {"multiline": True})
SAMPLING = {
    "model": ("MODEL",), "seed": WHOLE, "steps": WHOLE, "cfg": REAL, "sampler_name": (["danqing", "euler"],),
    "scheduler": (["normal"],), "positive": ("CONDITIONING",), "negative": ("CONDITIONING",),
    "latent_image": ("LATENT",), "denoise": REAL,
}  # fmt: skip
LATENT = {"width": WHOLE, "height": WHOLE, "batch_size": WHOLE}
PAINTED = {"images": ("IMAGE",), "filename_prefix": TEXT}


def checkpoints() -> list[str]:
    """As a loader names them: our own painter first, then the pretrained ones."""
    return [MODEL, *(f"{name}.safetensors" for name in fetched_names())]


def nodes() -> dict[str, Any]:
    """NODES with the models that are here now."""
    loader = NODES["CheckpointLoaderSimple"]
    inputs = {**loader["input"], "required": {"ckpt_name": (checkpoints(),)}}
    return {**NODES, "CheckpointLoaderSimple": {**loader, "input": inputs}}


NODES: dict[str, Any] = {
    name: {**shape, "name": name, "display_name": name}
    for name, shape in {
        "CheckpointLoaderSimple": node({"ckpt_name": ([MODEL],)}, ["MODEL", "CLIP", "VAE"]),
        "CLIPTextEncode": node({"text": TEXT, "clip": ("CLIP",)}, ["CONDITIONING"]),
        "EmptyLatentImage": node(LATENT, ["LATENT"]),
        "EmptySD3LatentImage": node(LATENT, ["LATENT"]),
        "KSampler": node(SAMPLING, ["LATENT"]),
        "VAELoader": node({"vae_name": (["danqing"],)}, ["VAE"]),
        "VAEDecode": node({"samples": ("LATENT",), "vae": ("VAE",)}, ["IMAGE"]),
        "VAEEncode": node({"pixels": ("IMAGE",), "vae": ("VAE",)}, ["LATENT"]),
        "VAEEncodeForInpaint": node({"pixels": ("IMAGE",), "vae": ("VAE",), "mask": ("MASK",)}, ["LATENT"]),
        "LoadImage": node({"image": ([],)}, ["IMAGE", "MASK"]),
        "PrimitiveStringMultiline": node({"text": TEXT}, ["STRING"]),
        "PrimitiveInt": node({"value": WHOLE}, ["INT"]),
        "PrimitiveFloat": node({"value": REAL}, ["FLOAT"]),
        "SaveImage": node(PAINTED, [], output_node=True),
        "PreviewImage": node({"images": ("IMAGE",)}, [], output_node=True),
    }.items()
}
