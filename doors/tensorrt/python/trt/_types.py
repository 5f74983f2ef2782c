"""Data types beside NumPy's."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from tenon._trt import (
    BuilderFlag,
    DataType,
    EngineCapability,
    LayerType,
    NetworkDefinitionCreationFlag,
    PaddingMode,
    ProfilingVerbosity,
    SampleMode,
)

_BYTES = {"FLOAT": 4, "HALF": 2, "BF16": 2, "INT32": 4, "INT64": 8, "INT4": 0.5, "FP4": 0.5}
_NUMPY = {
    "FLOAT": "float32",
    "HALF": "float16",
    "INT8": "int8",
    "INT32": "int32",
    "INT64": "int64",
    "BOOL": "bool_",
    "UINT8": "uint8",
}

DataType.itemsize = property(lambda self: _BYTES.get(self.name, 1))

for _enum, _alias, _name in (
    (BuilderFlag, "WEIGHTLESS", "STRIP_PLAN"),
    (BuilderFlag, "STRICT_TYPES", "OBEY_PRECISION_CONSTRAINTS"),
    (ProfilingVerbosity, "DEFAULT", "LAYER_NAMES_ONLY"),
    (ProfilingVerbosity, "VERBOSE", "DETAILED"),
    (EngineCapability, "DEFAULT", "STANDARD"),
    (EngineCapability, "SAFE_GPU", "SAFETY"),
    (EngineCapability, "SAFE_DLA", "DLA_STANDALONE"),
    (LayerType, "FULLY_CONNECTED", "CONVOLUTION"),  # what one is here
    (NetworkDefinitionCreationFlag, "EXPLICIT_PRECISION", "EXPLICIT_BATCH"),  # ignored, both
    (PaddingMode, "CAFFE_ROUND_DOWN", "EXPLICIT_ROUND_DOWN"),
    (SampleMode, "DEFAULT", "STRICT_BOUNDS"),
):
    setattr(_enum, _alias, _enum[_name])
    _enum._member_map_[_alias] = _enum[_name]

float32, float16, bfloat16 = DataType.FLOAT, DataType.HALF, DataType.BF16
int8, int32, int64, uint8 = DataType.INT8, DataType.INT32, DataType.INT64, DataType.UINT8
fp8, int4, fp4, e8m0 = DataType.FP8, DataType.INT4, DataType.FP4, DataType.E8M0
# `bool` hides Python's own in a script's `from tensorrt import *`, as it always did.
bool = DataType.BOOL  # noqa: A001


def volume(iterable: Iterable[int]) -> int:
    """The product of extents; 1 of none."""
    return math.prod(iterable)


def nptype(trt_type: DataType) -> Any:
    """NumPy's type for one of ours; TypeError where NumPy has none."""
    import numpy

    name = _NUMPY.get(trt_type.name)
    if name is None:
        raise TypeError("Could not resolve TensorRT datatype to an equivalent numpy datatype.")
    return getattr(numpy, name)
