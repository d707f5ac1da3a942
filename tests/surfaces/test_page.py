"""The studio's page: built from its source, small; every room walked as a person would, in both languages."""

import gzip
import hashlib
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest

from danqing.images.writing import encode_array
from danqing.server.page import STATIC

WEB = Path(__file__).parents[2] / "web"
PHOTO = Path(__file__).parents[1] / "pictures" / "red-apple.png"
TOKEN = "a-long-token"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
browser_there = pytest.mark.skipif(not CHROMIUM or not find_spec("playwright"), reason="no Chromium on this machine")


def test_the_built_page_is_of_this_source() -> None:
    """The same sum as in web/vite.config.ts; 'scripts/web' builds the page anew."""
    files = [*(WEB / "src").rglob("*"), *(WEB / "public").rglob("*")]
    files += [WEB / name for name in ("index.html", "package.json", "package-lock.json", "vite.config.ts")]
    sums = hashlib.sha256()
    for path in sorted((path for path in files if path.is_file()), key=str):
        sums.update(path.relative_to(WEB).as_posix().encode() + b"\0" + path.read_bytes())
    assert sums.hexdigest() == (STATIC / "source.sha256").read_text().strip(), "run scripts/web"


def test_the_page_is_small_and_asks_nobody_else() -> None:
    html = (STATIC / "index.html").read_text()
    first = [STATIC / name.lstrip("/") for name in re.findall(r'(?:src|href)="(/assets/[^"]+\.js)"', html)]
    assert first and sum(len(gzip.compress(path.read_bytes())) for path in first) < 150_000
    for path in [STATIC / "index.html", *STATIC.glob("assets/*.js"), *STATIC.glob("assets/*.css")]:
        found = re.findall(r"https?://[^\s\"'`)]+", path.read_text())
        assert all(one.startswith(("http://www.w3.org/", "https://svelte.dev/e/")) for one in found), (path.name, found)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("studio")
    command = [
        sys.executable,
        "-m",
        "danqing",
        "studio",
        "--port",
        str(port),
        "--folder",
        str(folder),
        "--token",
        TOKEN,
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                httpx2.get(address)
                break
            except httpx2.TransportError:
                time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(params=["en-GB", "zh-CN"])
def page(request: pytest.FixtureRequest, base: str, chromium: Any) -> Iterator[Any]:
    """Opened by the printed address; whatever the page complains about fails the test."""
    context = chromium.new_context(locale=request.param, viewport={"width": 1280, "height": 900})
    page, troubles = context.new_page(), []
    page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on(
        "request", lambda asked: None if asked.url.startswith((base, "blob:", "data:")) else troubles.append(asked.url)
    )
    page.goto(f"{base}/?token={TOKEN}")
    page.wait_for_selector("main h1", state="attached")
    assert "token" not in page.url
    page.set_default_timeout(60_000)
    yield page
    context.close()
    assert not troubles, troubles


def until(page: Any, true: Callable[[], bool], seconds: float = 60) -> None:
    """Wait without evaluating strings, which the page's policy forbids."""
    for _ in range(int(20 * seconds)):
        if true():
            return
        page.wait_for_timeout(50)
    raise AssertionError("waited in vain")


def said(page: Any, english: str, chinese: str) -> str:
    return chinese if page.evaluate("document.documentElement.lang") == "zh-CN" else english


@browser_there
def test_paint_look_mark_and_find(page: Any, base: str) -> None:
    words = said(page, "red apple", "红苹果")
    page.fill("#words", f"{words} blorpish")
    page.wait_for_selector(".light .ignored")
    page.fill("#words", words)
    page.wait_for_selector(".light .known")
    page.get_by_role("button", name=said(page, "More", "更多"), exact=True).click()
    page.get_by_role("combobox", name=said(page, "Size", "尺寸")).select_option("128")
    page.get_by_role("slider", name=said(page, "Steps", "步数")).fill("2")
    page.keyboard.press("Control+Enter")
    mine = page.get_by_role("region", name=words)
    until(page, lambda: mine.locator(".tile img").count() == 4)
    mine.locator(".tile").first.click()
    page.get_by_role("button", name=said(page, "Like", "收藏"), exact=True).click()
    tag = page.get_by_role("textbox", name=said(page, "new tag", "新标签"))
    tag.fill("fruit")
    tag.press("Enter")
    page.get_by_role("button", name="fruit ×").wait_for()
    page.keyboard.press("Escape")
    page.goto(f"{base}/#gallery")
    page.get_by_role("searchbox").fill("fruit")
    until(page, lambda: page.locator(".grid .tile").count() >= 1)
    page.get_by_role("searchbox").fill("zeppelin")
    page.get_by_text(said(page, "Nothing is found", "没有找到")).wait_for()
    page.get_by_role("searchbox").fill("")
    until(page, lambda: page.locator(".grid .tile").count() >= 4)
    page.get_by_role("button", name=said(page, "Select", "选择"), exact=True).click()
    page.locator(".grid .tile").nth(1).click()
    with page.expect_download() as download:
        page.get_by_role("button", name=said(page, "Export", "导出")).click()
    assert download.value.suggested_filename == "danqing.zip"
    before = page.locator(".grid .tile").count()
    page.get_by_role("button", name=said(page, "Throw away", "丢弃")).click()
    until(page, lambda: page.locator(".grid .tile").count() == before - 1)
    page.get_by_role("button", name=said(page, "Undo", "撤销")).click()
    until(page, lambda: page.locator(".grid .tile").count() == before)


PAYLOADS = (
    "<img src=x onerror=hit=1>", "<script>hit=1</script>", "'\"><svg onload=hit=1>", "javascript:hit=1",
    "{@html hit=1}", "</textarea><script>hit=1</script>", "<iframe srcdoc='<script>parent.hit=1</script>'>",
    "${hit=1}", "{{hit=1}}",
)  # fmt: skip


@browser_there
def test_words_are_words_whatever_they_hold(page: Any, base: str) -> None:
    """In the prompt, its light, the feed, the gallery, tags and the viewer; the page's policy would also complain."""
    with httpx2.Client(base_url=f"{base}/api/v1", headers={"authorization": f"Bearer {TOKEN}"}, timeout=30) as client:
        wishes = {"prompt": " ".join(PAYLOADS), "n": 1, "steps": 1, "size": 128}
        job = client.post("/jobs", json={"kind": "paint", "wishes": wishes}).json()["id"]
        until(page, lambda: client.get(f"/jobs/{job}").json()["state"] == "done")
        (picture,) = client.get(f"/jobs/{job}").json()["pictures"]
        client.patch(f"/pictures/{picture}", json={"tags": [one[:40] for one in PAYLOADS]})
        client.post("/jobs", json={"kind": "stylize", "wishes": {"picture": "x", "styles": [PAYLOADS[0]]}})
    page.fill("#words", " ".join(PAYLOADS))
    page.wait_for_selector(".light .ignored")
    page.get_by_role("button", name=said(page, "Work", "任务")).click()
    page.goto(f"{base}/#gallery")
    page.wait_for_selector(".grid .tile")
    page.locator(".grid .tile").first.click()
    page.wait_for_selector("dialog .mini, dialog form button")
    page.wait_for_timeout(300)
    assert page.evaluate("() => typeof window.hit") == "undefined"


@browser_there
def test_live_follows_words_and_hand(page: Any, base: str) -> None:
    frames: list[bytes] = []
    page.on("websocket", lambda ws: ws.on("framereceived", lambda frame: frames.append(frame)))
    page.goto(f"{base}/#live")
    page.get_by_label(said(page, "What is it to be?", "这是什么？")).fill(said(page, "red apple", "红苹果"))
    page.wait_for_selector("img.made")
    pictures = lambda: {frame for frame in frames if isinstance(frame, bytes)}  # noqa: E731
    until(page, lambda: len(pictures()) >= 2)  # painted finely, once nothing moves
    shown = settled(page)
    box = page.locator("canvas").bounding_box()
    page.mouse.move(box["x"] + 80, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 160, steps=5)
    page.mouse.up()
    until(page, lambda: page.get_attribute("img.made", "src") != shown)
    page.keyboard.press("Control+z")
    page.get_by_role("button", name=said(page, "Keep this one", "留下这张")).click()
    page.get_by_text(said(page, "Painted in full", "已完整画出")).wait_for()


def settled(page: Any) -> str:
    """The live picture, when it has not changed for two seconds."""
    before, now = "", page.get_attribute("img.made", "src")
    for _ in range(20):
        if now == before:
            return now
        page.wait_for_timeout(2000)
        before, now = now, page.get_attribute("img.made", "src")
    raise AssertionError("The live picture kept changing for forty seconds.")


@browser_there
def test_canvas_fills_what_was_masked_and_takes_it_back(page: Any, base: str) -> None:
    page.goto(f"{base}/#canvas")
    page.locator("input[type=file]").first.set_input_files(str(PHOTO))
    box = page.locator("canvas.mask").bounding_box()
    fill = page.get_by_role("button", name=said(page, "Fill in", "重画"))
    page.get_by_label(said(page, "What shall be painted?", "想画什么？")).fill("star")
    fill.click()  # no mask yet: a sentence
    page.get_by_text(said(page, "Paint the mask first", "先涂蒙版")).last.wait_for()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + 90, steps=5)
    page.mouse.up()
    fill.click()
    page.wait_for_selector(".compare")
    page.get_by_role("button", name=said(page, "Accept", "采用")).click()
    page.wait_for_selector(".compare", state="detached")
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + 90, steps=5)
    page.mouse.up()
    page.get_by_role("button", name=said(page, "Add it here", "画在这里")).click()
    page.wait_for_selector(".compare")
    page.get_by_role("button", name=said(page, "Discard", "放弃")).click()
    page.get_by_role("button", name=said(page, "Extend", "扩展画面"), exact=True).click()
    page.wait_for_selector(".compare")


