"""Other programs' own clients, unchanged, against a real server with the painter that comes with Danqing."""

import base64
import io
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from PIL import Image

from danqing.images.writing import encode_array
from danqing.jobs.remote import API

TOKEN = "a-long-token"
PHOTO = Path(__file__).parents[1] / "pictures" / "red-apple.png"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of `danqing serve` with one worker."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("studio")
    command = [sys.executable, "-m", "danqing", "serve", "--port", str(port), "--folder", str(folder), "--token", TOKEN]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        until_it_answers(address)
        yield address
    finally:
        server.terminate()
        server.wait(30)


def until_it_answers(address: str) -> None:
    for _ in range(300):
        try:
            httpx2.get(f"{address}{API}/kinds", headers={"authorization": f"Bearer {TOKEN}"})
            return
        except httpx2.TransportError:
            time.sleep(0.1)


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.fixture(scope="module")
def square() -> bytes:
    """A small picture to begin with."""
    with Image.open(PHOTO) as image:
        return encode_array(np.asarray(image.convert("RGB").resize((128, 128))))


# OpenAI


@pytest.fixture
def openai(base: str) -> Any:
    client = pytest.importorskip("openai")
    return client.OpenAI(base_url=f"{base}/v1", api_key=TOKEN, max_retries=0)


def test_openai_generates(openai: Any) -> None:
    more = {"seed": 7, "steps": 2}
    made = openai.images.generate(model="gpt-image-1", prompt="a red apple", n=2, size="256x256", extra_body=more)
    first, second = (base64.b64decode(one.b64_json) for one in made.data)
    assert opened(first).size == (256, 256) and first != second and made.size == "256x256"
    again = openai.images.generate(prompt="a red apple", n=1, size="256x256", extra_body=more)
    assert base64.b64decode(again.data[0].b64_json) == first
    assert openai.models.list().data[0].id == "danqing"


def test_openai_gives_addresses_formats_and_transparency(openai: Any) -> None:
    more = {"extra_body": {"steps": 2}}
    made = openai.images.generate(prompt="苹果", n=1, size="128x128", response_format="url", **more)
    found = httpx2.get(made.data[0].url, headers={"authorization": f"Bearer {TOKEN}"})
    assert opened(found.content).size == (128, 128)
    clear = openai.images.generate(
        prompt="苹果", size="128x128", background="transparent", output_format="webp", **more
    )
    picture = opened(base64.b64decode(clear.data[0].b64_json))
    assert picture.format == "WEBP" and picture.mode == "RGBA" and clear.background == "transparent"


def test_openai_streams(openai: Any) -> None:
    stream = openai.images.generate(
        prompt="a red apple", n=1, size="128x128", stream=True, partial_images=1, extra_body={"steps": 2}
    )
    kinds = [event.type for event in stream]
    assert kinds == ["image_generation.partial_image", "image_generation.completed"]


def test_openai_edits_and_varies(openai: Any, square: bytes) -> None:
    holes = np.full((128, 128, 4), 255, np.uint8)
    holes[32:96, 32:96, 3] = 0
    memory = io.BytesIO()
    Image.fromarray(holes).save(memory, "PNG")
    more = {"extra_body": {"steps": 2, "seed": 1}}
    made = openai.images.edit(image=square, mask=memory.getvalue(), prompt="a blue star", **more)
    edited = np.asarray(opened(base64.b64decode(made.data[0].b64_json)).convert("RGB"))
    kept = np.asarray(opened(square).convert("RGB"))
    assert (edited[:30] == kept[:30]).all() and (edited[40:90, 40:90] != kept[40:90, 40:90]).any()
    with pytest.warns(DeprecationWarning):
        varied = openai.images.create_variation(image=square, n=1, size="256x256")
    assert opened(base64.b64decode(varied.data[0].b64_json)).size == (256, 256)


def test_openai_errors_are_theirs(openai: Any) -> None:
    client = pytest.importorskip("openai")
    with pytest.raises(client.BadRequestError, match="choose 1 to 10") as caught:
        openai.images.generate(prompt="x", n=99)
    assert caught.value.type == "invalid_request_error"
    with pytest.raises(client.AuthenticationError):
        client.OpenAI(base_url=openai.base_url, api_key="wrong-token", max_retries=0).models.list()
    with pytest.raises(client.BadRequestError):
        openai.images.edit(image=b"no picture at all", prompt="x")


