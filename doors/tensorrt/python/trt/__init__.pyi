# What type checkers see of tenon.trt: the bindings, extents, data types, functions. Names that are
# looked up by nobody's types (plugins, parsers of other formats) are Any.
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

import numpy

from tenon._trt import *
from tenon._trt import DataType, EngineCapability, ILogger

__version__: str
tenon_version: str

float32: DataType
float16: DataType
bfloat16: DataType
int8: DataType
int32: DataType
int64: DataType
uint8: DataType
bool: DataType
fp8: DataType
int4: DataType
fp4: DataType
e8m0: DataType

class Dims(Sequence[int]):
    MAX_DIMS: int
    def __init__(self, shape: Iterable[int] = ()) -> None: ...
    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[int, ...]: ...  # type: ignore[override]
    def __setitem__(self, index: int | slice, value: int | Iterable[int]) -> None: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[int]: ...

class Dims2(Dims):
    def __init__(self, *dims: int, **named: int) -> None: ...

class DimsHW(Dims2):
    h: int
    w: int

class Dims3(Dims):
    def __init__(self, *dims: int, **named: int) -> None: ...

class Dims4(Dims):
    def __init__(self, *dims: int, **named: int) -> None: ...

class Permutation(Sequence[int]): ...

def volume(iterable: Iterable[int]) -> int: ...
def nptype(trt_type: DataType) -> type[numpy.generic]: ...
def init_libnvinfer_plugins(logger: ILogger | None, namespace: str) -> int: ...
def get_plugin_registry() -> Any: ...
def get_builder_plugin_registry(capability: EngineCapability) -> Any: ...
def install() -> None: ...
def __getattr__(name: str) -> Any: ...
