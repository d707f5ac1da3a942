"""danqing data build clipart, as people meet it; the building itself is stood in for."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from danqing.cli import main
from danqing.data.clipart import building, clipart_folder
from danqing.types import Progress


def test_the_set_is_built_under_the_licences_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[Path, str]] = []

    def build(home: Path, licences: str) -> Iterator[Progress]:
        asked.append((home, licences))
        yield Progress("data", 1.0, message="Done.")

    monkeypatch.setattr(building, "build", build)
    for words, licences in (([], "permissive"), (["--licences", "all"], "all")):
        assert main(["data", "build", "clipart", *words, "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"name": "clipart", "file": str(clipart_folder())}
        assert asked.pop()[1] == licences and not asked


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("clipart --from .", 4, "holds no clip-art set to draw"),
        ("fashion-mnist --licences all", 2, "leave --licences out"),
        ("clip-art", 3, "did you mean clipart"),
        ("clipart --licences gpl", 3, "permissive"),
    ],
)
def test_what_makes_no_sense_gets_one_sentence(
    words: str, code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "build", *words.split(), "-q"]) == code
    heard = capsys.readouterr()
    assert heard.out == "" and len(heard.err.splitlines()) == 1 and says in heard.err
