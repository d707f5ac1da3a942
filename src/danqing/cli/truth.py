"""The truth light: which words of a prompt were understood, drawn on stderr beside the work."""

from typing import TYPE_CHECKING

from danqing.cli.words import Talk

if TYPE_CHECKING:
    from rich.text import Text

    from danqing.api import Studio
    from danqing.words.reading import Reading, Word

MOST_WORDS = 60
"""words of a prompt that are drawn"""


def show(talk: Talk, studio: "Studio", reading: "Reading") -> None:
    """Known words green, near words yellow with what they were taken for, ignored words red and struck out.

    Below them the same as a sentence, in Chinese where the prompt is, for those who see no colours.
    """
    if talk.quiet or not reading.words:
        return
    from rich.text import Text

    shown = Text(" ").join(drawn(word) for word in reading.words[:MOST_WORDS])
    talk.aside.print(Text("words  ") + shown, highlight=False, soft_wrap=True)
    talk.note(sentence(studio, reading))


def drawn(word: "Word") -> "Text":
    from rich.text import Text

    if word.how == "near":
        return Text(f"{word.text}→{word.near}", style="yellow")
    if word.how == "ignored":
        return Text(word.text, style="red strike")
    return Text(word.text, style="green" if word.tokens else "dim")


def sentence(studio: "Studio", reading: "Reading") -> str:
    """Cut where a prompt of thousands of words would fill the screen."""
    chinese = any("\u4e00" <= char <= "\u9fff" for word in reading.words for char in word.text)
    text = reading.sentence_zh(studio.lexicon) if chinese else reading.sentence_en()
    return text if len(text) <= 600 else f"{text[:600]}…"
