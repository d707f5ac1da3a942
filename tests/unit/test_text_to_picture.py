"""Words and pictures become pictures: the same bytes always, every setting heeded, what is kept kept exactly."""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import danqing
from danqing import api
from danqing.api.commissions import Commission
from danqing.api.enlarging import enlarge
from danqing.api.materials import material
from danqing.api.orders import attempts, mixture, orders
from danqing.api.texttopicture import fulfil, hurried, pixels_of, squares, to_paint
from danqing.errors import BadInputError, DanqingError, NotFoundError, UsageError
from danqing.images import encode_png, read, write_png
from danqing.nn.chance import derive
from danqing.types import Picture, Recipe

Go = Callable[..., list[np.ndarray]]


@pytest.fixture(scope="module")
def studio(painter_folder: Path) -> api.Studio:
    return api.load_painter(painter_folder)


@pytest.fixture(scope="module")
def go(studio: api.Studio) -> Go:
    """Pixels of one picture, or of `n`, in one step and from all of its words at once."""

    def paint(prompt: str = "red cat", n: int = 1, **wishes: Any) -> list[np.ndarray]:
        settings = {"steps": 1, "layers": False} | wishes
        return [one.pixels for one in api.paint(prompt, n, model=studio, **settings).result().pictures]

    return paint


