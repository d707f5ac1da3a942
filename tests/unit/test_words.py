"""Prompts in two languages, read into canonical English words; honestly, quickly, and never with a crash."""

import json
import math
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from danqing.api.studios import load_painter, shipped_folder
from danqing.errors import UsageError
from danqing.vocabulary import lexicon_of
from danqing.words import COLOURS, Lexicon, Reading, Word, read
from danqing.words.chinese import NUMBERS, PLACES, segment
from danqing.words.forms import fold, singulars, split
from danqing.words.lexicon import HOME, PAD, RESERVED, UNKNOWN, Own, rows
from danqing.words.prompts import LEAST, MOST
from danqing.words.reading import LONGEST_PROMPT, MOST_TOKENS

LEXICON = Lexicon.load()
LARGEST = 1_200_000
"""bytes of a shipped table"""


def tokens(prompt: str) -> str:
    return " ".join(token for token, _ in read(prompt).tokens)


def weights(prompt: str) -> dict[str, float]:
    return dict(read(prompt).tokens)


# ---------------------------------------------------------------- what real prompts say
ENGLISH = [
    ("a blue owl with glasses", "blue owl with glasses"),
    ("a cat left of a house", "cat left of house"),
    ("three red apples on a table", "three red apple on table"),
    ("3 Apples", "three apple"),
    ("the dog's house", "dog house"),
    ("smiling sun wearing sunglasses", "smiling sun wearing sunglasses"),
    ("black and white panda", "black-and-white panda"),
    ("Black-and-White cat", "black-and-white cat"),
    ("a cat riding a bicycle", "cat riding bicycle"),
    ("a cat that is riding a bike", "cat riding bicycle"),
    ("an astronaut on the moon", "astronaut on moon"),
    ("gray elephant", "grey elephant"),
    ("a green car next to a small house", "green car next to small house"),
    ("a dog in front of a castle", "dog in front of castle"),
    ("a dog to the left of a tree", "dog left of tree"),
    ("cat on top of a box", "cat on box"),
    ("left-facing black horse", "left-facing black horse"),
    ("a black horse, facing left", "black horse left-facing"),
    ("t-shirt", "t-shirt"),
    ("hot dog & fries", "hot dog and french fry"),
    ("a happy family of four", "happy family of four"),
    ("a witch flying on a broom", "witch flying on broom"),
    ("ice cream", "ice cream"),
    ("children playing soccer", "child playing soccer"),
    ("geese and oxen", "goose and ox"),
    ("scissors, pants, glasses, bus, grass, octopus", "scissors pants glasses bus grass octopus"),
    ("I want to draw a big whale please", "big whale"),
    ("a picture of a lion", "lion"),
    ("masterpiece, best quality, 4k, a fox", "fox"),
    ("RED, red; Red!", "red red red"),
    ("two cats without hats", "two cat without hat"),
    ("no hat", "no hat"),
    ("a flat emoji of a pizza slice", "flat emoji of pizza slice"),
    ("1girl holding an umbrella", "one girl holding umbrella"),
    ("ＲＥＤ　ｃａｔ", "red cat"),
    ("", ""),
    (" ,.;!? ", ""),
]
CHINESE = [
    ("戴红帽子的橘猫", "wearing red hat of orange cat"),
    ("三个苹果", "three apple"),
    ("两只在月亮上的兔子", "two on moon of rabbit"),
    ("穿西装的熊猫", "wearing suit of panda"),
    ("猫在桌子上面", "cat on table"),
    ("在房子左边的大树", "left of house of tree"),
    ("黄色的小鸭子和蓝色的鱼", "yellow duck and blue fish"),
    ("拿着气球的小女孩", "holding balloon of girl"),
    ("红色背景的白色独角兽", "red background of white unicorn"),
    ("可爱的扁平风格恐龙", "cute flat dinosaur"),
    ("月亮和星星", "moon and star"),
    ("生日蛋糕上有三根蜡烛", "birthday cake on has three candle"),
    ("没有翅膀的天使", "without wing of angel"),
    ("五颜六色的热气球", "colourful hot air balloon"),
    ("中国国旗", "flag china"),
    ("巨大的西瓜", "large watermelon"),
    ("宇航员在月球上骑马", "astronaut on moon riding horse"),
    ("圣诞老人骑着鹿", "santa claus riding deer"),
    ("一杯咖啡", "one cup coffee"),
    ("三朵花", "three flower"),
    ("一只猫", "one cat"),
    ("画一只睡觉的猫", "one sleeping cat"),
    ("穿T恤的小熊", "wearing t-shirt of bear"),
    ("春节的灯笼和鞭炮", "spring festival of red paper lantern and firecracker"),
    ("凤凰飞在天空中", "phoenix flying in sky"),
    ("戴紅帽子的橘貓", "wearing red hat of orange cat"),
    ("兩隻鳥和一條魚", "two bird and one fish"),
    ("大红灯笼", "red paper lantern"),
    ("龙", "dragon"),
    ("骑自行车的企鹅", "riding bicycle of penguin"),
]
MIXED = [
    ("🐱 with 🎩", "cat face with top hat"),
    ("👩🏽‍🚀 on 🌙", "woman astronaut on crescent moon"),
    ("🇨🇳", "flag china"),
    ("❤️", "red heart"),
    ("a cute 猫 with a 帽子", "cute cat with hat"),
    ("红色 car", "red car"),
    ("3只猫", "three cat"),
    ("三个apple和🍌", "three apple and banana"),
    ("แมวสีแดง", ""),
    ("кот и cat", "cat"),
]


