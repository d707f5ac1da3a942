"""Large pretrained models through the public doors: real architectures with random weights, small (tiny_models.py)."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from fastapi.testclient import TestClient
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
import tiny_models
from danqing import api
from danqing.api import teaching_loras
from danqing.api.studios import any_painter
from danqing.cli import main
from danqing.errors import BadInputError, BadWeightsError, DanqingError, DiskError, NotFoundError, UsageError
from danqing.families.pretrained import layouts, learning
from danqing.families.pretrained.encoding import brought_back, plain, read, said, weighted
from danqing.families.pretrained.fingerprints import fingerprint
from danqing.families.pretrained.hints import HINTS
from danqing.families.pretrained.learning import lora_loss
from danqing.families.pretrained.painting import tiled
from danqing.families.pretrained.single import tokenizer, write_layout
from danqing.families.pretrained.unclip import embedded, revised
from danqing.home import fetched_part
from danqing.images.reading import read_rgba
from danqing.images.writing import encode_png
from danqing.jobs import Place, Store
from danqing.jobs.desk import SKETCHED
from danqing.jobs.remote import API
from danqing.jobs.worker import worker_of
from danqing.nn.chance import Chance
from danqing.server import a1111, openai
from danqing.server.app import create_app
from danqing.types import Batch, Now

SMALL = {"steps": 2, "size": 64}
RNG = np.random.default_rng(0)
PHOTO = RNG.integers(0, 255, (60, 90, 3), dtype=np.uint8)
MASK = np.zeros((60, 90, 3), np.uint8)
MASK[20:40, 30:60] = 255
NO_PAINTING_INTO = ("lcm", "kandinsky")


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every tiny model, by name."""
    folder = tmp_path_factory.mktemp("models")
    for name in tiny_models.MADE:
        tiny_models.write(name, folder / name)
    return folder


@pytest.fixture(params=sorted(tiny_models.MADE))
def model(request: pytest.FixtureRequest, models: Path) -> Path:
    path: Path = models / request.param
    return path


def painted(model: Path, prompt: str = "a cat", n: int = 1, seed: int = 0, **wishes: object) -> list[np.ndarray]:
    made = api.paint(prompt, n, seed, model, **{**SMALL, **wishes}).result()  # type: ignore[arg-type]
    return [picture.pixels for picture in made.pictures]


def test_every_kind_paints_the_same_picture_alone_and_among_others(model: Path) -> None:
    several = painted(model, n=3)
    assert all(one.shape == (64, 64, 3) for one in several)
    np.testing.assert_array_equal(painted(model, seed=2)[0], several[2])
    if model.name != "sd-checked":
        assert (several[0] != several[1]).any(), "another seed is another picture"


def test_every_kind_starts_from_a_picture_and_keeps_its_proportions(model: Path) -> None:
    low, high = (painted(model, image=PHOTO, strength=strength, steps=4)[0] for strength in (0.3, 0.9))
    tall, wide = low.shape[:2]
    assert abs(wide / tall - 1.5) < 0.3
    if model.name != "sd-checked":
        assert (low != high).any()


@pytest.mark.parametrize("wish", [{"mask": MASK}, {"extend": 8}])
def test_what_is_not_masked_stays_to_the_last_bit(model: Path, wish: dict[str, object]) -> None:
    if model.name in NO_PAINTING_INTO:
        with pytest.raises(UsageError, match="cannot paint into a picture; take another model"):
            painted(model, image=PHOTO, **wish)
        return
    made = painted(model, image=PHOTO, **wish)[0]
    if "mask" in wish:
        kept = MASK[..., 0] == 0
        np.testing.assert_array_equal(made[kept], PHOTO[kept])
        assert (made[~kept] != PHOTO[~kept]).any()
    else:
        assert made.shape == (76, 106, 3)
        np.testing.assert_array_equal(made[8:-8, 8:-8], PHOTO)


def test_the_recipe_replays_every_kind(model: Path, tmp_path: Path) -> None:
    negative = {} if model.name == "flux" else {"negative": "dog"}
    made = api.paint("a cat", 1, 5, model, guidance=4.0, **negative, **SMALL).result().pictures[0]
    path = tmp_path / "one.png"
    path.write_bytes(encode_png(made))
    assert made.recipe.family == "pretrained" and made.recipe.model == model.name
    assert api.replay(path, model).result().same


def test_a_replay_needs_the_model_that_made_it(models: Path, tmp_path: Path) -> None:
    made = api.paint("a cat", 1, 0, models / "sd", **SMALL).result().pictures[0]
    path = tmp_path / "one.png"
    path.write_bytes(encode_png(made))
    with pytest.raises(UsageError, match="name that model with --model"):
        api.replay(path).result()
    with pytest.raises(UsageError, match="name the model that made it"):
        api.replay(path, models / "sdxl").result()


def test_a_picture_is_replayed_with_the_picture_it_began_with(models: Path, tmp_path: Path) -> None:
    made = api.paint("a cat", 1, 0, models / "sd", image=PHOTO, mask=MASK, **SMALL).result().pictures[0]
    path = tmp_path / "one.png"
    path.write_bytes(encode_png(made))
    assert api.replay(path, models / "sd", images=[PHOTO, MASK]).result().same
    with pytest.raises(NotFoundError, match="missing"):
        api.replay(path, models / "sd").result()


def test_defaults_are_those_of_the_model(models: Path) -> None:
    of = {name: any_painter(models / name).usual for name in tiny_models.MADE}
    assert (of["sd"].sampler, of["sd"].steps, of["sd"].guidance) == ("dpm++2m", 20, 7.5)
    assert (of["sd-turbo"].steps, of["sd-turbo"].guidance) == (1, 0.0)
    assert (of["lcm"].steps, of["lcm"].guidance) == (4, 8.5)
    assert (of["flux"].steps, of["flux"].guidance) == (4, 0.0)
    assert (of["sdxl"].sampler, of["sdxl"].guidance) == (None, 5.0)
    assert of["sd3"].guidance == 7.0


