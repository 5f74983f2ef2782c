"""Reads low-rank adapters: PEFT's folders and files, kohya's and diffusers' files, as changes of named weights."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from tenon import RefitError
from tenon.torch import _names, _safetensors, _sources
from tenon.torch._tensors import error_with

#: Parts of keys that mean another method than A and B; taking them for these gives wrong answers.
_OTHERS = {
    "dora_scale": "kohya's DoRA", "hada_w": "LoHa", "lokr_w": "LoKr",
    "lora_mid": "a Tucker decomposition", ".oft_": "OFT", "vera_": "VeRA",
}  # fmt: skip
_DOWN = r"(?:\.lora_A(?:\.\w+)?\.weight|\.lora_embedding_A(?:\.\w+)?|[._]lora[._]down\.weight)"
_UP = r"(?:\.lora_B(?:\.\w+)?\.weight|\.lora_embedding_B(?:\.\w+)?|[._]lora[._]up\.weight)"
_BIAS = r"\.lora_B(?:\.\w+)?\.bias"
_MAGNITUDE = r"\.lora_magnitude_vector(?:\.(?!weight$)\w+)?(?:\.weight)?"
_KINDS = {"a": _DOWN, "b": _UP, "alpha": r"\.alpha", "bias": _BIAS, "magnitude": _MAGNITUDE}
_PREFIXES = ("base_model.model.", "unet.", "transformer.", "text_encoder.")
_KOHYA = ("lora_unet_", "lora_te1_", "lora_te2_", "lora_te_")


@dataclass
class LowRank:
    """W' = W + s · scaling · (b · a), laid out as the weight is; with DoRA's magnitude m,
    W' = m / ‖row of that‖ · that."""

    a: torch.Tensor  # [rank, columns]
    b: torch.Tensor  # [rows, rank]
    scaling: float
    magnitude: torch.Tensor | None = None
    turned: bool = False  # magnitudes are of columns, for a weight that is kept transposed

    def delta(self, shape: torch.Size, scale: float) -> torch.Tensor:
        """The change for one scale, in float32."""
        product: torch.Tensor = self.b.float() @ self.a.float()
        change: torch.Tensor = product.reshape(shape)
        return change * (self.scaling * scale)

    def renormalised(self, weight: torch.Tensor) -> torch.Tensor:
        """DoRA's last step, over the changed weight."""
        assert self.magnitude is not None
        rows: torch.Tensor = weight.T if self.turned else weight.flatten(1)
        rows = rows * (self.magnitude.float().reshape(-1, 1) / rows.norm(dim=1, keepdim=True))
        return (rows.T if self.turned else rows).reshape(weight.shape)


@dataclass
class Adapter:
    """What one adapter changes: weights by low rank, biases by a sum, and weights that it replaces."""

    changes: dict[str, LowRank] = field(default_factory=dict)
    shifts: dict[str, tuple[torch.Tensor, float]] = field(default_factory=dict)  # with their scalings
    replaced: dict[str, torch.Tensor] = field(default_factory=dict)


def read(source: Any, config: Mapping[str, Any] | None, shapes: Mapping[str, torch.Size]) -> Adapter:
    """The adapter for a module whose weights have `shapes`. RefitError holds every problem."""
    tensors, found = _opened(source)
    settings = {**found, **(config or {})}
    problems = [
        f'adapter: "{key}" is of {what}, which is not supported'
        for key in tensors
        for part, what in _OTHERS.items()
        if part in key
    ]
    for name in ("layer_replication", "target_parameters"):
        if settings.get(name):
            problems.append(f"adapter: its configuration has {name}, which is not supported")
    if settings.get("peft_type", "LORA") != "LORA":
        problems.append(f"adapter: it is of the type {settings['peft_type']}; there is LORA")
    if problems:
        raise error_with(RefitError, problems)
    adapter, problems = _assembled(tensors, settings, shapes)
    if problems:
        raise error_with(RefitError, problems)
    return adapter


def _opened(source: Any) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The tensors, and PEFT's configuration where there is one."""
    if isinstance(source, Mapping):
        return _sources.read(source).tensors, {}
    path = Path(os.fspath(source))
    folder = path if path.is_dir() else path.parent
    file = folder / "adapter_model.safetensors" if path.is_dir() else path
    if not file.exists():
        raise RefitError(f'"{file}": No such file or directory', "io")
    tensors = _safetensors.read(file) if file.suffix == ".safetensors" else _sources.read(file).tensors
    config = folder / "adapter_config.json"
    if not config.exists() or (not path.is_dir() and path.name != "adapter_model.safetensors"):
        return tensors, {}
    try:
        settings = json.loads(config.read_bytes())
    except ValueError as error:
        raise RefitError(f'"{config}": is no JSON: {error}', "bad_file") from error
    if not isinstance(settings, dict):
        raise RefitError(f'"{config}": is no JSON object', "bad_file")
    return tensors, settings


