"""Composed pictures: whole, inside the frame, the same every time, and what their captions say."""

import json
import re
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from danqing.data.clipart.colouring import colour_words
from danqing.data.clipart.rows import Row
from danqing.data.composing import (
    KINDS,
    Composition,
    Part,
    Stock,
    Thing,
    caption,
    chinese,
    compose,
    draw,
    english,
    languages,
    tables,
)
from danqing.data.composing.boxes import WHOLE, painted_box
from danqing.data.composing.layout import placed
from danqing.data.composing.naming import thing_of
from danqing.data.composing.own import own_pictures
from danqing.data.composing.painting import anchor, paint_as, painted
from danqing.data.composing.sheets import sheet
from danqing.errors import BadInputError, NotFoundError, UsageError
from danqing.words.colours import COLOURS

SIDE = 64
ANIMALS, FOOD, OBJECTS, TRAVEL = (("Animals & Nature",), ("Food & Drink",), ("Objects",), ("Travel & Places",))
THINGS = (
    ("cat face", "猫脸", "1f431", ANIMALS, "orange", "disc"), ("dog face", "狗脸", "1f436", ANIMALS, "brown", "disc"),
    ("owl", "猫头鹰", "1f989", ANIMALS, "brown", "disc"), ("bear", "熊", "1f43b", ANIMALS, "gold", "disc"),
    ("penguin", "企鹅", "1f427", ANIMALS, "black", "disc"), ("apple", "苹果", "", FOOD, "red", "disc"),
    ("lemon", "柠檬", "1f34b", FOOD, "yellow", "disc"), ("automobile", "汽车", "1f697", TRAVEL, "blue", "box"),
    ("bucket", "桶", "1faa3", OBJECTS, "grey", "box"), ("balloon", "气球", "1f388", ("Activities",), "red", "disc"),
    ("top hat", "礼帽", "1f3a9", OBJECTS, "black", "box"), ("glasses", "眼镜", "1f453", OBJECTS, "brown", "box"),
    ("house", "", "1f3e0", TRAVEL, "pink", "box"), ("flag: China", "旗: 中国", "1f1e8-1f1f3", ("Flags",), "red", "box"),
    ("grinning face", "嘿嘿", "1f600", ("Smileys & Emotion",), "yellow", "disc"),
)  # fmt: skip
"""English, Chinese, code points, tags, colour, shape"""
STYLES = ("noto", "twemoji")


