"""Qt's binary resource files (.rcc), as `rcc --binary` of Qt 5 and 6 writes them.

"qres", version, offsets of the tree, the data and the names            all numbers big-endian, 32 bits
tree    name, flags (16 bits), then count and first child of a folder, or country, language and place of a file
data    size, bytes;  packed ones begin with their size unpacked
names   length (16 bits), hash, UTF-16
"""

import struct
import zlib
from collections.abc import Iterator

from danqing.errors import BadInputError

PACKED, FOLDER, ZSTANDARD = 1, 2, 4
NODE = {1: 14, 2: 22, 3: 22}
"""bytes of a node of the tree, by version"""
DEEPEST = 32


def resources(data: bytes) -> dict[str, bytes]:
    """path ("/gcompris/src/…") -> bytes of its file. Raises BadInputError."""
    try:
        magic, version, tree, place, names = struct.unpack_from(">4sIIII", data)
        if magic != b"qres" or version not in NODE:
            raise ValueError(f"it begins with {magic!r} and says version {version}")
        return dict(_Reading(data, NODE[version], tree, place, names).files(0, "", DEEPEST))
    except (struct.error, zlib.error, ValueError) as error:
        raise BadInputError(f"This is no resource file of Qt that can be read ({error}).") from None


class _Reading:
    def __init__(self, data: bytes, node: int, tree: int, place: int, names: int) -> None:
        self.data, self.node, self.tree, self.place, self.names = data, node, tree, place, names

    def files(self, number: int, path: str, deeper: int) -> Iterator[tuple[str, bytes]]:
        """All below one node of the tree; `path` is that of its folder."""
        at = self.tree + number * self.node
        name, flags = struct.unpack_from(">IH", self.data, at)
        mine = f"{path}/{self.name(name)}" if number else ""
        if flags & FOLDER:
            count, first = struct.unpack_from(">II", self.data, at + 6)
            if deeper == 0 or number >= first > 0:
                raise ValueError("its folders hold each other")
            for child in range(first, first + count):
                yield from self.files(child, mine, deeper - 1)
        elif not flags & ZSTANDARD:
            yield mine, self.file(struct.unpack_from(">I", self.data, at + 10)[0], bool(flags & PACKED))

    def name(self, offset: int) -> str:
        (length,) = struct.unpack_from(">H", self.data, self.names + offset)
        begin = self.names + offset + 6
        return self.data[begin : begin + 2 * length].decode("utf-16-be")

    def file(self, offset: int, packed: bool) -> bytes:
        (size,) = struct.unpack_from(">I", self.data, self.place + offset)
        begin = self.place + offset + 4
        found = self.data[begin : begin + size]
        if len(found) != size:
            raise ValueError("it is cut off")
        return zlib.decompress(found[4:]) if packed else found
