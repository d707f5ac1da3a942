"""From a folder of pictures to a model and its pictures, through the functions that people call."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import danqing
from danqing import api
from danqing.errors import BadInputError, DanqingError, DiskError, NotFoundError, UsageError
from danqing.images.writing import read_recipe, write_png

TINY: dict[str, dict[str, Any]] = {
    "gan": {"widths": [16, 16], "critic_widths": [16, 16], "latent": 8},
    "vae": {"widths": [8, 16], "up_widths": [16, 8], "latent": 8, "prior_width": 32, "prior_steps": 2},
    "diffusion": {"widths": [64], "depth": 1, "few_step": 0.3, "steps": 2},
}
SHAPES = ("disc", "ring", "square")


def draw(shape: str, number: int, side: int = 28) -> np.ndarray:
    """One grey picture of its own."""
    chance = np.random.default_rng([number, SHAPES.index(shape)])
    y, x = np.mgrid[:side, :side] - side / 2 + chance.uniform(-3, 3, 2)[:, None, None]
    far = np.maximum(abs(x), abs(y)) if shape == "square" else np.hypot(x, y)
    inside = (far < 9) & ((far > 5) | (shape != "ring"))
    return (inside * chance.integers(150, 250) + chance.integers(0, 6, (side, side))).astype(np.uint8)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same 150 pictures with a sub-folder for each label, and all in one."""
    home = tmp_path_factory.mktemp("pictures")
    for shape in SHAPES:
        (home / "labelled" / shape).mkdir(parents=True)
        (home / "plain").mkdir(exist_ok=True)
        for number in range(50):
            picture = Image.fromarray(draw(shape, number))
            picture.save(home / "labelled" / shape / f"{number}.png")
            picture.save(home / "plain" / f"{shape}-{number}.png")
    return {"labelled": home / "labelled", "plain": home / "plain"}


def tiny(family: str, data: Path, out: Path, steps: int = 6, **more: Any) -> Any:
    what = more.pop("what", family)
    given = {"batch": 16, "warmup": 0, **(TINY[family] if what == family else {}), **more.pop("set", {})}
    return api.train(what, data, steps=steps, out=out, set=given, **more)


@pytest.fixture(scope="module")
def trained(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, api.Trained]:
    return {family: tiny(family, folders["labelled"], tmp_path_factory.mktemp(family)).result() for family in TINY}


each = pytest.mark.parametrize("family", sorted(TINY))


@each
def test_training_says_what_it_does(family: str, folders: dict[str, Path], tmp_path: Path) -> None:
    act = tiny(family, folders["plain"], tmp_path)
    events = list(act)
    preset = act.result().model.card.preset
    assert preset.endswith("-28")
    assert f"The pictures are 28 px wide, so {family} uses the preset {preset}" in events[0].message
    assert any("135 pictures from" in event.message and "28 px" in event.message for event in events[:3])
    assert [event.done for event in events] == sorted(event.done for event in events) and events[-1].done == 1
    assert all(event.act == "train" for event in events) and events[-1].message == "The training is done."
    steps = [event for event in events if event.figures]
    assert [event.step for event in steps] == [1, 2, 3, 4, 5, 6] and all("pictures/s" in e.figures for e in steps)


@each
def test_what_a_training_leaves_behind(family: str, trained: dict[str, api.Trained]) -> None:
    folder, card = trained[family].folder, trained[family].model.card
    names = {path.name for path in folder.iterdir()}
    assert names == {"weights.safetensors", "card.json", "training.safetensors", "log.jsonl", "sheet.png", "samples"}
    assert 1 <= len(list((folder / "samples").iterdir())) <= 6
    with Image.open(trained[family].sheet) as sheet:
        assert sheet.width >= 280 and sheet.height >= 112
    assert card.family == family and card.steps == 6 and card.pictures_seen == 96 and card.data["count"] == 135
    assert (
        tuple(card.data["labels"]) == SHAPES and card.data["sha256"] and card.software["danqing"] == danqing.__version__
    )
    assert card.parameters == sum(p.numel() for p in trained[family].model.painter.parameters())
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]


