"""Cross-validation: folds without leaks, and a recipe trained anew on each."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from danqing import api
from danqing.data import load
from danqing.data.pictures import Origin, PictureSet, picture_set
from danqing.data.splitting import folds
from danqing.errors import UsageError


def pictures(looks: list[int], kinds: list[int]) -> PictureSet:
    """Pictures that are equal where their numbers are."""
    pixels = torch.tensor(looks, dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 2, 2).contiguous()
    labels = tuple("abc")
    return picture_set(pixels, torch.tensor(kinds), Origin("made", "made", labels=labels))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2)), min_size=8, max_size=60), st.integers(2, 5))
def test_every_picture_is_held_out_once_and_no_duplicate_crosses_a_border(
    rows: list[tuple[int, int]], count: int
) -> None:
    looks, kinds = [look for look, _ in rows], [kind for _, kind in rows]
    if len(set(looks)) < count:
        return
    whole, seen = pictures(looks, kinds), []
    for train, held in folds(whole, count):
        ours, theirs = ({int(v) for v in part.pixels[:, 0, 0, 0]} for part in (train, held))
        assert not ours & theirs
        assert len(train) + len(held) == len(whole)
        seen += held.pixels[:, 0, 0, 0].tolist()
    assert sorted(seen) == sorted(looks)


def test_labels_are_dealt_evenly() -> None:
    whole = load("fashion-mnist-small")
    for _, held in folds(whole, 5):
        assert held.labels is not None
        counts = held.labels.bincount(minlength=10)
        assert counts.max() - counts.min() <= 2


@pytest.mark.parametrize("count", [1, 0, 4])
def test_impossible_folds_are_refused(count: int) -> None:
    with pytest.raises(UsageError, match="folds"):
        list(folds(pictures([1, 2, 3], [0, 0, 0]), count))


def test_a_recipe_is_trained_on_each_fold_and_gone_on_with(tmp_path: Path) -> None:
    tiny = {"widths": [8, 16], "up_widths": [16, 8], "latent": 4, "prior_width": 16}
    model = api.train("conv-28", "fashion-mnist-small", steps=2, out=tmp_path / "one", set=tiny).result()
    out = tmp_path / "folds"
    found = api.cross_validate(model.folder, "fashion-mnist-small", 2, n=60, out=out).result()
    assert [folder.name for folder in found.folders] == ["fold-0", "fold-1"]
    one, other = (api.load(folder).card for folder in found.folders)
    assert one.steps == other.steps == 2 and one.data["sha256"] != other.data["sha256"]
    measures = found.plain()["measures"]
    assert {"FD-effl0", "KID-effl0", "recall-fmnist"} <= measures.keys()
    row = measures["KID-effl0"]
    assert row["mean"] == pytest.approx(sum(row["folds"]) / 2)
    again = api.cross_validate(model.folder, "fashion-mnist-small", 2, n=60, out=out).result()
    assert again.values == found.values
    with pytest.raises(UsageError, match="another --out"):
        api.cross_validate(model.folder, "fashion-mnist-small", 3, n=60, out=out).result()
    with pytest.raises(UsageError, match="fewer folds"):
        api.cross_validate(model.folder, "fashion-mnist-small", 500, n=60, out=out).result()
