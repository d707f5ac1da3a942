"""What the studio survives: kills, doubled questions, clients that leave, broken pictures, strange requests.

    python benchmarks/server/faults.py [--kills 50] [--doubles 1000] [--leavers 1000] [--uploads 5000] [--only NAME …]

Writes benchmarks/results/server-faults.json; every row names what would have been wrong, and how often it was.
"""

import argparse
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import httpx2
import numpy as np
from PIL import Image
from studio import API, AUTH, Studio, command_of

from danqing.jobs import Place

RESULTS = Path(__file__).resolve().parents[1] / "results" / "server-faults.json"
PHOTO = Path(__file__).resolve().parents[2] / "examples" / "photo.jpg"


def kills(count: int, folder: Path) -> dict[str, Any]:
    """kill -9 of server or worker, in turn, while jobs are asked for; every accepted job must be done once."""
    chance, accepted, back = np.random.default_rng(0), set[str](), []
    with Studio(folder) as studio:
        for number in range(count):
            client = studio.client()
            until = time.monotonic() + float(chance.uniform(0.3, 1.5))
            while time.monotonic() < until:
                wishes = {"prompt": "red apple", "n": 1, "steps": 1, "size": 128, "seed": len(accepted)}
                headers = {"idempotency-key": f"k{len(accepted)}"}
                answer = client.post("/jobs", json={"kind": "paint", "wishes": wishes}, headers=headers)
                accepted.add(answer.json()["id"])
                time.sleep(0.15)
            if number % 2:
                for pid in studio.workers_of():
                    os.kill(pid, signal.SIGKILL)
            else:
                studio.kill()
                back.append(studio.begin())
        client = studio.client()
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline and open_jobs(client):
            time.sleep(0.5)
    time.sleep(5)
    left = [pid for pid in Path("/proc").glob("[0-9]*") if str(folder) in command_of(int(pid.name))]
    store, gallery = Place(folder).store(), Place(folder).gallery()
    jobs = [store.get(job) for job in accepted]
    files = {path.stem for path in (folder / "gallery" / "pictures").glob("*/*.png")}
    rows = {entry.id for entry in everything(gallery)}
    for job in jobs:
        if job.state != "done":
            print(job, flush=True)
    return {
        "kills": count, "accepted": len(accepted), "not done": sum(job.state != "done" for job in jobs),
        "pictures of a job, not one": sum(len(job.pictures) != 1 for job in jobs),
        "files without a row": len(files - rows), "rows without a file": len(rows - files),
        "half files": sum(not whole(path) for path in (folder / "gallery" / "pictures").glob("*/*.png")),
        "processes left": len(left), "slowest start, s": round(max(back), 2),
    }  # fmt: skip


def everything(gallery: Any) -> Any:
    before = None
    while True:
        page, before = gallery.page(before, count=200)
        yield from page
        if before is None:
            return


def open_jobs(client: httpx2.Client) -> bool:
    return any(client.get("/jobs", params={"state": state}).json()["jobs"] for state in ("waiting", "running"))


