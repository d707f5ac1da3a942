"""What is wanted of a painter: words, settings and pictures, the same for all pictures of a call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import PurePath
from typing import Any

from danqing.api.materials import Material
from danqing.errors import BadInputError, NotFoundError, UsageError, unknown
from danqing.home import PARTS, PARTS_SEVERAL
from danqing.limits import MOST_GUIDANCE, MOST_STEPS, MOST_TRIES
from danqing.presets import looks
from danqing.types import Recipe
from danqing.words.reading import LONGEST_PROMPT, clean

ANY = "any"
"""the style that leaves the choice to the painter"""
STRENGTH = 0.6
"""how far a picture to start from is forgotten; a mask is painted anew (1.0)"""
CLOSENESS = 0.5
"""how far the content of an image prompt is forgotten"""
THEN = "stylize"
"""what can be done to a painted picture"""


@dataclass(frozen=True)
class Commission:
    """Checked as far as it can be without a model. `recipe` and `from_recipe` are its way into pictures and back."""

    prompt: str = ""
    negative: str = ""
    """what to keep away from"""
    style: str | None = None
    """a slug, 'any', or None for the painter's own default"""
    steps: int | None = None
    guidance: float | None = None
    """how closely words are followed; None is the painter's own"""
    size: int | str | None = None
    """side in pixels, or WIDTHxHEIGHT; None is the painter's own. With a mask or `extend` the picture's size counts"""
    sampler: str | None = None
    """of a pretrained model; None is its own"""
    transparent: bool = False
    chaos: float = 0.0
    """0 .. 100"""
    tile: bool = False
    image: Material | None = None
    """to start from"""
    strength: float | None = None
    """0 keeps `image`, 1 forgets it"""
    mask: Material | None = None
    add: bool = False
    """what is wanted is painted alone and laid where the mask is white, instead of painting there anew"""
    extend: int = 0
    """pixels of new picture on each side"""
    style_ref: Material | None = None
    pictures: tuple[Material, ...] = ()
    """whose content is taken up: image prompt, vary, blend"""
    weights: tuple[float, ...] = ()
    """of `pictures`; equal where none are given"""
    revision: float = CLOSENESS
    """0 keeps the content of `pictures`, 1 forgets it"""
    layers: bool = False
    """several things that the words name are painted one by one and laid together, their colours laid on afterwards"""
    tries: int | None = 1
    """so often each picture is painted, and what fits the words best is kept; None is the painter's own"""
    act: str = "paint"
    loras: tuple[str, ...] = ()
    """of a pretrained model: files, each with its weight behind a colon"""
    embeddings: tuple[str, ...] = ()
    """textual inversions: files, called by their names"""
    controlnet: str = ""
    control: Material | None = None
    """what the ControlNet is led by"""
    control_kind: str = "ready"
    """ready, edges or scribble: what is made of `control` first"""
    control_strength: float = 1.0
    adapter: str = ""
    """an IP-Adapter: it looks at `style_ref` or at `pictures`"""
    decoder: str = ""
    """a tiny decoder, for speed"""
    engine: str = ""
    """what a pretrained model runs on: openvino, or PyTorch if empty"""
    then: str = ""
    """what is done to the painted picture: "stylize:" and a manner that comes with Danqing"""

    def __post_init__(self) -> None:
        for name in ("prompt", "negative"):
            if len(getattr(self, name)) > LONGEST_PROMPT:
                raise UsageError(f"The {name} has {len(getattr(self, name)):,} characters; write at most 10,000.")
            object.__setattr__(self, name, clean(getattr(self, name)).strip())
        for name in ("guidance", "chaos", "revision"):  # 3 and 3.0 are one recipe
            if getattr(self, name) is not None:
                object.__setattr__(self, name, float(getattr(self, name)))
        object.__setattr__(self, "size", one_size(self.size))
        if self.steps is not None:
            check_between("steps", self.steps, 1, MOST_STEPS)
        if self.guidance is not None:
            check_between("guidance", self.guidance, 0, MOST_GUIDANCE)
        if self.tries is not None:
            check_between("tries", self.tries, 1, MOST_TRIES)
        check_between("chaos", self.chaos, 0, 100)
        check_between("strength", self.strength if self.strength is not None else STRENGTH, 0, 1)
        check_between("strength", self.revision, 0, 1)
        check_between("extend", self.extend, 0, 2048)
        check_between("control strength", self.control_strength, 0, 2)
        if self.then:
            what, _, manner = self.then.partition(":")
            if what != THEN:
                raise UsageError(f"'{self.then}' cannot be done to a picture; write {THEN}: and a manner, {THEN}:oil.")
            if manner not in looks():
                raise unknown("manner", manner, looks())
        self.check_pictures()

    def check_pictures(self) -> None:
        for name, wanted in (("mask", self.mask), ("extend", self.extend)):
            if wanted and not self.image:
                raise UsageError(f"--{name} needs a picture to paint into; give one with --image.")
        if self.strength is not None and not self.image:
            raise UsageError("--strength needs a picture to start from; give one with --image.")
        if self.add and not self.mask:
            raise UsageError("--add needs to know where; give a picture with --image and a --mask that is white there.")
        for name, there in (("strength", self.strength is not None), ("extend", self.extend), ("then", self.then)):
            if self.add and there:
                raise UsageError(f"--add changes nothing else in the picture, so --{name} does not go with it.")
        if self.adapter and not (self.style_ref or self.pictures):
            raise UsageError("--adapter needs a picture to look at; give one with --style-ref or --image-prompt.")
        if bool(self.controlnet) != bool(self.control):
            raise UsageError("--controlnet and --control go together: a ControlNet, and a picture that leads it.")
        if self.style_ref and self.style:
            raise UsageError("Both --style and --style-ref are given; choose one of them.")
        if self.tile and self.image:
            raise UsageError("A tile cannot be painted into a picture; leave --tile or --image out.")
        if self.weights and len(self.weights) != len(self.pictures):
            raise UsageError(f"{len(self.weights)} weights and {len(self.pictures)} pictures came; give one for each.")
        if self.weights and not (min(self.weights) >= 0 and 0 < sum(self.weights) < float("inf")):
            raise UsageError(f"The weights {', '.join(f'{w:g}' for w in self.weights)} do not go; give some above 0.")

    @property
    def inputs(self) -> dict[str, Material | tuple[Material, ...]]:
        """The pictures it needs, by name."""
        named = {name: getattr(self, name) for name in INPUTS}
        return {name: found for name, found in named.items() if found}

    @property
    def side(self) -> int:
        """Of a square, in pixels, once it is settled."""
        assert isinstance(self.size, int)
        return self.size

    @property
    def closely(self) -> float:
        """The guidance, once it is settled."""
        assert self.guidance is not None
        return self.guidance

    def plain(self) -> dict[str, Any]:
        """For `Recipe.extra`: what the recipe has no field of its own for; what is absent was not asked for."""
        values = {name: getattr(self, name) for name in EXTRA} | {"weights": list(self.weights)}
        values["revision"] = self.revision if self.pictures else None
        values |= {name: [named(one) for one in values[name]] for name in PARTS_SEVERAL}
        values |= {name: named(values[name]) for name in PARTS}
        if self.tries == 1:
            values["tries"] = None
        if not self.controlnet:
            values |= {"control_kind": "", "control_strength": None}
        kept = {name: value for name, value in values.items() if value or (value is not None and name in ZERO_COUNTS)}
        shas = {name: [m.sha for m in one] if isinstance(one, tuple) else one.sha for name, one in self.inputs.items()}
        return kept | ({"inputs": shas} if shas else {})


