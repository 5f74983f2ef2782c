"""CUDA's Python functions answer tuples: an error code, then values, or None in their place."""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable
from typing import Any

from . import host


class Named(enum.IntEnum):
    """A number that prints its name."""

    __str__ = enum.Enum.__str__


class Codes:
    """The error codes of one interface."""

    def __init__(self, success: enum.IntEnum, value: enum.IntEnum, memory: enum.IntEnum) -> None:
        self.success, self.value, self.memory = success, value, memory
        self.last = success

    def answers(self, values: int = 0) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Of a function that gives so many values: none as None, one as itself, more as a tuple."""

        def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(function)
            def called(*args: Any, **kwargs: Any) -> tuple[Any, ...]:
                try:
                    given = function(*args, **kwargs)
                except host.InvalidValue:
                    self.last = self.value
                except host.OutOfMemory:
                    self.last = self.memory
                else:
                    if isinstance(given, enum.IntEnum) and type(given) is type(self.success):
                        self.last = given
                        return (given, *[None] * values)
                    return (self.success, *((given,) if values == 1 else given or ()))
                return (self.last, *[None] * values)

            return called

        return wrap