def _assembled(
    tensors: Mapping[str, torch.Tensor], settings: Mapping[str, Any], shapes: Mapping[str, torch.Size]
) -> tuple[Adapter, list[str]]:
    adapter = Adapter()
    problems: list[str] = []
    pairs: dict[str, dict[str, Any]] = {}
    for key, tensor in tensors.items():
        for kind, pattern in _KINDS.items():
            if match := re.fullmatch(rf"(.+?){pattern}", key):
                pairs.setdefault(match[1], {})[kind] = tensor
                if ".lora_embedding_" in key:
                    pairs[match[1]]["embedding"] = tensor
                break
        else:
            _take_replaced(adapter, problems, key, tensor, shapes)
    for module, pair in pairs.items():
        target = _target(module, shapes)
        if target is None:
            problems.append(
                _names.unknown(_stripped(module), _modules(shapes)).replace("weights:", "adapter:")
            )
        elif missing := [kind for kind in ("a", "b") if kind not in pair]:
            problems.append(f'adapter: "{module}" has no factor {missing[0].upper()}')
        elif target in adapter.changes:
            problems.append(f'adapter: "{module}" changes "{target}" a second time')
        elif isinstance(made := _low_rank(target, pair, settings, shapes[target]), str):
            problems.append(f'adapter: "{module}" {made}')
        else:
            adapter.changes[target] = made
            if "bias" in pair and (why := _shift(adapter, target, pair["bias"], made.scaling, shapes)):
                problems.append(f'adapter: "{module}" {why}')
    return adapter, problems


def _low_rank(
    target: str, pair: Mapping[str, Any], settings: Mapping[str, Any], shape: torch.Size
) -> LowRank | str:
    """The change of one weight, or what is wrong with it."""
    a, b = pair["a"], pair["b"]
    rank = a.shape[0]
    if a.dim() < 2 or b.dim() < 2 or b.shape[1] != rank or math.prod(b.shape[2:]) != 1:
        return f"has factors {list(a.shape)} and {list(b.shape)}, whose ranks do not meet"
    rows, columns = b.shape[0], math.prod(a.shape[1:])
    plain = (rows, columns) == (shape[0], math.prod(shape[1:]))
    turned = len(shape) == 2 and (columns, rows) == tuple(shape)
    if not plain and not turned:
        return f'makes {[rows, columns]}, "{target}" has {list(shape)}'
    wants = bool(settings.get("fan_in_fan_out")) and len(shape) == 2
    transposed = turned and (wants or not plain)
    a, b = a.flatten(1), b.flatten(1)
    if transposed:
        a, b = b.T, a.T
    made = LowRank(a.clone(), b.clone(), _scaling(target, pair, settings, rank))
    magnitude = pair.get("magnitude")
    if magnitude is None:
        wanted = bool(settings.get("use_dora"))
        return "has no lora_magnitude_vector, and its configuration has use_dora" if wanted else made
    if "embedding" in pair:
        return "is DoRA of an embedding, which is not supported"
    if magnitude.numel() != rows:
        return f"has {magnitude.numel()} magnitudes for {rows} rows"
    made.magnitude, made.turned = magnitude.clone(), transposed
    return made


def _shift(
    adapter: Adapter, target: str, bias: torch.Tensor, scaling: float, shapes: Mapping[str, torch.Size]
) -> str | None:
    """Takes what an adapter adds to the bias beside `target`; or says why not."""
    name = target.removesuffix("weight") + "bias"
    if name not in shapes:
        return f'changes a bias, and there is no "{name}"'
    if shapes[name] != bias.shape:
        return f'has a bias of {list(bias.shape)}, "{name}" has {list(shapes[name])}'
    adapter.shifts[name] = bias.clone(), scaling
    return None


def _scaling(target: str, pair: Mapping[str, Any], settings: Mapping[str, Any], rank: int) -> float:
    module = target.rpartition(".")[0]
    alpha = float(pair["alpha"]) if "alpha" in pair else settings.get("lora_alpha", rank)
    for pattern, value in (settings.get("alpha_pattern") or {}).items():
        if re.fullmatch(rf"(.*\.)?({pattern})", module):
            alpha = value
            break
    return float(alpha) / (math.sqrt(rank) if settings.get("use_rslora") else rank)


def _take_replaced(
    adapter: Adapter, problems: list[str], key: str, tensor: torch.Tensor, shapes: Mapping[str, torch.Size]
) -> None:
    """A weight that was trained whole: modules_to_save, and biases."""
    name = _stripped(key).replace(".base_layer.", ".").replace(".modules_to_save.default.", ".")
    if name not in shapes:
        problems.append(_names.unknown(_stripped(key), shapes).replace("weights:", "adapter:"))
    elif shapes[name] != tensor.shape:
        problems.append(f'adapter: "{key}" has shape {list(tensor.shape)}, "{name}" has {list(shapes[name])}')
    else:
        adapter.replaced[name] = tensor.clone()


def _target(module: str, shapes: Mapping[str, torch.Size]) -> str | None:
    """The weight that a key's module means."""
    path = _stripped(module).replace(".base_layer", "")
    for prefix in _KOHYA:
        if path.startswith(prefix):
            flat = path.removeprefix(prefix)
            fits = [name for name in _modules(shapes) if name.replace(".", "_") == flat]
            path = fits[0] if len(fits) == 1 else path
    path = path.replace(".processor", "")
    return next((name for name in (f"{path}.weight", f"{path}.in_proj_weight") if name in shapes), None)


def _stripped(key: str) -> str:
    for prefix in _PREFIXES:
        key = key.removeprefix(prefix)
    return key


def _modules(shapes: Collection[str]) -> list[str]:
    return sorted({name.rpartition(".")[0] for name in shapes if name.endswith("weight")})
