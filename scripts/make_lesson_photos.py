"""The photos that come with Danqing to teach a manner on (danqing teach-style), from the set of studies.

danqing data build studies
python scripts/make_lesson_photos.py
"""

from pathlib import Path

from PIL import Image

from danqing.data.studies import PHOTOS, studies_folder
from danqing.families.style import learning

LONGEST, QUALITY = 224, 80
CHOSEN = (
    "erase-kingfisher", "erase-red_panda", "explore_farm_animals-dog", "explore_farm_animals-cat",
    "explore_farm_animals-duck", "explore_monuments-canyondeChelly", "explore_monuments-eiffelTower",
    "explore_monuments-chateaudeChenonceau", "explore_monuments-neuschwansteinCastle",
    "explore_monuments-machuPicchu", "explore_monuments-greatWallofChina", "explore_world_animals-scarlet_macaw",
)  # fmt: skip
"""of the public domain or CC0: animals, buildings, landscapes, skies"""


def main() -> None:
    rows = [line.split("\t") for line in (studies_folder() / "sources.tsv").read_text(encoding="utf-8").splitlines()]
    about = {Path(row[0]).stem: row for row in rows}
    lines = ["# Photos to learn a manner on", "", "Made smaller by scripts/make_lesson_photos.py.", ""]
    learning.PHOTOS.mkdir(exist_ok=True)
    for name in CHOSEN:
        _, licence, author, title, source = about[name]
        short = name.split("-", 1)[1].lower()
        picture = Image.open(studies_folder() / PHOTOS / f"{name}.png").convert("RGB")
        picture.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
        picture.save(learning.PHOTOS / f"{short}.webp", "WEBP", quality=QUALITY, method=6)
        lines.append(f"- `{short}.webp`: {title}, by {author}, {licence} ({source}).")
    (learning.PHOTOS / "CREDITS.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