INPUTS = ("image", "mask", "style_ref", "pictures", "control")
OWN = ("prompt", "negative", "steps", "guidance")
"""what a Recipe has fields for"""
OPTIONS = {"loras": "lora", "embeddings": "embedding"}
"""as they are called on the command line"""
ZERO_COUNTS = ("strength", "revision", "control_strength")
"""settings of which 0 is not the same as nothing"""
EXTRA = tuple(f.name for f in fields(Commission) if f.name not in (*INPUTS, *OWN))


def named(text: str) -> str:
    """What a file is called, with its weight.

    >>> named("/home/me/models/ink.safetensors:0.8"), named("")
    ('ink.safetensors:0.8', '')
    """
    path, weight = weighted(text)
    return PurePath(path).name + ("" if weight is None else f":{weight:g}")


def weighted(text: str) -> tuple[str, float | None]:
    """'file:0.8' -> ('file', 0.8); None where no weight is given.

    >>> weighted("C:/ink.safetensors"), weighted("ink:1.2")
    (('C:/ink.safetensors', None), ('ink', 1.2))
    """
    path, colon, number = text.rpartition(":")
    try:
        return (path, float(number)) if colon else (text, None)
    except ValueError:
        return text, None


def one_size(size: int | str | None) -> int | str | None:
    """A size in one of its two forms; '512x512' is 512. Raises UsageError.

    >>> one_size("512"), one_size("768x512"), one_size("64x64"), one_size(None)
    (512, '768x512', 64, None)
    """
    if size is None:
        return None
    sides = str(size).lower().split("x")
    if len(sides) > 2 or not all(side.isdecimal() and len(side) < 6 and int(side) for side in sides):
        raise UsageError(f"A size of {str(size)[:40]} is not possible; give a side such as 512, or WIDTHxHEIGHT.")
    wide, high = int(sides[0]), int(sides[-1])
    return wide if wide == high else f"{wide}x{high}"


def check_between(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise UsageError(f"{name} {value:g} is not possible; choose {least:g} to {most:g}.")


def from_recipe(recipe: Recipe, brought: Mapping[str, Material]) -> Commission:
    """The commission behind a picture. `brought`: pictures by their sha.

    NotFoundError where one is missing, BadInputError where the recipe makes no sense.
    """
    try:
        extra = {name: value for name, value in recipe.extra.items() if name in EXTRA}
        extra |= {name: tuple(extra.get(name, ())) for name in ("weights", *PARTS_SEVERAL)}
        inputs = {name: shas for name, shas in recipe.extra.get("inputs", {}).items() if name in INPUTS}
        pictures = {name: found(name, shas, brought) for name, shas in inputs.items()}
        own = {name: getattr(recipe, name) for name in OWN} | {"prompt": recipe.prompt or ""}
        return Commission(**own | extra | pictures)
    except (TypeError, ValueError, AttributeError) as error:
        raise BadInputError(f"The recipe inside the picture is broken ({error}); the picture may be fine.") from None


def found(name: str, sha: str | Sequence[str], brought: Mapping[str, Material]) -> Any:
    """One material, or several."""
    if not isinstance(sha, str):
        return tuple(found(name, one, brought) for one in sha)
    if sha not in brought:
        what = {"style_ref": "style reference", "pictures": "picture", "control": "picture of the ControlNet"}.get(
            name, name
        )
        raise NotFoundError(f"The {what} that it was made with ({sha[:12]}) is missing; name that file with --image.")
    return brought[sha]
