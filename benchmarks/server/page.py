"""Writes docs/reliability.md from what faults.py and load.py have measured: python benchmarks/server/page.py"""

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1]
FAULTS = {
    "kills": ("kill -9 of server or worker, in turn, while jobs are asked for",
              "every accepted job done once, rows match files, up again within 5 s"),
    "doubles": ("the same question again and again under one key", "one job"),
    "leavers": ("clients that listen for events and leave", "no open file or socket more than before"),
    "uploads": ("pictures of six formats with bytes changed, cut off, doubled, replaced", "no 5xx, the server lives"),
    "strangers": ("every route of the OpenAPI document with strange values in every place", "no 5xx, the server lives"),
    "schemas": ("schemathesis over the OpenAPI document; some requests wait until a worker has painted",
                "no 5xx, the server lives"),
}  # fmt: skip


def main() -> None:
    faults = json.loads((HERE / "results" / "server-faults.json").read_text())
    load = json.loads((HERE / "results" / "server-load.json").read_text())
    machine = load["machine"]
    lines = [
        "# What the studio survives, and how quick it is", "",
        "Written by `python benchmarks/server/page.py` from what was measured; nothing here is typed by hand. Smaller",
        "sizes of the same run in the tests (`tests/unit/test_jobs.py`, `test_server.py`, `test_doors.py`).", "",
        "## Faults", "", "    python benchmarks/server/faults.py", "",
        "| what was done to it | wanted | found |", "|---|---|---|",
        *(f"| {FAULTS[name][0]} | {FAULTS[name][1]} | {told(found)} ({verdict(met(name, found))}) |"
          for name, found in faults.items()), "",
        "## Load", "", "    python benchmarks/server/load.py", "",
        f"Machine: {machine['cores']} cores, {machine['cpu']}.", "",
        "| what | wanted | found |", "|---|---|---|", *rows(load), "",
        "Each reader asks once a second, as a page that is looked at does, while two workers paint grids of four at",
        "512 px without pause.", "",
    ]  # fmt: skip
    (HERE.parent / "docs" / "reliability.md").write_text("\n".join(lines), encoding="utf-8")


def met(name: str, found: dict[str, Any]) -> bool:
    if name == "kills":
        spared = {"kills", "accepted", "slowest start, s"}
        return found["slowest start, s"] <= 5 and not any(found[part] for part in found.keys() - spared)
    if name == "doubles":
        return bool(found["jobs"] == 1)
    if name == "leavers":
        return bool(found["handles after"] <= found["handles before"])
    return bool(found["5xx"] == 0 and found["alive"])


def verdict(well: bool) -> str:
    return "met" if well else "**not met**"


def told(found: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {json.dumps(value) if isinstance(value, dict) else value}" for name, value in found.items()
    )


def rows(load: dict[str, Any]) -> list[str]:
    readers, gallery = load["readers"], load["gallery"]
    first = load["first picture"]["s"]
    found = [
        ("first of four pictures, 128 px, warm", "within 2 s", f"{first} s", first <= 2),
        ("page opened and taking words, Chromium", "within 1 s", f"{load['page']['s']} s", load["page"]["s"] <= 1),
        *((f"live, {name.partition(',')[0]}", "6 pictures/s", f"{pace} pictures/s", pace >= 6)
          for name, pace in load["live"].items()),
        row(f"{readers['clients']} readers, busy cores", readers["reads"], 200),
        row("submissions meanwhile", readers["submissions"], 300),
        *(row(f"gallery of {gallery['pictures']:,}: {name}", found, 100)
          for name, found in gallery.items() if name != "pictures"),
    ]  # fmt: skip
    return [f"| {what} | {goal} | {is_} ({verdict(well)}) |" for what, goal, is_, well in found]


def row(what: str, found: dict[str, float], goal: float) -> tuple[str, str, str, bool]:
    return what, f"p99 under {goal} ms", f"p50 {found['p50 ms']} ms, p99 {found['p99 ms']} ms", found["p99 ms"] < goal


if __name__ == "__main__":
    main()
