"""A row of the set -> the thing that captions speak of."""

from __future__ import annotations

import re
from collections.abc import Container

from danqing.data.clipart.rows import Row
from danqing.data.composing.composition import Thing
from danqing.data.composing.tables import counters, names
from danqing.words.colours import COLOURS

COLOURED_EN = re.compile(rf"\b(?:{'|'.join(COLOURS)}|gray|golden|silver|rainbow|light blue|colou?r)\b", re.I)
COLOURED_ZH = re.compile("[红橙黄绿蓝紫粉棕黑白灰金银青橘褐]")
_TITLED = re.compile(r"^(?P<head>[^:]+): (?P<rest>.+)$")
_LIMB = re.compile(r"\b(?:hand|hands|thumbs|finger|fingers|fist|ear|eye|foot|leg|nose|bone|brain|tooth|mouth)\b")
_TRAITS = re.compile(r"hair$|^beard$|^bald$")
_GROUPS = {"kiss": "{} kissing", "couple with heart": "{} with a heart", "family": "family of {}"}
_RENAMED_ZH = {"鬼": "幽灵"}
"""names that would be an insult beside a colour"""
_FLAG_ZH = re.compile(r"^旗: (.+)$")
_LONGEST_KEYWORD = 24


VERBAL = frozenset({"People & Body", "Smileys & Emotion"})
"""groups in which many Chinese names are verbs"""
_NOUN_ZH = re.compile(
    r"(?:人|脸|猫|猴子?|心|手|者|员|师|家|生|童|男孩|女孩|奶奶|爷爷|士|兵|官|民|公主|王子|天使|骷髅|鬼|幽灵|便便|大便|精灵|巫师|英雄|坏蛋|"
    r"僵尸|怪|怪物|骨|骨头|眼|眼睛|耳朵|鼻子|嘴|舌头|牙齿|腿|脚|脚印|手指|拳头|手掌|脑|肺|唇印|情书|宝贝|孕妇|白领|侦探|警察|表情|"
    r"对话框|气泡|肌肉|巨怪|魔|器官|机械腿|机械手臂|女郎|先生|老师)$"
)


def thing_of(row: Row, held: Container[str] = (), scene: bool = False) -> Thing:
    """How to speak of a picture. Names in `held` are held out and never said in passing.

    `scene`: it stands beside others, so that only nouns will do.
    """
    plain = names().get(row.name_en)
    short_en, short_zh, only = plain or ("", "", "")
    en, zh = english(row.name_en), chinese(row.name_zh)
    if short_en.lower() in held or short_zh in held:
        short_en = short_zh = ""
    if only and scene and short_zh:
        zh, short_zh = short_zh, ""
        en, short_en = (short_en, "") if only == "==" else (en, short_en)
    if scene and VERBAL & set(row.tags) and not _NOUN_ZH.search(zh):
        zh = ""
    return Thing(
        en, zh, short_en, short_zh,
        colours=row.colours if _has_colour(row, zh) else (),
        keywords_en=_keywords(row.keywords_en, {en, short_en}, held),
        keywords_zh=_keywords(row.keywords_zh, {zh, short_zh}, held),
        counter=counter(zh, row.tags), short_counter=counter(short_zh, row.tags),
    )  # fmt: skip


def _has_colour(row: Row, zh: str) -> bool:
    """Whether the colour of the picture may be said: its name says none, and it is no person."""
    if COLOURED_EN.search(row.name_en) or COLOURED_ZH.search(zh):
        return False
    return "People & Body" not in row.tags or bool(_LIMB.search(row.name_en))


def english(name: str) -> str:
    """CLDR's English name as people say it.

    >>> english("man: red hair"), english("flag: China"), english("keycap: 3"), english("person: bald")
    ('man with red hair', 'flag of China', 'keycap 3', 'bald person')
    >>> english("kiss: woman, man"), english("family: man, girl, boy")
    ('woman and man kissing', 'family of man, girl and boy')
    """
    match = _TITLED.match(name)
    if not match:
        return name.replace("“", "").replace("”", "")
    head, rest = match["head"], match["rest"]
    if head == "flag":
        return f"flag of {rest}"
    if rest == "bald":
        return f"bald {head}"
    if head in _GROUPS:
        return _GROUPS[head].format(" and ".join(rest.rsplit(", ", 1)))
    return f"{head} with {rest}" if _TRAITS.search(rest) else f"{head} {rest}"


def chinese(name: str) -> str:
    """CLDR's Chinese name as people say it.

    >>> chinese("男人: 红发"), chinese("旗: 中国"), chinese("按键: 3"), chinese("行人: 面向右边")
    ('红发的男人', '中国国旗', '按键3', '面向右边的行人')
    """
    if name in _RENAMED_ZH:
        return _RENAMED_ZH[name]
    if match := _FLAG_ZH.match(name):
        return f"{match[1]}国旗"
    match = _TITLED.match(name)
    if not match:
        return name.replace("“", "").replace("”", "")
    head, rest = match["head"], match["rest"]
    if head in ("亲吻", "情侣", "家庭"):
        return f"{rest}{head}"
    return f"{rest}的{head}" if rest.endswith(("发", "顶", "边")) else f"{head}{rest}"


def _keywords(words: tuple[str, ...], said: set[str], held: Container[str]) -> tuple[str, ...]:
    """Those that say something else than the name, do not name what is held out, and no colour it may not have."""
    return tuple(
        word
        for word in words
        if word not in said and word.lower() not in held and len(word) <= _LONGEST_KEYWORD
        and not COLOURED_EN.search(word) and not COLOURED_ZH.search(word)
    )  # fmt: skip


def counter(zh: str, tags: Container[str] = ()) -> str:
    """The measure word of a Chinese name.

    >>> counter("猫"), counter("出租车"), counter("海龟", ("Animals & Nature",)), counter("苹果")
    ('只', '辆', '只', '个')
    """
    found = counters()
    for length in range(min(len(zh), 4), 0, -1):
        if zh[-length:] in found:
            return found[zh[-length:]]
    return "只" if "Animals & Nature" in tags else "个"
