"""Prompts of several things: taken apart in two languages, painted one by one, laid together."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from danqing import api
from danqing.api.layering import arranged, depth, framed, laid_out
from danqing.api.orders import orders
from danqing.api.studios import Studio
from danqing.api.texttopicture import to_paint
from danqing.api.wearing import eyes, head, worn
from danqing.data.composing.boxes import Box
from danqing.data.composing.painting import in_colour
from danqing.images.writing import write_png
from danqing.words.colours import COLOURS
from danqing.words.scenes import Scene, coloured, in_words, scene_of

NAMES = frozenset([("cat",), ("dog",), ("rubber", "duck"), ("red", "heart"), ("orange",), ("hat",)])
Said = tuple[str, str, list[tuple[str, int]]]
"""relation, ground, what and how many"""
APART: dict[str, Said] = {
    "a dog and a cat": ("beside", "", [("dog", 1), ("cat", 1)]),
    "猫和两只狗": ("beside", "", [("cat", 1), ("dog", 2)]),
    "three yellow stars": ("", "", [("yellow star", 3)]),
    "两只红色的鸟": ("", "", [("red bird", 2)]),
    "a cat left of a house": ("left", "", [("cat", 1), ("house", 1)]),
    "房子左边的猫": ("left", "", [("cat", 1), ("house", 1)]),
    "树下的兔子": ("under", "", [("rabbit", 1), ("tree", 1)]),
    "一只猫在树下": ("under", "", [("cat", 1), ("tree", 1)]),
    "在蘑菇上的青蛙": ("on", "", [("frog", 1), ("mushroom", 1)]),
    "a small frog on a mushroom": ("on", "", [("frog", 1), ("mushroom", 1)]),
    "a red apple on a blue background": ("", "blue", [("red apple", 1)]),
    "绿色背景上的黄色花朵": ("", "green", [("yellow flower", 1)]),
    "拿着气球的小女孩": ("holding", "", [("girl", 1), ("balloon", 1)]),
    "戴皇冠的青蛙": ("wearing", "", [("frog", 1), ("crown", 1)]),
    "a bear with a red hat": ("wearing", "", [("bear", 1), ("red hat", 1)]),
    "戴墨镜的熊猫": ("wearing", "", [("panda", 1), ("sunglasses", 1)]),
    "an owl with glasses": ("wearing", "", [("owl", 1), ("glasses", 1)]),
    "a monkey wearing headphones": ("wearing", "", [("monkey", 1), ("headphone", 1)]),
    "一只戴眼镜的猫": ("wearing", "", [("cat", 1), ("glasses", 1)]),
    "可爱的戴帽子的熊": ("wearing", "", [("cute bear", 1), ("hat", 1)]),
    "two cats with red hats": ("wearing", "", [("cat", 2), ("red hat", 2)]),
    "两只戴墨镜的猫": ("wearing", "", [("cat", 2), ("sunglasses", 2)]),
}
WHOLE = ["a red apple", "black and white cat", "a cat with a scarf", "a girl with balloons", "red and blue", "",
         "a man with glasses reading a book", "a cat with glasses of milk", "戴墨镜弹吉他的猫",
         "a snowman with a hat, winter",
         "a cat with no glasses", "a man not wearing glasses", "没有戴眼镜的男孩", "two cats with three hats",
         "a table with two glasses", "a man with wine glasses", "a box with headphones",
         "smiling face with sunglasses and hat",
         "a qzx and a cat", "a cat and a dog and a bird", "two", "one cat", "seven stars", "a fish on"]  # fmt: skip


@pytest.fixture(scope="module")
def studio() -> api.Studio:
    return api.load_painter()


def scene(studio: api.Studio, prompt: str) -> Scene | None:
    return scene_of(studio.read(prompt), studio.things.__contains__)


@pytest.mark.parametrize("prompt", APART)
def test_prompts_are_taken_apart(prompt: str, studio: api.Studio) -> None:
    found = scene(studio, prompt)
    assert found is not None
    words = [(" ".join(token for token, _ in what.tokens), count) for what, count in found.groups]
    assert (found.relation, found.ground, words) == APART[prompt]


@pytest.mark.parametrize("prompt", WHOLE)
def test_what_is_no_scene_is_painted_whole(prompt: str, studio: api.Studio) -> None:
    assert scene(studio, prompt) is None


COLOURED = {
    "a purple cat": ("cat", "purple"),
    "紫色的猫": ("cat", "purple"),
    "一只橘猫": ("cat", "orange"),
    "a big blue dog": ("dog", "blue"),
    "yellow rubber duck": ("rubber duck", "yellow"),
}
UNCOLOURED = ["a cat", "a white cat", "red", "a cat and an orange", "a basket of oranges", "a dog with a red leash",
              "非紫色的猫", "a black woman", "an orange tree", "red heart", "a red and blue cat", "a (purple:1.4) cat",
              "a red qzx", "an orange", "three red cats", "a cat with a red hat", ""]  # fmt: skip


@pytest.mark.parametrize("prompt", COLOURED)
def test_a_colour_is_told_from_its_thing(prompt: str, studio: api.Studio) -> None:
    what, tint = coloured(studio.read(prompt), NAMES.__contains__)
    assert (in_words(what), tint) == COLOURED[prompt]
    assert coloured(studio.read(prompt), studio.known)[1] == tint, "also by what the painter really knows"


@pytest.mark.parametrize("prompt", UNCOLOURED)
def test_colours_that_belong_to_a_name_or_to_no_known_thing_stay(prompt: str, studio: api.Studio) -> None:
    reading = studio.read(prompt)
    assert coloured(reading, NAMES.__contains__) == coloured(reading, studio.known) == (reading, "")


def test_a_colour_to_keep_away_from_is_not_laid_on(studio: api.Studio) -> None:
    assert coloured(studio.read("a purple cat"), studio.known, ("purple",))[1] == ""
    recipe = orders(studio, to_paint("a purple cat", negative="purple"), 1, 0)[0].recipe
    assert "tinted" not in recipe.extra["reading"]


def test_known_things_are_those_of_all_names(studio: api.Studio) -> None:
    """Looked up among the names that hold one of the words, which is quicker than reading all of them."""
    assert studio.known(("grape",)) and not studio.known(()) and not studio.known(("qzx",))
    some = sorted(studio.names)[::40]
    assert sum(bool(studio.known(words)) for words in some) > 0.9 * len(some)


def test_a_thing_is_painted_and_then_coloured(studio: api.Studio, tmp_path: Path) -> None:
    """By rule: the colour is there, the shape is that of the plain thing; --whole leaves it to words; replay holds."""
    plain, purple = (api.paint(text, n=1, seed=3).result().pictures[0] for text in ("a cat", "a purple cat"))
    whole = api.paint("a purple cat", n=1, seed=3, layers=False).result().pictures[0]
    assert purple.recipe.extra["reading"]["tinted"] == ["purple cat"] and "tinted" not in whole.recipe.extra["reading"]
    clear = [picture.pixels.min(2) < 240 for picture in (plain, purple)]
    assert (clear[0] != clear[1]).mean() < 0.02 and not np.array_equal(plain.pixels, purple.pixels)
    assert not np.array_equal(whole.pixels, purple.pixels)
    middle = purple.pixels[clear[1]].astype(int)
    assert np.median(middle[:, 2] - middle[:, 1]) > 40  # more blue than green
    write_png(purple, tmp_path / "purple.png")
    assert api.replay(tmp_path / "purple.png").result().same


def test_what_the_default_style_never_drew_is_left_to_any(studio: api.Studio) -> None:
    """Known in other styles only: there it would be a blob. Thing by thing, and not where a style is named."""
    hat, cat = (studio.known((name,)) for name in ("hat", "cat"))
    assert "fluent-flat" not in hat and "fluent-flat" in cat

    def styles(prompt: str, **wishes: Any) -> list[str]:
        (order,) = orders(studio, to_paint(prompt, **wishes), 1, 0)
        ids = [int(one.said.style) for one in order.layers or (order,)]
        return [[*studio.styles, "any"][one] for one in ids]

    assert (styles("a hat"), styles("a cat")) == (["any"], ["fluent-flat"])
    assert styles("a cat with a red hat") == ["fluent-flat", "any"]
    assert styles("a hat", style="fluent-flat") == ["fluent-flat"]
    assert styles("a hat on fire") == ["fluent-flat"], "no name that it knows: the default"


def test_things_of_a_scene_are_coloured_one_by_one(studio: api.Studio) -> None:
    recipe = api.paint("two blue cats on a red house", n=1).result().pictures[0].recipe
    assert recipe.extra["reading"]["tinted"] == ["blue cat", "blue cat", "red house"]


def test_a_scene_is_replayed_in_the_styles_of_its_things(studio: api.Studio, tmp_path: Path) -> None:
    """Also by a painter with another default."""
    made = api.paint("a cat with a red hat", n=1, steps=1).result().pictures[0]
    assert made.recipe.extra["reading"]["drawn"] == ["fluent-flat", "any"]
    write_png(made, tmp_path / "hat.png")
    other = Studio(replace(studio.shipped, default_style="noto"), studio.folder)
    assert api.replay(tmp_path / "hat.png", other).result().same


def test_a_light_grey_that_becomes_dark_leaves_no_pale_rings() -> None:
    """A pale disc with a dark middle and a soft edge between them, painted brown: nothing is lighter than the brown."""
    far = np.hypot(*np.mgrid[-32:32, -32:32])
    light = (30 + 190 * np.clip((far - 8) / 8, 0, 1)).astype(np.uint8)
    rgba = np.dstack([light, light, light, np.full_like(light, 255)])
    made = in_colour(rgba, "brown", np.random.default_rng(0))
    luma = made[..., :3].astype(int).sum(2)
    assert luma[32, 32] <= luma[32, 43] + 3 <= luma[32, 60] + 20 and luma[32, 60] < 400
    assert luma.max() < luma[32, 60] + 30


def colour(rgb: tuple[int, int, int], width: int = 20, height: int = 20) -> np.ndarray:
    return np.full((height, width, 4), (*rgb, 255), np.uint8)


RED, BLUE = colour((250, 0, 0)), colour((0, 0, 250))


def made(relation: str, studio: api.Studio, *things: np.ndarray, ground: str = "") -> np.ndarray:
    what = studio.read("cat")
    return laid_out(Scene(((what, 1), (what, len(things) - 1)), relation, ground), things, 120, False).astype(int)


def middle(pixels: np.ndarray, channel: int) -> np.ndarray:
    """(row, column) of what is of that colour."""
    seen = (pixels[..., channel] > 200) & (pixels.sum(2) < 300)
    return np.argwhere(seen).mean(0)


@pytest.mark.parametrize(
    ("relation", "axis", "first_is_less"),
    [("beside", 1, True), ("left", 1, True), ("right", 1, False), ("above", 0, True), ("below", 0, False),
     ("on", 0, True), ("under", 0, False), ("wearing", 0, False)],
)  # fmt: skip
def test_things_stand_as_the_words_say(relation: str, axis: int, first_is_less: bool, studio: api.Studio) -> None:
    pixels = made(relation, studio, RED, BLUE)
    red, blue = middle(pixels, 0), middle(pixels, 2)
    assert (red[axis] < blue[axis]) == first_is_less
    assert pixels[:3].min() == 255 and pixels[:, :3].min() == 255, "a margin is free"


def test_what_is_held_lies_before_its_holder_and_what_is_under_before_what_is_over(studio: api.Studio) -> None:
    what = studio.read("cat")
    for relation, above in (("holding", 1), ("wearing", 1), ("under", 0), ("on", 0)):
        both = Scene(((what, 1), (what, 1)), relation)
        assert depth(both, above) > depth(both, 1 - above)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6])
def test_several_of_a_kind_lie_apart_and_keep_their_shapes(count: int, studio: api.Studio) -> None:
    shapes = [0.5, 1.0, 2.0, 1.0, 0.7, 1.3][:count]
    things = [colour((9, 9, 9), round(20 * shape), 20) for shape in shapes]
    boxes = framed(arranged(Scene(((studio.read("cat"), count),)), shapes, things))
    assert all(box.inside(Box(0, 0, 1, 1)) for box in boxes)
    assert [box.width / box.height for box in boxes] == pytest.approx(shapes)
    assert not any(a.overlap(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_a_ground_fills_what_is_left(studio: api.Studio) -> None:
    pixels = made("beside", studio, RED, BLUE, ground="green")
    assert tuple(pixels[0, 0]) == COLOURS["green"] and tuple(pixels[-1, 60]) == COLOURS["green"]


def test_the_shipped_painter_paints_in_layers(studio: api.Studio, tmp_path: Path) -> None:
    wishes: dict[str, Any] = {"steps": 2, "size": 256}
    stars = api.paint("three yellow stars", 2, 0, studio, **wishes).result().pictures
    assert stars[0].recipe.extra["reading"]["layers"] == ["yellow star"] * 3
    assert not np.array_equal(stars[0].pixels, stars[1].pixels)
    yellow = (stars[0].pixels[..., 2] < 120) & (stars[0].pixels[..., 0] > 180)
    places = np.asarray(Image.fromarray(yellow.astype(np.uint8) * 255).resize((2, 2), Image.Resampling.BOX))
    assert places[0].max() > 20 and places[1].min() > 20, "one above two"
    whole = api.paint("three yellow stars", 1, 0, studio, layers=False, **wishes).result().pictures[0]
    assert "layers" not in whole.recipe.extra and not np.array_equal(whole.pixels, stars[0].pixels)
    alone = api.paint("three yellow stars", 1, 1, studio, **wishes).result().pictures[0]
    assert np.array_equal(alone.pixels, stars[1].pixels), "the same alone and among others"
    write_png(alone, tmp_path / "a.png")
    assert api.replay(tmp_path / "a.png", studio).result().same


def test_a_transparent_scene_has_no_paper(studio: api.Studio) -> None:
    made = api.paint("a dog and a cat", 1, 0, studio, steps=1, transparent=True).result().pictures[0].pixels
    assert made.shape == (128, 128, 4) and made[0, 0, 3] == 0 and made[..., 3].max() == 255


def shape(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    """(100, 100, 4) uint8, painted where one of (left, top, right, bottom) is."""
    made = np.zeros((100, 100, 4), np.uint8)
    for left, top, right, bottom in boxes:
        made[top:bottom, left:right] = 255
    return made


CAT = ((5, 20, 40, 60), (5, 45, 90, 80), (85, 0, 93, 60), (8, 12, 15, 25), (10, 75, 20, 100), (75, 75, 85, 100))
"""its head on the left, on the right a tail that is higher; an ear, legs"""
FROG = ((0, 20, 100, 100), (5, 5, 32, 30), (68, 5, 95, 30))
"""a wide face with two eyes on top"""


def test_a_head_is_found_by_its_thickness() -> None:
    cat, frog = head(shape(*CAT)), head(shape(*FROG))
    assert cat == pytest.approx((5, 20, 40, 55), abs=2), "neither tail nor ear"
    assert (frog.left, frog.right) == (0, 100) and frog.top == pytest.approx(20, abs=2), "between its eyes"
    assert head(shape((50, 0, 53, 100)))[:3] == (50, 0, 53), "all of it is thin"
    assert head(shape()) == Box(0, 0, 100, 100), "nothing is painted"


def test_eyes_are_the_two_dark_spots() -> None:
    face = shape((0, 0, 100, 100))
    face[40:48, 26:34] = face[40:48, 66:74] = face[70:80, 40:60] = (0, 0, 0, 255)  # two eyes and a mouth
    x, y, apart = eyes(face, head(face))
    assert (x, y, apart) == pytest.approx((50, 44, 20), abs=3)
    assert eyes(shape((0, 0, 100, 100)), Box(0, 0, 100, 100)) == pytest.approx((50, 40, 20)), "none are seen"


def test_what_is_worn_sits_where_it_belongs() -> None:
    hat, glasses, phones = (worn(place, shape(*CAT), 1.5) for place in ("head", "eyes", "ears"))
    assert all(one.middle[0] == pytest.approx(22.5, abs=2) for one in (hat, glasses, phones)), "its head is on the left"
    assert hat.width == 36 and hat.bottom == pytest.approx(20 + 0.3 * hat.height, abs=2)
    assert 20 < glasses.top < glasses.bottom < 55 and phones.top < 20 < phones.bottom and phones.width > 35


def test_each_wearer_has_its_own(studio: api.Studio) -> None:
    cat, hat = shape(*CAT), shape((0, 0, 100, 100))
    scene = Scene(((studio.read("cat"), 2), (studio.read("red hat"), 2)), "wearing")
    one, two, *hats = arranged(scene, [1.0] * 4, [cat, cat, hat, hat])
    for base, on in zip((one, two), hats, strict=True):
        assert on.middle[0] == pytest.approx(base.left + 0.225 * base.width, abs=0.02)
        assert on.width == pytest.approx(0.36 * base.width)


@pytest.mark.parametrize("size", [(1, 1), (1, 128), (128, 1), (40, 120), (120, 60)])
@pytest.mark.parametrize("place", ["head", "eyes", "ears"])
def test_anything_can_wear(place: str, size: tuple[int, int]) -> None:
    for alpha in (255, 100, 0):
        box = worn(place, np.full((*size, 4), alpha, np.uint8), 1.0)
        assert box.width > 0 and box.height > 0 and box.width / box.height < 1.6
