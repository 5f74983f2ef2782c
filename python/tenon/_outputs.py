"""What a run returns."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]
else:
    Arrays = dict  # numpy is imported when an array asks for it


class Outputs(Arrays):
    """Outputs by name, and the version of the weights that made all of them.

    They are typed as arrays; a sequence is a list of them, an optional may be None, and what stays on a device is a Tensor.

        version = engine.run({"x": x}).version
    """

    __slots__ = ("version",)

    version: int
