"""The seven rooms as docs/studio.md shows them: in both languages, on a desktop and on a phone, light and dark.

    python benchmarks/server/pictures.py

Starts a studio of its own, paints a dozen prompts, then walks each room in Chromium as a person would.
"""

import argparse
import io
import itertools
import math
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright
from studio import TOKEN, Studio

from danqing.data import load_split
from danqing.images.writing import encode_array

DOCS = Path(__file__).resolve().parents[2] / "docs" / "pictures" / "studio"
HANG = [
    ("红苹果", "noto"), ("green frog", "fluent"), ("蓝色的鲸鱼", "noto"), ("a pumpkin", "fluent"), ("向日葵", "fluent"),
    ("panda", "noto"), ("a lemon", "fluent"), ("黄色的鸭子", "noto"), ("a red car", "noto"), ("雪人", "noto"),
    ("pink flower", "fluent"), ("圣诞树", "noto"),
]  # fmt: skip
"""what the gallery shows"""
Corners = list[tuple[float, float]]
CAP: Corners = [(0.28, 0.45), (0.38, 0.32), (0.5, 0.27), (0.62, 0.32), (0.72, 0.45), (0.5, 0.42), (0.28, 0.45)]
RIND: Corners = [(0.12, 0.45), (0.25, 0.7), (0.5, 0.8), (0.75, 0.7), (0.88, 0.45)]
MUSHROOM: list[tuple[str, str, Corners]] = [("#f0e0c8", "50", [(0.5, 0.55), (0.5, 0.82)]), ("#d33a2c", "60", CAP)]
MELON: list[tuple[str, str, Corners]] = [
    ("#3fa34d", "40", RIND),
    ("#e84a4a", "60", [(0.28, 0.45), (0.5, 0.6), (0.72, 0.45)]),
]
"""what the hand draws in the live room: colour, brush, corners in parts of the paper's sides"""
DESKTOP, PHONE = (1440, 900), (390, 844)
HEIGHT, GAP = 620, 16
"""pixels of a screen in the composed picture, and between screens"""
PATIENCE = 90_000


@dataclass(frozen=True)
class Visit:
    """A person with a language and a screen."""

    page: Page
    base: str
    chinese: bool
    folder: Path

    def said(self, english: str, chinese: str) -> str:
        return chinese if self.chinese else english

    def enter(self, room: str) -> None:
        self.page.goto(f"{self.base}/#{room}")
        self.page.wait_for_selector("main h1", state="attached")
        self.page.wait_for_timeout(500)

    def press(self, english: str, chinese: str, which: int = 0) -> None:
        self.page.get_by_role("button", name=self.said(english, chinese)).nth(which).click()

    def wait(self, happened: Callable[[], bool]) -> None:
        over = time.monotonic() + PATIENCE / 1000
        while not happened():
            if time.monotonic() > over:
                raise SystemExit(f"nothing came of it on {self.page.url}")
            self.page.wait_for_timeout(100)

    def stroke(self, selector: str, points: Iterator[tuple[float, float]]) -> None:
        """Along points in parts of the element's sides."""
        box = self.page.locator(selector).first.bounding_box()
        assert box
        for number, (x, y) in enumerate(points):
            self.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
            if number == 0:
                self.page.mouse.down()
        self.page.mouse.up()


def paint(visit: Visit) -> None:
    page = visit.page
    assert page.viewport_size
    wide = page.viewport_size["width"] == DESKTOP[0]
    words = visit.said("a strawberry", "橘猫") if wide else visit.said("an orange cat", "草莓")
    page.fill("#words", words)
    page.keyboard.press("Control+Enter")
    visit.wait(lambda: page.locator(".job", has_text=words).first.locator(".tile img").count() == 4)
    page.wait_for_timeout(800)
    page.evaluate("document.activeElement.blur()")


def along(corners: Corners, parts: int = 8) -> Iterator[tuple[float, float]]:
    """From corner to corner in small steps, as a hand goes."""
    for (x, y), (u, v) in itertools.pairwise(corners):
        yield from ((x + (u - x) * k / parts, y + (v - y) * k / parts) for k in range(parts))
    yield corners[-1]


def live(visit: Visit) -> None:
    page = visit.page
    page.fill(".words", visit.said("mushroom", "西瓜"))
    page.wait_for_selector("img.made")
    for colour, brush, corners in MELON if visit.chinese else MUSHROOM:
        page.locator("input[type=color]").first.fill(colour)
        page.get_by_role("slider", name=visit.said("Brush", "画笔")).fill(brush)
        visit.stroke("canvas", along(corners))
    page.wait_for_timeout(2500)


