"""The server as clients and strangers meet it."""

import asyncio
import base64
import io
import json
import re
import stat
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
from danqing.errors import BadInputError, DiskError, NotFoundError, UsageError
from danqing.images.writing import encode_array
from danqing.jobs import JOBS, Place
from danqing.jobs.kinds import kind
from danqing.jobs.remote import API
from danqing.jobs.wishes import Wanted
from danqing.jobs.worker import worker_of
from danqing.server.accounts import Accounts, BusyError, add_account, read_accounts
from danqing.server.app import create_app
from danqing.server.guard import COOKIE
from danqing.server.news import Bell
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


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"{API}/jobs", '{"kind": "paint", "wishes": {"prompt": "\\ud800"}}'),
        (f"{API}/jobs", '{"kind": "paint", "wishes": {"prompt": "x", "guidance": NaN}}'),
        (f"{API}/jobs", '{"kind": "paint", "wishes": {"prompt": "x", "seed": "abc"}}'),
        (f"{API}/jobs", '{"kind": "vary", "wishes": {}}'),
        (f"{API}/jobs", '{"kind": "evaluate", "wishes": {"models": "abc"}}'),
        ("/v1/images/generations", '{"prompt": "x", "n": 1e999}'),
        ("/v1/images/generations", '{"prompt": "x", "size": "axb"}'),
        ("/v1/images/generations", '{"prompt": "x", "output_format": "psd"}'),
        ("/v1/images/generations", '{"prompt": ["x"]}'),
        ("/sdapi/v1/txt2img", '{"prompt": "x", "cfg_scale": "x"}'),
        ("/sdapi/v1/txt2img", '{"prompt": "x", "styles": 5}'),
        ("/sdapi/v1/txt2img", '{"prompt": "x", "enable_hr": true, "hr_scale": 1e999}'),
        ("/sdapi/v1/img2img", '{"prompt": "x", "init_images": {"a": 1}}'),
        ("/sdapi/v1/extra-batch-images", '{"imageList": ["x"]}'),
        ("/sdapi/v1/png-info", '{"image": "AAAA"}'),
        ("/prompt", '{"prompt": {"1": {"class_type": "KSampler"}}}'),
        ("/prompt", '{"prompt": {"1": {"class_type": "KSampler", "inputs": {"seed": ["9", 0]}}, "2": 5}}'),
        ("/prompt", "[1]"),
        ("/history", '{"delete": 5}'),
    ],
)
def test_nonsense_is_refused_at_every_door(client: TestClient, path: str, body: str) -> None:
    answer = client.post(path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 404, 422), answer.text


def test_numbers_of_pages_have_bounds(client: TestClient) -> None:
    for path in (f"{API}/pictures?before=99999999999999999999999", f"{API}/events?since=99999999999999999999999"):
        assert client.get(path).status_code == 422


def test_a_stranger_cookie_beside_ours_does_no_harm(client: TestClient) -> None:
    client.headers.pop("authorization")
    for other in ('a={"x": 1}', "x y=1", "expires=1", "=;;"):
        assert client.get(f"{API}/kinds", headers={"cookie": f"{other}; {COOKIE}={TOKEN}"}).status_code == 200


def test_a_job_that_was_stopped_goes_on(client: TestClient, place: Place) -> None:
    job = client.post(f"{API}/jobs", json={"kind": "dot", "wishes": {"grey": 1}}).json()["id"]
    assert client.post(f"{API}/jobs/{job}/again").status_code == 422
    client.post(f"{API}/jobs/{job}/cancel")
    assert client.post(f"{API}/jobs/{job}/again").json()["state"] == "waiting"
    work(place)
    assert client.get(f"{API}/jobs/{job}").json()["state"] == "done"
    assert client.get(f"{API}/jobs?kind=paint").json()["jobs"] == []
    assert len(client.get(f"{API}/jobs?kind=dot&kind=paint").json()["jobs"]) == 1


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
            ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403),
        ):
            if method == "WS":
                with (
                    pytest.raises(WebSocketDisconnect),
                    client.websocket_connect(f"ws://{HOST}{where}", headers=headers),
                ):
                    pass
            else:
                assert client.request(method, where, headers=headers).status_code == status, (method, path, headers)


def test_who_is_known_may_paint_live(client: TestClient) -> None:
    """The door that strangers find shut above does open."""
    with client.websocket_connect(f"ws://{HOST}{API}/live"):
        pass


def test_a_cookie_is_a_token_too_and_headers_protect(client: TestClient) -> None:
    client.headers.pop("authorization")
    answer = client.get(f"{API}/kinds", headers={"cookie": f"{COOKIE}={TOKEN}", "origin": f"http://{HOST}"})
    assert answer.status_code == 200 and "dot" in answer.json()
    assert (
        answer.headers["x-content-type-options"] == "nosniff"
        and "default-src" in answer.headers["content-security-policy"]
    )


