"""TensorRT's Python interface over Tenon; `python -m tenon.trt script.py` runs a script on it."""

from __future__ import annotations

import tenon as _tenon

from tenon import _trt
from tenon._trt import *  # noqa: F403

from . import _callbacks, _old
from ._dims import Dims, Dims2, Dims3, Dims4, DimsHW, Permutation
from ._old import CaffeParser, IFullyConnectedLayer, UffParser
from ._plugins import *  # noqa: F403
from ._runner import install
from ._types import (
    bfloat16,
    bool,  # noqa: A004
    e8m0,
    float16,
    float32,
    fp4,
    fp8,
    int4,
    int8,
    int32,
    int64,
    nptype,
    uint8,
    volume,
)

__version__ = ".".join(map(str, _trt.version_numbers))
tenon_version = _tenon.__version__

ResizeMode, SliceMode = InterpolationMode, SampleMode  # noqa: F405

for _level in ILogger.Severity:  # noqa: F405
    setattr(Logger, _level.name, _level)  # noqa: F405
del _level
Logger.Severity = ILogger.Severity  # noqa: F405


def init_libnvinfer_plugins(logger: object, namespace: str) -> object:
    """There are no plugins to register."""
    return True


_NOT_LEAN = {
    "Builder", "IBuilderConfig", "NetworkDefinitionCreationFlag", "INetworkDefinition", "ITensor",
    "LayerType", "ActivationType", "PoolingType", "PaddingMode", "ScaleMode",
    "GatherMode", "ScatterMode", "TopKOperation", "SampleMode", "InterpolationMode",
    "ResizeCoordinateTransformation", "ResizeSelector", "ResizeRoundMode", "FillOperation",
    "BoundingBoxFormat", "CumulativeOperation", "LoopOutput", "TripLimit", "CollectiveOperation",
    "AttentionNormalizationOp", "KVCacheMode", "MoEActType",
    "ElementWiseOperation", "UnaryOperation", "ReduceOperation", "MatrixOperation",
    "init_libnvinfer_plugins", "install", "OnnxParser", "OnnxParserRefitter", "ParserError",
    "CaffeParser", "IFullyConnectedLayer", "UffParser", "get_builder_plugin_registry",
    "ILoop", "IIfConditional", "EngineInspector", "ResizeMode", "SliceMode",
    "OnnxParserFlag", "ErrorCode", "get_nv_onnx_parser_version",
}  # fmt: skip


def lean_names() -> list[str]:
    """What tensorrt_lean and tensorrt_dispatch have: nothing that builds."""

    def builds(name: str) -> object:
        found = globals()[name]
        return name in _NOT_LEAN or (isinstance(found, type) and issubclass(found, ILayer))  # noqa: F405

    return [name for name in __all__ if not builds(name) and name != "lean_names"]


__all__ = [name for name in dir() if not name.startswith("_")] + ["__version__"]
