"""How quick the studio answers: many readers while the cores are busy, a large gallery, the first picture.

    python benchmarks/server/load.py [--clients 200] [--seconds 30] [--pictures 100000]

Each client reads once a second, as a page that is looked at does. Writes benchmarks/results/server-load.json.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httpx2
import numpy as np
from studio import API, AUTH, TOKEN, Studio

from danqing.gallery import Entry, Marks
from danqing.images.writing import encode_array
from danqing.jobs import Place
from run import machine

RESULTS = Path(__file__).resolve().parents[1] / "results" / "server-load.json"
WARM = 8.0
"""seconds before counting, in which workers and readers begin"""
LIVE_STEPS = 2
"""as the page asks for while the hand moves"""
READS = ("/jobs?count=50", "/pictures?count=60", "/styles", "/reading?prompt=an%20orange%20cat")


def quantiles(seconds: list[float]) -> dict[str, float]:
    p50, p99 = np.quantile(seconds, [0.5, 0.99])
    return {"count": len(seconds), "p50 ms": round(1000 * p50, 1), "p99 ms": round(1000 * p99, 1)}


async def readers(studio: Studio, count: int, seconds: float) -> dict[str, Any]:
    """Reads and submissions while workers paint without pause."""
    read, asked = list[float](), list[float]()
    counted, over = time.monotonic() + WARM, time.monotonic() + WARM + seconds
    limits = httpx2.Limits(max_connections=count + 10, max_keepalive_connections=count + 10)
    async with httpx2.AsyncClient(base_url=f"{studio.address}{API}", headers=AUTH, timeout=60, limits=limits) as client:

        async def reader(number: int) -> None:
            await asyncio.sleep(number / count)
            while time.monotonic() < over:
                began = time.monotonic()
                (await client.get(READS[number % len(READS)])).raise_for_status()
                if began > counted:
                    read.append(time.monotonic() - began)
                await asyncio.sleep(max(0.0, 1 - (time.monotonic() - began)))

        async def asker() -> None:
            while time.monotonic() < over:
                wishes = {"prompt": "red apple", "n": 4, "size": 512, "seed": len(asked)}
                began = time.monotonic()
                (await client.post("/jobs", json={"kind": "paint", "wishes": wishes})).raise_for_status()
                if began > counted:
                    asked.append(time.monotonic() - began)
                await asyncio.sleep(0.5)

        await asyncio.gather(*(reader(number) for number in range(count)), asker())
    return {"clients": count, "reads": quantiles(read), "submissions": quantiles(asked)}


def large_gallery(folder: Path, count: int) -> dict[str, Any]:
    """Pages of a gallery by one client after the other: the newest, a search, favourites, a page in the middle."""
    chance, words = (
        np.random.default_rng(0),
        ["red", "blue", "cat", "owl", "apple", "hat", "橘猫", "猫头鹰", "眼镜", "苹果"],
    )
    gallery = Place(folder).gallery()
    gallery.index.put(
        Entry(f"p{number:07d}-000", 512, 512, Marks(float(number), favourite=number % 50 == 0),
              {"prompt": " ".join(chance.choice(words, 3)), "model": "painter", "seed": number})
        for number in range(count)
    )  # fmt: skip
    gallery.close()
    found: dict[str, list[float]] = {}
    with Studio(folder, workers=0) as studio, studio.client() as client:
        for turn in range(100):
            for name, query in {
                "newest": "", "search": f"&words={words[turn % len(words)]}", "favourites": "&favourite=true",
                "nothing found": "&words=zeppelin", "middle": f"&before={chance.integers(100, count)}",
            }.items():  # fmt: skip
                began = time.monotonic()
                client.get(f"/pictures?count=60{query}").raise_for_status()
                found.setdefault(name, []).append(time.monotonic() - began)
    return {"pictures": count, **{name: quantiles(seconds) for name, seconds in found.items()}}


def first_picture(studio: Studio) -> dict[str, Any]:
    """From the question to the first of four pictures of 128 px, warm."""
    spent = []
    with studio.client() as client:
        for turn in range(6):
            wishes = {"prompt": "red apple", "n": 4, "size": 128, "seed": turn}
            began = time.monotonic()
            job = client.post("/jobs", json={"kind": "paint", "wishes": wishes}).json()["id"]
            while not client.get(f"/jobs/{job}").json()["pictures"]:
                time.sleep(0.01)
            spent.append(time.monotonic() - began)
        while client.get(f"/jobs/{job}").json()["state"] != "done":  # what follows is measured beside nothing
            time.sleep(0.1)
    return {"s": round(float(np.median(spent[1:])), 2)}


def live(studio: Studio, rounds: int = 9, frames: int = 10) -> dict[str, Any]:
    """Drawings of 256 px in, pictures of 128 px out, each sent when the last has come: pictures a second, the median of
    `rounds` after one that does not count."""
    from websockets.sync.client import connect

    found = {}
    drawing = encode_array(np.full((256, 256, 3), (210, 60, 40), np.uint8))
    with connect(f"{studio.address.replace('http', 'ws')}{API}/live", additional_headers=AUTH, max_size=None) as socket:
        for name, wishes in {"words": {}, "words and drawing": {"drawing": True, "strength": 0.65}}.items():
            paces = []
            for first in range(0, (rounds + 1) * frames, frames):
                began = time.monotonic()
                for number in range(first, first + frames):
                    asked = {"frame": number, "prompt": "red apple", "seed": 7, "steps": LIVE_STEPS, **wishes}
                    socket.send(json.dumps(asked))
                    if wishes:
                        socket.send(drawing)
                    assert isinstance(socket.recv(), bytes)
                paces.append(frames / (time.monotonic() - began))
            found[f"{name}, pictures/s"] = round(float(np.median(paces[1:])), 1)
    return found


def opening(studio: Studio) -> dict[str, Any]:
    """From the address to a page that takes words, in Chromium; median of five openings."""
    from playwright.sync_api import sync_playwright

    spent = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for _ in range(5):
            page = browser.new_context().new_page()
            began = time.monotonic()
            page.goto(f"{studio.address}/?token={TOKEN}")
            page.fill("#words", "red apple")
            spent.append(time.monotonic() - began)
            page.context.close()
        browser.close()
    return {"s": round(float(np.median(spent)), 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--pictures", type=int, default=100_000)
    args = parser.parse_args()
    found: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory() as folder, Studio(Path(folder)) as studio:
        found["first picture"] = first_picture(studio)
        found["live"] = live(studio)
        found["page"] = opening(studio)
    with tempfile.TemporaryDirectory() as folder, Studio(Path(folder), workers=2) as studio:
        found["readers"] = asyncio.run(readers(studio, args.clients, args.seconds))
    with tempfile.TemporaryDirectory() as folder:
        found["gallery"] = large_gallery(Path(folder), args.pictures)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
