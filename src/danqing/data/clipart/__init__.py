"""The data set of drawings with captions: emoji and icon sets from npm, drawings from Debian, made ready to paint from.

`danqing data build clipart` fetches pinned packages, names their drawings in English and Chinese, renders them at 128
pixels and holds out names and pairs of name and style. By default only MIT, Apache, public domain and CC-BY; with
`--licences all` also OpenMoji and the first EmojiOne (CC-BY-SA). Tux Paint (GPL), Pysiogame and GCompris (mixed or
contradicting licences) are never taken.
"""

from danqing.data.clipart.reading import Clipart, clipart_folder, open_clipart
from danqing.data.clipart.rows import Row

__all__ = ["Clipart", "Row", "clipart_folder", "open_clipart"]