def test_size_guidance_negative_words_and_sampler_are_heeded(models: Path) -> None:
    sd = models / "sd"
    first = painted(sd)[0]
    assert painted(sd, size="96x64")[0].shape == (64, 96, 3)
    for wish in ({"guidance": 2.0}, {"negative": "dog"}, {"sampler": "euler"}, {"steps": 3}, {"tile": True}):
        assert (painted(sd, **wish)[0] != first).any(), wish


def test_a_tile_meets_itself(models: Path) -> None:
    """Circular padding: what is rolled before a network is rolled behind it; the seam is a place like any other."""
    pipeline = any_painter(models / "sd").opened.pipeline
    latents, moved = torch.randn(1, 4, 8, 8, dtype=pipeline.vae.dtype), (2, 2)

    def rolled(wanted: bool) -> float:
        with torch.no_grad(), tiled(pipeline, wanted):
            one = pipeline.vae.decode(torch.roll(latents, moved, (2, 3)), return_dict=False)[0]
            other = torch.roll(pipeline.vae.decode(latents, return_dict=False)[0], (16, 16), (2, 3))
        return float((one - other).abs().mean())

    assert rolled(True) < 0.2 * rolled(False)


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"style": "noto"}, "does not heed --style"),
        ({"transparent": True}, "does not heed --transparent"),
        ({"chaos": 50}, "does not heed --chaos"),
        ({"size": 100}, "choose 96x96 or 104x104|choose 104x104|choose 96x96"),
        ({"size": "axb"}, "is not possible; give a side"),
        ({"sampler": "eulr"}, "did you mean euler"),
    ],
)
def test_what_such_a_model_cannot_do_is_said(models: Path, wish: dict[str, object], sentence: str) -> None:
    with pytest.raises(DanqingError, match=sentence):
        painted(models / "sd", **wish)


def test_a_sampler_that_does_not_go_with_the_model_is_refused(models: Path) -> None:
    with pytest.raises(UsageError, match="does not go with this model"):
        painted(models / "sd3", sampler="euler")
    with pytest.raises(UsageError, match="leave --tile out"):
        painted(models / "flux", tile=True)


def test_the_safety_checker_blackens_and_says_so(models: Path) -> None:
    act = api.paint("a cat", 1, 0, models / "sd-checked", **SMALL)
    told = [progress.message for progress in act]
    assert any("safety checker has blackened the picture of seed 0" in message for message in told)
    assert not act.result().pictures[0].pixels.any()


# Words.


def test_long_prompts_are_read_to_their_end(models: Path) -> None:
    """A word after the 77th sign changes the picture."""
    sd, long = models / "sd", "a cat " * 60
    assert (painted(sd, long + "red")[0] != painted(sd, long + "blue")[0]).any()
    assert said(any_painter(sd).opened.pipeline, long, "", True).pieces > 1


def test_weights_change_the_picture_and_weight_one_does_not(models: Path) -> None:
    sd = models / "sd"
    np.testing.assert_array_equal(painted(sd, "a (red:1.0) cat")[0], painted(sd, "a red cat")[0])
    assert (painted(sd, "a (red:1.5) cat")[0] != painted(sd, "a red cat")[0]).any()