def basic(name: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def test_accounts_let_people_in_by_name_and_password(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "people.txt"
    for name, password in (("mei", "first password"), ("梅", "一二三四五六七八九十"), ("mei", "second password")):
        add_account(file, name, password)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and "password" not in file.read_text()
    assert len(file.read_text().splitlines()) == 2
    app: Any = create_app(place, TOKEN, [HOST], accounts=Accounts(read_accounts(file)))
    path = f"{API}/kinds"
    with TestClient(app, base_url=f"http://{HOST}") as client:
        asked = client.get(path)
        assert asked.status_code == 401 and asked.headers["www-authenticate"].startswith("Basic ")
        for wrong in (basic("mei", "first password"), basic("mei", ""), basic("", ""), basic("nobody", "x" * 20)):
            assert client.get(path, headers=wrong).status_code == 401
        for forged in ("mei", "mei:", "mei:00", "nobody:00", f"mei:{'0' * 64}"):
            assert client.get(path, headers={"cookie": f"{COOKIE}={forged}"}).status_code == 401
        assert client.get(path, headers={**basic("mei", "second password"), "origin": "http://x"}).status_code == 403
        assert client.get(path, headers=AUTH).status_code == 200 and not client.cookies
        assert client.get(path, headers=basic("梅", "一二三四五六七八九十")).status_code == 200
        client.cookies.clear()
        kept = client.get(path, headers=basic("mei", "second password")).headers["set-cookie"]
        assert "HttpOnly" in kept and "SameSite=Strict" in kept and "second" not in kept and TOKEN not in kept
        assert client.get(path).status_code == 200  # by the pass in the cookie
        with client.websocket_connect(f"ws://{HOST}{API}/live"):
            pass
        passed = dict(client.cookies)
    anew: Any = create_app(place, TOKEN, [HOST], accounts=Accounts(read_accounts(file)))
    with TestClient(anew, base_url=f"http://{HOST}", cookies=passed) as client:
        assert client.get(path).status_code == 401  # a pass is worth nothing after the server began anew


def test_a_password_is_reckoned_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    add_account(tmp_path / "people", "mei", "a password of hers")
    people, asked = Accounts(read_accounts(tmp_path / "people")), []
    reckon = people.verified
    monkeypatch.setattr(people, "verified", lambda *what: asked.append(what) or reckon(*what))
    for _ in range(3):
        assert asyncio.run(people.knows("mei", "a password of hers"))
    assert len(asked) == 1
    assert not asyncio.run(people.knows("mei", "another one of hers")) and len(asked) == 2


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        (None, NotFoundError, "danqing account"),
        ("", BadInputError, "no account"),
        ("mei:secret\n", BadInputError, "Line 1"),
        ("# people\n\nmei\n", BadInputError, "Line 3"),
    ],
)
def test_account_files_that_are_none(tmp_path: Path, text: str | None, error: type, says: str) -> None:
    file = tmp_path / "people"
    if text is not None:
        file.write_text(text)
    with pytest.raises(error, match=says):
        read_accounts(file)


@pytest.mark.parametrize(
    ("name", "password"), [("a:b", "x" * 12), ("", "x" * 12), ("mei", "short"), ("x\ny", "x" * 12)]
)
def test_accounts_that_cannot_be(tmp_path: Path, name: str, password: str) -> None:
    with pytest.raises(UsageError):
        add_account(tmp_path / "people", name, password)
    assert not (tmp_path / "people").exists()


def test_other_lines_of_an_account_file_stay(tmp_path: Path) -> None:
    file = tmp_path / "people"
    file.write_text("\ufeff# our school \r\n")
    for _ in range(2):
        add_account(file, "mei", "a password of hers")
    assert file.read_text().startswith("# our school\nmei:$argon2id$") and len(read_accounts(file)) == 1
    with pytest.raises(DiskError):
        add_account(file / "below", "mei", "a password of hers")
    with pytest.raises(BadInputError):
        add_account(tmp_path, "mei", "a password of hers")


def test_a_crowd_of_wrong_passwords_is_turned_away(tmp_path: Path) -> None:
    add_account(tmp_path / "people", "mei", "a password of hers")
    people = Accounts(read_accounts(tmp_path / "people"))

    async def crowd() -> list[Any]:
        return await asyncio.gather(*(people.knows("nobody", f"{n}") for n in range(12)), return_exceptions=True)

    answers = asyncio.run(crowd())
    assert [type(one) for one in answers].count(BusyError) == 4 and answers.count(False) == 8
    assert people.waiting == 0 and asyncio.run(people.knows("mei", "a password of hers"))


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


def test_a_full_disk_is_said_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    """No file of this server may grow beyond 60,000 bytes, as on a disk that is nearly full."""
    import socket
    import subprocess
    import sys

    import httpx2

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "run.py").write_text(
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from danqing.cli import main\n"
        "from danqing.jobs import Place\n"
        "if __name__ == '__main__':\n"
        "    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "    Place(Path(sys.argv[-1])).store().close()\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))\n"
        "    main()\n"
    )
    folder = tmp_path / "studio"
    command = [sys.executable, str(tmp_path / "run.py"), "serve", "--workers", "0", "--port", str(port)]
    server = subprocess.Popen([*command, "--token", TOKEN, "--folder", str(folder)], stderr=subprocess.DEVNULL)
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}{API}", headers=AUTH, timeout=30) as client:
            until(lambda: reachable(client))
            noise = np.random.default_rng(0).integers(0, 255, (300, 300, 3)).astype(np.uint8)
            refused = client.post("/uploads", content=encode_array(noise))
            assert refused.status_code == 507 and "free space" in refused.json()["detail"]
            assert list((folder / "uploads").glob("*")) == []
            states = {client.post("/jobs", json={"kind": "paint", "wishes": {"prompt": "x" * 3000}}).status_code
                      for _ in range(40)}  # fmt: skip
            assert states <= {202, 507} and 507 in states
            kept = client.get("/jobs?count=100").json()["jobs"]
            assert kept and all(job["state"] == "waiting" for job in kept)
    finally:
        server.terminate()
        server.wait(20)


def test_a_worker_ends_with_the_server_that_began_it(tmp_path: Path) -> None:
    """Also if that was killed before the worker had come up: it asks for that very process, not for some parent."""
    import subprocess
    import sys

    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    command = [sys.executable, "-m", "danqing", "worker", "--folder", str(tmp_path), "--parent", str(gone.pid)]
    assert subprocess.run(command, timeout=60, capture_output=True).returncode == 0