def whole(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            image.load()
        return True
    except OSError:
        return False


def doubles(count: int, folder: Path) -> dict[str, Any]:
    """The same question again and again under one key."""
    with Studio(folder, workers=0) as studio, studio.client() as client:
        ask = {"kind": "paint", "wishes": {"prompt": "cat", "n": 1}}
        ids = {client.post("/jobs", json=ask, headers={"idempotency-key": "one"}).json()["id"] for _ in range(count)}
        return {"posts": count, "jobs": len(ids)}


def leavers(count: int, folder: Path) -> dict[str, Any]:
    """Clients that listen for events and go."""
    with Studio(folder, workers=0) as studio:
        for _ in range(10):
            leave(studio)
        time.sleep(2)
        before = studio.handles()
        for _ in range(count):
            leave(studio)
        time.sleep(3)
        return {"disconnects": count, "handles before": before, "handles after": studio.handles()}


def leave(studio: Studio) -> None:
    with httpx2.stream("GET", f"{studio.address}{API}/events", headers=AUTH, timeout=10) as answer:
        assert answer.status_code == 200


def uploads(count: int, folder: Path) -> dict[str, Any]:
    """Pictures of every format with bytes changed, cut off, doubled, or none at all."""
    chance, kinds = np.random.default_rng(0), seeds()
    states: dict[int, int] = {}
    with Studio(folder, workers=0) as studio, studio.client() as client:
        for number in range(count):
            data = worn(kinds[number % len(kinds)], chance)
            status = client.post("/uploads", content=data).status_code
            states[status] = states.get(status, 0) + 1
        alive = client.get("/kinds").status_code == 200
    return {"uploads": count, "answers": states, "5xx": sum(n for code, n in states.items() if code >= 500),
            "alive": alive}  # fmt: skip


def seeds() -> list[bytes]:
    with Image.open(PHOTO) as photo:
        small = photo.convert("RGB").resize((96, 64))
    found = []
    for form in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"):
        memory = io.BytesIO()
        small.save(memory, form)
        found.append(memory.getvalue())
    return found


def worn(data: bytes, chance: np.random.Generator) -> bytes:
    found = np.frombuffer(data, np.uint8).copy()
    way = int(chance.integers(4))
    if way == 0:
        places = chance.integers(0, len(found), int(chance.integers(1, 20)))
        found[places] = chance.integers(0, 256, len(places))
    elif way == 1:
        found = found[: int(chance.integers(0, len(found)))]
    elif way == 2:
        cut = int(chance.integers(0, len(found)))
        found = np.concatenate([found[:cut], found[cut // 2 :]])
    else:
        found = np.concatenate([found[: int(chance.integers(4, 40))], chance.integers(0, 256, 500).astype(np.uint8)])
    return found.tobytes()


STRANGE: list[Any] = [None, "", "../../etc/passwd", "\u0000", "<svg onload=alert(1)>", -1, 10**30, 1e308, [], {}, [[]],
                      {"x": {}}, True, "戴红帽子的橘猫" * 2000, "%2e%2e%2f", "' OR 1=1 --", "\ud83d"]  # fmt: skip


NAMES = ("kind", "wishes", "prompt", "n", "size", "image", "tags", "ids", "trashed", "prompt_id", "init_images")
QUERIES = ("count", "before", "words", "since", "state")


def plain(value: Any) -> str:
    return str(value).encode("utf-8", "replace").decode().replace("\0", "%00")


def strangers(count: int, folder: Path) -> dict[str, Any]:
    """Every route of the OpenAPI document with strange values in every place."""
    chance = np.random.default_rng(0)
    states: dict[int, int] = {}
    worst: list[str] = []
    with Studio(folder, workers=0) as studio, studio.client() as client:
        paths = client.get("/openapi.json").json()["paths"]
        routes = [
            (method, path) for path, methods in paths.items() for method in methods if not path.endswith("events")
        ]
        for number in range(count):
            method, path = routes[number % len(routes)]

            def any_value() -> Any:
                return STRANGE[int(chance.integers(len(STRANGE)))]

            where = "/".join(
                plain(any_value() or "x").replace("/", "%2f")[:80] if part.startswith("{") else part
                for part in path.split("/")
            )
            body = {name: any_value() for name in NAMES if chance.random() < 0.5}
            query = {name: plain(any_value()) for name in QUERIES if chance.random() < 0.3}
            content = json.dumps(body) if chance.random() < 0.9 else "{broken"
            try:
                answer = client.request(
                    method.upper(), studio.address + where, content=content, params=query, timeout=2
                )
            except (httpx2.InvalidURL, httpx2.ReadTimeout):  # no address; a job that waits for a worker
                continue
            states[answer.status_code] = states.get(answer.status_code, 0) + 1
            if answer.status_code >= 500:
                worst.append(f"{method} {where} {body} -> {answer.status_code} {answer.text[:200]}")
        alive = client.get("/kinds").status_code == 200
    for line in worst[:10]:
        print(line, file=sys.stderr)
    return {"requests": count, "answers": states, "5xx": len(worst), "alive": alive}


def schemas(count: int, folder: Path) -> dict[str, Any]:
    """What schemathesis makes of the OpenAPI document, `count` examples for every operation at most.

    Streams of events are left out: they never end.
    """
    tool = Path(sys.executable).with_name("schemathesis")
    if not tool.exists():
        raise SystemExit("This part needs schemathesis: pip install 'schemathesis>=4'.")
    report = folder / "report.json"
    with Studio(folder / "studio") as studio, studio.client() as client:
        options = {
            "header": f"Authorization: {AUTH['authorization']}", "checks": "not_a_server_error",
            "phases": "examples,coverage,fuzzing", "max-examples": count, "exclude-path-regex": "events$",
            "request-timeout": 60, "warnings": "off", "seed": 0, "report-json-path": report,
        }  # fmt: skip
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        ended = subprocess.run(
            [str(tool), "run", f"{studio.address}{API}/openapi.json", *words], capture_output=True, text=True
        )
        alive = client.get("/kinds").status_code == 200
    if not report.exists():
        raise SystemExit(ended.stdout[-2000:] + ended.stderr[-2000:])
    found = json.loads(report.read_text())
    cases = found["test_cases"]
    if cases["with_failures"] or cases["errored"]:
        print(ended.stdout[-3000:], file=sys.stderr)
    return {"operations": found["operations"]["tested"], "requests": cases["generated"], "5xx": cases["with_failures"],
            "unanswered in a minute": cases["errored"], "alive": alive}  # fmt: skip


PARTS = {
    "kills": kills,
    "doubles": doubles,
    "leavers": leavers,
    "uploads": uploads,
    "strangers": strangers,
    "schemas": schemas,
}
SIZES = {"kills": 50, "doubles": 1000, "leavers": 1000, "uploads": 5000, "strangers": 5000, "schemas": 40}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, size in SIZES.items():
        parser.add_argument(f"--{name}", type=int, default=size)
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    args = parser.parse_args()
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in args.only:
        with tempfile.TemporaryDirectory() as folder:
            found[name] = PARTS[name](getattr(args, name), Path(folder))
        print(name, found[name], flush=True)
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