def different(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and np.abs(a.astype(int) - b).mean() > 0.05


def a_picture(wide: int = 60, high: int = 40, seed: int = 0) -> np.ndarray:
    """(H, W, 4) with some transparency."""
    chance = np.random.default_rng(seed)
    pixels = chance.integers(0, 256, (high, wide, 4), dtype=np.uint8)
    pixels[..., 3] = np.where(pixels[..., 3] < 60, 0, 255)
    return pixels


def png(pixels: np.ndarray) -> bytes:
    memory = io.BytesIO()
    Image.fromarray(pixels).save(memory, "PNG")
    return memory.getvalue()


def huge() -> bytes:
    """A small file that says it has 30,000 x 30,000 pixels."""
    memory = io.BytesIO()
    Image.new("1", (30_000, 8)).save(memory, "PNG")
    data = bytearray(memory.getvalue())
    data[20:24] = struct.pack(">I", 30_000)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    return bytes(data)


# Several tries.


def test_of_several_tries_the_one_that_fits_its_words_is_kept(studio: api.Studio) -> None:
    order = orders(studio, to_paint("cat face", steps=2), 1, 5)[0]
    tried = attempts(order)
    assert [one.seed for one in tried] == [5, *(derive("try", 5, number) for number in (1, 2))]
    made, fits = squares(studio, tried)
    assert fits == squares(studio, tried)[1] and len(set(fits)) == 3
    (kept,) = api.paint("cat face", 1, 5, studio, steps=2).result().pictures
    assert (kept.pixels == pixels_of(order, [made[int(np.argmax(fits))]])).all()
    (once,) = api.paint("cat face", 1, 5, studio, steps=2, tries=1).result().pictures
    assert (once.pixels == pixels_of(order, [made[0]])).all()


def test_recipes_of_before_know_one_try_and_nothing_said_is_tried_once(studio: api.Studio, tmp_path: Path) -> None:
    (once,) = api.paint("red cat", 1, 5, studio, steps=1, tries=1).result().pictures
    assert "tries" not in once.recipe.extra
    write_png(once, tmp_path / "made.png")
    assert api.replay(tmp_path / "made.png", studio).result().same
    assert orders(studio, to_paint(""), 1, 0)[0].way.tries == orders(studio, Commission("cat"), 1, 0)[0].way.tries == 1
    assert api.paint("cat", 1, 0, studio, steps=1).result().pictures[0].recipe.extra["tries"] == 3
    assert "tries" not in api.paint("", 1, 0, studio, steps=1).result().pictures[0].recipe.extra


def test_a_sketch_shows_the_first_try_of_each_thing(studio: api.Studio) -> None:
    seen: list[list[int]] = []
    api.paint("red cat", 4, 5, studio, steps=1, sketch=lambda done, look: seen.append(sorted(look()))).result()
    assert seen == [[0, 1], [2], [3]]


# The same bytes.


def test_a_picture_is_the_same_alone_and_among_others(studio: api.Studio) -> None:
    several = api.paint("red cat", 6, 10, studio, steps=2).result().pictures
    assert [one.recipe.seed for one in several] == [10, 11, 12, 13, 14, 15]
    assert different(several[0].pixels, several[1].pixels)
    for place in (1, 3, 5):
        (alone,) = api.paint("red cat", 1, 10 + place, studio, steps=2).result().pictures
        assert encode_png(alone) == encode_png(several[place])


def test_a_fine_glimpse_is_nearly_the_painted_picture(studio: api.Studio) -> None:
    painted = api.paint("a red apple", 1, 3, studio, steps=8, tries=1).result().pictures[0]
    glimpsed = api.glimpse("a red apple", 3, studio, steps=8)
    assert np.abs(glimpsed.pixels.astype(int) - painted.pixels.astype(int)).max() <= 2
    assert glimpsed.recipe == painted.recipe


@pytest.mark.parametrize(("steps", "imagined"), [(1, 3), (2, 3), (4, 4), (8, 6)])
def test_a_quick_glimpse_is_imagined_in_few_steps(studio: api.Studio, steps: int, imagined: int) -> None:
    order = orders(studio, to_paint("apple", steps=steps), 1, 0)[0]
    assert hurried(order).way.manner.prior_steps == imagined


def test_other_prompts_in_the_same_group_change_nothing(studio: api.Studio) -> None:
    prompts = ["red cat", "two blue owl face hat (dog:1.3)", "", "apple"]
    wanted = [orders(studio, to_paint(prompt, steps=1), 1, 5)[0] for prompt in prompts]
    made: dict[int, Picture] = {}
    assert fulfil(studio, wanted, made.__setitem__).result() == 4
    for place, prompt in enumerate(prompts):
        (alone,) = api.paint(prompt, 1, 5, studio, steps=1).result().pictures
        assert encode_png(alone) == encode_png(made[place])


def test_an_act_tells_how_far_it_is(studio: api.Studio) -> None:
    act = api.paint("cat", 5, model=studio, steps=1, tries=1)
    events = list(act)
    assert [(event.act, event.step) for event in events] == [("paint", 4), ("paint", 5)] and events[-1].done == 1
    assert len(act.result().pictures) == 5


def test_a_painted_picture_in_another_manner(
    go: Go, studio: api.Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("danqing.api.texttopicture.stylize", partial(api.stylize, options={"steps": [2]}))
    plain, ink = go("red cat")[0], go("red cat", then="stylize:ink")[0]
    assert different(plain, ink) and ink.std(2).mean() < plain.std(2).mean(), "ink is grey"
    picture = api.paint("red cat", 1, 3, studio, steps=1, then="stylize:ink", transparent=True).result().pictures[0]
    assert picture.pixels.shape[2] == 4 and picture.recipe.extra["then"] == "stylize:ink"
    write_png(picture, tmp_path / "made.png")
    assert api.replay(tmp_path / "made.png", studio).result().same
    for wrong in ("ink", "stylize:crayons", "frame:oil"):
        with pytest.raises(DanqingError, match=r"manner|cannot be done"):
            go("red cat", then=wrong)


REPLAYED: list[dict[str, Any]] = [
    {},
    {"style": "noto", "negative": "dog", "guidance": 5, "steps": 2, "chaos": 40, "size": 256, "transparent": True},
    {"style": "any", "steps": 9, "tile": True, "tries": 6},
    {"image": "a", "strength": 0.5},
    {"image": "a", "mask": "m", "transparent": True},
    {"image": "a", "mask": "m", "add": True},
    {"image": "a", "extend": 9},
    {"image_prompt": "b", "style_ref": "a"},
]


@pytest.mark.parametrize("wishes", REPLAYED)
def test_replay_gives_the_same_bytes(wishes: dict[str, Any], studio: api.Studio, tmp_path: Path) -> None:
    files = {"a": a_picture(), "b": a_picture(seed=1), "m": np.zeros((40, 60, 3), np.uint8)}
    files["m"][5:20, 5:30] = 255
    for name, pixels in files.items():
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    named = {key: tmp_path / f"{value}.png" if value in files else value for key, value in wishes.items()}
    picture = api.paint("red 猫", 2, 7, studio, **{"steps": 1} | named).result().pictures[1]
    write_png(picture, tmp_path / "made.png")
    inputs = [tmp_path / f"{name}.png" for name in "bma"]
    again = api.replay(tmp_path / "made.png", studio, inputs).result()
    assert again.same and encode_png(again.picture) == (tmp_path / "made.png").read_bytes()
    if "a" in wishes.values():
        with pytest.raises(NotFoundError, match="--image"):
            api.replay(tmp_path / "made.png", studio).result()


def test_a_picture_of_an_unnamed_style_outlives_another_default(studio: api.Studio, tmp_path: Path) -> None:
    picture = api.paint("red cat", 1, 7, studio, steps=1).result().pictures[0]
    write_png(picture, tmp_path / "made.png")
    later = replace(studio, shipped=replace(studio.shipped, default_style=studio.styles[0]))
    assert api.paint("red cat", 1, 7, later, steps=1).result().pictures[0].recipe.extra["drawn_as"] == studio.styles[0]
    assert api.replay(tmp_path / "made.png", later).result().same


def test_vary_and_blend_are_replayed(studio: api.Studio, tmp_path: Path) -> None:
    pictures = [a_picture(seed=i) for i in range(3)]
    made = api.blend(pictures, [2, 1, 1], "red", n=1, seed=3, model=studio, steps=1).result().pictures
    made += api.vary(pictures[0], 0.3, 1, "blue hat", 4, studio, steps=1, style="noto").result().pictures
    for number, picture in enumerate(made):
        path = tmp_path / f"{number}.png"
        write_png(picture, path)
        again = api.replay(path, studio, pictures).result()
        assert again.same and encode_png(again.picture) == path.read_bytes()


def test_a_recipe_says_everything(studio: api.Studio, tmp_path: Path) -> None:
    (picture,) = api.paint(" a (red:1.4) kot\n", 1, 9, studio, negative="dog, cat", steps=1).result().pictures
    write_png(picture, tmp_path / "a.png")
    recipe = api.info(tmp_path / "a.png")
    assert (recipe.prompt, recipe.negative, recipe.seed, recipe.steps, recipe.guidance) == (
        "a (red:1.4) kot", "dog, cat", 9, 1, 3.0,
    )  # fmt: skip
    assert recipe.size == (128, 128) and recipe.model_hash == studio.hash and recipe.version == danqing.__version__
    assert recipe.extra["drawn_as"] == "any" and recipe.extra["reading"]["tokens"] == [["red", 1.4]]
    with Image.open(tmp_path / "a.png") as image:
        assert image.info["parameters"] == (
            "a (red:1.4) kot\nNegative prompt: dog, cat\nSteps: 1, Sampler: few-step, CFG scale: 3, Seed: 9, "
            f"Size: 128x128, Model hash: {studio.hash}, Model: tiny, Style: any, Version: Danqing {danqing.__version__}"
        )


def test_other_weights_do_not_replay(studio: api.Studio, tmp_path: Path) -> None:
    (picture,) = api.paint("cat", 1, model=studio, steps=1).result().pictures
    changed = Picture(picture.pixels, Recipe(**vars(picture.recipe) | {"model_hash": "0" * 12}))
    write_png(changed, tmp_path / "a.png")
    with pytest.raises(UsageError, match="name the model that made it"):
        api.replay(tmp_path / "a.png", studio).result()
    Image.fromarray(picture.pixels).save(tmp_path / "b.png")
    with pytest.raises(BadInputError, match="holds no recipe"):
        api.info(tmp_path / "b.png")


@pytest.mark.parametrize("extra", [{"size": "large"}, {"chaos": [1]}, {"weights": 3}, {"inputs": 3}, {"tile": 2}, {}])
def test_a_hostile_recipe_gets_a_sentence(extra: dict[str, Any], studio: api.Studio, tmp_path: Path) -> None:
    recipe = Recipe("tiny", studio.hash, "text2image", 1, (1, 1), steps=1, extra=extra, prompt="cat")
    write_png(Picture(a_picture(), recipe), tmp_path / "a.png")
    try:
        assert not api.replay(tmp_path / "a.png", studio).result().same
    except DanqingError as error:
        assert extra and "\n" not in str(error)


# Words.


@pytest.mark.parametrize("prompt", ["", "   ", "\x00\x07\ud800\n\t", "เหมียว", "the", "?!"])
def test_prompts_that_say_nothing_paint_all_the_same(prompt: str, studio: api.Studio, go: Go) -> None:
    done = api.paint(prompt, 1, model=studio, steps=1).result()
    assert np.array_equal(done.pictures[0].pixels, go("")[0]) and not done.reading.tokens
    encode_png(done.pictures[0])


def test_long_prompts(studio: api.Studio, go: Go) -> None:
    done = api.paint("cat " * 2500, 1, model=studio, steps=1).result()
    assert len(done.reading.tokens) == 24 and done.reading.left_out == 2500 - 24
    assert np.array_equal(done.pictures[0].pixels, go("cat " * 24)[0])
    assert len(done.pictures[0].recipe.extra["reading"]["words"]) == 100
    with pytest.raises(UsageError, match="10,001 characters"):
        go("x" * 10_001)


def test_the_truth_light(studio: api.Studio) -> None:
    reading = api.paint("a red qwertyx 猫", 1, model=studio, steps=1).result().reading
    assert {word.text: word.how for word in reading.words}["qwertyx"] == "ignored"
    assert [token for token, _ in reading.tokens] == ["red", "cat"]
    (word,) = studio.read("elephant").words
    assert word.how == "ignored", "the shipped words know it, these weights do not"


def test_words_are_heeded(go: Go) -> None:
    plain = go("red cat")[0]
    assert np.array_equal(plain, go("红猫")[0]), "both languages are the same words"
    changed = [
        go("blue cat"), go("cat red"), go("(red:2) cat"), go(negative="dog"), go(style="noto"), go(guidance=0),
        go(seed=1), go(chaos=50), go(steps=2), go(steps=9),
    ]  # fmt: skip
    for (other,) in changed:
        assert different(plain, other)


def test_chaos_frees_the_style_unless_it_is_named(studio: api.Studio) -> None:
    def styles(**wishes: Any) -> set[Any]:
        return {one.recipe.extra["drawn_as"] for one in orders(studio, Commission("cat", **wishes), 60, 0)}

    assert styles() == {"any"} and styles(chaos=50) == {"any", "fluent", "noto"}
    assert styles(chaos=100) == {"fluent", "noto"} and styles(chaos=100, style="noto") == {"noto"}


def test_guidance_and_chaos_by_their_rule(studio: api.Studio) -> None:
    def way(**wishes: Any) -> Any:
        return orders(studio, Commission("cat", **wishes), 1, 0)[0].way

    assert way().manner.prior_guidance == 2 and way().noise == 0 and way().manner.guidance == 3
    assert way(guidance=6, chaos=50).manner.prior_guidance == 2 and way(chaos=50).noise == pytest.approx(0.175)
    assert way(chaos=100).manner.prior_guidance == 1 and way(chaos=100).noise == pytest.approx(0.35)
    assert way().manner.calm == pytest.approx(0.5) and way(chaos=100).manner.calm == way(chaos=100).manner.doubt == 1
    assert way(steps=8).manner.jumps and way(steps=8).manner.steps == 8 and way().manner.steps == 4
    assert not way(steps=9).manner.jumps and way(tile=True).manner.tile


# Sizes and transparency.


def test_sizes_and_transparency(go: Go) -> None:
    small, clear = go(transparent=True)[0], go(size=256, transparent=True)[0]
    assert small.shape == (128, 128, 4) and clear.shape == (256, 256, 4) and go(size=256)[0].shape == (256, 256, 3)
    assert len(np.unique(clear[..., 3])) > 2
    assert np.abs(read(png(clear)).astype(int) - go(size=256)[0]).max() <= 2, "the same picture, laid on white"


def test_a_tile_keeps_its_edges_when_it_grows() -> None:
    y, x = np.mgrid[:32, :32] * (2 * np.pi / 32)
    waves = np.rint(127.5 + 127.5 * np.sin(x + 2 * y + 1))[..., None]
    rgba = np.concatenate([waves] * 3 + [waves * 0 + 255], axis=2).astype(np.uint8)
    big = enlarge(rgba, (128, 128), tile=True).astype(int)
    inner = np.abs(np.diff(big[..., 0], axis=1)).max()
    assert big.shape == (128, 128, 4) and np.abs(big[:, 0, 0] - big[:, -1, 0]).max() <= inner + 1


# Pictures as a beginning.


@pytest.mark.parametrize("transparent", [False, True])
def test_outside_the_mask_every_byte_is_kept(transparent: bool, go: Go) -> None:
    image = a_picture(150, 90)
    mask = np.zeros((90, 150, 3), np.uint8)
    mask[30:60, 40:100] = 255
    mask[30, 40:100] = 128
    made = go(image=image, mask=mask, transparent=transparent)[0]
    kept = image if transparent else read(png(image))
    outside = mask[..., 0] == 0
    assert made.shape == kept.shape and np.array_equal(made[outside], kept[outside])
    assert different(made[31:60, 40:100], kept[31:60, 40:100])


@pytest.mark.parametrize("transparent", [False, True])
def test_adding_paints_the_thing_alone(transparent: bool, go: Go) -> None:
    image, mask = a_picture(150, 90), np.zeros((90, 150, 3), np.uint8)
    mask[20:80, 40:100] = 255
    first, again, other = (
        go(words, image=image, mask=mask, add=True, transparent=transparent)[0] for words in ("cat", "cat", "dog")
    )
    kept = image if transparent else read(png(image))
    outside = mask[..., 0] == 0
    assert first.shape == kept.shape and np.array_equal(first[outside], kept[outside])
    assert np.array_equal(first, again) and different(first, kept) and different(first, other)


@pytest.mark.parametrize("transparent", [False, True])
def test_extending_keeps_the_middle(transparent: bool, go: Go) -> None:
    image = a_picture(50, 70)
    made = go(image=image, extend=20, transparent=transparent)[0]
    assert made.shape[:2] == (110, 90)
    assert np.array_equal(made[20:-20, 20:-20], image if transparent else read(png(image)))
    assert made[:20].std() > 1


def test_strength_decides_how_much_of_a_sketch_is_left(go: Go) -> None:
    sketch = np.full((64, 128, 3), 255, np.uint8)
    sketch[10:50, 30:90] = (200, 30, 30)
    made = {strength: go(image=sketch, strength=strength, steps=8)[0] for strength in (0.125, 0.5, 1.0)}
    assert {one.shape for one in made.values()} == {(64, 128, 3)}, "the proportions are the sketch's"
    far = [np.abs(one.astype(int) - sketch).mean() for one in made.values()]
    assert far[0] < far[1] < far[2]


def test_vary_without_strength_is_the_decoded_embedding(studio: api.Studio) -> None:
    picture = a_picture()
    (zero,), (little,), (other,) = (
        api.vary(picture, strength, 1, text, model=studio, steps=1).result().pictures
        for strength, text in ((0, "cat"), (0.02, ""), (0.9, ""))
    )
    assert zero.recipe.extra["revision"] == 0 and different(zero.pixels, other.pixels)
    near = np.abs(zero.pixels.astype(int) - little.pixels).mean()
    assert near < np.abs(zero.pixels.astype(int) - other.pixels).mean() / 2


def test_a_blend_follows_its_weights(studio: api.Studio) -> None:
    a, b = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 1.0])
    assert torch.allclose(mixture([a, b], [1, 0]), a) and torch.allclose(mixture([a, b], [0, 2]), b)
    assert float(mixture([a, b], [1, 1]).norm()) == pytest.approx(2.0)
    pictures = [a_picture(seed=0), a_picture(seed=1)]

    def blended(weights: list[float] | None) -> np.ndarray:
        return api.blend(pictures, weights, strength=0, n=1, model=studio, steps=1).result().pictures[0].pixels

    one, other, both = blended([1, 0]), blended([0, 1]), blended(None)
    first = api.vary(pictures[0], 0, 1, model=studio, steps=1).result().pictures[0].pixels
    assert np.array_equal(one, first) and different(one, other) and different(both, one) and different(both, other)


