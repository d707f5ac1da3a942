"""Draw the twenty pictures of Bulu that `danqing teach` is shown with: a creature that no clip-art set knows.

python scripts/draw_subject.py examples/bulu        twenty PNG files and what each shows, in metadata.csv
"""

# ruff: noqa: E501 - paths of SVG
import csv
import math
import sys
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from danqing.data.clipart.rendering import render

SIDE = 256
BODY, DARK, BELLY, HORN, EYE, TUFT = "#2fb5a5", "#1d8478", "#fdf0d0", "#f58a2b", "#3a2a52", "#8d5bd1"


@dataclass(frozen=True)
class Pose:
    said: str
    look: tuple[float, float] = (0, 0)
    """where the eye looks, -1 .. 1 to the right and down"""
    mouth: str = "smile"
    left: float = 35
    """angle of an arm, degrees below the horizontal"""
    right: float = 35
    tilt: float = 0
    squat: float = 1
    eye: str = "open"
    mirrored: bool = False
    size: float = 1


POSES = (
    Pose("", ), Pose("", (0.6, 0)), Pose("", (-0.6, 0.1), tilt=-5), Pose("smiling", mouth="open"),
    Pose("waving", (0.3, -0.3), "open", right=-60), Pose("waving", (-0.3, -0.3), left=-60, tilt=4),
    Pose("happy", (0, -0.2), "open", -50, -50), Pose("sleeping", mouth="line", eye="shut", squat=0.9),
    Pose("sad", (0, 0.6), "frown", 60, 60), Pose("surprised", (0, -0.2), "round", 0, 0), Pose("winking", mouth="open", eye="wink"),
    Pose("jumping", (0, 0.4), "open", -30, -30, tilt=8, squat=1.08), Pose("sitting", (0.2, 0.2), squat=0.82),
    Pose("looking up", (0, -0.8)), Pose("looking left", (-0.9, 0), mouth="line", mirrored=True),
    Pose("angry", (0, 0.1), "frown", 10, 10, eye="angry"), Pose("small", size=0.72), Pose("", (0.2, 0.1), left=0, right=60, mirrored=True),
    Pose("laughing", mouth="open", eye="shut", left=-10, right=-10, tilt=-7), Pose("", (-0.2, 0.3), tilt=6, mirrored=True),
)  # fmt: skip


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, pose in enumerate(POSES):
        name = f"bulu-{number:02d}.png"
        Image.fromarray(render(drawing(pose), SIDE), "RGBa").convert("RGBA").save(folder / name, optimize=True)
        rows.append((name, f"bulu {pose.said}".strip()))
    with (folder / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("file_name", "text"), *rows])


def drawing(pose: Pose) -> str:
    """An SVG of 200 x 200."""
    mirror = "translate(200,0) scale(-1,1)" if pose.mirrored else ""
    place = f"translate(100,186) scale({pose.size}) rotate({pose.tilt}) scale({1 / math.sqrt(pose.squat):.3f},{pose.squat}) translate(-100,-186)"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 200"><g transform="{mirror}"><g transform="{place}">'
        + tail() + horns() + feet() + arm(pose.left, -1) + arm(pose.right, 1) + body() + eye(pose) + mouth(pose.mouth)
        + "</g></g></svg>"
    )  # fmt: skip


def tail() -> str:
    return (
        f'<path d="M140 160 C175 165 185 140 172 122" fill="none" stroke="{BODY}" stroke-width="11" stroke-linecap="round"/>'
        f'<path d="M172 128 q-16 -14 -4 -30 q20 6 16 26 z" fill="{TUFT}"/>'
    )


def horns() -> str:
    return "".join(
        f'<g transform="translate(100,0) scale({side},1)">'
        f'<path d="M24 52 C36 40 44 26 38 10 C58 22 60 46 40 64 z" fill="{HORN}"/>'
        '<path d="M43 34 l12 4 M37 47 l14 5" stroke="#c9641a" stroke-width="3.5" stroke-linecap="round"/></g>'
        for side in (-1, 1)
    )


def feet() -> str:
    return "".join(f'<ellipse cx="{x}" cy="182" rx="19" ry="9" fill="{DARK}"/>' for x in (76, 124))


def arm(angle: float, side: int) -> str:
    """From the shoulder, `angle` degrees below the horizontal."""
    turn = math.radians(angle)
    x, y = 100 + side * (48 + 34 * math.cos(turn)), 116 + 34 * math.sin(turn)
    return (
        f'<path d="M{100 + side * 44} 116 L{x:.1f} {y:.1f}" stroke="{BODY}" stroke-width="15" stroke-linecap="round"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="9" fill="{DARK}"/>'
    )


def body() -> str:
    spots = "".join(
        f'<circle cx="{x}" cy="{y}" r="{r}" fill="{DARK}"/>' for x, y, r in ((62, 112, 5), (140, 128, 6), (134, 108, 4))
    )
    return (
        f'<path d="M100 34 C142 34 150 78 152 122 C154 164 132 184 100 184 C68 184 46 164 48 122 C50 78 58 34 100 34 z" fill="{BODY}"/>'
        f'<ellipse cx="100" cy="150" rx="32" ry="30" fill="{BELLY}"/>'
        f'<path d="M78 142 h44 M80 156 h40" stroke="{TUFT}" stroke-width="6" stroke-linecap="round"/>{spots}'
    )


def eye(pose: Pose) -> str:
    ball = '<circle cx="100" cy="78" r="27" fill="#ffffff"/>'
    if pose.eye in ("shut", "wink"):
        bend = "q24 18 48 0" if pose.eye == "shut" else "q24 -16 48 0"
        return f'<path d="M76 78 {bend}" fill="none" stroke="{EYE}" stroke-width="6" stroke-linecap="round"/>'
    x, y = 100 + 11 * pose.look[0], 78 + 11 * pose.look[1]
    pupil = f'<circle cx="{x}" cy="{y}" r="14" fill="{EYE}"/><circle cx="{x + 5}" cy="{y - 5}" r="5" fill="#ffffff"/>'
    brow = f'<path d="M72 60 L100 68 L128 60 L128 48 L72 48 z" fill="{BODY}"/>' if pose.eye == "angry" else ""
    return ball + pupil + brow


def mouth(kind: str) -> str:
    line = f'fill="none" stroke="{EYE}" stroke-width="5" stroke-linecap="round"'
    return {
        "smile": f'<path d="M86 112 q14 12 28 0" {line}/>',
        "open": f'<path d="M84 109 h32 q-2 20 -16 20 q-14 0 -16 -20 z" fill="{EYE}"/><path d="M92 124 q8 -6 16 0 l-8 5 z" fill="#f26d7d"/>',
        "frown": f'<path d="M86 118 q14 -12 28 0" {line}/>',
        "line": f'<path d="M90 114 h20" {line}/>',
        "round": f'<circle cx="100" cy="117" r="8" fill="{EYE}"/>',
    }[kind]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