def test_recorded_payloads_of_open_webui_and_librechat(base: str) -> None:
    """As they send them (shared interfaces, section 3), with a step count to be quick."""
    with httpx2.Client(base_url=f"{base}/v1", headers={"authorization": f"Bearer {TOKEN}"}, timeout=60) as client:
        webui = {"model": "dall-e-2", "prompt": "a red apple", "n": 1, "size": "512x512", "response_format": "b64_json"}
        librechat = {
            "model": "gpt-image-1", "prompt": "a red apple", "n": 1, "background": "auto", "output_format": "png",
            "quality": "auto", "size": "auto",
        }  # fmt: skip
        for payload in (webui, librechat):
            data = client.post("/images/generations", json={**payload, "steps": 2}).json()["data"]
            assert opened(base64.b64decode(data[0]["b64_json"])).size == (512, 512)


# AUTOMATIC1111


@pytest.fixture
def webui(base: str) -> Any:
    client = pytest.importorskip("webuiapi")
    port = int(base.rpartition(":")[2])
    return client.WebUIApi(host="127.0.0.1", port=port, username="me", password=TOKEN)


def test_a1111_paints_from_words_and_from_pictures(webui: Any, square: bytes) -> None:
    made = webui.txt2img(prompt="a red apple", seed=7, steps=2, cfg_scale=3, width=128, height=128, batch_size=2)
    assert [one.size for one in made.images] == [(128, 128)] * 2 and made.info["all_seeds"] == [7, 8]
    assert made.info["infotexts"][0].startswith("a red apple") and made.info["steps"] == 2
    again = webui.txt2img(prompt="a red apple", seed=8, steps=2, cfg_scale=3, width=128, height=128)
    assert again.image.tobytes() == made.images[1].tobytes()
    mask = np.zeros((128, 128, 3), np.uint8)
    mask[40:90, 40:90] = 255
    painted = webui.img2img(
        images=[opened(square)], mask_image=Image.fromarray(mask), prompt="a star", steps=2, cfg_scale=3, seed=1,
        denoising_strength=0.9, width=128, height=128,
    )  # fmt: skip
    kept, new = np.asarray(opened(square).convert("RGB")), np.asarray(painted.image.convert("RGB"))
    assert (new[:38] == kept[:38]).all() and (new[45:85, 45:85] != kept[45:85, 45:85]).any()


def test_a1111_upscales_reads_and_names(webui: Any, square: bytes) -> None:
    big = webui.extra_single_image(image=opened(square), upscaling_resize=2)
    assert big.image.size == (256, 256)
    made = webui.txt2img(prompt="a red apple", seed=7, steps=2, width=128, height=128)
    assert "a red apple" in webui.png_info(made.image).info or made.info["infotexts"]
    assert webui.interrogate(opened(square)).info


def test_a1111_lists_are_there(webui: Any) -> None:
    assert webui.util_get_model_names() == ["danqing"] and webui.util_get_current_model() == "danqing"
    assert webui.util_get_sampler_names() and webui.get_upscalers() and webui.get_schedulers()
    others = ("loras", "sd_vae", "embeddings", "scripts", "cmd_flags", "face_restorers", "hypernetworks", "memory")
    for listed in (*others, "prompt_styles"):
        assert getattr(webui, f"get_{listed}")() is not None
    webui.set_options({"sd_model_checkpoint": "danqing"})
    assert webui.get_options()["sd_model_checkpoint"] == "danqing"
    assert webui.get_progress()["state"]["job_count"] == 0 and webui.interrupt() is not None
    webui.util_wait_for_ready(0.1)


