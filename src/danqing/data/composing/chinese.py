"""Chinese captions: nouns with measure words and colours, and the phrases that join them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from danqing.data.composing.composition import Composition, Thing
from danqing.data.composing.english import pick

COLOURS = {
    "red": ("红", "红色"), "orange": ("橙", "橙色"), "yellow": ("黄", "黄色"), "green": ("绿", "绿色"),
    "blue": ("蓝", "蓝色"), "purple": ("紫", "紫色"), "pink": ("粉", "粉色"), "brown": ("棕", "棕色"),
    "black": ("黑", "黑色"), "white": ("白", "白色"), "grey": ("灰", "灰色"), "gold": ("金", "金色"),
    "turquoise": ("青", "青色"),
}  # fmt: skip
"""English colour word -> short before a noun, long with or without 的"""
NUMBERS = {1: "一", 2: "两", 3: "三", 4: "四", 5: "五", 6: "六"}
PLACES = {
    "left": ("左边", "左侧"), "right": ("右边", "右侧"), "top": ("上方", "上边"), "bottom": ("下方", "下边"),
    "top left": ("左上角", "左上方"), "top right": ("右上角", "右上方"), "bottom left": ("左下角", "左下方"),
    "bottom right": ("右下角", "右下方"), "middle": ("中间", "中央"),
}  # fmt: skip
ORANGE_CAT = ("橘猫", "橘色的猫", "橙色的猫")


class Noun(NamedTuple):
    """A name with its colour, and its measure word."""

    text: str
    counter: str

    def some(self, number: int = 1, digits: bool = False) -> str:
        """两只橘猫"""
        return f"{number if digits else NUMBERS[number]}{self.counter}{self.text}"

    def perhaps_one(self, rng: np.random.Generator | None, share: float = 0.3) -> str:
        """Sometimes 一只猫 instead of 猫."""
        return self.some() if rng is not None and rng.random() < share else self.text


def noun(thing: Thing, rng: np.random.Generator | None, size: str = "", own_colour: float = 0.0) -> Noun:
    """The thing with its colour: 红帽子, 红色的帽子, 橘猫."""
    short = bool(thing.short_zh) and (rng is None or rng.random() < 0.55)
    name, counter = (thing.short_zh, thing.short_counter) if short else (thing.zh, thing.counter)
    return Noun(_coloured(thing, name, rng, size, own_colour), counter)


def _coloured(thing: Thing, name: str, rng: np.random.Generator | None, size: str, own_colour: float) -> str:
    colour = thing.colour
    if not colour and thing.colours and rng is not None and rng.random() < own_colour:
        colour = thing.colours[0]
    if not colour:
        return f"{size}{name}"
    if name == "猫" and colour == "orange":
        cat = pick(rng, *ORANGE_CAT)
        return f"{size}{cat}"
    short, long = COLOURS[colour]
    ways = [f"{long}的{size}{name}", f"{long}{size}{name}"]
    if len(name) <= 2 and colour != "turquoise" and not size:
        ways.insert(0, f"{short}{name}")
    return pick(rng, *ways)


def sentence(composition: Composition, rng: np.random.Generator | None = None) -> str:
    """What is seen, in one of many phrasings, or in the plainest. All things must have Chinese names."""
    text = _SENTENCES[composition.kind](composition, rng)
    if composition.ground and composition.kind != "background":
        text += pick(rng, f"，{COLOURS[composition.ground.word][1]}背景")
    return text


def _one(composition: Composition, rng: np.random.Generator | None) -> str:
    return noun(composition.things[0], rng).perhaps_one(rng, 0.2)


def _background(composition: Composition, rng: np.random.Generator | None) -> str:
    assert composition.ground
    thing = noun(composition.things[0], rng, own_colour=0.15).perhaps_one(rng)
    short, long = COLOURS[composition.ground.word]
    if composition.ground.shape == "disc":
        return pick(rng, f"{long}圆形上的{thing}", f"{thing}，{long}圆形背景", f"{long}圆圈里的{thing}")
    return pick(
        rng,
        f"{long}背景上的{thing}",
        f"{thing}，{long}背景",
        f"{short}底{thing}",
        f"{thing}在{long}背景上",
        f"{long}背景的{thing}",
    )


def _place(composition: Composition, rng: np.random.Generator | None) -> str:
    found = noun(composition.things[0], rng, size="小", own_colour=0.15)
    thing = found.text
    where = pick(rng, *PLACES[composition.relation])
    return pick(
        rng,
        f"{where}的{thing}",
        f"{thing}在{where}",
        f"位于{where}的{thing}",
        f"{found.some()}，在{where}",
    )


def _count(composition: Composition, rng: np.random.Generator | None) -> str:
    digits = rng is not None and bool(rng.random() < 0.15)
    return noun(composition.things[0], rng, own_colour=0.2).some(composition.count, digits)


def _pair(composition: Composition, rng: np.random.Generator | None) -> str:
    one, other = (noun(thing, rng, own_colour=0.15).perhaps_one(rng, 0.2) for thing in composition.things)
    relation = composition.relation
    if relation in ("right", "below"):
        one, other = other, one
        relation = {"right": "left", "below": "above"}[relation]
    if relation == "left":
        return pick(
            rng, f"{other}左边的{one}", f"{one}在{other}左边", f"{one}右边的{other}", f"{other}在{one}右边",
            f"左边是{one}，右边是{other}", f"{one}在左边，{other}在右边",
        )  # fmt: skip
    if relation == "above":
        return pick(rng, f"{other}上方的{one}", f"{one}在{other}上方", f"{one}下面的{other}", f"{other}在{one}下面")
    return pick(
        rng, f"{one}和{other}", f"{other}和{one}", f"{one}旁边的{other}", f"{one}与{other}", f"{other}在{one}旁边"
    )


WEAR = {"围巾": ("围", "围着", "戴着"), "蝴蝶结": ("戴", "戴着", "系着"), "领结": ("戴", "戴着", "系着")}


def _wear(composition: Composition, rng: np.random.Generator | None) -> str:
    figure, worn = composition.things
    (one, counter), (other, _) = noun(figure, rng, own_colour=0.3), noun(worn, rng, own_colour=0.25)
    verb, *more = WEAR.get(worn.zh, ("戴", "戴着"))
    during = pick(rng, *more)
    return pick(
        rng, f"{verb}{other}的{one}", f"{during}{other}的{one}", f"一{counter}{verb}{other}的{one}",
        f"一{counter}{during}{other}的{one}", f"{one}{during}{other}",
    )  # fmt: skip


def _hold(composition: Composition, rng: np.random.Generator | None) -> str:
    (one, counter), held = (noun(thing, rng, own_colour=0.2) for thing in composition.things)
    other = held.text
    return pick(
        rng, f"拿着{other}的{one}", f"一{counter}拿着{other}的{one}", f"{one}拿着{other}", f"{one}拿着{held.some()}",
    )  # fmt: skip


def _on(composition: Composition, rng: np.random.Generator | None) -> str:
    first, second = (noun(thing, rng, own_colour=0.2) for thing in composition.things)
    one, other = first.perhaps_one(rng), second.text
    return pick(rng, f"{other}上的{one}", f"{one}在{other}上", f"站在{other}上的{one}", f"{one}在{other}上面")


def _inside(composition: Composition, rng: np.random.Generator | None) -> str:
    first, second = (noun(thing, rng, own_colour=0.2) for thing in composition.things)
    one, other = first.perhaps_one(rng), second.text
    return pick(rng, f"{other}里的{one}", f"{one}在{other}里", f"{one}在{other}里面")


_SENTENCES = {
    "plain": _one, "hue": _one, "background": _background, "place": _place, "count": _count, "pair": _pair,
    "wear": _wear, "hold": _hold, "on": _on, "inside": _inside,
}  # fmt: skip
