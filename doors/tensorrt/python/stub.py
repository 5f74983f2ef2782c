"""Completes the stub of tenon._trt: stub.py GENERATED OUTPUT.

The bindings give objects of several classes, or None, where C++ gives a pointer: what each call
gives is said here. Defaults that are enumerators are written as Python's.
"""

import pathlib
import re
import sys

LAYERS = {
    "activation": "Activation", "assertion": "Assertion", "cast": "Cast", "concatenation": "Concatenation", "constant": "Constant",
    "convolution_nd": "Convolution", "cumulative": "Cumulative", "deconvolution_nd": "Deconvolution", "dequantize": "Dequantize",
    "dist_collective": "DistCollective", "dynamic_quantize": "DynamicQuantize", "dynamic_quantize_v2": "DynamicQuantize", "einsum": "Einsum",
    "elementwise": "ElementWise", "fill": "Fill", "gather": "Gather", "gather_v2": "Gather", "grid_sample": "GridSample", "identity": "Identity",
    "kv_cache_update": "KVCacheUpdate", "lrn": "LRN", "matrix_multiply": "MatrixMultiply", "moe": "MoE", "nms": "NMS", "non_zero": "NonZero",
    "normalization": "Normalization", "normalization_v2": "Normalization", "one_hot": "OneHot", "padding_nd": "Padding",
    "parametric_relu": "ParametricReLU", "plugin": "PluginV3", "plugin_v2": "PluginV2", "plugin_v3": "PluginV3", "pooling_nd": "Pooling",
    "quantize": "Quantize", "ragged_softmax": "RaggedSoftMax", "reduce": "Reduce", "resize": "Resize", "reverse_sequence": "ReverseSequence",
    "rotary_embedding": "RotaryEmbedding", "scale": "Scale", "scale_nd": "Scale", "scatter": "Scatter", "select": "Select", "shape": "Shape",
    "shuffle": "Shuffle", "slice": "Slice", "softmax": "SoftMax", "squeeze": "Squeeze", "topk": "TopK", "unary": "Unary", "unsqueeze": "Unsqueeze",
    "recurrence": "Recurrence", "trip_limit": "TripLimit", "iterator": "Iterator", "loop_output": "LoopOutput",
}  # fmt: skip
# Calls that may fail give None then; who writes strictly asks.
GIVES = {f"add_{name}": f"I{kind}Layer" for name, kind in LAYERS.items()} | {
    "add_attention": "IAttention", "add_attention_v2": "IAttention", "add_loop": "ILoop", "add_if_conditional": "IIfConditional",
    "create_network": "INetworkDefinition", "create_builder_config": "IBuilderConfig",
    "create_optimization_profile": "IOptimizationProfile", "build_serialized_network": "IHostMemory | None",
    "build_engine_with_config": "ICudaEngine | None", "deserialize_cuda_engine": "ICudaEngine | None", "load_runtime": "Runtime | None",
    "create_execution_context": "IExecutionContext", "create_execution_context_without_device_memory": "IExecutionContext",
    "create_serialization_config": "ISerializationConfig", "serialize_with_config": "IHostMemory | None",
    "create_engine_inspector": "EngineInspector", "create_runtime_config": "IRuntimeConfig", "get_runtime_config": "IRuntimeConfig",
    "create_timing_cache": "ITimingCache | None", "get_layer": "ILayer", "get_named_weights": "Weights", "get_weights_prototype": "Weights",
}  # fmt: skip
SHAPES = {"get_tensor_shape", "get_tensor_strides", "get_binding_shape"}


def line(text):
    text = re.sub(r"= <Severity\.\w+: \d+>$", "= ...", text)
    text = re.sub(r"<Severity\.(\w+): \d+>", r"ILogger.Severity.\1", text)
    text = re.sub(r"<(\w+)\.(\w+): \d+>", r"\1.\2", text)
    match = re.fullmatch(r"(\s+def (\w+)\(.*\) -> )object: \.\.\.", text)
    if not match:
        return text
    gives = GIVES.get(match[2])
    if match[2] in SHAPES:
        gives = "Dims"
    if match[2] in ("get_input", "get_output", "add_input"):
        gives = "ITensor"
    if match[2] == "serialize":
        gives = "IHostMemory"
    return f"{match[1]}{gives}: ..." if gives else text


def complete(stub):
    """Properties of extents are Dims, whose class is the package's."""
    stub = "\n".join(map(line, stub.splitlines())) + "\n"
    nd = r"\w*(?:shape|dims|_nd|pre_padding|post_padding)"
    stub = re.sub(rf"(@property\n    def {nd}\(self\)) -> object", r"\1 -> Dims", stub)
    return stub.replace("import enum\n", "import enum\n\nfrom tenon.trt import Dims\n", 1)


if __name__ == "__main__":
    pathlib.Path(sys.argv[2]).write_text(complete(pathlib.Path(sys.argv[1]).read_text()))
