"""Types of others that the stub names."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor as TorchTensor  # type: ignore[import-not-found,unused-ignore]

    Array = NDArray[Any]  # in a class that has a method of the name numpy
    __all__ = ["Array", "TorchTensor"]
