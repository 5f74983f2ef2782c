"""What an engine's ports look like, as text: enough to trace a call without running it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import torch

from tenon.torch._extent import evaluate
from tenon.torch._signature import Leaf, Signature

VERSION = 1


def spec_of(signature: Signature) -> str:
    """JSON: each port's dtype, and its extents as numbers or expressions over named extents."""
    ports = {
        "version": VERSION,
        "inputs": [_port(leaf) for leaf in signature.inputs if leaf.is_tensor],
        "outputs": [_port(leaf) for leaf in signature.outputs if leaf.is_tensor],
    }
    return json.dumps(ports, separators=(",", ":"))


def _port(leaf: Leaf) -> dict[str, Any]:
    return {"name": leaf.path, "dtype": str(leaf.dtype).removeprefix("torch."), "shape": list(leaf.shape)}


def dtype_of(port: dict[str, Any]) -> torch.dtype:
    dtype = getattr(torch, port["dtype"], None)
    if not isinstance(dtype, torch.dtype):
        raise ValueError(f"spec: {port['dtype']!r} is no dtype of torch")
    return dtype


def extents_of(spec: str, inputs: Sequence[torch.Tensor]) -> dict[str, Any]:
    """The named extents of inputs."""
    extents: dict[str, Any] = {}
    for port, tensor in zip(json.loads(spec)["inputs"], inputs):
        for wanted, size in zip(port["shape"], tensor.shape):
            if isinstance(wanted, str) and wanted.isidentifier():
                extents.setdefault(wanted, size)
    return extents


def results(spec: str, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    """Outputs without values, for inputs that may have symbols as extents."""
    ports = json.loads(spec)
    extents = extents_of(spec, inputs)
    device = inputs[0].device if inputs else torch.device("cpu")
    return [
        torch.empty([evaluate(each, extents) for each in port["shape"]], dtype=dtype_of(port), device=device)
        for port in ports["outputs"]
    ]