def test_image_prompts_and_style_references(studio: api.Studio, go: Go) -> None:
    picture = a_picture()
    assert different(go(image_prompt=picture)[0], go()[0])
    (made,) = api.paint("cat", 1, model=studio, steps=1, style_ref=picture).result().pictures
    style = made.recipe.extra["drawn_as"]
    assert style in studio.styles and np.array_equal(made.pixels, go("cat", style=style)[0])


def test_the_same_pixels_from_a_file_from_bytes_and_as_a_picture(studio: api.Studio, tmp_path: Path) -> None:
    pixels = a_picture()
    (tmp_path / "a.png").write_bytes(png(pixels))
    Image.fromarray(pixels).save(tmp_path / "a.webp", lossless=True, exact=True)
    sources = [pixels, png(pixels), tmp_path / "a.png", tmp_path / "a.webp", Image.fromarray(pixels)]
    assert len({material(one).sha for one in sources}) == 1


# Likeness.


def test_describe_says_names_of_training_pictures(studio: api.Studio) -> None:
    guesses = api.describe(a_picture(), n=3, model=studio)
    assert len(guesses) == 3 and {one.prompt for one in guesses} <= {"cat", "dog", "red apple", "owl"}
    assert [one.score for one in guesses] == sorted((one.score for one in guesses), reverse=True)
    chinese = api.describe(a_picture(), "zh", 4, studio)
    assert {one.prompt for one in chinese} == {"猫", "狗", "红苹果"}, "the owl has no Chinese name"
    with pytest.raises(UsageError, match="en or zh"):
        api.describe(a_picture(), "fr", model=studio)