@pytest.mark.parametrize(("prompt", "expected"), ENGLISH + CHINESE + MIXED)
def test_prompts(prompt: str, expected: str) -> None:
    assert tokens(prompt) == expected


@pytest.mark.parametrize(("prompt", "near"), [
    ("limousines", "car"), ("spectacled sheriffs", "person"), ("柴犬", "dog"), ("麒麟", "unicorn"), ("scarlet", "red"),
    ("bananna", "banana"), ("buterfly", "butterfly"), ("gigantic", "large"), ("snowcastle", "snow castle"),
    ("husky", "dog"), ("surgeon", "doctor"), ("willow", "tree"),
])  # fmt: skip
def test_near_words_say_what_they_were_taken_for(prompt: str, near: str) -> None:
    word = read(prompt).words[-1]
    assert (word.how, word.near, " ".join(word.tokens)) == ("near", near, near)


def test_what_is_not_known_is_said() -> None:
    reading = read("a quantum cat, 量子 and แมว")
    assert [word.text for word in reading.of("ignored")] == ["quantum", "量子", "แมว"]
    assert reading.tokens == (("cat", 1.0), ("and", 1.0))
    assert reading.sentence_en() == "does not know 'quantum', '量子', 'แมว'"
    assert read("a scarlet blorf").sentence_en() == "took 'scarlet' for 'red'; does not know 'blorf'"
    assert read("柴犬和量子").sentence_zh() == "把“柴犬”当作“狗”；不认识“量子”"
    assert read("a red cat").sentence_en() == read("红猫").sentence_zh() == ""


def test_articles_are_understood_and_need_no_drawing() -> None:
    assert read("the cat").words == (Word("the", (), "known"), Word("cat", ("cat",), "known"))


# ---------------------------------------------------------------- weights
@pytest.mark.parametrize(("prompt", "expected"), [
    ("(red:1.4) apple", {"red": 1.4, "apple": 1}), ("((red)) apple", {"red": 1.21, "apple": 1}),
    ("[red] apple", {"red": 0.9091, "apple": 1}), (r"\(red\) apple", {"red": 1, "apple": 1}),
    ("(red apple", {"red": 1, "apple": 1}), ("red) apple]", {"red": 1, "apple": 1}),
    ("(big (red:2) apple:1.5)", {"big": 1.5, "red": 3, "apple": 1.5}), ("（红色：1.4）苹果", {"red": 1.4, "apple": 1}),
    ("(red:0)", {"red": LEAST}), ("(red:99999)", {"red": MOST}), ("(🐱:1.2)", {"cat": 1.2, "face": 1.2}),
    ("(red)(apple)", {"red": 1.1, "apple": 1.1}),
])  # fmt: skip
def test_weights(prompt: str, expected: dict[str, float]) -> None:
    assert weights(prompt) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a slice of pizza", ["pizza"]),
        ("two pairs of red socks", ["two", "red", "sock"]),
        ("a slice", ["slice"]),
        ("a piece of", ["piece", "of"]),
        ("a cup of tea", ["cup", "of", "tea"]),
    ],
)
def test_measure_words_are_silent_where_they_measure(prompt: str, expected: list[str]) -> None:
    """As in Chinese (一片披萨); a cup is a thing itself."""
    assert [token for token, _ in read(prompt).tokens] == expected


