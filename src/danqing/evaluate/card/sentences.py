"""What the figures mean, in plain words, in English and Chinese. Every sentence follows from a figure on the page."""

from collections.abc import Sequence

from danqing.evaluate.card.judged import Judged

Words = tuple[str, str]
"""English, Chinese"""
NEAR, FAR = 2.0, 6.0
"""times the real pictures' own distance, up to which pictures are near to real, and from which on far"""
SOFT, SPECKLED = 0.7, 1.4
"""share of real pictures' fine power, below which a model is soft and above which speckled"""
COPYING = 0.1
"""how much smaller the share of authentic pictures may be than that of held-out real ones"""
VARIETY = (
    (0.8, ("It is varied", "种类丰富")),
    (0.4, ("It shows a part of the variety", "种类有所欠缺")),
    (0.0, ("It repeats itself", "常常重复自己")),
)
"""least recall in parts of that of real pictures, and what is said of it"""
CLOSENESS = (
    ("near to", "很接近真实图片"),
    ("at some distance from", "与真实图片还有距离"),
    ("far from", "离真实图片还远"),
)


def sentences(models: Sequence[Judged], count: int) -> list[list[Words]]:
    """Paragraphs: what was done and who won, then one for each model; `count` real pictures were compared with."""
    made = len(models[0].made)
    first: list[Words] = [
        (
            f"Each model painted {made:,} pictures, none was picked out. They were compared with {count:,} real ones.",
            f"每个模型自己画了 {made:,} 张图，没有挑选；再与 {count:,} 张真实图片比较。",
        )
    ]
    ranked = sorted(models, key=lambda one: one.row("frechet").value)
    if len(ranked) > 1:
        first.append(winner(ranked))
    return [first, *([near_or_far(one), variety(one), softness(one), learned_by_heart(one)] for one in models)]


def winner(ranked: Sequence[Judged]) -> Words:
    best, second = ranked[0], ranked[1]
    if best.row("frechet").high < second.row("frechet").low:
        return (
            f"{best.name}'s pictures come nearest to the real ones, by more than chance explains.",
            f"{best.name} 的图最接近真实图片，差距超出偶然。",
        )
    return (
        f"{best.name} and {second.name} come nearest to the real ones; the difference between them may be chance.",
        f"{best.name} 和 {second.name} 最接近真实图片，两者之差可能出于偶然。",
    )


def near_or_far(one: Judged) -> Words:
    row = one.row("frechet")
    times = row.value / max(row.floor, 1e-9)
    english, chinese = CLOSENESS[sum(times >= limit for limit in (NEAR, FAR))]
    return (
        f"{one.name}: its pictures are {english} the real ones ({times:.1f} times the distance of real ones).",
        f"{one.name}：它的图{chinese}（距离是真实图片彼此之间的 {times:.1f} 倍）。",
    )


def variety(one: Judged) -> Words:
    """Recall beside that of real pictures: all of the variety, a part of it, or little."""
    recall, real = one.row("recall").value, one.row("recall").floor
    shown = (f"about {recall:.0%} of what real pictures show is among its own (among other real ones {real:.0%})",
             f"真实图片中约 {recall:.0%} 的样子它画得出（另一批真实图片为 {real:.0%}）")  # fmt: skip
    english, chinese = next(words for least, words in VARIETY if recall >= least * real)
    return f"{english}: {shown[0]}.", f"{chinese}：{shown[1]}。"


def softness(one: Judged) -> Words:
    if one.sharpness < SOFT:
        return (
            f"It is soft: it has {one.sharpness:.0%} of the fine detail of real pictures.",
            f"偏模糊：细节只有真实图片的 {one.sharpness:.0%}。",
        )
    if one.sharpness > SPECKLED:
        return (
            f"It is speckled: it has {one.sharpness:.1f} times the fine detail of real pictures.",
            f"有杂点：细节是真实图片的 {one.sharpness:.1f} 倍。",
        )
    return ("It is about as sharp as real pictures.", "清晰度与真实图片相当。")


def learned_by_heart(one: Judged) -> Words:
    real, share = one.copies.authentic_real, one.copies.authentic
    if real is None:
        return (
            f"Whether it copies cannot be said, for no real pictures were held out ({share:.0%} look independent).",
            f"没有留出的真实图片，无法判断是否抄袭（{share:.0%} 看来是独立的）。",
        )
    if share < real - COPYING:
        return (
            f"Beware: it repeats what it learned from ({share:.0%} are independent, of fresh real ones {real:.0%}).",
            f"注意：它在重复学过的图片（{share:.0%} 是独立的，而新的真实图片为 {real:.0%}）。",
        )
    return (
        f"There is no sign of copying ({share:.0%} are independent, of fresh real ones {real:.0%}).",
        f"没有抄袭的迹象（{share:.0%} 是独立的，新的真实图片为 {real:.0%}）。",
    )