def test_sources_name_licence_and_author(studio: api.Studio) -> None:
    picture = api.paint("cat", 1, model=studio, steps=1).result().pictures[0]
    found = api.sources(picture, model=studio)
    assert len(found) == 3 and found[0].entry.author == "Ann" and found[0].entry.licence == "Apache-2.0"
    assert found[0].likeness >= found[1].likeness and api.sources(torch.zeros(960), 1, studio)


# What does not go.


MASKED: dict[str, Any] = {"image": a_picture(), "mask": np.full((40, 60, 3), 255, np.uint8)}


@pytest.mark.parametrize(
    ("wishes", "error", "says"),
    [
        ({"style": "notto"}, NotFoundError, "did you mean noto"),
        ({"size": 300}, UsageError, "choose 128, 256, 512, 1024"),
        ({"steps": 5}, UsageError, "choose 1, 2, 3, 4, 6, 8 or more"),
        ({"steps": 500}, UsageError, "choose 1 to 200"),
        ({"guidance": float("nan")}, UsageError, "choose 0 to 15"),
        ({"chaos": 101}, UsageError, "choose 0 to 100"),
        ({"tries": 0}, UsageError, "choose 1 to 16"),
        ({"tries": 17}, UsageError, "choose 1 to 16"),
        ({"strength": 0.5}, UsageError, "--image"),
        ({"mask": np.zeros((9, 9, 3), np.uint8)}, UsageError, "--image"),
        ({"extend": 5}, UsageError, "--image"),
        ({"image": a_picture(), "strength": 2}, UsageError, "choose 0 to 1"),
        ({"image": a_picture(), "extend": 2048}, UsageError, "at most 4096 a side"),
        ({"image": a_picture(), "extend": 5000}, UsageError, "choose 0 to 2048"),
        ({"image": a_picture(), "mask": np.zeros((9, 9, 3), np.uint8)}, UsageError, "9 x 9 and the picture 60 x 40"),
        ({"image": a_picture(), "mask": np.zeros((40, 60, 3), np.uint8)}, UsageError, "no white"),
        ({"image": a_picture(), "tile": True}, UsageError, "tile"),
        ({"image": a_picture(), "add": True}, UsageError, "--mask"),
        (MASKED | {"add": True, "strength": 0.5}, UsageError, "--strength does not go"),
        (MASKED | {"add": True, "extend": 8}, UsageError, "--extend does not go"),
        (MASKED | {"add": True, "then": "stylize:oil"}, UsageError, "--then does not go"),
        ({"style": "noto", "style_ref": a_picture()}, UsageError, "choose one"),
        ({"n": 0}, UsageError, "pictures are not possible"),
        ({"seed": -1}, UsageError, "seed"),
        ({"image": np.zeros((4, 4), np.uint8)}, UsageError, "uint8"),
    ],
)
def test_wrong_wishes(wishes: dict[str, Any], error: type[DanqingError], says: str, go: Go) -> None:
    with pytest.raises(error, match=says) as caught:
        go(**wishes)
    assert "\n" not in str(caught.value)


