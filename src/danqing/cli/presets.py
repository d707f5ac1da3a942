"""danqing presets list, danqing presets show"""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from danqing.cli.options import complete_presets
from danqing.cli.words import Talk
from danqing.errors import unknown


def list_presets(
    talk: Talk, family: Annotated[str | None, typer.Option(help="Only this family's.")] = None
) -> dict[str, Any]:
    """List the presets of every family."""
    from danqing.presets import all_presets, families

    if family is not None and family not in families():
        raise unknown("family", family, families())
    rows = [preset for preset in all_presets().values() if family in (None, preset.family)]
    lines = [(p.name, p.family, f"{p.minutes:g} min", "default" if any(p.sizes) else "", p.about["en"]) for p in rows]
    talk.table(("preset", "family", "budget", "", "about"), lines, numbers=("budget",))
    return {"presets": [asdict(preset) for preset in rows]}


def show_preset(
    talk: Talk, name: Annotated[str, typer.Argument(metavar="PRESET", autocompletion=complete_presets)]
) -> dict[str, Any]:
    """Show the settings of a preset. `danqing train --set` changes single ones."""
    from danqing.presets import all_presets

    if name not in all_presets():
        raise unknown("preset", name, all_presets())
    preset = asdict(all_presets()[name])
    talk.facts(preset)
    return preset
