"""Names of 7.x and 8.x beside today's: each works on the same objects and warns once a process."""

from __future__ import annotations

import inspect

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tenon import _trt

from ._deprecated import use, warn
from ._dims import DimsHW

Flag = _trt.BuilderFlag


def method(owner: Any, instead: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Puts a function on a class, under its own name."""

    def put(function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__

        def told(self: Any, *args: Any, **kwargs: Any) -> Any:
            use(f"{owner.__name__}.{name}", instead)
            return function(self, *args, **kwargs)

        told.__name__, told.__doc__ = name, function.__doc__
        told.__wrapped__ = function  # type: ignore[attr-defined]
        setattr(owner, name, told)
        return function

    return put


def attribute(owner: Any, name: str, instead: str, get: Callable[[Any], Any], put: Callable[[Any, Any], None] | None = None) -> None:
    def read(self: Any) -> Any:
        use(f"{owner.__name__}.{name}", instead)
        return get(self)

    def write(self: Any, value: Any) -> None:
        use(f"{owner.__name__}.{name}", instead)
        if put is not None:
            put(self, value)

    setattr(owner, name, property(read, write if put is not None else None))


# --- builders and configurations

WORKSPACE = _trt.MemoryPoolType.WORKSPACE
_MODES = {
    "fp16_mode": Flag.FP16,
    "int8_mode": Flag.INT8,
    "strict_type_constraints": Flag.OBEY_PRECISION_CONSTRAINTS,
    "refittable": Flag.REFIT,
    "debug_sync": Flag.DEBUG,
}


def _kept(owner: Any) -> dict[str, Any]:
    if not hasattr(owner, "_old"):
        owner._old = {}
    kept: dict[str, Any] = owner._old
    return kept


attribute(
    _trt.Builder,
    "max_batch_size",
    "an optimization profile",
    lambda self: self._max_batch_size,
    lambda self, size: setattr(self, "_max_batch_size", int(size)),
)
attribute(
    _trt.Builder,
    "max_workspace_size",
    "IBuilderConfig.set_memory_pool_limit",
    lambda self: _kept(self).get("workspace", 0),
    lambda self, size: _kept(self).__setitem__("workspace", int(size)),
)
for _name, _flag in _MODES.items():
    attribute(
        _trt.Builder,
        _name,
        f"IBuilderConfig.set_flag(BuilderFlag.{_flag.name})",
        lambda self, flag=_flag: flag in _kept(self).get("flags", ()),
        lambda self, on, flag=_flag: (_kept(self).setdefault("flags", set()).add if on else _kept(self).setdefault("flags", set()).discard)(flag),
    )
attribute(
    _trt.IBuilderConfig,
    "max_workspace_size",
    "IBuilderConfig.set_memory_pool_limit",
    lambda self: self.get_memory_pool_limit(WORKSPACE),
    lambda self, size: self.set_memory_pool_limit(WORKSPACE, int(size)),
)
attribute(
    _trt.IBuilderConfig,
    "min_timing_iterations",
    "IBuilderConfig.avg_timing_iterations",
    lambda self: _kept(self).get("iterations", 1),
    lambda self, count: _kept(self).__setitem__("iterations", int(count)),
)


class _Batch:
    """While it is entered, leading extents that are open are the builder's greatest batch."""

    def __init__(self, builder: Any, network: Any, config: Any) -> None:
        inputs = [network.get_input(i) for i in range(network.num_inputs)]
        self.open = [(t, tuple(t.shape)) for t in inputs if len(t.shape) and t.shape[0] < 0]
        if config.num_optimization_profiles or any(e < 0 for _, shape in self.open for e in shape[1:]):
            self.open = []
        self.size = builder._max_batch_size

    def __enter__(self) -> None:
        for tensor, shape in self.open:
            tensor.shape = (self.size, *shape[1:])
        if self.open:
            warn("Builder.build_engine.batch", f"there is no optimization profile: leading extents that are open become {self.size}", 5)

    def __exit__(self, *_: object) -> None:
        for tensor, shape in self.open:
            tensor.shape = shape


def _build(builder: Any, network: Any, config: Any) -> Any:
    with _Batch(builder, network, config):
        return builder.build_engine_with_config(network, config)


@method(_trt.Builder, "Builder.build_serialized_network")
def build_engine(self: Any, network: Any, config: Any) -> Any:
    return _build(self, network, config)


for _name, _default in (("int8_calibrator", None), ("average_find_iterations", 1), ("min_find_iterations", 1), ("default_device_type", _trt.DeviceType.GPU)):
    attribute(
        _trt.Builder,
        _name,
        f"IBuilderConfig.{_name}",
        lambda self, name=_name, default=_default: _kept(self).get(name, default),
        lambda self, value, name=_name: _kept(self).__setitem__(name, value),
    )


@method(_trt.Builder, "IBuilderConfig.set_device_type")
def set_device_type(self: Any, layer: Any, device_type: Any) -> None:
    if device_type != _trt.DeviceType.GPU:
        self.logger.log(_trt.ILogger.Severity.ERROR, "set_device_type: there is no DLA here; leave it at GPU")


@method(_trt.Builder, "IBuilderConfig.get_device_type")
def get_device_type(self: Any, layer: Any) -> Any:
    return _trt.DeviceType.GPU


@method(_trt.Builder, "IBuilderConfig.can_run_on_DLA")
def can_run_on_DLA(self: Any, layer: Any) -> bool:  # noqa: N802
    return False


@method(_trt.Builder, "Builder.build_serialized_network")
def build_cuda_engine(self: Any, network: Any) -> Any:
    config = self.create_builder_config()
    for flag in _kept(self).get("flags", ()):
        config.set_flag(flag)
    if _kept(self).get("workspace", 0):
        config.set_memory_pool_limit(WORKSPACE, _kept(self)["workspace"])
    return _build(self, network, config)


# --- networks

attribute(_trt.INetworkDefinition, "has_explicit_precision", "NetworkDefinitionCreationFlag.STRONGLY_TYPED", lambda self: False)


@method(_trt.INetworkDefinition, "INetworkDefinition.add_convolution_nd")
def add_convolution(self: Any, input: Any, num_output_maps: int, kernel_shape: Any, kernel: Any, bias: Any = None) -> Any:  # noqa: A002
    return self.add_convolution_nd(input, num_output_maps, kernel_shape, kernel, bias)


@method(_trt.INetworkDefinition, "INetworkDefinition.add_deconvolution_nd")
def add_deconvolution(self: Any, input: Any, num_output_maps: int, kernel_shape: Any, kernel: Any, bias: Any = None) -> Any:  # noqa: A002
    return self.add_deconvolution_nd(input, num_output_maps, kernel_shape, kernel, bias)


@method(_trt.INetworkDefinition, "INetworkDefinition.add_pooling_nd")
def add_pooling(self: Any, input: Any, type: Any, window_size: Any) -> Any:  # noqa: A002
    return self.add_pooling_nd(input, type, window_size)


@method(_trt.INetworkDefinition, "INetworkDefinition.add_padding_nd")
def add_padding(self: Any, input: Any, pre_padding: Any, post_padding: Any) -> Any:  # noqa: A002
    return self.add_padding_nd(input, pre_padding, post_padding)


@method(_trt.INetworkDefinition, "INetworkDefinition.add_matrix_multiply")
def add_fully_connected(self: Any, input: Any, num_outputs: int, kernel: Any, bias: Any = None) -> Any:  # noqa: A002
    """A convolution whose window is the whole image: [n, c, h, w] to [n, k, 1, 1]."""
    return self.add_convolution_nd(input, num_outputs, tuple(input.shape)[-2:], kernel, bias)


@method(_trt.INetworkDefinition, "INetworkDefinition.add_loop")
def add_rnn_v2(self: Any, input: Any, layer_count: int, hidden_size: int, max_seq_length: int, op: Any) -> None:  # noqa: A002
    self.builder.logger.log(_trt.ILogger.Severity.ERROR, "INetworkDefinition::addRNNv2: Tenon has no such layer; say it by add_loop")


def _view(owner: Any, name: str, of: str) -> None:
    attribute(
        owner,
        name,
        f"{owner.__name__}.{of}",
        lambda self: DimsHW(tuple(getattr(self, of)) or (1, 1)),
        lambda self, value: setattr(self, of, tuple(value)),
    )


for _layer in (_trt.IConvolutionLayer, _trt.IDeconvolutionLayer):
    for _name in ("kernel_size", "stride", "padding", "dilation"):
        _view(_layer, _name, f"{_name}_nd")
for _name in ("window_size", "stride", "padding"):
    _view(_trt.IPoolingLayer, _name, f"{_name}_nd")
attribute(
    _trt.IResizeLayer,
    "align_corners",
    "IResizeLayer.coordinate_transformation",
    lambda self: self.coordinate_transformation == _trt.ResizeCoordinateTransformation.ALIGN_CORNERS,
    lambda self, on: setattr(
        self,
        "coordinate_transformation",
        _trt.ResizeCoordinateTransformation.ALIGN_CORNERS if on else _trt.ResizeCoordinateTransformation.ASYMMETRIC,
    ),
)
for _name in ("op0", "op1"):
    attribute(
        _trt.IMatrixMultiplyLayer,
        _name.replace("op", "transpose"),
        f"IMatrixMultiplyLayer.{_name}",
        lambda self, name=_name: getattr(self, name) == _trt.MatrixOperation.TRANSPOSE,
        lambda self, on, name=_name: setattr(self, name, _trt.MatrixOperation.TRANSPOSE if on else _trt.MatrixOperation.NONE),
    )
for _name in ("pre_padding", "post_padding"):
    _view(_trt.IPaddingLayer, _name, f"{_name}_nd")
attribute(
    _trt.IConvolutionLayer,
    "num_output_channels",
    "IConvolutionLayer.num_output_maps",
    lambda self: self.num_output_maps,
    lambda self, count: setattr(self, "num_output_maps", count),
)

# --- engines: bindings are the inputs and outputs by their index

_Engine, _Context = _trt.ICudaEngine, _trt.IExecutionContext
_tensor_at = _Engine.__getitem__


def _index(engine: Any, name: str) -> int:
    names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
    return names.index(name) if name in names else -1


def _name_of(engine: Any, binding: int | str) -> str:
    """A binding is an index or a name; the indices of further profiles go round."""
    if isinstance(binding, str):
        return binding
    name = engine.get_tensor_name(int(binding) % max(engine.num_io_tensors, 1))
    return name or ""


def _getitem(self: Any, key: int | str) -> Any:
    if isinstance(key, str):
        use("ICudaEngine.__getitem__(name)", "ICudaEngine.get_tensor_name", 3)
        return _index(self, key)
    return _tensor_at(self, key)


def _iterate(self: Any) -> Iterator[str]:
    return iter([self.get_tensor_name(i) for i in range(self.num_io_tensors)])


_Engine.__getitem__ = _getitem
_Engine.__iter__ = _iterate
attribute(_Engine, "num_bindings", "ICudaEngine.num_io_tensors", lambda self: self.num_io_tensors)
attribute(_Engine, "max_batch_size", "an optimization profile", lambda self: self._max_batch_size)
attribute(_Engine, "max_workspace_size", "ICudaEngine.device_memory_size_v2", lambda self: 0)

_BY_BINDING: dict[str, tuple[str, Callable[[Any, str], Any]]] = {
    "get_binding_name": ("get_tensor_name", lambda self, name: name),
    "binding_is_input": ("get_tensor_mode", lambda self, name: self.get_tensor_mode(name) == _trt.TensorIOMode.INPUT),
    "get_binding_shape": ("get_tensor_shape", lambda self, name: self.get_tensor_shape(name)),
    "get_binding_dtype": ("get_tensor_dtype", lambda self, name: self.get_tensor_dtype(name)),
    "get_location": ("get_tensor_location", lambda self, name: self.get_tensor_location(name)),
    "is_shape_binding": ("is_shape_inference_io", lambda self, name: False),
    "is_execution_binding": ("get_tensor_mode", lambda self, name: True),
    "get_binding_format": ("get_tensor_format", lambda self, name: self.get_tensor_format(name)),
    "get_binding_format_desc": ("get_tensor_format_desc", lambda self, name: self.get_tensor_format_desc(name)),
    "get_binding_vectorized_dim": ("get_tensor_vectorized_dim", lambda self, name: self.get_tensor_vectorized_dim(name)),
    "get_binding_bytes_per_component": ("get_tensor_bytes_per_component", lambda self, name: self.get_tensor_bytes_per_component(name)),
    "get_binding_components_per_element": ("get_tensor_components_per_element", lambda self, name: self.get_tensor_components_per_element(name)),
}  # fmt: skip


def _by_binding(name: str, instead: str, answer: Callable[[Any, str], Any]) -> None:
    def told(self: Any, *args: Any, **kwargs: Any) -> Any:
        use(f"ICudaEngine.{name}", f"ICudaEngine.{instead}", 3)
        (given,) = args or kwargs.values()
        return answer(self, _name_of(self, given))

    told.__name__ = name
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    keyword = "index" if name == "get_binding_name" or name.startswith(("get_binding_format", "get_binding_v", "get_binding_b", "get_binding_c")) else "binding"
    told.__signature__ = inspect.Signature([inspect.Parameter(each, kind) for each in ("self", keyword)])  # type: ignore[attr-defined]
    setattr(_Engine, name, told)


for _name, (_instead, _answer) in _BY_BINDING.items():
    _by_binding(_name, _instead, _answer)


@method(_Engine, "ICudaEngine.get_tensor_name")
def get_binding_index(self: Any, name: str) -> int:
    return _index(self, name)


@method(_Engine, "ICudaEngine.get_tensor_profile_shape")
def get_profile_shape(self: Any, profile_index: int, binding: int | str) -> Any:
    return self.get_tensor_profile_shape(_name_of(self, binding), profile_index)


@method(_Engine, "ICudaEngine.get_tensor_profile_values")
def get_profile_shape_input(self: Any, profile_index: int, binding: int | str) -> Any:
    return self.get_tensor_profile_values(_name_of(self, binding), profile_index)


# --- contexts


def _execute(context: Any, size: int, bindings: Sequence[int]) -> bool:
    if size != 1 and not context.engine.has_implicit_batch_dimension:
        warn("IExecutionContext.batch_size", "the network has its batch in its shapes; batch_size is not used", 5)
    return bool(context._execute(size, bindings))


@method(_Context, "IExecutionContext.execute_v2")
def execute(self: Any, batch_size: int = 1, bindings: Sequence[int] = ()) -> bool:
    return _execute(self, batch_size, bindings)


@method(_Context, "IExecutionContext.execute_async_v3")
def execute_async(self: Any, batch_size: int = 1, bindings: Sequence[int] = (), stream_handle: Any = 0, input_consumed: Any = None) -> bool:
    return _execute(self, batch_size, bindings)


@method(_Context, "IExecutionContext.execute_async_v3")
def execute_async_v2(self: Any, bindings: Sequence[int], stream_handle: Any = 0, input_consumed: Any = None) -> bool:
    return bool(self.execute_v2(bindings))


@method(_Context, "IExecutionContext.set_input_shape")
def set_binding_shape(self: Any, binding: int | str, shape: Any) -> bool:
    return bool(self.set_input_shape(_name_of(self.engine, binding), shape))


@method(_Context, "IExecutionContext.get_tensor_shape")
def get_binding_shape(self: Any, binding: int | str) -> Any:
    return self.get_tensor_shape(_name_of(self.engine, binding))


@method(_Context, "IExecutionContext.get_tensor_strides")
def get_strides(self: Any, binding: int | str) -> Any:
    return self.get_tensor_strides(_name_of(self.engine, binding))


@method(_Context, "IExecutionContext.set_tensor_address")
def set_shape_input(self: Any, binding: int | str, shape: Any) -> bool:
    return False  # there is none: an input's values are never shapes here


@method(_Context, "IExecutionContext.get_tensor_address")
def get_shape(self: Any, binding: int | str) -> list[int]:
    return []


attribute(_Context, "all_shape_inputs_specified", "IExecutionContext.infer_shapes", lambda self: True)


def _gone(name: str) -> type:
    """A parser of other formats: making one says what to do."""

    def refuse(self: Any, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(f"{name}: convert the model to ONNX, and use OnnxParser")

    return type(name, (), {"__init__": refuse})


CaffeParser, UffParser = _gone("CaffeParser"), _gone("UffParser")
IFullyConnectedLayer = _trt.IConvolutionLayer


@method(_trt.OnnxParser, "Refitter.get_all")
def get_refit_map(self: Any) -> Any:
    raise NotImplementedError("OnnxParser.get_refit_map: ask a built engine by Refitter.get_all and get_all_weights")
