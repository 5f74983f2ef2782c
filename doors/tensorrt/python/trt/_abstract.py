"""Classes and methods that a script implements: their names and keywords, and nothing behind them."""

from __future__ import annotations

import inspect
from typing import Any


def _method(owner: str, text: str) -> Any:
    """`f(a, b)` as a method that says that it was not overridden."""
    name, _, parameters = text.rstrip(")").partition("(")

    def lacking(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{owner}.{name} is not overridden")

    named = [each for each in parameters.split(", ") if each]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    lacking.__signature__ = inspect.Signature([inspect.Parameter(each, kind) for each in ["self", *named]])  # type: ignore[attr-defined]
    lacking.__name__ = name
    return lacking


def put(owner: Any, *methods: str) -> None:
    """Gives a class methods for a script to override."""
    for text in methods:
        setattr(owner, text.partition("(")[0], _method(owner.__name__, text))


def declared(name: str, *members: str, base: type = object) -> type:
    """A class of abstract methods, and of attributes, which are None until they are set."""
    made = type(name, (base,), {"__module__": "tenon.trt", **{each: None for each in members if "(" not in each}})
    put(made, *(each for each in members if "(" in each))
    return made