def test_recorded_payloads_of_sillytavern(base: str) -> None:
    with httpx2.Client(base_url=base, auth=("user", TOKEN), timeout=60) as client:
        payload = {
            "prompt": "a red apple", "negative_prompt": "", "sampler_name": "Euler a", "scheduler": "normal",
            "steps": 2, "cfg_scale": 7, "width": 128, "height": 128, "seed": -1, "restore_faces": False,
            "enable_hr": False, "hr_upscaler": "Latent", "hr_scale": 2, "hr_additional_steps": 0,
            "denoising_strength": 0.7, "clip_skip": 1,
            "override_settings": {"CLIP_stop_at_last_layers": 1}, "override_settings_restore_afterwards": True,
            "save_images": True, "send_images": True, "do_not_save_grid": False, "do_not_save_samples": False,
        }  # fmt: skip
        answer = client.post("/sdapi/v1/txt2img", json=payload).json()
        assert opened(base64.b64decode(answer["images"][0])).size == (128, 128)
        assert isinstance(json.loads(answer["info"])["seed"], int)
        fetched = client.post("/sdapi/v1/img2img", json={"init_images": ["http://127.0.0.1/x.png"], "prompt": "x"})
        assert fetched.status_code == 400 and "not fetched" in fetched.json()["detail"]


# ComfyUI


