"""What all tests share: a home of their own, and one thread, so that runs do not disturb each other."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("NO_COLOR", "1")


@pytest.fixture(autouse=True, scope="session")
def danqing_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """DANQING_HOME is an empty folder of this run; nothing of the user's is read or written."""
    home = tmp_path_factory.mktemp("danqing-home")
    before = os.environ.get("DANQING_HOME")
    os.environ["DANQING_HOME"] = str(home)
    yield home
    os.environ.pop("DANQING_HOME")
    if before is not None:
        os.environ["DANQING_HOME"] = before


@pytest.fixture(scope="session")
def painter_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole painter folder with an index: tiny, weights by chance, so it paints noise, but it obeys every setting."""
    import torch

    from danqing.families.text2image.codec import CodecConfig
    from danqing.families.text2image.decoder import DecoderConfig
    from danqing.families.text2image.index import Entry, write_index
    from danqing.families.text2image.painter import Painter
    from danqing.families.text2image.prior import PriorConfig
    from danqing.families.text2image.shipping import painter_config, write_painter
    from danqing.types import Card
    from danqing.words.lexicon import RESERVED

    words, styles = ("cat", "dog", "red", "blue", "orange", "hat", "apple", "owl", "two", "face"), ("fluent", "noto")
    names = {"cat": "猫", "dog": "狗", "red apple": "红苹果", "owl": ""}
    torch.manual_seed(0)
    known = {"styles": len(styles)}
    prior = PriorConfig(words=len(words) + len(RESERVED), width=64, depth=1, components=32, reader=64, **known)
    painter = Painter(prior, DecoderConfig(waist=64, depth=1, **known), CodecConfig(widths=(16, 32), blocks=1))
    with torch.no_grad():
        for value in painter.state_dict().values():
            if (
                value.is_floating_point() and not value.count_nonzero()
            ):  # what starts at zero would make every picture the same
                value.normal_(std=0.05)
    folder = tmp_path_factory.mktemp("painters") / "tiny"
    config = painter_config(painter, styles, words, jumps=True)
    write_painter(folder, painter, words, Card("tiny", "", "test", config, {}, {}, seed=0))
    rows = [
        Entry(f"{style}:{en}", en, zh, style, style, "Apache-2.0", "Ann")
        for en, zh in names.items()
        for style in styles
    ]
    write_index(folder, torch.randn(len(rows), prior.shape.total), rows, looks=8, meaning=4)
    return folder