@pytest.mark.parametrize("name", ["sd", "sdxl"])
def test_a_short_prompt_is_read_as_the_pipeline_itself_reads_it(models: Path, name: str) -> None:
    """The oracle is diffusers' own encode_prompt."""
    pipeline = any_painter(models / name).opened.pipeline
    with torch.no_grad():
        empty = pipeline.encode_prompt(
            "a red cat", device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=True
        )
        theirs = pipeline.encode_prompt(
            "a red cat", device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=True, negative_prompt="dog"
        )
    ours = said(pipeline, "a red cat", "", True).wishes["negative_prompt_embeds"]
    torch.testing.assert_close(ours, empty[1], rtol=1e-3, atol=1e-3)
    rows, pieces = read(pipeline, ["a red cat", "dog"])
    assert pieces == 1
    torch.testing.assert_close(rows[0][0], theirs[0], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(rows[1][0], theirs[1], rtol=1e-3, atol=1e-3)
    if name == "sdxl":
        assert rows[0][1] is not None
        torch.testing.assert_close(rows[0][1], theirs[2], rtol=1e-3, atol=1e-3)


def test_weights_go_to_their_signs() -> None:
    signs = weighted(tiny_models.tokenizer(), "ab (c:1.5)")
    assert [weight for _, weight in signs] == [1.0, 1.0, 1.5]
    assert plain("a ((red)) [cat]") == "a red cat"


def test_weighing_keeps_the_mean() -> None:
    hidden, scale = torch.randn(2, 77, 8) + 1, torch.rand(2, 77, 1) + 0.5
    torch.testing.assert_close(brought_back(hidden, scale).mean(), hidden.mean())


# What is put on a model.


@pytest.fixture(scope="session")
def parts(models: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("parts")
    sd = models / "sd"
    return {
        "peft": tiny_models.lora(folder, sd, "peft"), "kohya": tiny_models.lora(folder, sd, "kohya"),
        "other": tiny_models.lora(folder, sd, "peft", seed=1), "mycat": tiny_models.inversion(folder),
        "controlnet": tiny_models.controlnet(folder / "controlnet", sd),
        "decoder": tiny_models.tiny_decoder(folder / "tiny"), "adapter": tiny_models.adapter(folder / "ip", sd),
    }  # fmt: skip


def wish_of(name: str, parts: dict[str, Path]) -> dict[str, Any]:
    """What puts that part on a model, through the api."""
    wishes: dict[str, dict[str, Any]] = {
        "peft": {"loras": [f"{parts['peft']}:0.5"]}, "kohya": {"loras": [str(parts["kohya"])]},
        "mixed": {"loras": [f"{parts['peft']}:0.5", f"{parts['other']}:0.3"]},
        "mycat": {"embeddings": [str(parts["mycat"])]},
        "controlnet": {"controlnet": str(parts["controlnet"]), "control": PHOTO, "control_kind": "edges"},
        "decoder": {"decoder": str(parts["decoder"])},
        "adapter": {"adapter": str(parts["adapter"]), "style_ref": PHOTO},
    }  # fmt: skip
    return wishes[name]


PARTS = ("peft", "kohya", "mixed", "mycat", "controlnet", "decoder", "adapter")


@pytest.mark.parametrize("name", PARTS)
def test_a_part_changes_the_picture_and_is_taken_off_again(
    models: Path, parts: dict[str, Path], name: str, tmp_path: Path
) -> None:
    sd = models / "sd"
    bare = painted(sd, "a mycat")[0]
    wish = wish_of(name, parts)
    made = api.paint("a mycat", 2, 0, sd, **SMALL, **wish).result().pictures
    assert (made[0].pixels != bare).any(), "it was not put on"
    np.testing.assert_array_equal(painted(sd, "a mycat")[0], bare, "it was not taken off")
    np.testing.assert_array_equal(painted(sd, "a mycat", seed=1, **wish)[0], made[1].pixels)
    path = tmp_path / "one.png"
    path.write_bytes(encode_png(made[1]))
    assert str(tmp_path.parent) not in str(made[1].recipe.plain()), "a recipe does not say where files lie"
    brought = [PHOTO] if name in ("controlnet", "adapter") else []
    assert api.replay(path, sd, brought, list(parts.values())).result().same


def test_an_inversion_for_sdxl_is_taken_off_both_encoders(models: Path, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"clip_l": torch.randn(2, 32), "clip_g": torch.randn(2, 32)}, tmp_path / "mycat.safetensors")
    bare = painted(models / "sdxl", "a mycat")[0]
    made = [painted(models / "sdxl", "a mycat", embeddings=[str(tmp_path / "mycat.safetensors")])[0] for _ in range(2)]
    assert (made[0] != bare).any()
    np.testing.assert_array_equal(*made)
    np.testing.assert_array_equal(painted(models / "sdxl", "a mycat")[0], bare)


def test_a_failing_second_part_takes_the_first_off_too(models: Path, parts: dict[str, Path]) -> None:
    sd = models / "sd"
    bare = painted(sd, "a mycat")[0]
    for wish in ({"embeddings": [str(parts["mycat"]), str(parts["peft"])]},
                 {"loras": [str(parts["peft"]), str(parts["mycat"])]}):  # fmt: skip
        with pytest.raises(BadWeightsError):
            painted(sd, "a mycat", **wish)
        np.testing.assert_array_equal(painted(sd, "a mycat")[0], bare)
    assert (painted(sd, "a mycat", embeddings=[str(parts["mycat"])])[0] != bare).any()


def test_a_painting_that_is_half_done_leaves_others_alone(models: Path, parts: dict[str, Path]) -> None:
    sd, wish = models / "sd", {"loras": [str(parts["peft"])]}
    bare, inked = painted(sd)[0], painted(sd, **wish)[0]
    half = iter(api.paint("a cat", 3, 0, sd, **SMALL, **wish))
    next(half)
    np.testing.assert_array_equal(painted(sd)[0], bare)
    np.testing.assert_array_equal(painted(sd, **wish)[0], inked)
    assert len(list(half)) == 2


def test_parts_of_one_name_are_told_by_their_hash(models: Path, parts: dict[str, Path], tmp_path: Path) -> None:
    same = []
    for number, name in enumerate(("peft", "other")):
        (tmp_path / str(number)).mkdir()
        same.append(Path(shutil.copy(parts[name], tmp_path / str(number) / "pytorch_lora_weights.safetensors")))
    wish = [f"{same[0]}:0.5", f"{same[1]}:0.2"]
    made = api.paint("a cat", 1, 0, models / "sd", **SMALL, loras=wish).result().pictures[0]
    path = tmp_path / "one.png"
    path.write_bytes(encode_png(made))
    assert api.replay(path, models / "sd", parts=same[::-1]).result().same


def test_a_recipe_cannot_name_a_path(models: Path, parts: dict[str, Path], tmp_path: Path) -> None:
    made = api.paint("a cat", 1, 0, models / "sd", **SMALL).result().pictures[0]
    evil = replace(made.recipe, extra={**made.recipe.extra, "loras": [str(parts["peft"])]})
    path = tmp_path / "one.png"
    path.write_bytes(encode_png(replace(made, recipe=evil)))
    with pytest.raises(BadInputError, match="names a path"):
        api.replay(path, models / "sd").result()


def test_other_eyes_of_an_adapter_are_told(models: Path, parts: dict[str, Path], tmp_path: Path) -> None:
    copy = Path(shutil.copytree(parts["adapter"].parent, tmp_path / "ip"))
    wish = {"adapter": str(copy / "adapter.safetensors"), "style_ref": PHOTO}
    made = api.paint("a cat", 1, 0, models / "sd", **SMALL, **wish).result().pictures[0]
    path = tmp_path / "one.png"
    path.write_bytes(encode_png(made))
    weights = copy / "image_encoder" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\0")
    with pytest.raises(UsageError, match="the files here are others"):
        api.replay(path, models / "sd", [PHOTO], [copy / "adapter.safetensors"]).result()
    weights.rename(weights.with_name("pytorch_model.bin"))
    with pytest.raises(NotFoundError, match="in safetensors beside"):
        painted(models / "sd", **wish)


def test_everything_at_once(models: Path, parts: dict[str, Path]) -> None:
    wish = {key: value for name in PARTS for key, value in wish_of(name, parts).items()}
    wish["loras"] = [str(parts["peft"]), str(parts["kohya"])]
    for more in ({}, {"image": PHOTO}, {"image": PHOTO, "mask": MASK}):
        assert painted(models / "sd", "a mycat", **wish, **more)[0].ndim == 3


def test_weight_nought_is_no_lora(models: Path, parts: dict[str, Path]) -> None:
    sd = models / "sd"
    np.testing.assert_array_equal(painted(sd, loras=[f"{parts['peft']}:0"])[0], painted(sd)[0])


def test_kohya_and_peft_are_two_names_of_the_same(models: Path, parts: dict[str, Path]) -> None:
    of = [painted(models / "sd", loras=[str(parts[form])])[0].astype(int) for form in ("peft", "kohya")]
    assert np.abs(of[0] - of[1]).max() <= 2


def test_a_part_of_another_model_is_refused_and_leaves_nothing(models: Path, parts: dict[str, Path]) -> None:
    bare = painted(models / "sdxl")[0]
    with pytest.raises(BadWeightsError, match="is no LoRA for this model"):
        painted(models / "sdxl", loras=[str(parts["peft"])])
    np.testing.assert_array_equal(painted(models / "sdxl")[0], bare)
    with pytest.raises(BadInputError, match="no controlnet"):
        painted(models / "sd", controlnet=str(parts["decoder"]), control=PHOTO)
    with pytest.raises(BadWeightsError, match="is no LoRA"):
        painted(models / "sd", loras=[str(parts["mycat"])])


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"loras": ["nothing-there"]}, "There is no file or model named 'nothing-there'"),
        ({"controlnet": "x"}, "go together"),
        ({"control": PHOTO}, "go together"),
        ({"style_ref": PHOTO}, "give an --adapter that sees"),
        ({"image_prompt": PHOTO}, "give an --adapter that sees"),
        ({"adapter": "x"}, "needs a picture to look at"),
        ({"loras": ["x:nan"]}, "There is no file or model named 'x'"),
        ({"tile": True, "engine": "openvino"}, "cannot paint edges that meet"),
        ({"engine": "openvinos"}, "did you mean openvino"),
        ({"engine": "openvino", "adapter": "x", "style_ref": PHOTO}, "There is no file or model named 'x'"),
        ({"negative": "dog", "guidance": 1.0}, "give a --guidance above 1"),
    ],
)
def test_parts_that_make_no_sense(models: Path, wish: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DanqingError, match=sentence):
        painted(models / "sd", **wish)