def test_wrong_blends(studio: api.Studio) -> None:
    pictures = [a_picture(), a_picture()]
    for weights, says in (([1], "1 weights and 2 pictures"), ([0, 0], "above 0"), ([-1, 3], "above 0")):
        with pytest.raises(UsageError, match=says):
            api.blend(pictures, weights, model=studio).result()
    with pytest.raises(UsageError, match="blend takes 2 to 8"):
        api.blend(pictures[:1], model=studio).result()


def bad_files() -> dict[str, tuple[bytes, str]]:
    return {
        "text.png": (b"no picture at all", "the content is no picture"),
        "empty.png": (b"", "the file is empty"),
        "huge.png": (huge(), "more than 64 million pixels"),
        "cut.png": (png(a_picture())[:-80], "broken or cut off"),
    }


@pytest.mark.parametrize("name", bad_files())
def test_files_that_are_no_pictures(name: str, studio: api.Studio, go: Go, tmp_path: Path) -> None:
    data, says = bad_files()[name]
    (tmp_path / name).write_bytes(data)
    calls: list[Callable[[], Any]] = [
        lambda: go(image=tmp_path / name),
        lambda: go(image=a_picture(), mask=tmp_path / name),
        lambda: api.vary(tmp_path / name, model=studio).result(),
        lambda: api.describe(tmp_path / name, model=studio),
    ]
    for call in calls:
        with pytest.raises(BadInputError, match=says) as caught:
            call()
        assert str(caught.value).startswith(str(tmp_path / name)) and "\n" not in str(caught.value)
    with pytest.raises(NotFoundError, match="There is no file"):
        go(image=tmp_path / "nowhere.png")