@each
def test_samples(family: str, trained: dict[str, api.Trained], tmp_path: Path) -> None:
    act = api.sample(trained[family].folder, n=5, seed=7, label="ring")
    events = list(act)
    pictures = act.result()
    assert len(pictures) == 5 and events[-1].done == 1 and {p.recipe.label for p in pictures} == {"ring"}
    write_png(pictures[0], tmp_path / "a.png")
    recipe = read_recipe(tmp_path / "a.png")
    assert recipe is not None and recipe.plain() == pictures[0].recipe.plain()
    (again,) = api.sample(trained[family].model, n=1, seed=recipe.seed, label=recipe.label).result()
    with Image.open(tmp_path / "a.png") as written:
        assert np.array_equal(np.asarray(written), again.pixels)


@each
def test_interpolation(family: str, trained: dict[str, api.Trained]) -> None:
    model = trained[family].model
    path = api.interpolate(model, stops=(3, 8, 9), frames=4, label="disc").result()
    assert len(path) == 9 and [p.recipe.extra["frame"] for p in path] == [*range(9)]
    back = api.interpolate(model, stops=(9, 8, 3), frames=4, label="disc").result()
    assert abs(path[0].pixels.astype(int) - back[8].pixels).max() <= 1  # the same stop, from both sides


@pytest.mark.parametrize("data", ["labelled", "plain"])
def test_evaluation(data: str, trained: dict[str, api.Trained], folders: dict[str, Path]) -> None:
    act = api.evaluate(trained["vae"].folder, folders[data], n=60)
    events = list(act)
    figures = act.result().figures()
    assert figures["FD-effl0"] > 0 and {"KID-effl0", "precision-effl0", "recall-effl0"} <= figures.keys()
    assert events[-1].done == 1 and json.dumps(act.result().plain())
    with pytest.raises(UsageError, match="too few to judge"):
        api.evaluate(trained["vae"].folder, folders[data], n=10).result()


def test_reconstruction_and_editing(trained: dict[str, api.Trained], folders: dict[str, Path]) -> None:
    model, files = trained["vae"].model, [folders["labelled"] / shape / "0.png" for shape in SHAPES]
    pairs = api.reconstruct(model, files).result()
    assert len(pairs) == 3 and all(
        np.array_equal(seen.pixels[..., 0], draw(s, 0)) for (seen, _), s in zip(pairs, SHAPES, strict=True)
    )
    edits = api.edit(model, files[0], add="ring", subtract="disc", strengths=(0.0, 40.0)).result()
    assert np.array_equal(edits[0].pixels, pairs[0][1].pixels), "strength 0 is the reconstruction"
    assert not np.array_equal(edits[1].pixels, edits[0].pixels)
    path = api.interpolate(model, stops=(files[0], files[1]), frames=2).result()
    assert len(path) == 3 and np.array_equal(path[0].pixels, pairs[0][1].pixels)


@pytest.mark.parametrize("family", ["gan", "diffusion"])
def test_only_models_that_encode_can_reconstruct(family: str, trained: dict[str, api.Trained], tmp_path: Path) -> None:
    Image.fromarray(draw("disc", 0)).save(tmp_path / "a.png")
    for act in (api.reconstruct(trained[family].model, [tmp_path / "a.png"]),
                api.edit(trained[family].model, tmp_path / "a.png", add="ring")):  # fmt: skip
        with pytest.raises(UsageError, match="cannot encode pictures; use a model of the family vae"):
            act.result()


def test_a_model_without_labels(folders: dict[str, Path], tmp_path: Path) -> None:
    model = tiny("vae", folders["plain"], tmp_path).result().model
    assert model.labels == () and api.sample(model, n=1).result()[0].recipe.label is None
    with pytest.raises(UsageError, match="does not paint by label"):
        api.sample(model, n=1, label="ring").result()
    with pytest.raises(DanqingError, match="label"):
        api.edit(model, folders["plain"] / "disc-0.png", add="ring").result()


