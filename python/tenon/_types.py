"""Types of others that the stub names."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor as TorchTensor  # type: ignore[import-not-found,unused-ignore]

    __all__ = ["TorchTensor"]
