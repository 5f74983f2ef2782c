"""Device: where a module runs, as scripts for torch_tensorrt say it."""

from __future__ import annotations

from typing import Any

import torch

from tenon import InputError

#: Types that mean another one in this process: {"cuda": "cpu"} under `python -m tenon.trt --cuda=host`.
stand_ins: dict[str, str] = {}


class Device:
    """A device by its name, or by the number of a GPU.

    tenon.torch.compile(model, (x,), device=tenon.torch.Device("cpu"))"""

    def __init__(self, spec: str | None = None, *, gpu_id: int | None = None) -> None:
        if (spec is None) == (gpu_id is None):
            raise InputError('Device: give a name as "cpu", or gpu_id', "invalid_input")
        self.name = f"cuda:{gpu_id}" if spec is None else spec.replace("gpu", "cuda")

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"Device({self.name!r})"


def type_of(device: Any) -> str:
    """The type of torch's device, or of a Device, by whatever name."""
    named = torch.device(device if isinstance(device, int) else str(device)).type
    return stand_ins.get(named, named)