@pytest.mark.parametrize("kind", ["CMYK", "GIF", "L", "1"])
def test_unusual_pictures_are_taken(kind: str, studio: api.Studio, tmp_path: Path) -> None:
    path = tmp_path / ("a.gif" if kind == "GIF" else "a.jpg" if kind == "CMYK" else "a.png")
    picture = Image.fromarray(a_picture()[..., :3])
    frames = {"save_all": True, "append_images": [picture.rotate(90, expand=False)]} if kind == "GIF" else {}
    (picture if kind == "GIF" else picture.convert(kind)).save(path, **frames)
    assert api.describe(path, n=1, model=studio)


def test_one_pixel_and_very_long_pictures(studio: api.Studio) -> None:
    for shape in ((1, 1), (1, 900), (900, 1)):
        pixels = np.full((*shape, 3), 90, np.uint8)
        assert api.describe(pixels, n=1, model=studio)
        assert api.paint("", 1, model=studio, steps=1, image=pixels).result().pictures


# The painter.


def test_a_painter_is_loaded_once(painter_folder: Path, studio: api.Studio) -> None:
    assert api.load_painter(str(painter_folder)) is studio and api.load_painter(studio) is studio


def test_without_a_painter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("danqing.api.studios.SHIPPED", "no-such-painter")
    with pytest.raises(NotFoundError, match="--model"):
        api.paint("cat").result()
    with pytest.raises(NotFoundError, match="no model"):
        api.paint("cat", model=tmp_path).result()


def test_a_painter_without_jumps_or_index(painter_folder: Path, tmp_path: Path) -> None:
    from danqing.families.text2image.shipping import painter_config, read_painter, write_painter
    from danqing.types import Card

    shipped = read_painter(painter_folder)
    config = painter_config(shipped.painter, shipped.styles, shipped.vocabulary, default_style="noto")
    write_painter(tmp_path / "slow", shipped.painter, shipped.vocabulary, Card("slow", "", "", config, {}, {}, 0))
    slow = api.load_painter(tmp_path / "slow")
    (order,) = orders(slow, Commission("cat"), 1, 0)
    assert not order.way.manner.jumps and order.recipe.steps == 6 and order.recipe.extra["drawn_as"] == "noto"
    assert orders(slow, Commission("cat", steps=5, style="any"), 1, 0)[0].recipe.extra["drawn_as"] == "any"
    with pytest.raises(NotFoundError, match="training pictures"):
        api.describe(a_picture(), model=slow)
