"""Extents as scripts handle them: sequences of int that take tuples and lists."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from typing import Any


class Dims:
    """Up to eight extents, outermost first; -1 is an unknown one."""

    MAX_DIMS = 8
    __slots__ = ("_extents",)
    _rank: int | None = None  # of a subclass

    def __init__(self, shape: Iterable[int] = ()) -> None:
        self._extents: list[int] | None = self._checked(shape)

    def _checked(self, shape: Iterable[int]) -> list[int]:
        extents = [operator.index(each) for each in shape]
        if len(extents) > self.MAX_DIMS:
            raise ValueError(f"a shape has at most 8 axes; this one has {len(extents)}")
        if self._rank is not None and len(extents) != self._rank:
            raise ValueError(f"{type(self).__name__} has {self._rank} extents, not {len(extents)}")
        return extents

    def _known(self) -> list[int]:
        if self._extents is None:
            raise ValueError("the rank of this shape is not known")
        return self._extents

    def __len__(self) -> int:
        return len(self._known())

    def __iter__(self) -> Iterator[int]:
        return iter(tuple(self._known()))

    def __getitem__(self, index: Any) -> Any:
        found = self._known()[index]
        return tuple(found) if isinstance(index, slice) else found

    def __setitem__(self, index: Any, value: Any) -> None:
        changed = list(self._known())
        if isinstance(index, slice):
            changed[index] = [operator.index(each) for each in value]
            if len(changed) != len(self):
                raise ValueError(f"{len(self)} extents cannot become {len(changed)}")
        else:
            changed[index] = operator.index(value)
        self._extents = changed

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Dims):
            return self._extents == other._extents
        if isinstance(other, (tuple, list)):
            return self._extents == list(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]  # extents may change

    def __repr__(self) -> str:
        return str(tuple(self._extents or ()))

    def __reduce__(self) -> tuple[Any, ...]:
        return (_remade, (type(self), self._extents))


def _remade(kind: type[Dims], extents: list[int] | None) -> Dims:
    made = kind.__new__(kind)
    made._extents = extents
    return made


def unknown() -> Dims:
    """Of a tensor whose rank is not known: without a length, printed as ()."""
    return _remade(Dims, None)


class _Ranked(Dims):
    __slots__ = ()

    def __init__(self, *extents: Any, **named: Any) -> None:
        if named:
            wanted = ["shape"] if "shape" in named else self._names()
            if extents or sorted(named) != sorted(wanted):
                raise TypeError(f"{type(self).__name__} takes {', '.join(self._names())}, or shape")
            extents = tuple(named[each] for each in wanted)
        if len(extents) == 1 and self._rank != 1 and not hasattr(extents[0], "__index__"):
            extents = tuple(extents[0])
        elif extents and len(extents) != self._rank:
            raise TypeError(f"{type(self).__name__} takes {self._rank} extents, or one sequence")
        super().__init__(extents or [0] * (self._rank or 0))

    def _names(self) -> list[str]:
        return [f"dim{axis}" for axis in range(self._rank or 0)]


class Dims2(_Ranked):
    __slots__ = ()
    _rank = 2


class DimsHW(Dims2):
    """Height and width."""

    __slots__ = ()

    def _names(self) -> list[str]:
        return ["h", "w"]

    h = property(lambda self: self[0], lambda self, value: self.__setitem__(0, value))
    w = property(lambda self: self[1], lambda self, value: self.__setitem__(1, value))


class Dims3(_Ranked):
    __slots__ = ()
    _rank = 3


class Dims4(_Ranked):
    __slots__ = ()
    _rank = 4


class Permutation(Dims):
    """Output axis i is input axis order[i]; the axes that are not given stay."""

    __slots__ = ()

    def __init__(self, order: Iterable[int] = ()) -> None:
        given = [operator.index(each) for each in order]
        super().__init__(given + list(range(len(given), self.MAX_DIMS)))