def canvas(visit: Visit) -> None:
    page = visit.page
    visit.enter("gallery")
    page.get_by_role("searchbox").fill("panda")
    page.wait_for_timeout(900)
    page.locator(".grid .tile").first.click()
    visit.press("To the canvas", "放到画布")
    page.wait_for_selector("canvas.mask")
    page.wait_for_timeout(800)
    page.get_by_role("slider", name=visit.said("Brush", "画笔")).fill("90")
    turns = [0.3 * k for k in range(60)]
    visit.stroke("canvas.mask", ((0.72 + 0.006 * a * math.cos(a), 0.72 + 0.006 * a * math.sin(a)) for a in turns))
    page.locator("textarea").fill(visit.said("strawberry", "草莓"))
    visit.press("Add it here", "画在这里")
    page.wait_for_selector(".compare", timeout=PATIENCE)
    page.wait_for_timeout(900)


def restyle(visit: Visit) -> None:
    visit.press("Try the example", "试试示例")
    visit.page.wait_for_selector(".compare", timeout=PATIENCE)
    visit.page.wait_for_timeout(1500)


def teach(visit: Visit) -> None:
    page = visit.page
    clothes = load_split("fashion-mnist")[1].pixels[:48, 0].numpy()
    for number, one in enumerate(clothes):
        (visit.folder / f"{number}.png").write_bytes(encode_array(one.repeat(3, 0).repeat(3, 1)))
    (visit.folder / "broken.png").write_text("no picture")
    page.locator("input[type=file]").first.set_input_files([str(path) for path in sorted(visit.folder.glob("*.png"))])
    page.get_by_text(visit.said("fine,", "合格,")).wait_for(timeout=PATIENCE)
    page.get_by_label(visit.said("A generator of its own", "一个新的生成模型")).check()
    page.get_by_role("combobox", name=visit.said("Kind of model", "模型种类")).select_option("vae")
    page.get_by_role("spinbutton", name=visit.said("Minutes", "分钟数")).fill("0.6")
    page.get_by_role("button", name="Fashion-MNIST").click()  # few pictures would give grey ones in so little time
    page.wait_for_selector("section.card img", timeout=PATIENCE)
    visit.wait(lambda: page.get_by_role("button", name=visit.said("Make a report card", "出一份成绩单")).count() > 0)
    page.wait_for_timeout(500)


def lab(visit: Visit) -> None:
    page = visit.page
    page.locator("main input").first.fill("panda")
    visit.press("Run", "运行", 1)
    visit.wait(lambda: page.locator(".five .tile img").count() == 5)
    page.wait_for_timeout(600)


def gallery(visit: Visit) -> None:
    visit.page.wait_for_selector(".grid .tile")
    visit.page.wait_for_timeout(1200)


ROOMS: dict[str, Callable[[Visit], None]] = {
    "gallery": gallery, "paint": paint, "live": live, "canvas": canvas, "restyle": restyle, "lab": lab, "teach": teach
}  # fmt: skip


def hang(studio: Studio) -> None:
    with studio.client() as client:
        asked = [
            client.post("/jobs", json={"kind": "paint", "wishes": {
                "prompt": words, "style": style, "n": 4, "seed": 7 + number, "size": 512}}).json()["id"]
            for number, (words, style) in enumerate(HANG)
        ]  # fmt: skip
        while any(client.get(f"/jobs/{job}").json()["state"] in ("waiting", "running") for job in asked):
            time.sleep(0.5)


def screens(base: str, browser: Any, room: str) -> Iterator[Image.Image]:
    """English desktop, Chinese phone; Chinese desktop in the dark, English phone in the dark."""
    for chinese, size, scheme in (
        (False, DESKTOP, "light"), (True, PHONE, "light"), (True, DESKTOP, "dark"), (False, PHONE, "dark")
    ):  # fmt: skip
        context = browser.new_context(viewport=dict(zip(("width", "height"), size, strict=True)), color_scheme=scheme,
                                      locale="zh-CN" if chinese else "en-GB")  # fmt: skip
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(f"{base}/?token={TOKEN}")
        with tempfile.TemporaryDirectory() as folder:
            visit = Visit(page, base, chinese, Path(folder))
            visit.enter(room)
            ROOMS[room](visit)
        page.evaluate("window.scrollTo(0, 0)")
        yield Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        context.close()


def composed(four: list[Image.Image]) -> Image.Image:
    """Two rows of a desktop and a phone."""
    small = [one.resize((round(one.width * HEIGHT / one.height), HEIGHT), Image.Resampling.LANCZOS) for one in four]
    sheet = Image.new("RGB", (small[0].width + GAP + small[1].width, 2 * HEIGHT + GAP), "#8a8a8a")
    for number, one in enumerate(small):
        row, column = divmod(number, 2)
        sheet.paste(one, (column * (small[0].width + GAP), row * (HEIGHT + GAP)))
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rooms", nargs="+", choices=list(ROOMS), default=list(ROOMS))
    parser.add_argument("--out", type=Path, default=DOCS)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Studio(Path(folder)) as studio, sync_playwright() as playwright:
        hang(studio)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for room in args.rooms:
            composed(list(screens(studio.address, browser, room))).save(args.out / f"{room}.webp", quality=82, method=6)
            print(room, flush=True)


if __name__ == "__main__":
    main()