def picture(colour: str, shape: str) -> np.ndarray:
    """(SIDE, SIDE, 4), premultiplied: a shape of one colour with a soft edge and a margin."""
    big = Image.new("L", (4 * SIDE, 4 * SIDE))
    pen = ImageDraw.Draw(big)
    box = (20, 20, 4 * SIDE - 20, 4 * SIDE - 20) if shape == "disc" else (16, 70, 4 * SIDE - 16, 4 * SIDE - 30)
    (pen.ellipse if shape == "disc" else pen.rectangle)(box, fill=255)
    alpha = np.asarray(big.resize((SIDE, SIDE), Image.Resampling.BOX)).astype(np.uint16)[..., None]
    return np.concatenate([(np.array(COLOURS[colour], np.uint16) * alpha + 127) // 255, alpha], -1).astype(np.uint8)


def rows_and_pictures() -> tuple[list[Row], np.ndarray]:
    rows, pictures = [], []
    for style in STYLES:
        for en, zh, code, tags, colour, shape in THINGS:
            kind = "flag" if tags == ("Flags",) else "drawing"
            rows.append(
                Row(
                    f"{style}:{en}", style, style, "MIT", "", en, ("round thing", "cat"), zh, ("圆",), tags=tags,
                    codepoints=code, colours=(colour,), kind=kind,
                )
            )  # fmt: skip
            pictures.append(picture(colour, shape))
    return rows, np.stack(pictures)


@pytest.fixture(scope="module")
def stock() -> Stock:
    return Stock(*rows_and_pictures())


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def made(stock: Stock, kind: str, count: int, seed: int = 0) -> list[Composition]:
    chance = rng(seed)
    return [compose(chance, stock, {kind: 1.0}) for _ in range(count)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_whole_and_inside_the_frame(stock: Stock, kind: str) -> None:
    for composition in made(stock, kind, 40):
        pixels = draw(composition, stock.pictures)
        assert pixels.shape == (SIDE, SIDE, 4) and pixels.dtype == np.uint8
        assert (pixels[..., :3] <= pixels[..., 3:]).all(), "premultiplied colours stay below alpha"
        assert pixels[..., 3].max() > 200, "something is seen"
        assert composition.kind == kind and composition.rows == tuple(
            dict.fromkeys(part.row for part in composition.parts if not part.own)
        )
        for part in composition.parts:
            assert placed(stock, part).inside(WHOLE, slack=0.01), part
        json.dumps(asdict(composition))  # plain data


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_chance_gives_the_same_composition_and_bytes(stock: Stock, kind: str) -> None:
    fresh = Stock(stock.rows, stock.pictures)
    for one, other in zip(made(stock, kind, 8, 5), made(fresh, kind, 8, 5), strict=True):
        assert one == other
        assert draw(one, stock.pictures).tobytes() == draw(other, fresh.pictures).tobytes()
        assert caption(one, rng(1)) == caption(other, rng(1))


def test_all_kinds_come_up_by_their_weights(stock: Stock) -> None:
    chance = rng()
    kinds = Counter(compose(chance, stock, {"plain": 3.0, "count": 1.0}).kind for _ in range(400))
    assert 240 < kinds["plain"] < 360 and set(kinds) == {"plain", "count"}


def test_what_is_held_out_never_occurs_in_pictures_or_words() -> None:
    rows, pictures = rows_and_pictures()
    split = {"lemon": "name", "top hat": "name", "glasses": "name"}
    rows = [replace(row, split=split.get(row.name_en, "train")) for row in rows]
    rows += [replace(rows[0], name_en="cat", id="x:cat", name_zh="猫", split="name")]
    rows[1] = replace(rows[1], split="pair")
    stock = Stock(rows, np.concatenate([pictures, pictures[:1]]))
    hidden = {index for index, row in enumerate(rows) if row.split != "train"}
    chance, said, own = rng(), [], Counter()
    for _ in range(600):
        composition = compose(chance, stock)
        assert not hidden & set(composition.rows)
        assert not hidden & {part.row for part in composition.parts}
        said += [caption(composition, chance, language) for language in languages(composition)]
        own.update(part.own.split(" ")[0] for part in composition.parts if part.own)
    text = "\n".join(said)
    assert not re.search(r"lemon|top hat|\bglasses|柠檬|礼帽", text)
    assert not re.search(r"\bcat\b(?! face)|猫(?!脸|头鹰)", text), "a plainer name or a keyword that is held out"
    assert "glasses" not in own and own["beanie"] and "cat face" in text


def components(mask: np.ndarray) -> int:
    """Number of connected areas."""
    left, found = mask.copy(), 0
    while left.any():
        found += 1
        stack = [tuple(np.argwhere(left)[0])]
        while stack:
            y, x = stack.pop()
            if 0 <= y < left.shape[0] and 0 <= x < left.shape[1] and left[y, x]:
                left[y, x] = False
                stack += [(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)]
    return found


def test_counts_are_right(stock: Stock) -> None:
    seen = set()
    for composition in made(stock, "count", 80):
        bare = replace(composition, ground=None)
        assert components(draw(bare, stock.pictures)[..., 3] > 128) == composition.count == len(composition.parts)
        number = english.NUMBERS[composition.count]
        assert re.search(rf"\b({number}|{composition.count}) ", caption(composition, rng(composition.count)))
        seen.add(composition.count)
    assert seen == {2, 3, 4, 5, 6}


def test_painted_things_have_the_colour_that_is_said(stock: Stock) -> None:
    words = set()
    for composition in made(stock, "hue", 120):
        thing = composition.things[0]
        bare = replace(composition, ground=None)
        assert colour_words(draw(bare, stock.pictures))[0] == thing.colour
        assert thing.colour in composition.words_en and thing.colour in caption(composition, rng())
        words.add(thing.colour)
    assert len(words) > 8


def test_no_paint_for_smileys_flags_and_names_with_a_colour() -> None:
    rows, pictures = rows_and_pictures()
    only = [index for index, row in enumerate(rows) if row.name_en in ("grinning face", "flag: China")]
    kept = [rows[index] for index in only] + [replace(rows[5], name_en="red balloon")]
    with pytest.raises(BadInputError):
        compose(rng(), Stock(kept, pictures[[*only, 5]]), {"hue": 1.0})


@pytest.mark.parametrize("word", ["red", "blue", "green", "black", "white", "grey", "brown", "pink"])
def test_painting_keeps_alpha_other_colours_and_shade(word: str) -> None:
    cell = picture("orange", "disc")
    cell[20:30, 20:30, :3] = (20, 20, 22)  # an eye
    cell[30:40, 20:44, :3] = cell[30:40, 20:44, :3] * 0.8
    paint = paint_as(cell, word, rng())
    assert paint and paint.word == word
    after = painted(cell, paint)
    assert np.array_equal(after[..., 3], cell[..., 3]) and (after[..., :3] <= after[..., 3:]).all()
    assert np.abs(after[22:28, 22:28].astype(int) - cell[22:28, 22:28]).max() <= 12, "dark eyes stay"
    if word != "black":
        assert after[35, 32].sum() < after[45, 32].sum(), "what was darker stays darker"


def test_pairs_stand_as_their_captions_say(stock: Stock) -> None:
    seen = set()
    for composition in made(stock, "pair", 60):
        (x0, y0), (x1, y1) = (placed(stock, part).middle for part in composition.parts)
        relation = composition.relation
        seen.add(relation)
        assert {"left": x0 < x1, "right": x0 > x1, "above": y0 < y1, "below": y0 > y1, "beside": x0 < x1}[relation]
        one, other = (stock.rows[row] for row in composition.rows)
        assert one.style == other.style == composition.style and one.name_en != other.name_en
    assert seen == {"left", "right", "above", "below", "beside"}


def test_what_stands_on_something_touches_it(stock: Stock) -> None:
    for composition in made(stock, "on", 30):
        low, high = (placed(stock, part) for part in composition.parts)
        assert low.top < high.bottom < low.top + 0.35 * low.height and low.left < high.middle[0] < low.right


def test_places_are_where_they_are_said_to_be(stock: Stock) -> None:
    for composition in made(stock, "place", 60):
        x, y = placed(stock, composition.parts[0]).middle
        for word, holds in {"left": x < 0.5, "right": x > 0.5, "top": y < 0.5, "bottom": y > 0.5}.items():
            assert holds or word not in composition.relation
        assert re.search("small|tiny|little", caption(composition, rng(1)))


def test_backgrounds_fill_the_frame_or_a_disc(stock: Stock) -> None:
    shapes = set()
    for composition in made(stock, "background", 40):
        assert composition.ground
        pixels, shape = draw(composition, stock.pictures), composition.ground.shape
        shapes.add(shape)
        assert pixels[0, 0, 3] == (255 if shape == "full" else 0)
        flat = np.full((4, 4, 4), 255, np.uint8)
        flat[..., :3] = composition.ground.rgb
        assert colour_words(flat) == [composition.ground.word]
    assert shapes == {"full", "disc"}


def test_a_hat_sits_on_the_head_and_glasses_between_the_eyes(stock: Stock) -> None:
    places = set()
    for composition in made(stock, "wear", 80):
        figure, worn = composition.parts
        head, box = placed(stock, figure), placed(stock, worn)
        place = composition.relation.removeprefix("wear ")
        places.add(place)
        assert head.left < box.middle[0] < head.right
        if place == "hat":
            assert box.top < head.top + 0.05 and box.bottom > head.top - 0.03 and box.middle[1] < head.middle[1]
        if place == "eyes":
            assert head.top < box.middle[1] < head.bottom
    assert {"hat", "eyes", "bow", "neck", "mouth", "ears"} >= places > {"hat", "eyes"}


def test_the_same_composition_can_be_drawn_larger(stock: Stock) -> None:
    large = stock.pictures.repeat(2, 1).repeat(2, 2)
    for kind in KINDS:
        composition = made(stock, kind, 1, 3)[0]
        small, big = draw(composition, stock.pictures), draw(composition, large)
        assert big.shape == (2 * SIDE, 2 * SIDE, 4)
        shrunk = big.reshape(SIDE, 2, SIDE, 2, 4).mean((1, 3))
        assert np.abs(shrunk - small).mean() < 6, kind


def test_captions_need_names_in_their_language(stock: Stock) -> None:
    house = Composition("plain", (12,), (Part(12),), (Thing("house"),), "noto")
    assert languages(house) == ("en",)
    with pytest.raises(UsageError, match="choose en"):
        caption(house, rng(), "zh")
    assert caption(replace(house, things=(Thing("house", "房子"),)), rng(), "zh")


def test_plain_captions_vary_from_the_name_to_keywords(stock: Stock) -> None:
    chance = rng()
    composition = replace(made(stock, "plain", 1)[0], things=(thing_of(stock.rows[0]),), rows=(0,), parts=(Part(0),))
    texts = Counter(caption(composition, chance, "en") for _ in range(1000))
    names = sum(count for text, count in texts.items() if re.fullmatch("(a )?cat( face)?", text))
    assert 320 < names < 480
    assert any("round thing" in text for text in texts) and any("orange" in text for text in texts)
    assert any("emoji style" in text for text in texts)


def test_phrases_of_both_languages() -> None:
    cat = Thing("cat face", "猫脸", "cat", "猫", "orange", counter="张", short_counter="只")
    hat = Thing("hat", "帽子", colour="red", counter="顶")
    apple = Thing("apple", "苹果")
    wear = Composition("wear", (0,), (), (cat, hat), "noto", "wear hat")
    assert english.sentence(wear) == "an orange cat wearing a red hat"
    assert chinese.sentence(wear) == "戴红帽子的橘猫"
    said = {chinese.sentence(wear, rng(seed)) for seed in range(300)}
    assert "一只戴着红帽子的橘猫" in said
    three = Composition("count", (0,), (), (apple,), "noto", count=3)
    assert (english.sentence(three), chinese.sentence(three)) == ("three apples", "三个苹果")
    two = replace(three, things=(cat,), count=2)
    assert (english.sentence(two), chinese.sentence(two)) == ("two orange cats", "两只橘猫")
    pair = Composition("pair", (0, 1), (), (apple, Thing("owl", "猫头鹰")), "noto", "left")
    assert english.sentence(pair) == "an apple to the left of an owl"
    assert chinese.sentence(pair) == "猫头鹰左边的苹果"


def test_unknown_kinds_and_weights_are_refused(stock: Stock) -> None:
    with pytest.raises(NotFoundError, match="did you mean plain"):
        compose(rng(), stock, {"plane": 1.0})
    with pytest.raises(UsageError):
        compose(rng(), stock, {"plain": 0.0})
    with pytest.raises(BadInputError, match="picture a row"):
        Stock(stock.rows, stock.pictures[:3])
    with pytest.raises(BadInputError, match="allows no composition"):
        compose(rng(), Stock((), stock.pictures[:0]))


def test_the_tables_and_the_drawings_fit_together() -> None:
    own = {what for what, style in tables.wearables() if style == tables.EVERY}
    files = {path.stem for path in Path(tables.__file__).parents[1].joinpath("worn").glob("*.svg")}
    assert own == set(tables.worn()) == files
    assert set(own_pictures()) == files | {f"{name} outlined" for name in files}
    for cell in own_pictures().values():
        assert cell.shape == (256, 256, 4) and (cell[..., :3] <= cell[..., 3:]).all()
        assert painted_box(cell[..., 3]).inside(WHOLE)
    for head in tables.heads().values():
        assert 0 < head.x < 1 and 0.1 < head.width < 0.9 and (head.eye_y is None or head.eye_gap > 0)
    known = set().union(*tables.roles().values())
    assert {name for name, _ in tables.openings()} <= known and set(tables.seats()) <= known
    assert set(chinese.COLOURS) == set(COLOURS) and all(0 <= anchor(word)[0] <= 1 for word in COLOURS)


def test_a_sheet_has_a_row_for_each_kind(stock: Stock) -> None:
    pixels = sheet(stock, per_kind=2, kinds=("plain", "wear"))
    assert pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.std() > 10