def test_parts_of_another_shape_are_said_to_be_so(models: Path, parts: dict[str, Path]) -> None:
    wish = {"controlnet": str(parts["controlnet"]), "control": PHOTO}
    with pytest.raises((BadInputError, UsageError), match=r"does not go with sdxl|led by a ControlNet"):
        painted(models / "sdxl", **wish)
    with pytest.raises(BadInputError, match="latents of 4 numbers and the model's have 16"):
        painted(models / "sd3", decoder=str(parts["decoder"]))
    with pytest.raises(UsageError, match="no decoder to be exchanged"):
        painted(models / "kandinsky", decoder=str(parts["decoder"]))
    with pytest.raises(UsageError, match="heeds no --negative"):
        painted(models / "flux", negative="dog", guidance=4.0)
    with pytest.raises(UsageError, match="number from -5 to 5"):
        painted(models / "sd", loras=[f"{parts['peft']}:nan"])


def test_kandinsky_heeds_its_sampler(models: Path) -> None:
    made = [painted(models / "kandinsky", sampler=sampler, steps=3)[0] for sampler in ("ddim", "euler")]
    assert (made[0] != made[1]).any()


def test_changed_files_are_another_model(models: Path, tmp_path: Path) -> None:
    """In the same place, in the same process; a config counts as much as weights."""
    copy = copied(models, "sd", tmp_path)
    first = api.paint("a cat", 1, 0, copy, **SMALL).result().pictures[0]
    config = copy / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text().replace('"epsilon"', '"v_prediction"'))
    second = api.paint("a cat", 1, 0, copy, **SMALL).result().pictures[0]
    assert first.recipe.model_hash != second.recipe.model_hash and (first.pixels != second.pixels).any()


def test_a_recipe_does_not_depend_on_the_model_s_name(models: Path, tmp_path: Path) -> None:
    turbo = Path(shutil.copytree(models / "sdxl", tmp_path / "sd-3.5-turbo"))
    made = api.paint("a cat", 1, 0, turbo, size=64).result().pictures[0]
    assert made.recipe.model == "sd-3.5-turbo" and made.recipe.steps == 1
    path = tmp_path / "one.png"
    path.write_bytes(encode_png(made))
    assert api.replay(path, models / "sdxl").result().same


