"""dtype: element types by torch_tensorrt's names."""

from __future__ import annotations

import enum

import torch


class dtype(enum.Enum):
    """What Input(dtype=…) takes beside torch's own.

    tenon.torch.Input((1, 3), dtype=tenon.torch.dtype.half)"""

    b = bool = torch.bool
    u8 = uint8 = torch.uint8
    i8 = int8 = torch.int8
    i32 = int32 = int = torch.int32
    i64 = int64 = long = torch.int64
    f16 = fp16 = half = float16 = torch.float16
    bf16 = bfloat16 = torch.bfloat16
    f32 = fp32 = float = float32 = torch.float32
    f64 = fp64 = double = float64 = torch.float64

    def to(self, target: type | None = None) -> torch.dtype:
        """torch's."""
        return self.value


def of_torch(given: torch.dtype | dtype) -> torch.dtype:
    """torch's dtype for either."""
    return given.value if isinstance(given, dtype) else given
