"""The server as clients and strangers meet it."""

import base64
import io
import json
import re
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from danqing import registry
from danqing.images.writing import encode_array
from danqing.jobs import JOBS, Place
from danqing.jobs.kinds import kind
from danqing.jobs.wishes import Wanted
from danqing.jobs.worker import worker_of
from danqing.server.app import create_app
from danqing.server.guard import COOKIE
from danqing.server.news import Bell
from danqing.server.studio import API
from danqing.types import Picture, Progress, Recipe

TOKEN, HOST = "a-long-token", "127.0.0.1:7860"
AUTH = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def client(place: Place) -> Iterator[TestClient]:
    app: Any = create_app(place, TOKEN, [HOST])
    with TestClient(app, base_url=f"http://{HOST}", headers=AUTH, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(autouse=True)
def dots() -> Iterator[None]:
    """A job that is done at once."""

    def dot(wishes: Any, desk: Any) -> Any:
        yield Progress("dot", 0.5, message="half")
        recipe = Recipe("dots", "ab", "dot", 0, (8, 8), prompt=f"a dot of grey {wishes['grey']}")
        desk.keep(0, Picture(np.full((8, 8, 3), wishes["grey"], np.uint8), recipe))
        return {}

    JOBS["dot"] = Wanted(("grey", "n"))
    kind("dot")(dot)
    yield
    del JOBS["dot"], registry._things["job"]["dot"]


def work(place: Place) -> None:
    worker = worker_of(place)
    while worker.work_once():
        pass


def test_a_job_from_the_question_to_the_picture(client: TestClient, place: Place) -> None:
    asked = client.post(f"{API}/jobs", json={"kind": "dot", "wishes": {"grey": 9}})
    assert asked.status_code == 202 and asked.json()["state"] == "waiting"
    job = asked.json()["id"]
    work(place)
    done = client.get(f"{API}/jobs/{job}").json()
    assert done["state"] == "done" and done["pictures"] == [f"{job}-000"]
    picture = client.get(f"{API}/pictures/{job}-000/file")
    assert picture.headers["content-type"] == "image/png" and picture.content[:4] == b"\x89PNG"
    assert [one["id"] for one in client.get(f"{API}/jobs").json()["jobs"]] == [job]
    assert client.get(f"{API}/jobs/{job}/files/anything").status_code == 404


def test_the_same_key_is_the_same_job(client: TestClient) -> None:
    ask = {"kind": "dot", "wishes": {"grey": 1}}
    ids = {client.post(f"{API}/jobs", json=ask, headers={"idempotency-key": "k"}).json()["id"] for _ in range(20)}
    assert len(ids) == 1
    other = client.post(f"{API}/jobs", json={**ask, "wishes": {"grey": 2}}, headers={"idempotency-key": "k"})
    assert other.status_code == 422 and "another job" in other.json()["detail"]


def test_a_job_is_cancelled(client: TestClient) -> None:
    job = client.post(f"{API}/jobs", json={"kind": "dot", "wishes": {"grey": 1}}).json()["id"]
    assert client.post(f"{API}/jobs/{job}/cancel").json()["state"] == "cancelled"


@pytest.mark.parametrize(
    ("ask", "status", "says"),
    [
        ({"kind": "dto", "wishes": {}}, 404, "did you mean dot"),
        ({"kind": "dot", "wishes": {"gray": 1}}, 422, "did you mean grey"),
        ({"kind": "dot", "wishes": {"n": 1000}}, 422, "1 to 64"),
        ({"kind": "dot"}, 422, "wishes"),
        ({"kind": "dot", "wishes": {}, "priority": 9999}, 422, "priority"),
    ],
)
def test_nonsense_gets_a_sentence(client: TestClient, ask: Any, status: int, says: str) -> None:
    answer = client.post(f"{API}/jobs", json=ask)
    assert answer.status_code == status and answer.headers["content-type"] == "application/problem+json"
    assert says in answer.json()["detail"]


def routes(client: TestClient) -> list[tuple[str, str]]:
    """Every route of the app, of every door."""
    guard: Any = client.app
    found = []
    for one in guard.app.routes:
        router = getattr(one, "original_router", None)
        prefix = one.include_context.prefix if router else ""
        for route in router.routes if router else [one]:
            methods = getattr(route, "methods", None) or ["WS"]
            found += [(method, prefix + route.path) for method in methods]
    return found


def test_no_route_answers_without_token_host_and_origin(client: TestClient) -> None:
    found = routes(client)
    assert len(found) >= 100
    for method, path in found:
        where = re.sub(r"{[^}]*}", "x", path)
        for headers, status in (
            ({"authorization": ""}, 401),
            ({"authorization": "Bearer wrong"}, 401),
            ({"authorization": "Basic " + base64.b64encode(b"me:wrong").decode()}, 401),
            ({"authorization": "Basic %%%"}, 401),
            ({"host": "evil.example"}, 421),
            ({"host": "127.0.0.1:7860.evil.example"}, 421),
            ({"origin": "http://evil.example"}, 403),
            ({"origin": "null"}, 403),
        ):
            if method == "WS":
                with pytest.raises(WebSocketDisconnect), client.websocket_connect(where, headers=headers):
                    pass
            else:
                assert client.request(method, where, headers=headers).status_code == status, (method, path, headers)


def test_a_cookie_is_a_token_too_and_headers_protect(client: TestClient) -> None:
    client.headers.pop("authorization")
    answer = client.get(f"{API}/kinds", headers={"cookie": f"{COOKIE}={TOKEN}", "origin": f"http://{HOST}"})
    assert answer.status_code == 200 and "dot" in answer.json()
    assert (
        answer.headers["x-content-type-options"] == "nosniff"
        and "default-src" in answer.headers["content-security-policy"]
    )


def test_uploads_are_pictures_and_small_enough(client: TestClient) -> None:
    answer = client.post(f"{API}/uploads", content=encode_array(np.zeros((9, 9, 3), np.uint8)))
    assert answer.status_code == 201 and len(answer.json()["id"]) == 32
    assert client.post(f"{API}/uploads", content=b"<svg onload=alert(1)>").status_code == 400
    assert client.post(f"{API}/export", content=b"x" * 200_000).status_code == 413

    def endless() -> Iterator[bytes]:
        for _ in range(300):
            yield b"x" * 1000

    assert client.post(f"{API}/export", content=endless()).status_code == 413


@pytest.mark.parametrize("path", ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%00", "a/files/../../x"])
def test_no_path_leads_out(client: TestClient, path: str) -> None:
    assert client.get(f"{API}/jobs/{path}").status_code in (404, 421)
    assert client.get(f"{API}/jobs/x/files/{path}").status_code in (404, 422)


def test_news_are_heard_from_where_one_left_off(place: Place) -> None:
    import asyncio

    store = place.store()
    first = store.submit("dot", {"grey": 1})
    store.submit("dot", {"grey": 2})

    async def two() -> list[str]:
        bell = Bell(place)
        stream = bell.news(first.version)
        heard = [await anext(stream)]
        store.submit("dot", {"grey": 3})
        heard.append(await anext(stream))
        await stream.aclose()  # type: ignore[attr-defined]
        assert bell.listeners == 0
        return heard

    began = time.monotonic()
    said = asyncio.run(two())
    assert time.monotonic() - began < 5
    seen = [json.loads(text.split("data: ")[1]) for text in said]
    assert [one["wishes"]["grey"] for one in seen] == [2, 3]
    assert said[0].startswith(f"id: {first.version + 1}\nevent: job\n")
    assert Bell(place).changes(99) == []


def test_pictures_are_found_marked_thrown_away_and_exported(client: TestClient, place: Place) -> None:
    for grey in (9, 90):
        client.post(f"{API}/jobs", json={"kind": "dot", "wishes": {"grey": grey}})
    work(place)
    newest, oldest = client.get(f"{API}/pictures").json()["pictures"]
    assert "90" in newest["recipe"]["prompt"]
    assert client.get(f"{API}/pictures?words=90").json()["pictures"] == [newest]
    assert client.get(f"{API}/pictures?count=1").json()["next"] is not None
    marked = client.patch(f"{API}/pictures/{oldest['id']}", json={"favourite": True, "tags": ["点"]}).json()
    assert marked["marks"]["favourite"] and client.get(f"{API}/tags").json()["tags"] == [{"tag": "点", "count": 1}]
    assert [one["id"] for one in client.get(f"{API}/pictures?favourite=true").json()["pictures"]] == [oldest["id"]]
    assert client.get(f"{API}/pictures/{oldest['id']}/thumb").content[8:12] == b"WEBP"
    assert client.get(f"{API}/pictures/{oldest['id']}").json()["children"] == []
    zipped = client.post(f"{API}/export", json={"ids": [oldest["id"]]})
    with zipfile.ZipFile(io.BytesIO(zipped.content)) as archive:
        assert archive.namelist() == [f"{oldest['id']}.png", "attribution.csv"]
    client.patch(f"{API}/pictures/{newest['id']}", json={"trashed": True})
    assert len(client.get(f"{API}/pictures").json()["pictures"]) == 1
    assert client.post(f"{API}/trash/empty", json={}).json() == {"removed": 1}
    assert client.get(f"{API}/pictures/{newest['id']}/file").status_code == 404
    recipe = client.post(f"{API}/recipes", content=client.get(f"{API}/pictures/{oldest['id']}/file").content)
    assert recipe.json()["prompt"] == "a dot of grey 9"


def test_the_server_loads_no_model() -> None:
    import subprocess
    import sys

    light = "import danqing.server.app, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", light], timeout=60).returncode == 0


