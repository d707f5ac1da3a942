"""Judged models -> one HTML file that needs nothing else: no script, no font, no picture from elsewhere."""

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import torch
from torch import Tensor

from danqing.evaluate.card.charts import bar, colour, lines
from danqing.evaluate.card.judged import Judged
from danqing.evaluate.card.sentences import sentences
from danqing.evaluate.copies import memorisation
from danqing.evaluate.report import Row
from danqing.images.sheets import sheet
from danqing.images.writing import encode_array
from danqing.types import DataCard

STYLE = Path(__file__).with_name("page.css")
SAMPLES, PAIRS, NEXT = 48, 6, 12
"""pictures of each model that are shown; pairs with their nearest training pictures; columns of a sheet"""
NEW = "held-out pictures"
NO_LOSS = ("step", "seconds", "done", "rate", "pictures/s", "score")
"""what else stands in a log"""
MEANING = {
    "frechet": ("distance to real pictures", "与真实图片的距离"),
    "kid": ("distance to real pictures, fair to small sets", "与真实图片的距离（小样本公平）"),
    "precision": ("share that could be real", "可以乱真的比例"),
    "recall": ("share of real pictures' variety", "覆盖真实种类的比例"),
    "f1": ("both in one figure", "两者合一"),
    "density": ("how deep among real pictures", "落在真实图片之中的深度"),
    "coverage": ("share of real pictures with one near", "被画到的真实图片比例"),
    "class accuracy": ("share that shows the wanted class", "画对类别的比例"),
}
TEMPLATE = Template(
    """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title><style>$style</style></head><body><main>
<h1>$title</h1>
<section class="words"><h2>In plain words</h2>$english
<h2 lang="zh">简单地说</h2>$chinese</section>
<section><h2>Pictures, none picked <span lang="zh">未经挑选的样张</span></h2>$samples</section>
<section><h2>Figures <span lang="zh">数据</span></h2>
<p class="note">The bar is the model's figure, the thin line what chance leaves open (95 %), the green tick what real
pictures get. <span lang="zh">色条是模型的数值，细线是 95% 区间，绿线是真实图片的水平。</span></p>$figures</section>
<section><h2>Sharpness <span lang="zh">清晰度</span></h2>
<p class="note">Power by frequency: left coarse shapes, right fine detail. Dashes: real pictures.
<span lang="zh">左为大形，右为细节；虚线为真实图片。</span></p>$spectrum</section>
<section><h2>Copies? <span lang="zh">抄袭？</span></h2>
<p class="note">Of each model the pictures most like something it learned from (above), and that picture (below).
<span lang="zh">上：最像训练图片的作品；下：那张训练图片。</span></p>$copies</section>
$classes$curves
<section><h2>Time and size <span lang="zh">时间与大小</span></h2>$costs</section>
<section><h2>Data <span lang="zh">数据来源</span></h2>$data</section>
$notes<footer>Danqing · $command</footer></main></body></html>
"""
)


def page(models: Sequence[Judged], train: Tensor, real_power: Tensor, data: DataCard, command: str) -> str:
    """`train` (N, C, S, S) uint8 are the pictures that the copies are compared with; `command` repeats the page."""
    title = " · ".join(one.name for one in models)
    words = sentences(models, models[0].row("frechet").count)
    notes = dict.fromkeys(note for one in models for note in one.report.notes)
    return TEMPLATE.substitute(
        title=escape(f"Report card: {title}"),
        style=STYLE.read_text(encoding="utf-8"),
        english="".join(f"<p>{escape(' '.join(english for english, _ in one))}</p>" for one in words),
        chinese="".join(f"<p lang=zh>{escape(''.join(chinese for _, chinese in one))}</p>" for one in words),
        samples="".join(figure(one.name, tiled(one.made[:SAMPLES], NEXT), i) for i, one in enumerate(models)),
        figures=table_of_figures(models),
        spectrum=legend(models) + spectrum(models, real_power),
        copies="".join(figure(copying(one), pairs(one, train), i) for i, one in enumerate(models)) + by_heart(models),
        classes=classes(models, data.labels),
        curves=curves(models),
        costs=costs(models),
        data=facts({"name": data.name, "source": data.source, "licence": data.licence, "pictures": f"{data.count:,}",
                    "size": f"{data.size} x {data.size}", "classes": ", ".join(data.labels) or "none",
                    "sha256": data.sha256[:16]}),
        notes=section("Beware", "注意", "".join(f"<p>{escape(note)}</p>" for note in notes)) if notes else "",
        command=f"<code>{escape(command)}</code>",
    )  # fmt: skip


