"""compiled.adapters: low-rank changes over the base weights, which are kept and never subtracted from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch

from tenon import InputError, RefitError
from tenon.torch import _lora
from tenon.torch._part import State
from tenon.torch._tensors import error_with

if TYPE_CHECKING:
    from tenon.torch._module import CompiledModule


class Adapters:
    """Named adapters of one module. A weight is always f(W + Σ s·B·A) of its base W, summed by name.

    compiled.adapters.add("style", "style_lora"); compiled.adapters.set({"style": 0.7})"""

    def __init__(self, module: CompiledModule, known: Mapping[str, _lora.Adapter] | None = None) -> None:
        self._module = module
        self._known = dict(known or {})

    def add(
        self, name: str, source: Any, scale: float = 1.0, *, config: Mapping[str, Any] | None = None
    ) -> None:
        """Reads a PEFT folder, a file, or a mapping (with PEFT's `config`), and adds it. All or nothing."""
        with self._module._program.lock:
            if name in self._known:
                raise InputError(f'adapter "{name}" is there already; remove() it first', "invalid_input")
            self._known[name] = _lora.read(source, config, self._shapes())
            try:
                self.set({**self.active, name: scale})
            except BaseException:
                del self._known[name]
                raise

    def set(self, scales: Mapping[str, float]) -> None:
        """Makes these adapters the active ones, in one commit; the others are kept for later."""
        with self._module._program.lock:
            for name in scales:
                self._refuse_unknown(name)
            state = self._module._state
            self._module.publish(self.over(state.plain or state, scales))

    def scale(self, name: str, scale: float) -> None:
        """Changes the scale of one."""
        self.set({**self.active, name: scale})

    def remove(self, name: str) -> None:
        """Forgets one."""
        with self._module._program.lock:
            self._refuse_unknown(name)
            self.set({other: s for other, s in self.active.items() if other != name})
            del self._known[name]

    def clear(self) -> None:
        """Forgets all: the weights are the base's, to the bit."""
        with self._module._program.lock:
            self.set({})
            self._known.clear()

    @property
    def active(self) -> dict[str, float]:
        """The scales of the adapters that the next call takes."""
        return dict(self._module._state.active)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._known))

    def __contains__(self, name: object) -> bool:
        return name in self._known

    # The sum. ------------------------------------------------------------------------------------

    def over(self, base: State, scales: Mapping[str, float]) -> State:
        """A state of `base` under adapters; not published. RefitError for two that replace one weight."""
        used = {name: self._known[name] for name in sorted(scales) if scales[name] != 0}
        if not used:
            return base
        program = self._module._program
        touched = sorted({t for each in used.values() for t in (*each.changes, *each.shifts, *each.replaced)})
        self._refuse_clashes(used, touched)
        sets, tensors = list(base.sets), dict(base.tensors)
        for part in program.parts:
            if own := [name for name in touched if name in part.weights]:
                by_core = [name for name in own if _is_sum(name, used)]
                whole = self._merged(base, [name for name in own if name not in by_core], used, scales)
                replaced = {n: t for n in by_core if (t := _replaced(n, used)) is not None}
                terms = [
                    (name, adapter, each.changes[name], scales[adapter])
                    for adapter, each in used.items()
                    for name in by_core
                    if name in each.changes
                ]
                sets[part.index] = part.prepare(base.sets[part.index], {**whole, **replaced}, terms)
        tensors.update(self._merged(base, [n for n in touched if n in program.torch_weights], used, scales))
        active = tuple((name, float(scales[name])) for name in sorted(scales))
        return State(next(program.versions), tuple(sets), tensors, base, active)

    def merged(self, state: State) -> dict[str, torch.Tensor]:
        """The weights that a state's adapters change, as torch sums them."""
        used = {name: self._known[name] for name, scale in state.active if scale != 0}
        touched = {t for each in used.values() for t in (*each.changes, *each.shifts, *each.replaced)}
        return self._merged(state.plain or state, sorted(touched), used, dict(state.active))

    def _merged(
        self, base: State, names: list[str], used: Mapping[str, _lora.Adapter], scales: Mapping[str, float]
    ) -> dict[str, torch.Tensor]:
        values = self._values(base, names) if names else {}
        return {name: _merged(name, value, used, scales) for name, value in values.items()}

    def _values(self, base: State, names: list[str]) -> dict[str, torch.Tensor]:
        program, found = self._module._program, {}
        for part in program.parts:
            found.update(part.values(base.sets[part.index], [n for n in names if n in part.weights]))
        return {**found, **{name: base.tensors[name] for name in names if name not in found}}

    def _shapes(self) -> dict[str, torch.Size]:
        """Of every weight that an adapter may change, under all its names' owners."""
        program, state = self._module._program, self._module._state
        shapes = {n: torch.Size(w.shape) for part in program.parts for n, w in part.engine.weights.items()}
        shapes.update((name, state.tensors[name].shape) for name in program.torch_weights)
        return {name: shape for name, shape in shapes.items() if name not in program.calculated}

    def _refuse_unknown(self, name: str) -> None:
        if name not in self._known:
            there = ", ".join(sorted(self._known)) or "none"
            raise InputError(f'there is no adapter "{name}"; there are {there}', "invalid_input")

    def _refuse_clashes(self, used: Mapping[str, _lora.Adapter], touched: Iterable[str]) -> None:
        problems = []
        for target in touched:
            replacing = [name for name, each in used.items() if target in each.replaced]
            renormalising = [n for n, each in used.items() if _renormalises(each, target)]
            others = [n for n, each in used.items() if target in each.changes and n not in renormalising[:1]]
            if renormalising and others:
                problems.append(
                    f'adapters: "{renormalising[0]}" is DoRA of "{target}", which "{others[0]}" changes too; '
                    "such changes have no sum"
                )
            if len(replacing) > 1:
                problems.append(f'adapters: "{replacing[0]}" and "{replacing[1]}" both replace "{target}"')
        calculated = self._module._program.calculator
        if calculated is not None:
            inner = {name for name, _ in calculated.named_buffers()}
            problems += [
                f'adapters: "{t}" is computed from by torch at refits' for t in touched if t in inner
            ]
        if problems:
            raise error_with(RefitError, problems)


def _renormalises(adapter: _lora.Adapter, name: str) -> bool:
    return name in adapter.changes and adapter.changes[name].magnitude is not None


def _is_sum(name: str, used: Mapping[str, _lora.Adapter]) -> bool:
    """Whether low rank alone changes a weight: then the engine adds it, by rows."""
    return not any(_renormalises(each, name) or name in each.shifts for each in used.values())


def _replaced(name: str, used: Mapping[str, _lora.Adapter]) -> torch.Tensor | None:
    return next((each.replaced[name] for each in used.values() if name in each.replaced), None)


def _merged(
    name: str, base: torch.Tensor, used: Mapping[str, _lora.Adapter], scales: Mapping[str, float]
) -> torch.Tensor:
    """The weight under all adapters, in float32 and rounded once."""
    value = _replaced(name, used)
    wide = torch.float64 if base.dtype == torch.float64 else torch.float32
    total = (base if value is None else value).to(wide, copy=True)
    for adapter, each in used.items():
        if name in each.changes:
            total += each.changes[name].delta(base.shape, scales[adapter])
        if name in each.shifts:
            bias, scaling = each.shifts[name]
            total += bias.float() * (scaling * scales[adapter])
        if _renormalises(each, name):
            total = each.changes[name].renormalised(total)
    return total.to(base.dtype)