def test_a_served_job_is_painted_although_its_worker_is_killed(tmp_path: Path) -> None:
    """`danqing serve` in a process of its own, as another program uses it."""
    import os
    import signal
    import socket
    import subprocess
    import sys

    import httpx2

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "danqing",
        "serve",
        "--port",
        str(port),
        "--folder",
        str(tmp_path),
        "--token",
        TOKEN,
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}{API}", headers=AUTH, timeout=20) as client:
            until(lambda: reachable(client))
            wishes = {"prompt": "red apple", "n": 4, "steps": 2, "seed": 7}
            job = client.post("/jobs", json={"kind": "paint", "wishes": wishes}).json()["id"]
            until(lambda: client.get(f"/jobs/{job}").json()["state"] != "waiting")
            store = Place(tmp_path).store()
            (name,) = store.base.execute("SELECT worker FROM jobs").fetchone()
            os.kill(int(name.split(":")[1]), signal.SIGKILL)
            until(lambda: client.get(f"/jobs/{job}").json()["state"] == "done")
            assert len(client.get(f"/jobs/{job}").json()["pictures"]) == 4
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(20) in (0, 130)


def reachable(client: Any) -> bool:
    import httpx2

    try:
        return bool(client.get("/kinds").status_code == 200)
    except httpx2.TransportError:
        return False


def until(true: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.1)
