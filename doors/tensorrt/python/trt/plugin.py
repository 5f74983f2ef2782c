"""tensorrt.plugin: its names are there; defining a plugin is refused, for a network takes none."""

from __future__ import annotations

from typing import Any, NoReturn

from ._abstract import declared


def _refused(name: str) -> Any:
    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(f"tensorrt.plugin.{name}: Tenon has no plugins; say it in layers")

    refuse.__name__ = name
    return refuse


register, impl, aot_impl, autotune = map(_refused, ("register", "impl", "aot_impl", "autotune"))
cdiv, size_tensor, from_shape_expr = map(_refused, ("cdiv", "size_tensor", "from_shape_expr"))
max, min = _refused("max"), _refused("min")  # noqa: A001


class _Ops:
    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"tensorrt.plugin.op.{name}: no plugin is registered")


op = _Ops()

TensorDesc = declared("TensorDesc", "dtype", "shape_expr", "format", "scale")
Tensor = declared("Tensor", "dtype", "shape", "format", "scale", "strides")
Shape, ShapeExpr, ShapeExprs = declared("Shape"), declared("ShapeExpr"), declared("ShapeExprs", base=list)
SizeTensorShapeExpr, SizeTensorDesc = declared("SizeTensorShapeExpr", base=ShapeExpr), declared("SizeTensorDesc", base=TensorDesc)
SymInt8, SymInt16, SymInt32 = declared("SymInt8"), declared("SymInt16"), declared("SymInt32")
SymIntExprs, SymExprs = declared("SymIntExprs", base=list), declared("SymExprs", base=list)
KernelLaunchParams = declared("KernelLaunchParams", "grid_x", "grid_y", "grid_z", "block_x", "block_y", "block_z", "shared_mem")
AutoTuneCombination = declared("AutoTuneCombination")
