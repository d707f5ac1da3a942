"""What numbers are reckoned in: chosen by the machine, said by the environment, and the same every time."""

import numpy as np
import pytest

from danqing import api
from danqing.errors import UsageError
from danqing.nn import precision


def test_painting_goes_by_the_processor_and_not_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DANQING_PRECISION", raising=False)
    monkeypatch.setattr(precision, "measured", lambda device="cpu": pytest.fail("the clock was asked"))
    for able, wanted in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr(precision, "bf16_in_hardware", lambda device, able=able: able)
        assert precision.painting() == wanted


@pytest.mark.parametrize("wish", ["fp32", "bf16"])
def test_the_environment_decides(wish: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANQING_PRECISION", wish)
    assert precision.painting() == wish


def test_another_word_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANQING_PRECISION", "half")
    with pytest.raises(UsageError, match="half"):
        precision.painting()


@pytest.mark.skipif(not precision.bf16_in_hardware("cpu"), reason="without such products bf16 takes minutes")
def test_both_paint_the_same_picture_nearly(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped painter; bf16 has eight bits of a number, as a pixel has."""
    made = {}
    for wish in ("fp32", "bf16"):
        monkeypatch.setenv("DANQING_PRECISION", wish)
        made[wish] = api.paint("red apple", 1, 3).result().pictures[0].pixels.astype(int)
    assert np.abs(made["fp32"] - made["bf16"]).mean() < 3
    assert np.abs(made["fp32"] - 255).mean() > 10, "there is something to see"
