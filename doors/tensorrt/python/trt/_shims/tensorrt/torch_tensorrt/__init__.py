"""torch_tensorrt's name for tenon.torch, under the runner."""

import torch._dynamo
from tenon.torch import *  # noqa: F403
from tenon.torch import __all__ as __all__
from tenon.torch import backend as _backend

from torch_tensorrt import dynamo as dynamo
from torch_tensorrt import logging as logging
from torch_tensorrt import runtime as runtime

#: The newest whose names tenon.torch has: what scripts compare with.
__version__ = "2.13.0+tenon"

for _name in ("tensorrt", "torch_tensorrt"):
    torch._dynamo.register_backend(_backend, name=_name)