@browser_there
def test_restyle_follows_the_slider(page: Any, base: str) -> None:
    page.goto(f"{base}/#restyle")
    page.get_by_role("button", name=said(page, "Try the example", "试试示例")).click()
    page.wait_for_selector(".compare")
    first = page.locator(".compare img").first.get_attribute("src")
    page.get_by_role("slider", name=said(page, "How freely", "自由程度")).fill("0.5")
    until(page, lambda: page.locator(".compare img").first.get_attribute("src") != first)
    page.get_by_role("button", name=said(page, "ink wash", "水墨")).click()
    assert page.get_by_role("slider", name=said(page, "Weight: oil painting", "比重: 油画")).count() == 1


@browser_there
def test_teach_checks_pictures_trains_and_shows_the_curve(page: Any, base: str, tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    for number in range(24):
        small = chance.integers(0, 255, (4, 4, 3)).astype(np.uint8)
        (tmp_path / f"{number}.png").write_bytes(encode_array(small.repeat(12, 0).repeat(12, 1)))
    page.goto(f"{base}/#teach")
    page.locator("input[type=file]").first.set_input_files([str(path) for path in sorted(tmp_path.glob("*.png"))])
    page.get_by_text(said(page, "fine,", "合格,")).wait_for()
    page.get_by_label(said(page, "A generator of its own", "一个新的生成模型")).check()
    page.get_by_role("combobox", name=said(page, "Kind of model", "模型种类")).select_option("vae")
    page.get_by_role("spinbutton", name=said(page, "Minutes", "分钟数")).fill("0.2")
    start = page.get_by_role("button", name=said(page, "Start", "开始"))
    if start.is_enabled():
        start.click()
    else:  # the noise was found too blurred or alike: train on what is at hand
        page.get_by_role("button", name="Fashion-MNIST").click()
    page.wait_for_selector("section.card img", timeout=120_000)


@browser_there
def test_teach_says_which_files_are_no_pictures(base: str, chromium: Any, tmp_path: Path) -> None:
    """Also where two of a folder have one name."""
    page = chromium.new_context(locale="en-GB").new_page()
    page.goto(f"{base}/?token={TOKEN}")
    page.goto(f"{base}/#teach")
    files = [{"name": "broken.png", "mimeType": "image/png", "buffer": b"no picture"}] * 2
    page.locator("input[type=file]").first.set_input_files(files)
    page.get_by_text("2 left out").wait_for()
    assert page.get_by_text("broken.png: ").count() == 2
    page.context.close()


@browser_there
def test_lab_compares_and_morphs(page: Any, base: str) -> None:
    page.goto(f"{base}/#lab")
    run = page.get_by_role("button", name=said(page, "Run", "运行"))
    run.nth(1).click()
    until(page, lambda: page.locator(".five .tile img").count() == 5)
    page.reload()
    page.wait_for_selector(".pick .tile")
    page.locator(".pick .tile").nth(0).click()
    page.locator(".pick .tile").nth(1).click()
    page.get_by_role("button", name=said(page, "Paint what lies between", "画出中间的样子")).click()
    page.wait_for_selector(".film img")


@browser_there
def test_a_dropped_picture_gives_its_recipe_and_a_stranger_gets_nothing(page: Any, base: str, chromium: Any) -> None:
    page.goto(f"{base}/#gallery")
    page.wait_for_selector(".grid .tile")
    page.evaluate(
        """async () => {
            const shown = document.querySelector('.grid .tile img').src;
            const data = await (await fetch(shown.replace('/thumb', '/file'))).blob();
            const carried = new DataTransfer();
            carried.items.add(new File([data], 'x.png', { type: 'image/png' }));
            document.dispatchEvent(new DragEvent('drop', { dataTransfer: carried, bubbles: true, cancelable: true }));
        }"""
    )
    until(page, lambda: page.url.endswith("#paint"))
    page.get_by_text(said(page, "The recipe is loaded.", "配方已载入。")).wait_for()
    stranger = chromium.new_context().new_page()
    assert stranger.goto(f"{base}/").status == 401
    assert stranger.goto(f"{base}/?token=wrong-token").status == 401
    stranger.context.close()


@browser_there
@pytest.mark.parametrize("room", ["paint", "live", "canvas", "restyle", "teach", "lab", "gallery"])
@pytest.mark.parametrize("dark", [False, True])
def test_every_room_is_accessible(base: str, chromium: Any, room: str, dark: bool) -> None:
    """WCAG 2 A and AA by axe; 390 px wide nothing is cut off."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    context = chromium.new_context(color_scheme="dark" if dark else "light", viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{base}/?token={TOKEN}")
    page.goto(f"{base}/#{room}")
    page.wait_for_selector("main h1", state="attached")
    page.wait_for_timeout(300)
    rules = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}}
    found = axe.Axe().run(page, options=rules)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
