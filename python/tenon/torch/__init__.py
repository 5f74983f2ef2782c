"""PyTorch modules in, refitted under their own names.

    compiled = tenon.torch.compile(model, (x,))
    y = compiled(x)
    compiled.refit(trained.state_dict())
"""

try:
    import torch as _torch  # noqa: F401
except ImportError as error:  # pragma: no cover
    raise ImportError("tenon.torch needs PyTorch: pip install tenon[torch]") from error

from tenon.torch._archive import load, save
from tenon.torch._compile import compile
from tenon.torch._module import CompiledModule
from tenon.torch._part import State
from tenon.torch._refit import RefitReport, refit_module_weights

__all__ = ["CompiledModule", "RefitReport", "State", "compile", "load", "refit_module_weights", "save"]