def test_a_weight_in_the_middle_parts_a_phrase() -> None:
    assert tokens("(black:1.3) and white cat") == "black and white cat"


# ---------------------------------------------------------------- bounds
def test_too_long_is_refused_in_one_sentence() -> None:
    with pytest.raises(UsageError, match="The prompt has 10001 characters; write at most 10000"):
        read("a" * (LONGEST_PROMPT + 1))
    assert read("猫，" * (LONGEST_PROMPT // 2)).left_out == LONGEST_PROMPT // 2 - MOST_TOKENS


def test_what_does_not_fit_is_left_out() -> None:
    reading = read("red cat, " * 20)
    assert len(reading.tokens) == MOST_TOKENS and reading.left_out == 40 - MOST_TOKENS
    assert reading.words[-1] == Word("cat", (), "ignored")
    assert reading.sentence_en() == "left out the last 16 words (24 is the most)"


def test_control_characters_are_dropped() -> None:
    assert tokens("red\x00 c\x07at\n\tdog\ud800") == "red cat dog"


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=30) | st.text("在的上红猫(个三)[]:1.猫catsred 🐱\u200d\ufe0f👩\\", max_size=40))
def test_any_text_can_be_read(prompt: str) -> None:
    reading = read(prompt)
    assert reading == read(prompt)
    assert all(math.isfinite(weight) and LEAST <= weight <= MOST for _, weight in reading.tokens)
    assert all(token in LEXICON.ids for token, _ in reading.tokens) and len(reading.tokens) <= MOST_TOKENS
    assert all(word.text and (word.how != "near" or word.near) for word in reading.words)
    assert all(not word.tokens for word in reading.of("ignored"))
    assert json.loads(json.dumps(reading.plain())) == reading.plain()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(LEXICON.vocabulary), max_size=8))
def test_known_words_stay_what_they_are(words: list[str]) -> None:
    assert tokens(", ".join(words)) == " ".join(words)


# ---------------------------------------------------------------- tables
def test_the_vocabulary_is_a_round_trip() -> None:
    assert 4000 < len(LEXICON.vocabulary) == len(set(LEXICON.vocabulary)) < 8000
    assert (LEXICON.id_of("zzzz"), LEXICON.token_of(PAD), LEXICON.token_of(UNKNOWN)) == (UNKNOWN, *RESERVED)
    assert [LEXICON.token_of(LEXICON.id_of(word)) for word in LEXICON.vocabulary] == list(LEXICON.vocabulary)
    assert len(LEXICON) == len(LEXICON.vocabulary) + len(RESERVED)
    assert [word for word in LEXICON.vocabulary if LEXICON.meaning_of(word) != ((word,), "known")] == []


def test_tables_name_only_words_of_the_vocabulary() -> None:
    for meaning in (*LEXICON.near.values(), *LEXICON.own.values()):
        assert set(meaning.tokens) <= LEXICON.ids.keys()
    needed = {*COLOURS, *NUMBERS.values(), *" ".join(PLACES.values()).split(), "wearing", "holding", "riding", "with"}
    assert needed <= LEXICON.ids.keys()


@pytest.mark.parametrize("name", ["en.tsv", "zh.tsv"])
def test_hand_written_tables_say_each_word_once(name: str) -> None:
    words = [word.removeprefix("~") for _, words in rows(HOME / name) for word in words.split()]
    assert len(words) == len(set(words))
    assert all(en == en.strip() and words == " ".join(words.split()) != "" for en, words in rows(HOME / name))


def test_most_chinese_words_are_drawable() -> None:
    """At least nine in ten of the hand-written words mean something in the vocabulary."""
    english = [en for en, words in rows(HOME / "zh.tsv") for _ in words.split() if en != "-"]
    assert len(english) > 2500
    assert sum(bool(LEXICON.meaning_of(en).tokens) for en in english) > 0.9 * len(english)


def test_back_into_chinese() -> None:
    pairs = [("cat", "猫"), ("dog", "狗"), ("red", "红色"), ("moon", "月亮"), ("polar bear", "北极熊"), ("zzzz", "")]
    assert [LEXICON.chinese_of(en) for en, _ in pairs] == [zh for _, zh in pairs]


