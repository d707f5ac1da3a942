"""What the server says is said in Chinese on the Chinese page: the page's table of sentences fits the code's."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import danqing
from danqing import api
from danqing.errors import DanqingError
from danqing.evaluate.health import ILLNESSES, Vitals
from danqing.images.reading import Limits, read
from danqing.images.writing import encode_array

ROOT = Path(danqing.__file__).parent
TABLE: list[tuple[str, str]] = json.loads((ROOT.parents[1] / "web/src/lib/chinese.json").read_text(encoding="utf-8"))


def chinese(said: str) -> str:
    """As `sentence` of web/src/lib/i18n.svelte.ts."""
    for pattern, words in TABLE:
        said = re.sub(pattern, re.sub(r"\$(\d)", r"\\\1", words), said)
    return said


def is_chinese(text: str) -> bool:
    return not re.search(r"[a-z]+ [a-z]+ [a-z]+", text) and bool(re.search("[\u4e00-\u9fff]", text))


@pytest.mark.parametrize("pattern", [pattern for pattern, _ in TABLE])
def test_every_sentence_of_the_table_stands_in_the_code(pattern: str) -> None:
    """Piece by piece, between what is put in."""
    code = "".join(re.sub(r'"\s*\n\s*f?"', "", path.read_text(encoding="utf-8")) for path in ROOT.rglob("*.py"))
    code = code.replace("\\'", "'")
    pieces = re.split(r"\((?:[^()]|\(\?:[^()]*\))*\)|\.\*\??|\^|;", pattern)
    whole = [piece.replace("\\", "").strip(" :;,.'%") for piece in pieces]
    long = [piece for piece in whole if len(piece) > 10] or whole
    assert all(piece in code for piece in long), [piece for piece in long if piece not in code]


@pytest.mark.parametrize(
    ("data", "limits"),
    [
        (b"", Limits()),
        (b"no picture", Limits()),
        (encode_array(np.arange(4800, dtype=np.uint8).reshape(40, 40, 3))[:200], Limits()),
        (encode_array(np.zeros((40, 40, 3), np.uint8)), Limits(pixels=100)),
        (encode_array(np.zeros((40, 40, 3), np.uint8)), Limits(file_bytes=20)),
    ],
)
def test_refused_files(data: bytes, limits: Limits) -> None:
    with pytest.raises(DanqingError) as found:
        read(data, limits)
    assert is_chinese(chinese(str(found.value))), chinese(str(found.value))


@pytest.mark.parametrize("name", list(ILLNESSES))
def test_what_the_doctor_sees(name: str) -> None:
    look = Vitals(9, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, float("inf"), 0.5, 0.5, 0.5)
    one = ILLNESSES[name]
    for said in (one.sentence([look]), one.advice, f"{one.sentence([look])} {one.advice}"):
        assert is_chinese(chinese(said)), chinese(said)


def test_what_a_training_says(tmp_path: Path) -> None:
    said = [one.message for one in api.train("vae", "fashion-mnist-small", steps=2, out=tmp_path / "run")]
    assert len([one for one in said if one]) >= 3
    assert all(is_chinese(chinese(one)) for one in said if one), [chinese(one) for one in said if one]


@pytest.mark.parametrize("name", ["Кот", "cat"])
def test_names_that_are_not_taught(name: str, tmp_path: Path) -> None:
    with pytest.raises(DanqingError) as found:
        api.teach([], name, out=tmp_path / "x").result()
    assert is_chinese(chinese(str(found.value))), chinese(str(found.value))


def test_pictures_that_are_too_few(tmp_path: Path) -> None:
    with pytest.raises(DanqingError) as found:
        api.teach([], "bulu", out=tmp_path / "x").result()
    assert chinese(str(found.value)) == "来了 0 张图；请给 3 到 200 张。"
