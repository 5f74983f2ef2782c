"""Plugins: creators may register and be found; a network takes none."""

from __future__ import annotations

import ctypes
from enum import IntEnum
from typing import Any

from tenon._trt import Builder, EngineCapability, Runtime

from ._abstract import declared


class IPluginRegistry:
    """The process's registry: creators by (name, version, namespace)."""

    parent_search_enabled, error_recorder = True, None

    def __init__(self) -> None:
        self._creators: dict[tuple[str, str, str], Any] = {}
        self._resources: dict[str, list[Any]] = {}

    @property
    def all_creators(self) -> list[Any]:
        return list(self._creators.values())

    plugin_creator_list = all_creators_recursive = all_creators

    def register_creator(self, creator: Any, plugin_namespace: str = "") -> bool:
        """False where there is one of this name, version and namespace."""
        key = (creator.name, creator.plugin_version, plugin_namespace)
        return self._creators.setdefault(key, creator) is creator

    def deregister_creator(self, creator: Any) -> bool:
        known = [key for key, each in self._creators.items() if each is creator]
        for key in known:
            del self._creators[key]
        return len(known) > 0

    def get_creator(self, type: str, version: str, plugin_namespace: str = "") -> Any:  # noqa: A002
        return self._creators.get((type, version, plugin_namespace))

    get_plugin_creator = get_creator

    def load_library(self, plugin_path: str) -> Any:
        """A library's creators are C++; none of them can be named here."""
        return ctypes.CDLL(plugin_path)

    def deregister_library(self, handle: Any) -> None:
        """Python keeps a library that it loaded."""

    def acquire_plugin_resource(self, key: str, resource: Any) -> Any:
        """The clone that the key's first user made, until all have released it."""
        if key not in self._resources:
            self._resources[key] = [resource.clone(), 0]
        self._resources[key][1] += 1
        return self._resources[key][0]

    def release_plugin_resource(self, key: str) -> int:
        """0, or -1 where nobody acquired it."""
        if key not in self._resources:
            return -1
        self._resources[key][1] -= 1
        if self._resources[key][1] == 0:
            self._resources.pop(key)[0].release()
        return 0


_registry = IPluginRegistry()


def get_plugin_registry() -> IPluginRegistry:
    return _registry


def get_builder_plugin_registry(capability: EngineCapability) -> IPluginRegistry | None:
    return _registry if capability == EngineCapability.STANDARD else None


for _owner in (Builder, Runtime):
    _owner.get_plugin_registry = lambda self: _registry


class PluginFieldType(IntEnum):
    FLOAT16, FLOAT32, FLOAT64, INT8, INT16, INT32, CHAR, DIMS, UNKNOWN, BF16, INT64, FP8, INT4, FP4 = range(14)


DimensionOperation = IntEnum("DimensionOperation", "SUM PROD MAX MIN SUB EQUAL LESS FLOOR_DIV CEIL_DIV", start=0)
PluginCreatorVersion = IntEnum("PluginCreatorVersion", {"V1": 0, "V1_PYTHON": 64})
PluginCapabilityType = IntEnum("PluginCapabilityType", "CORE BUILD RUNTIME", start=0)
TensorRTPhase = IntEnum("TensorRTPhase", "BUILD RUNTIME", start=0)
QuickPluginCreationRequest = IntEnum("QuickPluginCreationRequest", "UNKNOWN PREFER_JIT PREFER_AOT STRICT_JIT STRICT_AOT", start=0)
PluginArgType = IntEnum("PluginArgType", "INT", start=0)
PluginArgDataType = IntEnum("PluginArgDataType", "INT8 INT16 INT32", start=0)


class PluginField:
    """One attribute of a plugin."""

    size = 0

    def __init__(self, name: str = "", data: Any = None, type: PluginFieldType = PluginFieldType.UNKNOWN) -> None:  # noqa: A002
        self.name, self.data, self.type = name, data, type
        self.size = len(data) if data is not None else 0


PluginField.name = PluginField.data = PluginField.type = None  # type: ignore[attr-defined]


class PluginFieldCollection(list):  # type: ignore[type-arg]
    """Fields, in their order."""


PluginFieldCollection_ = PluginFieldCollection

_NAMES = ("plugin_name", "plugin_version", "plugin_namespace")
_CREATOR = ("name", "plugin_version", "field_names", "plugin_namespace")
_ENQUEUE = "enqueue(input_desc, output_desc, inputs, outputs, workspace, stream)"

