"""Names lead to things, and a name that does not exist leads to near ones."""

import uuid

import pytest

from danqing import registry
from danqing.errors import NotFoundError, UsageError, unknown
from danqing.registry import get, names, register


def test_a_registered_thing_is_listed_and_found() -> None:
    kind = uuid.uuid4().hex
    thing = register(kind, "b")(object())
    register(kind, "a")(object())
    assert names(kind) == ["a", "b"] and get(kind, "b") is thing


def test_a_name_is_taken_once() -> None:
    kind = uuid.uuid4().hex
    register(kind, "a")(test_a_name_is_taken_once)
    with pytest.raises(UsageError, match=f"{kind} 'a' is registered twice.*test_a_name_is_taken_once"):
        register(kind, "a")(len)


@pytest.mark.parametrize(("kind", "wrong", "near"), [
    ("sampler", "huen", "heun"), ("family", "difusion", "diffusion"), ("optimizer", "adamW", "adamw"),
    ("metric", "recal", "recall"), ("source", "fashion_mnist", "fashion-mnist"),
])  # fmt: skip
def test_near_names_are_offered(kind: str, wrong: str, near: str) -> None:
    with pytest.raises(NotFoundError, match=f"no {kind} named '{wrong}'; did you mean .*{near}") as caught:
        get(kind, wrong)
    assert caught.value.exit_code == 3 and caught.value.__suppress_context__


def test_a_name_like_nothing_else_gets_the_list() -> None:
    assert str(unknown("sampler", "qqqqq", ["b", "a"])).endswith("known: a, b.")
    assert names(uuid.uuid4().hex) == []


def test_every_home_registers_something() -> None:
    for kind in registry._HOMES:
        assert names(kind), kind
