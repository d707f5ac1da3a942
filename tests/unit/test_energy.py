"""The energy meter on counters that a test moves."""

from pathlib import Path

import pytest

from danqing.nn.energy import Meter


def count(root: Path, *microjoules: int) -> None:
    for number, value in enumerate(microjoules):
        zone = root / f"intel-rapl:{number}"
        zone.mkdir(exist_ok=True)
        (zone / "name").write_text(f"package-{number}\n")
        (zone / "energy_uj").write_text(f"{value}\n")
        (zone / "max_energy_range_uj").write_text("10000000000\n")
        for other, name in ((f"intel-rapl:{number}:0", "core"), ("intel-rapl:9", "psys")):  # not to be counted twice
            (root / other).mkdir(exist_ok=True)
            (root / other / "name").write_text(f"{name}\n")
            (root / other / "energy_uj").write_text(f"{value}\n")


def test_packages_are_added_and_a_counter_that_begins_anew_is_noticed(tmp_path: Path) -> None:
    count(tmp_path, 9_000_000_000, 100)
    meter = Meter(tmp_path)
    assert meter.watt_hours() == 0
    count(tmp_path, 1_000_000_000, 1_600_000_100)
    assert meter.watt_hours() == pytest.approx((2.0e9 + 1.6e9) / 3.6e9)


def test_what_cannot_be_read_is_none(tmp_path: Path) -> None:
    assert Meter(tmp_path).watt_hours() is None
    count(tmp_path, 5)
    meter = Meter(tmp_path)
    (tmp_path / "intel-rapl:0" / "energy_uj").unlink()
    assert meter.watt_hours() is None
