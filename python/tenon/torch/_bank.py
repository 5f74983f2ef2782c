"""Bank: many sets of weights for one compiled module, chosen by name at each call."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from tenon import InputError
from tenon.torch import _refit, _sources
from tenon.torch._module import CompiledModule
from tenon.torch._part import State


class Bank:
    """Named sets of a module's weights, each made relative to the module's weights at that time.

    Above `max_bytes` the least used sets are dropped, and made again from their sources when asked for.

        bank = tenon.torch.Bank(compiled); bank["acme"] = "acme.safetensors"
        with bank.use("acme"): y = compiled(x)"""

    def __init__(self, compiled: CompiledModule, max_bytes: int | None = None) -> None:
        self._module, self._max_bytes = compiled, max_bytes
        self._base = compiled.state
        self._sources: dict[str, Any] = {}  # a Source, or scales of adapters
        self._states: OrderedDict[str, tuple[State, int]] = OrderedDict()
        self._lock = threading.RLock()

    def __setitem__(self, name: str, source: Any) -> None:
        """Makes or replaces an entry; calls under way keep theirs. RefitError changes nothing."""
        if isinstance(source, dict) and set(source) == {"adapters"}:
            read: Any = dict(source["adapters"])
        else:
            read = _sources.read(source, self._module._program.constants)
        if isinstance(read, dict):
            pass
        elif self._max_bytes is not None and not isinstance(
            source, (str, os.PathLike)
        ):  # what may change later
            read = _sources.Source({name: tensor.detach().clone() for name, tensor in read.tensors.items()})
        with self._lock:
            made = self._made(read)
            self._sources[name] = read
            self._keep(name, made)

    def __delitem__(self, name: str) -> None:
        with self._lock:
            self._known(name)
            del self._sources[name]
            self._states.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self._sources

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._sources))

    def __len__(self) -> int:
        return len(self._sources)

    def state(self, name: str) -> State:
        """The entry's weights, made again if they were dropped."""
        with self._lock:
            self._known(name)
            if name not in self._states:
                self._keep(name, self._made(self._sources[name]))
            self._states.move_to_end(name)
            return self._states[name][0]

    @contextlib.contextmanager
    def use(self, name: str) -> Iterator[None]:
        """Calls of the module in this context take the entry's weights."""
        token = self._module.chosen.set(self.state(name))
        try:
            yield
        finally:
            self._module.chosen.reset(token)

    def run(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, int]:
        """The outputs of one call with an entry, and the version that answered."""
        state = self.state(name)
        return self._module.run_with(state, args, kwargs), state.version

    def versions(self) -> dict[str, int]:
        """Of the entries that are made."""
        with self._lock:
            return {name: state.version for name, (state, _) in self._states.items()}

    def _known(self, name: str) -> None:
        if name not in self._sources:
            raise InputError(
                f'the bank has no "{name}"; it has {", ".join(sorted(self._sources)) or "nothing"}',
                "invalid_input",
            )

    def _made(self, source: Any) -> tuple[State, int]:
        if isinstance(source, dict):
            return self._module.adapters.over(self._base.plain or self._base, source), 0
        state, report = _refit.prepare(self._module, source, base=self._base)
        return state, sum(source.tensors[name].nbytes for name in source.tensors)

    def _keep(self, name: str, made: tuple[State, int]) -> None:
        self._states[name] = made
        self._states.move_to_end(name)
        if self._max_bytes is not None:
            while len(self._states) > 1 and sum(size for _, size in self._states.values()) > self._max_bytes:
                self._states.popitem(last=False)
