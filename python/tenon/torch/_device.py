"""Device: where a module runs, as scripts for torch_tensorrt say it."""

from __future__ import annotations

from tenon import InputError


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
