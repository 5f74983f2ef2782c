"""PyTorch modules in, refitted under their own names.

compiled = tenon.torch.compile(model, (x,))
y = compiled(x)
compiled.refit(trained.state_dict())
"""

try:
    import torch as _torch  # noqa: F401
except ImportError as error:  # pragma: no cover
    raise ImportError("tenon.torch needs PyTorch: pip install tenon[torch]") from error

from typing import Any as _Any

from tenon.torch import dynamo, logging, runtime
from tenon.torch._archive import load, save
from tenon.torch._bank import Bank
from tenon.torch._cache import BaseEngineCache
from tenon.torch._compile import compile
from tenon.torch._device import Device
from tenon.torch._dtype import dtype
from tenon.torch._input import Input
from tenon.torch._module import CompiledModule
from tenon.torch._mutable import MutableModule
from tenon.torch._part import State
from tenon.torch._refit import RefitReport, refit_module_weights

MutableTorchTensorRTModule = MutableModule  # its name in torch_tensorrt


def backend(module: _Any, inputs: _Any, **options: _Any) -> _Any:
    """torch.compile's backend "tenon", for those who import it; its options are compile()'s.

    model = torch.compile(model, backend=tenon.torch.backend)"""
    from tenon.torch import _dynamo

    return _dynamo.backend(module, inputs, **options)


__all__ = [
    "Bank",
    "BaseEngineCache",
    "CompiledModule",
    "Device",
    "Input",
    "MutableModule",
    "MutableTorchTensorRTModule",
    "RefitReport",
    "State",
    "backend",
    "compile",
    "dtype",
    "dynamo",
    "load",
    "logging",
    "refit_module_weights",
    "runtime",
    "save",
]