# Pictures.


def tiled(pictures: Tensor, columns: int) -> str:
    """(N, C, S, S) uint8 -> a picture inside the page."""
    png = encode_array(sheet(pictures, columns=columns, scale=max(1, round(64 / pictures.shape[-1]))))
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(png).decode()}">'


def pairs(one: Judged, train: Tensor) -> str:
    rows = one.copies.most_alike(PAIRS)
    return tiled(torch.cat([one.made[rows], train[one.copies.neighbour[rows]]]), PAIRS)


def copying(one: Judged) -> str:
    real = one.copies.authentic_real
    beside = "" if real is None else f", held-out real pictures {real:.0%}"
    return f"{one.name}: {one.copies.authentic:.0%} independent{beside}"


def by_heart(models: Sequence[Judged]) -> str:
    """The memorisation curve: a line left of the dashed one is nearer to the training pictures than new ones are."""
    series = [(one.name, *memorisation(one.copies.distance)) for one in models]
    real = models[0].copies.distance_real
    if real is not None:
        series.append((NEW, *memorisation(real)))
    about = (
        '<p class="note">Share of the pictures (up) that have a training picture so near (across). Dashes: real '
        "pictures that were held out; a line far left of them learned by heart. "
        '<span lang="zh">有多少图片（纵）在这个距离内（横）有训练图片；虚线为留出的真实图片，远在其左即为死记。'
        "</span></p>"
    )
    return about + legend(models) + lines(series, "distance to the nearest training picture", "share", NEW)


def figure(caption: str, inside: str, number: int) -> str:
    dot = f'<i style="background:{colour(number)}"></i>'
    return f"<figure><figcaption>{dot}{escape(caption)}</figcaption>{inside}</figure>"


# Tables and charts.


def table_of_figures(models: Sequence[Judged]) -> str:
    """A row for each label that any model has; a model without it has an empty cell."""
    found = [one.report.by_label() for one in models]
    rows = []
    for first in sorted({label: row for by in found for label, row in by.items()}.values(), key=rank):
        same = [by.get(first.label) for by in found]
        english, chinese = MEANING.get(first.metric, MEANING.get(first.label, ("", "")))
        full = max(1.0 if first.ideal == 1 else 0.0, *(max(row.high, row.floor) for row in same if row))
        cells = "".join(f"<td>{cell(row, full, i) if row else ''}</td>" for i, row in enumerate(same))
        arrow = "↑" if first.higher_is_better else "↓"
        hint = f"{escape(english)} <span lang=zh>{chinese}</span>"
        rows.append(f"<tr><th>{escape(first.label)} {arrow}<small>{hint}</small></th>{cells}</tr>")
    extra = [
        ("sharpness → 1", "fine detail, real is 1", "细节，真实为 1", [one.sharpness for one in models]),
        (
            "spread → 1",
            "difference from each other, real is 1",
            "彼此差异，真实为 1",
            [one.spread for one in models],
        ),
    ]
    for name, english, chinese, values in extra:
        cells = "".join(f"<td><b>{v:.3g}</b>{bar(v, v, v, 1, max(1.0, *values), i)}</td>" for i, v in enumerate(values))
        rows.append(f"<tr><th>{name}<small>{english} <span lang=zh>{chinese}</span></small></th>{cells}</tr>")
    return table(["", *(one.name for one in models)], rows)


def cell(row: Row, full: float, number: int) -> str:
    return f"<b>{row.value:.3g}</b>{bar(row.value, row.low, row.high, row.floor, full, number)}"


def rank(row: Row) -> int:
    """Figures in the order of MEANING, distances first."""
    known = list(MEANING)
    return known.index(row.metric) if row.metric in known else len(known)


