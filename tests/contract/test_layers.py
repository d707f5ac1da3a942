"""The house stands: imports point only to smaller levels, and some things never enter."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

import danqing

HOME = Path(danqing.__file__).parent
LEVELS = {
    0: ["__init__", "database", "errors", "home", "limits", "types", "registry", "settings", "presets", "version"],
    1: ["images", "nn", "samplers", "words"],
    2: ["data", "checkpoint", "train", "evaluate", "vocabulary"],
    3: ["families"],
    4: ["api", "gallery"],
    5: ["jobs"],
    6: ["server"],
    7: ["cli"],
    8: ["__main__"],
}
LEVEL = {part: level for level, parts in LEVELS.items() for part in parts}
SOURCES = sorted(HOME.rglob("*.py"))


def part_of(path: Path) -> str:
    return path.relative_to(HOME).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Full names of what a file imports when it runs, also inside functions; not what only a type checker sees."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    unseen = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)]
    hidden = {id(inner) for node in unseen for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) not in hidden and isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if id(node) not in hidden and isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: write imports in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(path: Path) -> set[str]:
    """The parts of Danqing that a file imports."""
    return {name.split(".")[1] for name in imports(path) if name.startswith("danqing.")}


def test_every_part_has_a_level() -> None:
    assert {part_of(path) for path in SOURCES} <= set(LEVEL)


@pytest.mark.parametrize("part", sorted({part_of(path) for path in SOURCES} - {"__init__"}))
def test_imports_point_only_to_smaller_levels(part: str) -> None:
    """Parts of level 0 may use each other, for they are single files; folders of one level may not."""
    for path in SOURCES:
        if part_of(path) == part:
            for other in ours(path) - {part, "__version__"}:
                assert LEVEL[other] < LEVEL[part] or LEVEL[other] == LEVEL[part] == 0, f"{path} imports {other}"


def test_families_do_not_import_each_other() -> None:
    for path in (HOME / "families").rglob("*.py"):
        family = path.relative_to(HOME / "families").parts[0]
        inside = [name.split(".")[2] for name in imports(path) if name.startswith("danqing.families.")]
        assert set(inside) <= {family}, path


def test_surfaces_do_not_reach_into_models_and_training() -> None:
    """They go through the api; besides it they may use files, pictures and data sets (levels 0 to 2)."""
    for path in SOURCES:
        if part_of(path) in ("cli", "server"):
            assert not ours(path) & {"families", "samplers", "train", "evaluate"}, path


def test_no_torchvision_and_no_pickle() -> None:
    for path in SOURCES:
        roots = {name.split(".")[0] for name in imports(path)}
        assert not roots & {"torchvision", "pickle", "dill", "joblib", "cloudpickle"}, path
    assert find_spec("torchvision") is None, "torchvision is installed, so a test could pass because of it"


def calls(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def test_nothing_loads_pickles_prints_or_exits() -> None:
    for path in SOURCES:
        forbidden = {"torch.load", "torch.save", "np.save", "exec", "eval"}
        forbidden |= set() if part_of(path) in ("cli", "__main__") else {"print", "sys.exit", "exit", "input"}
        assert not calls(path) & forbidden, path


@pytest.mark.parametrize(
    "statement", ["import danqing", "from danqing.presets import all_presets; all_presets()", "import danqing.settings"]
)
def test_what_must_not_import_torch(statement: str) -> None:
    check = f"{statement}; import sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], timeout=60).returncode == 0