def test_pickled_parts_are_refused(models: Path, tmp_path: Path) -> None:
    (tmp_path / "evil.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(BadInputError, match="other formats can run code"):
        painted(models / "sd", loras=[str(tmp_path / "evil.bin")])


def test_a_replay_with_another_file_of_that_name_is_refused(
    models: Path, parts: dict[str, Path], tmp_path: Path
) -> None:
    made = api.paint("a cat", 1, 0, models / "sd", **SMALL, loras=[str(parts["peft"])]).result().pictures[0]
    path = tmp_path / "one.png"
    path.write_bytes(encode_png(made))
    swapped = tmp_path / parts["peft"].name
    shutil.copy(parts["other"], swapped)
    with pytest.raises(UsageError, match="the files here are others"):
        api.replay(path, models / "sd", parts=[swapped]).result()


def test_edges_are_thin_lines_where_the_picture_changes() -> None:
    drawn = np.zeros((64, 64, 3), np.uint8)
    drawn[16:48, 16:48] = 255
    lines = HINTS["edges"](drawn)[..., 0] > 0
    assert lines[:8].sum() == 0 and lines[28:36, 28:36].sum() == 0
    assert 0.8 * 4 * 32 < lines.sum() < 2.2 * 4 * 32
    assert not HINTS["edges"](np.full((20, 20, 3), 90, np.uint8)).any()
    np.testing.assert_array_equal(HINTS["ready"](drawn), drawn)
    paper = np.full((64, 64, 3), 255, np.uint8)
    paper[30:33, 10:54] = 0
    assert (HINTS["scribble"](paper)[31, 12:52] == 255).all() and not HINTS["scribble"](paper)[:20].any()


# One file.


@pytest.fixture(scope="session")
def single(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    return tiny_models.single_file(tmp_path_factory.mktemp("single") / "tiny.safetensors")


def test_a_single_file_paints_and_replays(
    single: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a network; its denoiser computes what the same weights do that never were in one file."""
    path, layout = single
    layout = {**layout, "scheduler": layouts.LAYOUTS["StableDiffusionPipeline"]["scheduler"]}
    monkeypatch.setitem(layouts.LAYOUTS, "StableDiffusionPipeline", layout)
    made = api.paint("a cat", 1, 0, path, **SMALL).result().pictures[0]
    assert made.recipe.model == "tiny" and made.pixels.std() > 3
    out = tmp_path / "one.png"
    out.write_bytes(encode_png(made))
    assert api.replay(out, path).result().same
    torch.manual_seed(0)
    plain = tiny_models.unet(cross_attention_dim=768)
    x, words, now = torch.randn(1, 4, 8, 8), torch.randn(1, 5, 768), torch.tensor(500)
    found = any_painter(path).opened.pipeline.unet.float()
    with torch.no_grad():
        torch.testing.assert_close(found(x, now, words).sample, plain(x, now, words).sample, rtol=0.05, atol=0.05)


COUNTS = {
    "StableDiffusionPipeline": {"unet": 859_520_964, "vae": 83_653_863, "text_encoder": 123_060_480},
    "StableDiffusionPipeline 2": {"unet": 865_910_724, "vae": 83_653_863, "text_encoder": 340_387_840},
    "StableDiffusionXLPipeline": {
        "unet": 2_567_463_684, "vae": 83_653_863, "text_encoder": 123_060_480, "text_encoder_2": 694_659_840,
    },
}  # fmt: skip
"""parameters of the published models"""


@pytest.mark.parametrize("kind", COUNTS)
def test_the_layouts_have_as_many_parameters_as_the_published_models(kind: str, tmp_path: Path) -> None:
    import diffusers
    import transformers

    write_layout(tmp_path, kind.split()[0], layouts.LAYOUTS[kind])
    found = {}
    with torch.device("meta"):
        for part in COUNTS[kind]:
            source, config = layouts.LAYOUTS[kind][part]
            if source == "diffusers":
                maker = getattr(diffusers, config["_class_name"])
                net = maker.from_config(maker.load_config(tmp_path / part))
            else:
                maker = getattr(transformers, config["architectures"][0])
                net = maker(transformers.CLIPTextConfig.from_pretrained(tmp_path / part))
            found[part] = sum(parameter.numel() for parameter in net.parameters())
    assert found == COUNTS[kind]


def test_the_words_are_clip_s() -> None:
    """Numbers that CLIP's own repository prints for its example."""
    assert tokenizer()("a photo of a cat").input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]
    assert len(tokenizer()) == 49_408


def test_a_lora_is_no_model(parts: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="is no whole Stable Diffusion"):
        painted(parts["peft"])
    (tmp_path / "text.safetensors").write_text("not at all")
    with pytest.raises(BadWeightsError, match="broken or half fetched"):
        painted(tmp_path / "text.safetensors")


# Files that are not what they should be.


def copied(models: Path, name: str, tmp_path: Path) -> Path:
    return Path(shutil.copytree(models / name, tmp_path / name))


def test_half_fetched_weights_are_refused(models: Path, tmp_path: Path) -> None:
    broken = copied(models, "sd", tmp_path)
    weights = broken / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(BadWeightsError, match="broken or half fetched"):
        painted(broken)


def test_a_missing_part_is_named(models: Path, tmp_path: Path) -> None:
    broken = copied(models, "sd", tmp_path)
    shutil.rmtree(broken / "vae")
    with pytest.raises(NotFoundError, match="lacks its part 'vae'"):
        painted(broken)


def test_pickles_are_refused(models: Path, tmp_path: Path) -> None:
    broken = copied(models, "sd", tmp_path)
    weights = broken / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(BadInputError, match="holds pickles"):
        painted(broken)


def test_weights_of_another_shape_are_refused(models: Path, tmp_path: Path) -> None:
    broken = copied(models, "sd", tmp_path)
    shutil.rmtree(broken / "unet")
    shutil.copytree(models / "sdxl" / "unet", broken / "unet")
    config = broken / "unet" / "config.json"
    config.write_text((models / "sd" / "unet" / "config.json").read_text())
    with pytest.raises(BadWeightsError, match="cannot be opened as StableDiffusionPipeline"):
        painted(broken)


@pytest.mark.parametrize(
    ("index", "sentence"),
    [
        ("{", "cannot be read"),
        ("[]", "names no pipeline"),
        ('{"_class_name": ["evil", "Evil"]}', "names no pipeline"),
        ('{"_class_name": "EvilPipeline"}', "does not know"),
        ('{"_class_name": "StableDiffusionPipeline", "unet": ["evil", "UNet"]}', "code of its own for unet"),
    ],
)
def test_only_pipelines_of_diffusers_are_run(tmp_path: Path, index: str, sentence: str) -> None:
    (tmp_path / "model_index.json").write_text(index)
    (tmp_path / "evil.py").write_text("raise SystemExit('ran')")
    with pytest.raises(BadInputError, match=sentence):
        painted(tmp_path)


def test_a_model_that_does_not_fit_says_how_much_it_needs(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("danqing.families.pretrained.opening.bytes_free", lambda: 1000.0)
    from danqing.families.pretrained.opening import open_folder

    with pytest.raises(UsageError, match=r"needs about .* GB of memory"):
        open_folder(models / "sd", "fp32", "cpu")


def test_the_fingerprint_is_that_of_the_weights(models: Path, tmp_path: Path) -> None:
    copy = copied(models, "sd", tmp_path)
    assert fingerprint(copy) == fingerprint(models / "sd") == fingerprint(copy)
    weights = copy / "unet" / "diffusion_pytorch_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    assert fingerprint(copy) != fingerprint(models / "sd")


# The server.


@pytest.fixture
def shelf(models: Path, parts: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with every tiny model and a LoRA in its folder of models."""
    home = tmp_path / "home"
    (home / "models").mkdir(parents=True)
    for path in models.iterdir():
        (home / "models" / path.name).symlink_to(path)
    shutil.copy(parts["peft"], home / "models" / "ink.safetensors")
    monkeypatch.setenv("DANQING_HOME", str(home))
    return home


@pytest.fixture
def studio(shelf: Path, tmp_path: Path) -> Iterator[tuple[TestClient, Place]]:
    place = Place(tmp_path / "studio")
    app: Any = create_app(place, "a-long-token", ["127.0.0.1:7860"])
    auth = {"authorization": "Bearer a-long-token"}
    with TestClient(app, base_url="http://127.0.0.1:7860", headers=auth) as client:
        yield client, place


def done(studio: tuple[TestClient, Place], wishes: dict[str, Any]) -> dict[str, Any]:
    client, place = studio
    job = client.post(f"{API}/jobs", json={"kind": "paint", "wishes": wishes}).json()
    worker_of(place).work_once()
    found: dict[str, Any] = client.get(f"{API}/jobs/{job['id']}").json()
    return found


@pytest.mark.parametrize("name", sorted(tiny_models.MADE))
def test_the_server_paints_with_every_kind(studio: tuple[TestClient, Place], shelf: Path, name: str) -> None:
    client, _ = studio
    assert client.get(f"{API}/models").json()["models"] == sorted(tiny_models.MADE)
    job = done(studio, {"prompt": "a cat", "model": name, "n": 2, "steps": 2, "size": "96x64", "seed": 3})
    assert job["state"] == "done", job["message"]
    entry = client.get(f"{API}/pictures/{job['pictures'][1]}").json()
    assert entry["recipe"]["model"] == name and entry["recipe"]["seed"] == 4
    data = client.get(f"{API}/pictures/{job['pictures'][1]}/file").content
    path = shelf / "again.png"
    path.write_bytes(data)
    assert api.replay(path, shelf / "models" / name).result().same


def test_no_sketch_is_promised_where_there_is_none(
    studio: tuple[TestClient, Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("danqing.jobs.desk.SKETCHED_EVERY", 0.0)
    monkeypatch.setattr("danqing.jobs.desk.NOTED_EVERY", 0.0)
    renew = Store.renew

    def noted(self: Store, job: str, worker: str, share: float, message: str = "") -> bool:
        said.append(message)
        return renew(self, job, worker, share, message)

    monkeypatch.setattr(Store, "renew", noted)
    assert done(studio, {"prompt": "a cat", "model": "sd", "n": 1, "steps": 4, "size": 64})["state"] == "done"
    assert said and SKETCHED not in said


def test_the_server_takes_names_of_parts_and_no_paths(studio: tuple[TestClient, Place], shelf: Path) -> None:
    common = {"prompt": "a cat", "model": "sd", "n": 1, "steps": 2, "size": 64}
    assert done(studio, {**common, "loras": ["ink:0.5"]})["state"] == "done"
    secret = shelf / "models" / "ink.safetensors"
    for wishes in ({"loras": [str(secret)]}, {"model": str(shelf / "models" / "sd")}, {"model": "nothing"},
                   {"controlnet": "../models/sd"}, {"adapter": ".hidden"}):  # fmt: skip
        job = done(studio, {**common, **wishes})
        assert job["state"] == "failed" and str(shelf.parent) not in job["message"].replace(str(secret)[:60], "")


def test_other_programs_name_a_model(studio: tuple[TestClient, Place]) -> None:
    client, _ = studio
    assert [one["id"] for one in client.get("/v1/models").json()["data"]][:2] == ["danqing", "flux"]
    assert "sdxl" in [one["model_name"] for one in client.get("/sdapi/v1/sd-models").json()]
    wishes = openai.painting({"prompt": "a cat", "model": "sd", "size": "1024x1792"})
    assert (wishes["model"], wishes["size"]) == ("sd", "1024x1792")
    assert "model" not in openai.painting({"prompt": "a cat", "model": "gpt-image-1"})
    options = {"sd_model_checkpoint": "danqing"}
    asked = {"prompt": "a cat", "width": 768, "height": 512, "override_settings": {"sd_model_checkpoint": "sdxl"}}
    wishes = a1111.painting(asked, [], options)
    assert (wishes["model"], wishes["size"]) == ("sdxl", "768x512")
    assert "sd.safetensors" in client.get("/models/checkpoints").json()
    loader = client.get("/object_info/CheckpointLoaderSimple").json()["CheckpointLoaderSimple"]
    assert "sdxl.safetensors" in loader["input"]["required"]["ckpt_name"][0]


# The command line.


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Any]:
    """Run with --json in a folder of this test; returns the one document on stdout."""

    def run(*words: object, code: int = 0) -> Any:
        capsys.readouterr()
        assert main([*map(str, words), "--json"]) == code
        return json.loads(capsys.readouterr().out)

    return run


def test_paint_and_replay_by_command(models: Path, tmp_path: Path, ask: Callable[..., Any]) -> None:
    common = ["--model", models / "sd", "--out", tmp_path]
    rows = ask("paint", "a cat", "-n", 2, "--size", 64, "--steps", 2, *common)["pictures"]
    assert len(rows) == 2 and rows[0]["recipe"]["family"] == "pretrained"
    assert ask("replay", rows[1]["file"], *common)["same"] is True
    assert read_rgba(Path(rows[0]["file"])).shape == (64, 64, 4)


def test_prompts_from_a_file(models: Path, tmp_path: Path, ask: Callable[..., Any]) -> None:
    rows = tmp_path / "prompts.csv"
    rows.write_text("prompt,size,sampler\na cat,96x64,euler\na dog,64,\n")
    made = ask("paint", "--from-file", rows, "-n", 1, "--steps", 2, "--model", models / "sd", "--out", tmp_path)
    assert [row["recipe"]["size"] for row in made["pictures"]] == [[96, 64], [64, 64]]


def test_the_own_painter_says_that_samplers_are_not_its(painter_folder: Path) -> None:
    with pytest.raises(UsageError, match="--sampler is for pretrained models"):
        api.paint("cat", model=painter_folder, sampler="euler").result()
    with pytest.raises(UsageError, match="A size of 768x512 is not possible; choose 128, 256, 512, 1024"):
        api.paint("cat", model=painter_folder, size="768x512").result()


def test_the_doctor_says_what_will_run(ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("danqing.api.forecasts.free_memory", lambda: 4_000_000_000)
    monkeypatch.setattr("danqing.families.pretrained.estimates.pace", lambda *_: 1e12)
    monkeypatch.setenv("DANQING_PRECISION", "bf16")
    rows = {row["name"]: row for row in ask("doctor")["pretrained"]}
    turbo, large = rows["SD-Turbo"], rows["SDXL, 28 steps"]
    assert turbo["fits"] and not large["fits"] and "more than is free" in large["about"]
    assert turbo["gigabytes"] == pytest.approx(1.29 * 2 * 1.2, abs=0.06)
    assert turbo["seconds"] == pytest.approx((804 + 2515) / 500, abs=0.1)


# Teaching: a LoRA from a few pictures.

BULU = Path(__file__).parents[2] / "examples" / "bulu"


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lesson of a few steps."""
    monkeypatch.setattr(teaching_loras, "STEPS", 40)
    monkeypatch.setattr(teaching_loras, "LOOK", 20)


@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize("name", ["sd", "sd-turbo", "sdxl"])
def test_a_model_is_taught(models: Path, name: str, tmp_path: Path) -> None:
    model = models / name
    before = painted(model, "bulu")[0]
    lesson = api.teach(BULU, "bulu", base=model, out=tmp_path / "taught").result()
    scores = lesson.report["scores"]
    assert lesson.report["steps"] == 40 and len(scores) == 2 and scores[1] < scores[0]
    assert lesson.file == tmp_path / "taught" / "taught.safetensors" and lesson.sheet.is_file()
    np.testing.assert_array_equal(painted(model, "bulu")[0], before, err_msg="the model itself stays as it is")
    after = painted(model, "bulu", loras=[str(lesson.file)])[0]
    assert (after != before).any()
    assert (painted(model, "bulu", loras=[f"{lesson.file}:0.3"])[0] != after).any()


@pytest.mark.usefixtures("brief")
def test_the_same_seed_teaches_a_model_the_same(models: Path, tmp_path: Path) -> None:
    one, two = (api.teach(BULU, "bulu", base=models / "sd", out=tmp_path / name).result() for name in "ab")
    assert one.report["sha256"] == two.report["sha256"]


def test_what_is_learned_is_the_noise_or_the_velocity() -> None:
    """At the model's own schedule: an oracle that answers with what is asked for has no loss."""
    from diffusers import DDPMScheduler

    z, chance = torch.randn(4, 4, 8, 8, generator=torch.Generator().manual_seed(0)), Chance("oracle")
    t, e = chance.integers(1000, 4), chance.normal_like(z)
    for kind in ("epsilon", "v_prediction"):
        schedule = DDPMScheduler(prediction_type=kind)
        alpha = schedule.alphas_cumprod[t].sqrt()[:, None, None, None]
        sigma = (1 - schedule.alphas_cumprod[t]).sqrt()[:, None, None, None]

        wanted = e if kind == "epsilon" else alpha * e - sigma * z

        def net(
            noised: torch.Tensor, at: torch.Tensor, x: Any = alpha * z + sigma * e, out: Any = wanted, **_: Any
        ) -> Any:
            torch.testing.assert_close(at, t)
            torch.testing.assert_close(noised, x)
            return SimpleNamespace(sample=out)

        net.dtype, net.device = torch.float32, "cpu"  # type: ignore[attr-defined]
        pupil: Any = SimpleNamespace(net=net, noise=schedule)
        batch = Batch(z, None, {"prompt_embeds": torch.zeros(4, 77, 8)})
        assert float(lora_loss(pupil, 64, batch, Now(0, 0.0, Chance("oracle")))) < 1e-10


@pytest.mark.parametrize("name", ["lcm", "flux", "sd3", "kandinsky"])
def test_models_that_are_not_taught_here_say_so(models: Path, name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not taught here; Stable Diffusion 1, 2, XL and their kin are"):
        api.teach(BULU, "bulu", base=models / name, out=tmp_path / "x").result()


@pytest.mark.parametrize("name", [["bulu", "布噜"], "b" * 61, " ", "a\nb"])
def test_names_that_no_lora_has(models: Path, name: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is taught one name"):
        api.teach(BULU, name, base=models / "sd", out=tmp_path / "x").result()
    assert not (tmp_path / "x").exists()


@pytest.mark.usefixtures("brief")
def test_a_stopped_lesson_keeps_its_lora_and_leaves_the_model_alone(models: Path, tmp_path: Path) -> None:
    model = models / "sd"
    before = painted(model, "bulu")[0]
    act = iter(api.teach(BULU, "bulu", base=model, out=tmp_path / "half"))
    for progress in act:
        if progress.step == 5:
            break
    act.close()
    np.testing.assert_array_equal(painted(model, "bulu")[0], before)
    assert (painted(model, "bulu", loras=[str(tmp_path / "half" / "half.safetensors")])[0] != before).any()
    assert json.loads((tmp_path / "half" / "report.json").read_text())["steps"] == 5


@pytest.mark.usefixtures("brief")
def test_a_lora_that_cannot_be_written_leaves_the_model_alone(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = models / "sd"
    before = painted(model, "bulu")[0]

    def full(*_: Any) -> None:
        raise DiskError("full")

    monkeypatch.setattr(learning, "write", full)
    with pytest.raises(DiskError):
        api.teach(BULU, "bulu", base=model, out=tmp_path / "full").result()
    np.testing.assert_array_equal(painted(model, "bulu")[0], before)
    assert not any(p.requires_grad for p in any_painter(model).opened.pipeline.unet.parameters())


@pytest.mark.usefixtures("brief")
def test_a_taught_lora_is_found_by_its_name_and_nothing_else_is(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANQING_HOME", str(tmp_path))
    lesson = api.teach(BULU, "My Bulu", base=models / "sd").result()
    assert fetched_part("my-bulu") == lesson.file == tmp_path / "models" / "my-bulu" / "my-bulu.safetensors"
    (tmp_path / "secret.safetensors").touch()
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "secret.safetensors").touch()
    for name in (str(tmp_path / "secret"), "../secret", "../../secret"):
        with pytest.raises(NotFoundError):
            fetched_part(name)


@pytest.mark.usefixtures("brief")
def test_a_model_is_taught_by_command(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["teach", str(BULU), "--name", "bulu", "--base", str(models / "sd"), "--out", str(tmp_path / "cmd")]
    assert main([*words, "--json"]) == 0
    said = capsys.readouterr()
    made = json.loads(said.out)
    assert Path(made["file"]).name == "cmd.safetensors" and "the best so far, kept" in said.err
    assert {"cmd.safetensors", "report.json", "before-after.png"} == {p.name for p in (tmp_path / "cmd").iterdir()}


def test_large_pictures_are_decoded_in_pieces(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = {"steps": 1, "size": "192x128"}
    whole = painted(models / "sd", **wide)[0].astype(int)
    vae = any_painter(models / "sd").opened.pipeline.vae
    pieces: list[int] = []
    decode = vae._tiled_decode if hasattr(vae, "_tiled_decode") else vae.tiled_decode
    monkeypatch.setattr(vae, decode.__name__, lambda *a, **k: pieces.append(1) or decode(*a, **k))
    monkeypatch.setattr("danqing.families.pretrained.painting.WHOLE", 64 * 64)
    parted = painted(models / "sd", **wide)[0].astype(int)
    assert pieces and not vae.use_tiling
    assert 0 < np.abs(parted - whole).mean() < 20
    pieces.clear()
    painted(models / "sd", tile=True, **wide)
    assert not pieces, "edges that meet are decoded whole"


# Pictures through their embedding.


def taken_up(act: Any) -> np.ndarray:
    pixels: np.ndarray = act.result().pictures[0].pixels
    return pixels


def test_kandinsky_varies_and_blends_through_embeddings(models: Path) -> None:
    model, other = models / "kandinsky", np.ascontiguousarray(255 - PHOTO[::-1])
    kept = taken_up(api.vary(PHOTO, 0.0, 1, model=model, **SMALL))
    assert kept.shape == (64, 64, 3), "the picture's content is taken up, not its pixels"
    np.testing.assert_array_equal(taken_up(api.vary(PHOTO, 0.0, 1, "red", model=model, **SMALL)), kept)
    assert (taken_up(api.vary(PHOTO, 0.7, 1, model=model, **SMALL)) != kept).any()
    assert (taken_up(api.vary(PHOTO, 0.7, 1, "red", model=model, **SMALL))
            != taken_up(api.vary(PHOTO, 0.7, 1, "blue", model=model, **SMALL))).any()  # fmt: skip
    assert (taken_up(api.vary(other, 0.0, 1, model=model, **SMALL)) != kept).any()
    one = taken_up(api.blend([PHOTO, other], [1, 0], strength=0.0, n=1, model=model, **SMALL))
    assert np.abs(one.astype(int) - kept).max() <= 1
    half = taken_up(api.blend([PHOTO, other], strength=0.0, n=1, model=model, **SMALL))
    assert (half != kept).any()


def test_kandinsky_takes_up_the_content_of_a_picture_and_replays(models: Path, tmp_path: Path) -> None:
    model = models / "kandinsky"
    made = api.paint("a cat", 1, 3, model, image_prompt=PHOTO, **SMALL).result().pictures[0]
    assert (made.pixels != painted(model, seed=3)[0]).any()
    path = tmp_path / "one.png"
    path.write_bytes(encode_png(made))
    assert api.replay(path, model, images=[PHOTO]).result().same


def test_an_embedding_is_kept_or_imagined_anew(models: Path) -> None:
    opened = any_painter(models / "kandinsky").opened
    e = embedded(opened, [Image.fromarray(PHOTO)])
    chance = lambda: torch.Generator().manual_seed(1)  # noqa: E731
    torch.testing.assert_close(revised(opened, e, 0.0, "a", "", chance()), e)
    anew = [revised(opened, start, 1.0, "a", "", chance()) for start in (e, -e)]
    torch.testing.assert_close(*anew, atol=5e-3, rtol=0)
    assert not torch.equal(revised(opened, e, 0.5, "a", "", chance()), revised(opened, e, 0.5, "b", "", chance()))
