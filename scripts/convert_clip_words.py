"""Take CLIP's word pieces out of the PyPI package open_clip_torch; downloads nothing.

    pip download --no-deps open_clip_torch==3.3.0
    python scripts/convert_clip_words.py open_clip_torch-3.3.0-py3-none-any.whl

Of the 262,144 merges of the file that came with CLIP (MIT, OpenAI 2021) its tokenizer reads the first 48,894; these
are kept, in their order.
"""

import gzip
import json
import sys
import zipfile
from pathlib import Path

HOME = Path(__file__).parent.parent / "src/danqing/models/clip-words"
INSIDE = "open_clip/bpe_simple_vocab_16e6.txt.gz"
MERGES = 49_152 - 256 - 2


def main() -> None:
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        lines = gzip.decompress(wheel.read(INSIDE)).decode().split("\n")
    kept = "\n".join(lines[1 : MERGES + 1])
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / "merges.txt.gz").open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(kept.encode())
    card = {
        "name": "clip-words",
        "about": "The word pieces of CLIP's tokenizer, for models that come as one file without them.",
        "source": "PyPI open_clip_torch 3.3.0, bpe_simple_vocab_16e6.txt.gz of OpenAI's CLIP",
        "licence": "MIT",
        "merges": MERGES,
    }
    (HOME / "card.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
