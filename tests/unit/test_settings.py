"""Settings from plain data, and presets as rows."""

import json
import subprocess
import sys
from dataclasses import dataclass

import pytest

from danqing.errors import BadInputError, NotFoundError, UsageError
from danqing.presets import all_presets, default_preset, get_preset
from danqing.settings import parse_assignment, plain, read, read_toml
from danqing.train import TrainSettings


@dataclass(frozen=True)
class Some:
    count: int = 3
    rate: float = 0.5
    widths: tuple[int, ...] = (1, 2)
    name: str = "a"
    flag: bool = False


def test_settings_round_trip_through_json() -> None:
    some = Some(4, 1e-3, (5,), "b", True)
    assert read(Some, json.loads(json.dumps(plain(some)))) == some
    assert read(Some, {}) == Some() and read(Some, {"widths": [7, 8]}).widths == (7, 8)
    assert read(Some, {"rate": 1}).rate == 1.0


@pytest.mark.parametrize(("values", "message"), [
    ({"cuont": 1}, "In here: There is no setting named 'cuont'; did you mean count"),
    ({"count": "many"}, "In here: count = 'many' is not allowed"),
    ({"count": 1.5}, "In here: count = 1.5 is not allowed"),
    ({"widths": 7}, "In here: widths = 7 is not allowed"),
    ({"widths": [1, "x"]}, r"In here: widths\.1 = 'x' is not allowed"),
    ({"flag": "perhaps"}, "In here: flag = 'perhaps' is not allowed"),
])  # fmt: skip
def test_wrong_settings_are_refused_in_one_sentence(values: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        read(Some, values, "here")
    assert caught.value.exit_code == 2 and "\n" not in str(caught.value) and caught.value.__cause__ is None


@pytest.mark.parametrize(("text", "wanted"), [
    ("lr=0.02", ("lr", 0.02)), ("batch = 64", ("batch", 64)), ("flip=true", ("flip", True)),
    ("widths=[64, 128]", ("widths", [64, 128])), ("loss=hinge", ("loss", "hinge")), ("loss='hinge'", ("loss", "hinge")),
    ("a=b=c", ("a", "b=c")), ("sampler=dpm++2m", ("sampler", "dpm++2m")), ("lr=", ("lr", "")),
])  # fmt: skip
def test_assignments(text: str, wanted: tuple[str, object]) -> None:
    assert parse_assignment(text) == wanted


@pytest.mark.parametrize("text", ["lr", "=3", " = 3", ""])
def test_what_is_no_assignment(text: str) -> None:
    with pytest.raises(UsageError, match="write key=value"):
        parse_assignment(text)


def test_broken_toml() -> None:
    with pytest.raises(BadInputError, match=r"presets\.toml is not valid TOML"):
        read_toml("a = [", "presets.toml")


def test_presets_are_found_by_name() -> None:
    for name, preset in all_presets().items():
        assert get_preset(name) is preset and preset.name == name and preset.minutes > 0
        assert set(preset.about) == {"en", "zh"} and all(preset.about.values())
    with pytest.raises(NotFoundError, match=r"did you mean .*flow-28"):
        get_preset("flow28")


def test_the_preset_of_a_size_is_the_one_nearest() -> None:
    assert default_preset("diffusion", 28).name == "flow-28" and default_preset("diffusion", 200).name == "flow-64"


def test_every_training_setting_has_a_default() -> None:
    assert plain(TrainSettings()) == plain(read(TrainSettings, {}))


def test_a_function_of_danqing_is_not_hidden_by_the_package_of_its_name() -> None:
    """danqing.train is a function, although there is a package danqing/train, whatever was imported before."""
    script = (
        "import danqing, danqing.train, danqing.evaluate; assert callable(danqing.train) and callable(danqing.evaluate)"
    )
    assert (
        subprocess.run([sys.executable, "-c", script + "; danqing.train; assert callable(danqing.train)"]).returncode
        == 0
    )
