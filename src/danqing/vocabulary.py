"""How a painter of words reads, from its folder alone, without torch: for the server's truth light, and scripts."""

import json
from functools import lru_cache
from pathlib import Path

from danqing.home import VOCABULARY
from danqing.words.lexicon import Own, unlearned

CARD = "card.json"
GIST = "prior.gist.words.weight"
"""the table whose rows are nothing where a word was never said"""


def lexicon_of(folder: Path) -> Own:
    """Its words, those it has not learned, and the names that it was taught."""
    return _read(folder, tuple((folder / name).stat().st_mtime_ns for name in (VOCABULARY, CARD)))


@lru_cache(maxsize=8)
def _read(folder: Path, stamps: tuple[int, ...]) -> Own:
    from safetensors import safe_open

    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    words = tuple((folder / VOCABULARY).read_text(encoding="utf-8").split())
    with safe_open(folder / "weights.safetensors", "numpy") as file:
        table = file.get_tensor(GIST)
    return Own(words=words, names=card["config"].get("taught", {}), unlearned=unlearned(words, table))