def test_shipped_files_are_small() -> None:
    assert all(path.stat().st_size < LARGEST for path in HOME.iterdir())


def test_colours_are_srgb() -> None:
    assert all(len(value) == 3 and all(0 <= part <= 255 for part in value) for value in COLOURS.values())
    assert len(set(COLOURS.values())) == len(COLOURS) and LEXICON.ids.keys() >= COLOURS.keys()


# ---------------------------------------------------------------- small parts
@pytest.mark.parametrize(("plural", "single"), [
    ("eyes", "eye"), ("boxes", "box"), ("cherries", "cherry"), ("leaves", "leaf"), ("buses", "bus"), ("shoes", "shoe"),
    ("tomatoes", "tomato"), ("wolves", "wolf"), ("cookies", "cookie"), ("brushes", "brush"),
])  # fmt: skip
def test_singulars(plural: str, single: str) -> None:
    assert next(singulars(plural)) == single


@pytest.mark.parametrize(
    "word", ["glasses", "scissors", "pants", "bus", "grass", "octopus", "lens", "gas", "news", "princess", "this"]
)
def test_words_that_are_no_plural(word: str) -> None:
    assert list(singulars(word)) == []


def test_folding_and_splitting() -> None:
    assert fold("Crème BRÛLÉE") == "creme brulee" and split("O'Neil’s cats") == ["oneil", "cats"]


@given(st.text("红帽子猫的", max_size=12))
def test_segments_cover_the_text(text: str) -> None:
    words = {"红", "红帽", "帽子", "猫"}
    pieces = segment(text, words)
    assert "".join(text[piece.start : piece.stop] for piece in pieces) == text
    assert all(piece.known == (text[piece.start : piece.stop] in words) for piece in pieces)
    assert all(left.known or right.known for left, right in pairwise(pieces))


def test_reading_needs_no_torch_and_no_time() -> None:
    check = (
        "import sys; from danqing.words import read; read('戴红帽子的橘猫 with a puppy'); import time;"
        "start = time.process_time(); read('a fluffy cat on the moon'); spent = time.process_time() - start;"
        "sys.exit('torch' in sys.modules or spent > 0.5)"
    )
    assert subprocess.run([sys.executable, "-c", check], timeout=60).returncode == 0


def test_plain_is_what_a_page_needs() -> None:
    assert read("a (scarlet:1.2) cat").plain() == {
        "words": [
            {"text": "a", "tokens": [], "how": "known", "weight": 1.0, "near": ""},
            {"text": "scarlet", "tokens": ["red"], "how": "near", "weight": 1.2, "near": "red"},
            {"text": "cat", "tokens": ["cat"], "how": "known", "weight": 1.0, "near": ""},
        ],
        "tokens": [["red", 1.2], ["cat", 1.0]],
        "left_out": 0,
    }  # fmt: skip
    assert Reading(()).plain() == {"words": [], "tokens": [], "left_out": 0}


# Words that a painter has, but has never been told.


def test_words_that_no_caption_said_are_not_known() -> None:
    lexicon = Own(words=("fish", "shark", "wallet", "red"), unlearned=frozenset({"shark", "wallet"}))
    words = read("red shark, wallet", lexicon).words
    assert [(word.how, word.tokens) for word in words] == [
        ("known", ("red",)), ("near", ("fish",)), ("ignored", ()),
    ]  # fmt: skip
    assert lexicon.id_of("fish") == 2 and lexicon.id_of("red") == 5, "numbers stay those of the weights"


def test_the_shipped_painter_says_what_it_never_saw() -> None:
    studio = load_painter()
    assert {"shark", "wallet", "doughnut"} <= studio.lexicon.unlearned < set(studio.shipped.vocabulary)
    for prompt, how in (("a shark", "near"), ("鲨鱼", "near"), ("wallet", "ignored"), ("a cat", "known")):
        assert studio.read(prompt).words[-1].how == how, prompt


def test_the_light_without_a_model_is_the_painter_s_own() -> None:
    own, light = load_painter().lexicon, lexicon_of(shipped_folder())
    assert (own.words, own.names, own.unlearned) == (light.words, light.names, light.unlearned)


def test_every_near_word_of_the_vocabulary_is_known_to_the_shipped_painter() -> None:
    own = load_painter().lexicon
    assert all(set(own.near[word].tokens) <= own.ids.keys() for word in own.unlearned if word in own.near)
