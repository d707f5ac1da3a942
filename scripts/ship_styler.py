"""Put a fast engine that was taught (danqing train-styler) into the package.

python scripts/ship_styler.py runs/styler
"""

import argparse
import shutil
from pathlib import Path

from danqing.families.style.shipping import read_styler, shipped_styler


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="what train-styler wrote")
    source = parser.parse_args().folder / "styler"
    read_styler(source)  # raises for what cannot be used
    shutil.rmtree(shipped_styler(), ignore_errors=True)
    shutil.copytree(source, shipped_styler())
    size = sum(file.stat().st_size for file in shipped_styler().iterdir())
    print(f"{shipped_styler()}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