@pytest.mark.parametrize(("act", "error"), [
    (lambda model: api.sample(model, label="rnig"), NotFoundError),
    (lambda model: api.sample(model, n=0), UsageError),
    (lambda model: api.sample(model, seed=-1), UsageError), (lambda model: api.sample(model, steps=0), UsageError),
    (lambda model: api.sample(model, sampler="huen"), NotFoundError),
    (lambda model: api.sample(model, guidance=-1.0), UsageError),
    (lambda model: api.interpolate(model, [1]), UsageError),
    (lambda model: api.sample(model, guidance=float("nan")), UsageError),
])  # fmt: skip
def test_wrong_wishes(act: Any, error: type[DanqingError], trained: dict[str, api.Trained]) -> None:
    with pytest.raises(error) as caught:
        act(trained["diffusion"].model).result()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("change", "error", "message"), [
    ({"what": "difusion"}, NotFoundError, "did you mean diffusion"),
    ({"what": "conv28"}, NotFoundError, "conv-28"),
    ({"set": {"bach": 3}}, UsageError, "did you mean batch"), ({"set": {"lr": "fast"}}, UsageError, "lr = 'fast'"),
    ({"set": {"optimizer": "adm"}}, NotFoundError, "did you mean adam"), ({"steps": 0}, UsageError, "above zero"),
    ({"set": {"rate": "cosin"}}, NotFoundError, "did you mean cosine"),
    ({"set": {"batch": 0}}, UsageError, "at least 2"),
    ({"set": {"prior": "flw"}}, DanqingError, "flow"), ({"set": {"precision": "fp8"}}, NotFoundError, "fp32"),
    ({"what": "dcgan-28", "set": {"loss": "hing"}}, NotFoundError, "did you mean hinge"),
    ({"what": "flow-28", "set": {"net": "unett"}}, NotFoundError, "did you mean unet"),
    ({"what": "flow-28", "set": {"sampler": "huen"}}, NotFoundError, "did you mean heun"),
])  # fmt: skip
def test_wrong_trainings(
    change: Any, error: type[DanqingError], message: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(error, match=message) as caught:
        tiny("vae", folders["plain"], tmp_path / "run", **change).result()
    assert "\n" not in str(caught.value) and not (tmp_path / "run" / "weights.safetensors").exists()


def test_too_few_pictures(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    Image.fromarray(draw("disc", 0)).save(tmp_path / "one" / "a.png")
    with pytest.raises(BadInputError, match="only one picture"):
        tiny("vae", tmp_path / "one", tmp_path / "run").result()


def test_nowhere_to_write(folders: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="could not be written"):
        tiny("vae", folders["plain"], tmp_path / "file" / "run").result()


def test_early_stopping_keeps_the_best(folders: dict[str, Path], tmp_path: Path) -> None:
    """Learning at an absurd rate gets worse and worse."""
    wild = {"optimizer": "sgd", "lr": 30.0, "score_every": 0.1, "patience": 1, "ema": 0.0, "rate": "constant"}
    act = tiny("diffusion", folders["labelled"], tmp_path, steps=20, set={**wild, "clip": 1.0})
    scores = [event.message for event in act if event.message.startswith("Score")]
    assert "the best so far, kept" in scores[0] and "not better than" in scores[-1] and "stopping" in scores[-1]
    done = act.result()
    best = max(i for i, message in enumerate(scores) if "kept" in message)
    assert f"The model of step {2 * (best + 1)} scored best and is the one that was kept." in done.message
    assert done.model.card.steps < 20


def test_scores_without_patience_never_stop(folders: dict[str, Path], tmp_path: Path) -> None:
    act = tiny("vae", folders["labelled"], tmp_path, set={"score_every": 0.5})
    assert len([event for event in act if event.message.startswith("Score")]) == 2
    assert act.result().model.card.steps == 6


def test_the_same_seed_trains_the_same_model(folders: dict[str, Path], tmp_path: Path) -> None:
    one, two, other = (tiny("gan", folders["labelled"], tmp_path / f"{i}", seed=seed).result().model.hash
                       for i, seed in enumerate((1, 1, 2)))  # fmt: skip
    assert one == two != other


def test_danqing_itself_has_the_functions() -> None:
    assert all(getattr(danqing, name) is getattr(api, name) for name in danqing.__all__ if name != "__version__")
    with pytest.raises(AttributeError):
        danqing.no_such_thing  # noqa: B018
