"""Photos and paintings under free licences, for the fast engine of style transfer to learn from.

`danqing data build studies` gathers about 90 photos and 30 paintings from two Debian packages. Only public domain, CC0
and CC-BY are taken; each picture's licence and author stand in sources.tsv.

    home/data/studies/photos/      what is painted
    home/data/studies/paintings/   whose manner it is painted in
    home/data/studies/sources.tsv  file, licence, author, title, where it comes from
"""

from pathlib import Path

from danqing.home import danqing_home

PHOTOS, PAINTINGS = "photos", "paintings"


def studies_folder() -> Path:
    return danqing_home() / "data" / "studies"
