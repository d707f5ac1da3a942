"""Energy as the processor itself counts it: RAPL, which Linux shows under /sys/class/powercap for Intel and AMD.

It counts all that the processor does, other programs included, and many systems let only root read it.
"""

from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
MICROJOULES = 3.6e9
"""in a watt-hour"""


class Meter:
    """Watt-hours since it was made."""

    def __init__(self, root: Path = POWERCAP) -> None:
        self.packages = sorted(zone for zone in root.glob("intel-rapl:*") if self.name_of(zone).startswith("package"))
        self.last = self.read()
        self.used = 0.0

    def read(self) -> list[int] | None:
        """Microjoules of every package; None where nothing can be read."""
        try:
            return [int((zone / "energy_uj").read_text()) for zone in self.packages] or None
        except (OSError, ValueError):
            return None

    def watt_hours(self) -> float | None:
        """None where nothing can be read. To be asked at least every few minutes: the counters begin anew."""
        now = self.read()
        if now is None or self.last is None:
            return None
        for zone, before, after in zip(self.packages, self.last, now, strict=True):
            self.used += after - before if after >= before else after + self.range_of(zone) - before
        self.last = now
        return self.used / MICROJOULES

    @staticmethod
    def name_of(zone: Path) -> str:
        """package-0; parts of it, and the whole laptop (psys), have other names."""
        try:
            return (zone / "name").read_text()
        except OSError:
            return ""

    @staticmethod
    def range_of(zone: Path) -> int:
        try:
            return int((zone / "max_energy_range_uj").read_text())
        except (OSError, ValueError):
            return 0
