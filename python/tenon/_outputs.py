"""What a run returns."""

from typing import Any


class Outputs(dict[str, Any]):
    """Outputs by name, and the version of the weights that made all of them.

        version = engine.run({"x": x}).version
    """

    __slots__ = ("version",)

    version: int