def spectrum(models: Sequence[Judged], real: Tensor) -> str:
    rings = list(range(1, len(real) + 1))
    made = [(one.name, rings, one.power.tolist()) for one in models]
    return lines([*made, ("real pictures", rings, real.tolist())], "waves a picture", "log power", "real pictures")


def classes(models: Sequence[Judged], labels: Sequence[str]) -> str:
    known = [one for one in models if one.told]
    if not known:
        return ""
    told = [one.told for one in known if one.told]
    scores = [f"<tr><th>{escape(label)}</th>{''.join(f'<td>{float(t.f1[i]):.2f}</td>' for t in told)}</tr>"
              for i, label in enumerate(labels)]  # fmt: skip
    inside = table(["F1", *(one.name for one in known)], scores)
    for one in known:
        inside += (
            f"<details><summary>{escape(one.name)}: who was taken for whom</summary>{confusion(one, labels)}</details>"
        )
    return section("Classes", "类别", inside)


def confusion(one: Judged, labels: Sequence[str]) -> str:
    assert one.told is not None, "only models whose classes a judge knows"
    rows = []
    for label, counts in zip(labels, one.told.confusion.tolist(), strict=True):
        most = max(1, sum(counts))
        cells = "".join(f'<td style="--share:{100 * count / most:.0f}%" class="heat">{count}</td>' for count in counts)
        rows.append(f"<tr><th>{escape(label)}</th>{cells}</tr>")
    return table(["asked for \\ seen", *labels], rows)


def curves(models: Sequence[Judged]) -> str:
    """What each training's log says over its minutes; families differ in their losses, so each has its own chart."""
    found = []
    for number, one in enumerate(models):
        series = [(name, *smooth(one.curve, name)) for name in losses(one.curve)]
        if series:
            chart = lines(series, "minutes", ", ".join(name for name, *_ in series))
            found.append(figure(one.name, chart, number))
    return section("Training curves", "训练曲线", "".join(found)) if found else ""


def losses(curve: Sequence[Mapping[str, float]]) -> list[str]:
    """Names of what the log follows in at least half of its lines, in its order, two at most."""
    counts = Counter(name for line in curve for name in line if name not in NO_LOSS)
    return [name for name in counts if counts[name] > len(curve) / 2][:2]


def smooth(curve: Sequence[Mapping[str, float]], name: str, points: int = 120) -> tuple[list[float], list[float]]:
    """Minutes and the means of so many equal pieces of the log."""
    rows = [(line["seconds"] / 60, line[name]) for line in curve if name in line and "seconds" in line]
    step = max(1, len(rows) // points)
    pieces = [rows[i : i + step] for i in range(0, len(rows), step)]
    return [piece[-1][0] for piece in pieces], [sum(value for _, value in piece) / len(piece) for piece in pieces]


def costs(models: Sequence[Judged]) -> str:
    facts_ = {
        "family, preset": [f"{one.card.family}, {one.card.preset}" for one in models],
        "training": [f"{one.card.seconds / 60:.1f} minutes" for one in models],
        "energy of the processor": [energy(one.card.watt_hours) for one in models],
        "pictures seen": [f"{one.card.pictures_seen:,}" for one in models],
        "weights": [f"{one.card.parameters:,}" for one in models],
        "seed": [str(one.card.seed) for one in models],
    }
    rows = [
        f"<tr><th>{name}</th>{''.join(f'<td>{escape(v)}</td>' for v in values)}</tr>" for name, values in facts_.items()
    ]
    return table(["", *(one.name for one in models)], rows)


def energy(watt_hours: float | None) -> str:
    return "not readable there" if watt_hours is None else f"{watt_hours:.3g} Wh"


def table(heads: Sequence[str], rows: Sequence[str]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def facts(values: Mapping[str, Any]) -> str:
    return table(["", ""], [f"<tr><th>{k}</th><td>{escape(str(v))}</td></tr>" for k, v in values.items()])


def legend(models: Sequence[Judged]) -> str:
    dots = [f'<span><i style="background:{colour(i)}"></i>{escape(one.name)}</span>' for i, one in enumerate(models)]
    return f'<p class="legend">{"".join(dots)}</p>'


def section(english: str, chinese: str, inside: str) -> str:
    return f'<section><h2>{english} <span lang="zh">{chinese}</span></h2>{inside}</section>'
