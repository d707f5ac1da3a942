"""What makes a gallery quick: a table of its pictures, which can always be made again from the pictures themselves."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from danqing.database import Database
from danqing.gallery.entries import Entry, entry_of
from danqing.gallery.terms import query, terms

PAGE = 200
"""rows of a page, at most"""
TABLES = """
CREATE TABLE pictures (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, entry TEXT NOT NULL, favourite INTEGER NOT NULL,
    trashed REAL, likeness BLOB
);
CREATE INDEX favourites ON pictures (number) WHERE favourite;
CREATE INDEX trash ON pictures (number) WHERE trashed IS NOT NULL;
CREATE INDEX strange ON pictures (number) WHERE likeness IS NULL;
CREATE TABLE lineage (child TEXT NOT NULL, parent TEXT NOT NULL, PRIMARY KEY (child, parent));
CREATE INDEX children ON lineage (parent);
CREATE TABLE tags (tag TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (tag, id));
CREATE INDEX tags_of ON tags (id);
CREATE VIRTUAL TABLE words USING fts5(terms, tokenize = 'unicode61 remove_diacritics 2')
"""


class Index(Database):
    def __init__(self, path: Path) -> None:
        super().__init__(path, [TABLES])

    def put(self, entries: Iterable[Entry]) -> None:
        """Add or renew; later ones are newer."""
        with self.change():
            for entry in entries:
                self.put_one(entry)

    def put_one(self, entry: Entry) -> None:
        marks, text = entry.marks, json.dumps(entry.plain(), ensure_ascii=False)
        (number,) = self.base.execute(
            "INSERT INTO pictures (id, entry, favourite, trashed) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
            "entry = excluded.entry, favourite = excluded.favourite, trashed = excluded.trashed RETURNING number",
            (entry.id, text, marks.favourite, marks.trashed),
        ).fetchone()
        self.base.execute("INSERT OR REPLACE INTO words (rowid, terms) VALUES (?, ?)", (number, terms(entry.words)))
        for table, column, values in (("lineage", "child", marks.parents), ("tags", "id", marks.tags)):
            other = "parent" if table == "lineage" else "tag"
            self.base.execute(f"DELETE FROM {table} WHERE {column} = ?", (entry.id,))
            rows = [(entry.id, value) for value in dict.fromkeys(values)]
            self.base.executemany(f"INSERT INTO {table} ({column}, {other}) VALUES (?, ?)", rows)

    def remove(self, name: str) -> None:
        with self.change():
            self.base.execute("DELETE FROM words WHERE rowid = (SELECT number FROM pictures WHERE id = ?)", (name,))
            for table, column in (("pictures", "id"), ("lineage", "child"), ("tags", "id")):
                self.base.execute(f"DELETE FROM {table} WHERE {column} = ?", (name,))

    def names(self) -> list[str]:
        return [name for (name,) in self.base.execute("SELECT id FROM pictures")]

    def clear(self) -> None:
        """Inside a change."""
        for table in ("pictures", "words", "lineage", "tags"):
            self.base.execute(f"DELETE FROM {table}")

    def get(self, name: str) -> Entry | None:
        row = self.base.execute("SELECT entry FROM pictures WHERE id = ?", (name,)).fetchone()
        return entry_of(row[0]) if row else None

    def page(
        self, before: int | None, words: str, favourite: bool, tag: str, trashed: bool, count: int
    ) -> tuple[list[Entry], int | None]:
        """The newest that fit, and the number that the next page comes before; None after the last."""
        found, following = self.texts(before, words, favourite, tag, trashed, count)
        return [entry_of(text) for text in found], following

    def texts(
        self, before: int | None, words: str, favourite: bool, tag: str, trashed: bool, count: int
    ) -> tuple[list[str], int | None]:
        """The same, each entry as the JSON of its `plain`."""
        tests, values = ["trashed IS NOT NULL" if trashed else "trashed IS NULL"], list[object]()
        source = "pictures"
        if search := query(words):
            source = "words JOIN pictures ON pictures.number = words.rowid"
            tests.append("words MATCH ?")
            values.append(search)
        place = "words.rowid" if search else "number"
        if before is not None:
            tests.append(f"{place} < ?")
            values.append(before)
        if favourite:
            tests.append("favourite")
        if tag:
            tests.append("id IN (SELECT id FROM tags WHERE tag = ?)")
            values.append(tag)
        rows = self.base.execute(
            f"SELECT number, entry FROM {source} WHERE {' AND '.join(tests)} ORDER BY {place} DESC LIMIT ?",
            (*values, min(count, PAGE)),
        ).fetchall()
        return [text for _, text in rows], rows[-1][0] if len(rows) == min(count, PAGE) else None

    def count(self) -> int:
        """Pictures that are not thrown away."""
        (number,) = self.base.execute(
            "SELECT (SELECT count(*) FROM pictures) - (SELECT count(*) FROM pictures WHERE trashed IS NOT NULL)"
        ).fetchone()  # both by an index
        return int(number)

    def tags(self) -> list[tuple[str, int]]:
        """Every tag and how often it is given, the most frequent first."""
        return self.base.execute("SELECT tag, count(*) FROM tags GROUP BY tag ORDER BY count(*) DESC, tag").fetchall()

    def parents(self, name: str) -> list[str]:
        return [one for (one,) in self.base.execute("SELECT parent FROM lineage WHERE child = ?", (name,))]

    def children(self, name: str) -> list[str]:
        return [one for (one,) in self.base.execute("SELECT child FROM lineage WHERE parent = ?", (name,))]

    # Likeness.

    def strange(self, count: int) -> list[str]:
        """Pictures whose likeness is not known yet, the newest first."""
        rows = self.base.execute(
            "SELECT id FROM pictures WHERE likeness IS NULL ORDER BY number DESC LIMIT ?", (count,)
        )
        return [name for (name,) in rows]

    def set_likeness(self, name: str, vector: np.ndarray) -> None:
        """`vector` (D,) of any length but 0; kept as fp16 of length 1."""
        unit = (vector / max(float(np.linalg.norm(vector)), 1e-9)).astype("<f2")
        with self.change():
            self.base.execute("UPDATE pictures SET likeness = ? WHERE id = ?", (unit.tobytes(), name))

    def like(self, name: str, count: int) -> list[tuple[str, float]]:
        """The pictures most like one, with cosine, the picture itself left out; [] where it was not looked at yet."""
        row = self.base.execute("SELECT likeness FROM pictures WHERE id = ?", (name,)).fetchone()
        if not row or row[0] is None:
            return []
        rows: Sequence[tuple[str, bytes]] = self.base.execute(
            "SELECT id, likeness FROM pictures WHERE likeness IS NOT NULL AND trashed IS NULL AND id != ? "
            "AND length(likeness) = ?",
            (name, len(row[0])),
        ).fetchall()
        if not rows:
            return []
        others = np.frombuffer(b"".join(data for _, data in rows), "<f2").reshape(len(rows), -1).astype(np.float32)
        cosines = others @ np.frombuffer(row[0], "<f2").astype(np.float32)
        best = np.argsort(-cosines, kind="stable")[:count]
        return [(rows[place][0], float(cosines[place])) for place in best]