IVersionedInterface = declared("IVersionedInterface", "api_language", "interface_info")
InterfaceInfo = declared("InterfaceInfo", "kind", "major", "minor")
IPluginCapability = declared("IPluginCapability", base=IVersionedInterface)
IPluginResource = declared("IPluginResource", "release()", "clone()", base=IVersionedInterface)
IPluginResourceContext = declared("IPluginResourceContext", "error_recorder", "gpu_allocator")
IPluginCreatorInterface = declared("IPluginCreatorInterface", base=IVersionedInterface)
IPluginCreator = declared(
    "IPluginCreator", *_CREATOR, "create_plugin(name, field_collection)", "deserialize_plugin(name, serialized_plugin)", base=IPluginCreatorInterface
)
IPluginCreatorV3One = declared("IPluginCreatorV3One", *_CREATOR, "create_plugin(name, field_collection, phase)", base=IPluginCreatorInterface)
IPluginCreatorV3Quick = declared(
    "IPluginCreatorV3Quick", *_CREATOR, "create_plugin(name, namespace, field_collection, phase, quickPluginType)", base=IPluginCreatorInterface
)
IPluginV2 = declared(
    "IPluginV2",
    "num_outputs", "tensorrt_version", "plugin_type", "plugin_version", "plugin_namespace", "serialization_size",
    "get_output_shape(index, input_shapes)", "supports_format(dtype, format)",
    "configure_with_format(input_shapes, output_shapes, dtype, format, max_batch_size)",
    "initialize()", "terminate()", "get_workspace_size(max_batch_size)",
    "execute_async(batch_size, inputs, outputs, workspace, stream_handle)", "serialize()", "destroy()", "clone()",
)  # fmt: skip
IPluginV2Ext = declared(
    "IPluginV2Ext",
    "get_output_data_type(index, input_types)",
    "configure_plugin(input_shapes, output_shapes, input_types, output_types, input_is_broadcasted, output_is_broacasted, format, max_batch_size)",
    "attach_to_context(cudnn, cublas, allocator)", "detach_from_context()", "clone()",
    base=IPluginV2,
)  # fmt: skip
IPluginV2DynamicExtBase = declared("IPluginV2DynamicExtBase", base=IPluginV2)
IPluginV2DynamicExt = declared(
    "IPluginV2DynamicExt",
    "initialize()", "terminate()", "serialize()", "get_output_datatype(index, input_types)", "destroy()", "get_serialization_size()",
    "get_output_dimensions(output_index, inputs, expr_builder)", "get_workspace_size(in_, out)", "configure_plugin(pos, in_out)",
    "supports_format_combination(pos, in_out, num_inputs)", _ENQUEUE, "clone()",
    base=IPluginV2DynamicExtBase,
)  # fmt: skip
IPluginV2DynamicExt.FORMAT_COMBINATION_LIMIT = 100  # type: ignore[attr-defined]
IPluginV3 = declared("IPluginV3", "get_capability_interface(type)", "clone()", "destroy()", base=IVersionedInterface)
IPluginV3OneCore = declared("IPluginV3OneCore", *_NAMES, base=IPluginCapability)
IPluginV3OneBuild = declared(
    "IPluginV3OneBuild",
    "num_outputs", "format_combination_limit", "metadata_string", "timing_cache_id",
    "get_output_data_types(input_types)", "get_output_shapes(inputs, shape_inputs, expr_builder)", "get_workspace_size(in_, out)",
    "configure_plugin(in_, out)", "supports_format_combination(pos, in_out, num_inputs)", "get_valid_tactics()",
    base=IPluginCapability,
)  # fmt: skip
IPluginV3OneBuild.DEFAULT_FORMAT_COMBINATION_LIMIT = 100  # type: ignore[attr-defined]
IPluginV3OneBuildV2 = declared("IPluginV3OneBuildV2", "get_aliased_input()", base=IPluginV3OneBuild)
IPluginV3OneRuntime = declared(
    "IPluginV3OneRuntime",
    "on_shape_change(in_, out)", "set_tactic(tactic)", "get_fields_to_serialize()", _ENQUEUE, "attach_to_context(resource_context)",
    base=IPluginCapability,
)  # fmt: skip
IPluginV3QuickCore = declared("IPluginV3QuickCore", *_NAMES, base=IPluginCapability)
IPluginV3QuickBuild = declared("IPluginV3QuickBuild", base=IPluginCapability)
IPluginV3QuickAOTBuild = declared("IPluginV3QuickAOTBuild", base=IPluginV3QuickBuild)
IPluginV3QuickRuntime = declared("IPluginV3QuickRuntime", base=IPluginCapability)
PluginTensorDesc = declared("PluginTensorDesc", "dims", "type", "format", "scale")
DynamicPluginTensorDesc = declared("DynamicPluginTensorDesc", "desc", "min", "opt", "max")
DimsExprs = declared("DimsExprs", base=list)
IDimensionExpr = declared("IDimensionExpr", "is_constant()", "get_constant_value()", "is_size_tensor()")
IExprBuilder = declared("IExprBuilder", "constant()", "operation()", "declare_size_tensor()")
KernelLaunchParams = declared("KernelLaunchParams", "grid_x", "grid_y", "grid_z", "block_x", "block_y", "block_z", "shared_mem")
ISymExpr = declared("ISymExpr", "type", "dtype", "expr")
ISymExprs = declared("ISymExprs", "nbSymExprs", base=list)
IAlgorithm = declared("IAlgorithm", "algorithm_variant", "timing_msec", "workspace_size", "get_algorithm_io_info(index)")
IAlgorithmVariant = declared("IAlgorithmVariant", "implementation", "tactic")
IAlgorithmContext = declared("IAlgorithmContext", "name", "num_inputs", "num_outputs", "get_shape(index)")
IAlgorithmIOInfo = declared("IAlgorithmIOInfo", "dtype", "strides", "vectorized_dim", "components_per_element")

__all__ = [name for name, value in list(globals().items()) if isinstance(value, type) and value.__module__ in (__name__, "tenon.trt")]
__all__ += ["PluginFieldCollection_", "get_plugin_registry", "get_builder_plugin_registry"]