def graph(text: str, seed: int = 7, size: int = 128, count: int = 1) -> dict[str, Any]:
    """The seven nodes that Open WebUI and SillyTavern send by default."""
    return {
        "3": {"class_type": "KSampler", "_meta": {"title": "KSampler"}, "inputs": {
            "seed": seed, "steps": 2, "cfg": 3, "sampler_name": "euler", "scheduler": "normal", "denoise": 1,
            "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}},
        "4": {"class_type": "CheckpointLoaderSimple", "_meta": {"title": "Load"}, "inputs": {"ckpt_name": "x"}},
        "5": {"class_type": "EmptyLatentImage", "_meta": {"title": "Latent"},
              "inputs": {"width": size, "height": size, "batch_size": count}},
        "6": {"class_type": "CLIPTextEncode", "_meta": {"title": "Words"}, "inputs": {"text": text, "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "_meta": {"title": "Not"}, "inputs": {"text": "", "clip": ["4", 1]}},
        "8": {"class_type": "VAEDecode", "_meta": {"title": "Decode"},
              "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "_meta": {"title": "Save Image"},
              "inputs": {"filename_prefix": "x", "images": ["8", 0]}},
    }  # fmt: skip


@pytest.fixture
def comfy(base: str) -> Any:
    client = pytest.importorskip("comfy_api_simplified")
    return client.ComfyApiWrapper(base, user="me", password=TOKEN)


def test_comfy_paints_a_graph(comfy: Any) -> None:
    client = pytest.importorskip("comfy_api_simplified")
    workflow = client.ComfyWorkflowWrapper(graph("a red apple", count=2))
    workflow.set_node_param("KSampler", "seed", 11)
    pictures = comfy.queue_and_wait_images(workflow, "Save Image")
    assert [opened(data).size for data in pictures.values()] == [(128, 128)] * 2
    assert comfy.get_queue() == {"queue_running": [], "queue_pending": []}


def test_comfy_repaints_an_upload(comfy: Any, tmp_path: Path, square: bytes) -> None:
    client = pytest.importorskip("comfy_api_simplified")
    (tmp_path / "in.png").write_bytes(square)
    name = comfy.upload_image(str(tmp_path / "in.png"))["name"]
    nodes = graph("a star")
    nodes["1"] = {"class_type": "LoadImage", "_meta": {"title": "Load Image"}, "inputs": {"image": name}}
    nodes["5"] = {"class_type": "VAEEncode", "_meta": {"title": "Encode"},
                  "inputs": {"pixels": ["1", 0], "vae": ["4", 2]}}  # fmt: skip
    nodes["3"]["inputs"]["denoise"] = 0.5
    pictures = comfy.queue_and_wait_images(client.ComfyWorkflowWrapper(nodes), "Save Image")
    assert opened(next(iter(pictures.values()))).size == (128, 128)


def test_comfy_echoes_ids_and_refuses_strange_nodes(base: str) -> None:
    with httpx2.Client(base_url=f"{base}/api", headers={"authorization": f"Bearer {TOKEN}"}, timeout=60) as client:
        asked = client.post("/prompt", json={"prompt": graph("a red apple"), "prompt_id": "mine", "client_id": "me"})
        assert asked.json()["prompt_id"] == "mine"
        for _ in range(300):  # as SillyTavern does
            if "mine" in (history := client.get("/history").json()):
                break
            time.sleep(0.1)
        assert history["mine"]["status"]["status_str"] == "success"
        shown = history["mine"]["outputs"]["9"]["images"][0]
        assert opened(client.get("/view", params=shown).content).size == (128, 128)
        assert client.get("/view", params={"filename": "../../jobs.sqlite"}).status_code == 404
        strange = {**graph("x"), "10": {"class_type": "LoraLoader", "inputs": {}}}
        answer = client.post("/prompt", json={"prompt": strange})
        assert answer.status_code == 400 and "no node LoraLoader" in json.dumps(answer.json()["node_errors"])
        info = client.get("/object_info").json()
        assert info["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"][0]
        assert info["KSampler"]["input"]["required"]["sampler_name"][0]
        assert client.get("/system_stats").json()["devices"]


# Workers elsewhere


def test_the_same_jobs_give_the_same_pictures_wherever_they_are_done(base: str, tmp_path: Path, square: bytes) -> None:
    """One worker here; two workers afar, one of them killed again and again: not a byte differs."""
    wishes = [{"prompt": prompt, "n": 2, "steps": 2, "size": 128, "seed": 5} for prompt in ("red apple", "橘猫", "owl")]

    def painted(address: str) -> list[list[bytes]]:
        with httpx2.Client(
            base_url=f"{address}{API}", headers={"authorization": f"Bearer {TOKEN}"}, timeout=30
        ) as client:
            upload = client.post("/uploads", content=square).json()["id"]
            asked = [("paint", one) for one in wishes] + [("vary", {"picture": upload, "n": 1, "steps": 2, "seed": 3})]
            ids = [client.post("/jobs", json={"kind": kind, "wishes": one}).json()["id"] for kind, one in asked]
            for _ in range(1200):
                jobs = [client.get(f"/jobs/{one}").json() for one in ids]
                if all(job["state"] in ("done", "failed") for job in jobs):
                    break
                time.sleep(0.1)
            assert [job["state"] for job in jobs] == ["done"] * 4, [job["message"] for job in jobs]
            return [[client.get(f"/pictures/{one}/file").content for one in job["pictures"]] for job in jobs]

    here = painted(base)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address, begin = f"http://127.0.0.1:{port}", [sys.executable, "-m", "danqing"]
    serve = ["serve", "--port", str(port), "--folder", str(tmp_path), "--token", TOKEN, "--workers", "0"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen([*begin, *serve], **quiet)  # type: ignore[call-overload]
    worker = [*begin, "worker", "--server", address, "--token", TOKEN]
    workers = [subprocess.Popen(worker, **quiet) for _ in range(2)]  # type: ignore[call-overload]
    over = threading.Event()

    def killer() -> None:
        for _ in range(3):
            if over.wait(2.5):
                return
            workers[0].kill()
            workers[0].wait()
            workers[0] = subprocess.Popen(worker, **quiet)  # type: ignore[call-overload]

    thread = threading.Thread(target=killer)
    try:
        until_it_answers(address)
        thread.start()
        assert painted(address) == here
    finally:
        over.set()
        thread.join()
        for one in workers:
            one.kill()
            one.wait()
        server.terminate()
        server.wait(30)


def test_a_worker_elsewhere_needs_the_token_and_gets_no_more_than_pictures(base: str) -> None:
    from danqing.errors import DanqingError
    from danqing.jobs.remote import Afar, Line

    with pytest.raises(DanqingError, match="token"):
        Afar(Line(base, "wrong-token")).claim("me:1:a", ["paint"])
    afar = Afar(Line(base, TOKEN))
    assert afar.claim("me:1:a", ["train", "teach"]) is None
    with pytest.raises(DanqingError, match="not held"):
        afar.add("nothing", "me:1:a", "nothing-000", b"", [])
    for name in ("../../jobs.sqlite", "x" * 32):
        with pytest.raises(DanqingError):
            afar.upload(name)
