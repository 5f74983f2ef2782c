// Enumerations, under the names that Python gives them.
#include "bind.h"

namespace tenon::trt::python {
namespace {

void bind_shared(nb::module_& m) {
  counted<DataType>(m, "DataType",
                    {"FLOAT", "HALF", "INT8", "INT32", "BOOL", "UINT8", "FP8", "BF16", "INT64",
                     "INT4", "FP4", "E8M0"});
  counted<nvinfer1::ErrorCode>(
      m, "ErrorCodeTRT",
      {"SUCCESS", "UNSPECIFIED_ERROR", "INTERNAL_ERROR", "INVALID_ARGUMENT", "INVALID_CONFIG",
       "FAILED_ALLOCATION", "FAILED_INITIALIZATION", "FAILED_EXECUTION", "FAILED_COMPUTATION",
       "INVALID_STATE", "UNSUPPORTED_STATE"});
  counted<nvinfer1::APILanguage>(m, "APILanguage", {"CPP", "PYTHON"});
  counted<nvinfer1::TensorIOMode>(m, "TensorIOMode", {"NONE", "INPUT", "OUTPUT"});
  counted<nvinfer1::TensorLocation>(m, "TensorLocation", {"DEVICE", "HOST"});
  counted<nvinfer1::WeightsRole>(m, "WeightsRole",
                                 {"KERNEL", "BIAS", "SHIFT", "SCALE", "CONSTANT", "ANY"});
  counted<nvinfer1::SerializationFlag>(
      m, "SerializationFlag", {"EXCLUDE_WEIGHTS", "EXCLUDE_LEAN_RUNTIME", "INCLUDE_REFIT"});
  counted<nvinfer1::ExecutionContextAllocationStrategy>(
      m, "ExecutionContextAllocationStrategy", {"STATIC", "ON_PROFILE_CHANGE", "USER_MANAGED"});
}

void bind_stored(nb::module_& m) {
  counted<nvinfer1::TensorFormat>(m, "TensorFormat",
                                  {"LINEAR", "CHW2", "HWC8", "CHW4", "CHW16", "CHW32", "DHWC8",
                                   "CDHW32", "HWC", "DLA_LINEAR", "DLA_HWC4", "HWC16", "DHWC"});
  counted<nvinfer1::SeekPosition>(m, "SeekPosition", {"SET", "CUR", "END"});
  counted<nvinfer1::EngineCapability>(m, "EngineCapability",
                                      {"STANDARD", "SAFETY", "DLA_STANDALONE"});
  counted<nvinfer1::ProfilingVerbosity>(m, "ProfilingVerbosity",
                                        {"LAYER_NAMES_ONLY", "NONE", "DETAILED"});
  counted<nvinfer1::EngineStat>(m, "EngineStat", {"TOTAL_WEIGHTS_SIZE", "STRIPPED_WEIGHTS_SIZE"});
  counted<nvinfer1::LayerInformationFormat>(m, "LayerInformationFormat", {"ONELINE", "JSON"});
  counted<nvinfer1::TempfileControlFlag>(m, "TempfileControlFlag",
                                         {"ALLOW_IN_MEMORY_FILES", "ALLOW_TEMPORARY_FILES"});
  counted<nvinfer1::HardwareCompatibilityLevel>(m, "HardwareCompatibilityLevel",
                                                {"NONE", "AMPERE_PLUS", "SAME_COMPUTE_CAPABILITY"});
  counted<nvinfer1::TacticSource>(
      m, "TacticSource",
      {"CUBLAS", "CUBLAS_LT", "CUDNN", "EDGE_MASK_CONVOLUTIONS", "JIT_CONVOLUTIONS"});
  counted<nvinfer1::PreviewFeature>(
      m, "PreviewFeature",
      {"PROFILE_SHARING_0806", "ALIASED_PLUGIN_IO_10_03", "RUNTIME_ACTIVATION_RESIZE_10_10",
       "MULTIDEVICE_RUNTIME_10_16"});
  counted<nvinfer1::RuntimePlatform>(m, "RuntimePlatform", {"SAME_AS_BUILD", "WINDOWS_AMD64"});
  counted<nvinfer1::TilingOptimizationLevel>(m, "TilingOptimizationLevel",
                                             {"NONE", "FAST", "MODERATE", "FULL"});
  counted<nvinfer1::DeviceType>(m, "DeviceType", {"GPU", "DLA"});
}

void bind_builders(nb::module_& m) {
  counted<nvinfer1::BuilderFlag>(m, "BuilderFlag",
                                 {"FP16",
                                  "INT8",
                                  "DEBUG",
                                  "GPU_FALLBACK",
                                  "REFIT",
                                  "DISABLE_TIMING_CACHE",
                                  "TF32",
                                  "SPARSE_WEIGHTS",
                                  "SAFETY_SCOPE",
                                  "OBEY_PRECISION_CONSTRAINTS",
                                  "PREFER_PRECISION_CONSTRAINTS",
                                  "DIRECT_IO",
                                  "REJECT_EMPTY_ALGORITHMS",
                                  "VERSION_COMPATIBLE",
                                  "EXCLUDE_LEAN_RUNTIME",
                                  "FP8",
                                  "ERROR_ON_TIMING_CACHE_MISS",
                                  "BF16",
                                  "DISABLE_COMPILATION_CACHE",
                                  "STRIP_PLAN",
                                  "REFIT_IDENTICAL",
                                  "WEIGHT_STREAMING",
                                  "INT4",
                                  "REFIT_INDIVIDUAL",
                                  "STRICT_NANS",
                                  "MONITOR_MEMORY",
                                  "FP4",
                                  "EDITABLE_TIMING_CACHE",
                                  "DISTRIBUTIVE_INDEPENDENCE"});
  counted<nvinfer1::MemoryPoolType>(m, "MemoryPoolType",
                                    {"WORKSPACE", "DLA_MANAGED_SRAM", "DLA_LOCAL_DRAM",
                                     "DLA_GLOBAL_DRAM", "TACTIC_DRAM", "TACTIC_SHARED_MEMORY"});
  counted<nvinfer1::NetworkDefinitionCreationFlag>(
      m, "NetworkDefinitionCreationFlag",
      {"EXPLICIT_BATCH", "STRONGLY_TYPED", "PREFER_JIT_PYTHON_PLUGINS",
       "PREFER_AOT_PYTHON_PLUGINS"});
}

void bind_layer_kinds(nb::module_& m) {
  counted<nvinfer1::LayerType>(m, "LayerType",
                               {"CONVOLUTION",
                                "CAST",
                                "ACTIVATION",
                                "POOLING",
                                "LRN",
                                "SCALE",
                                "SOFTMAX",
                                "DECONVOLUTION",
                                "CONCATENATION",
                                "ELEMENTWISE",
                                "PLUGIN",
                                "UNARY",
                                "PADDING",
                                "SHUFFLE",
                                "REDUCE",
                                "TOPK",
                                "GATHER",
                                "MATRIX_MULTIPLY",
                                "RAGGED_SOFTMAX",
                                "CONSTANT",
                                "IDENTITY",
                                "PLUGIN_V2",
                                "SLICE",
                                "SHAPE",
                                "PARAMETRIC_RELU",
                                "RESIZE",
                                "TRIP_LIMIT",
                                "RECURRENCE",
                                "ITERATOR",
                                "LOOP_OUTPUT",
                                "SELECT",
                                "FILL",
                                "QUANTIZE",
                                "DEQUANTIZE",
                                "CONDITION",
                                "CONDITIONAL_INPUT",
                                "CONDITIONAL_OUTPUT",
                                "SCATTER",
                                "EINSUM",
                                "ASSERTION",
                                "ONE_HOT",
                                "NON_ZERO",
                                "GRID_SAMPLE",
                                "NMS",
                                "REVERSE_SEQUENCE",
                                "NORMALIZATION",
                                "PLUGIN_V3",
                                "SQUEEZE",
                                "UNSQUEEZE",
                                "CUMULATIVE",
                                "DYNAMIC_QUANTIZE",
                                "ATTENTION_INPUT",
                                "ATTENTION_OUTPUT",
                                "ROTARY_EMBEDDING",
                                "KV_CACHE_UPDATE",
                                "MOE",
                                "DIST_COLLECTIVE"});
}

void bind_operations(nb::module_& m) {
  counted<nvinfer1::ActivationType>(
      m, "ActivationType",
      {"RELU", "SIGMOID", "TANH", "LEAKY_RELU", "ELU", "SELU", "SOFTSIGN", "SOFTPLUS", "CLIP",
       "HARD_SIGMOID", "SCALED_TANH", "THRESHOLDED_RELU", "GELU_ERF", "GELU_TANH"});
  counted<nvinfer1::PaddingMode>(
      m, "PaddingMode", {"EXPLICIT_ROUND_DOWN", "EXPLICIT_ROUND_UP", "SAME_UPPER", "SAME_LOWER"});
  counted<nvinfer1::PoolingType>(m, "PoolingType", {"MAX", "AVERAGE", "MAX_AVERAGE_BLEND"});
  counted<nvinfer1::ScaleMode>(m, "ScaleMode", {"UNIFORM", "CHANNEL", "ELEMENTWISE"});
  counted<nvinfer1::ElementWiseOperation>(
      m, "ElementWiseOperation",
      {"SUM", "PROD", "MAX", "MIN", "SUB", "DIV", "POW", "FLOOR_DIV", "AND", "OR", "XOR", "EQUAL",
       "GREATER", "LESS"});
  counted<nvinfer1::UnaryOperation>(
      m, "UnaryOperation",
      {"EXP",   "LOG",  "SQRT", "RECIP", "ABS",   "NEG",   "SIN",   "COS",   "TAN",
       "SINH",  "COSH", "ASIN", "ACOS",  "ATAN",  "ASINH", "ACOSH", "ATANH", "CEIL",
       "FLOOR", "ERF",  "NOT",  "SIGN",  "ROUND", "ISINF", "ISNAN"});
  counted<nvinfer1::ReduceOperation>(m, "ReduceOperation",
                                     {"SUM", "PROD", "MAX", "MIN", "AVG", "NONE"});
  counted<nvinfer1::MatrixOperation>(m, "MatrixOperation", {"NONE", "TRANSPOSE", "VECTOR"});
}

void bind_modes(nb::module_& m) {
  counted<nvinfer1::GatherMode>(m, "GatherMode", {"DEFAULT", "ELEMENT", "ND"});
  counted<nvinfer1::ScatterMode>(m, "ScatterMode", {"ELEMENT", "ND"});
  counted<nvinfer1::TopKOperation>(m, "TopKOperation", {"MAX", "MIN"});
  counted<nvinfer1::SampleMode>(m, "SampleMode",
                                {"STRICT_BOUNDS", "WRAP", "CLAMP", "FILL", "REFLECT"});
  counted<nvinfer1::InterpolationMode>(m, "InterpolationMode", {"NEAREST", "LINEAR", "CUBIC"});
  counted<nvinfer1::ResizeCoordinateTransformation>(m, "ResizeCoordinateTransformation",
                                                    {"ALIGN_CORNERS", "ASYMMETRIC", "HALF_PIXEL"});
  counted<nvinfer1::ResizeSelector>(m, "ResizeSelector", {"FORMULA", "UPPER"});
  counted<nvinfer1::ResizeRoundMode>(m, "ResizeRoundMode",
                                     {"HALF_UP", "HALF_DOWN", "FLOOR", "CEIL"});
  counted<nvinfer1::FillOperation>(m, "FillOperation",
                                   {"LINSPACE", "RANDOM_UNIFORM", "RANDOM_NORMAL"});
  counted<nvinfer1::BoundingBoxFormat>(m, "BoundingBoxFormat", {"CORNER_PAIRS", "CENTER_SIZES"});
  counted<nvinfer1::CumulativeOperation>(m, "CumulativeOperation", {"SUM"});
  counted<nvinfer1::LoopOutput>(m, "LoopOutput", {"LAST_VALUE", "CONCATENATE", "REVERSE"});
  counted<nvinfer1::TripLimit>(m, "TripLimit", {"COUNT", "WHILE"});
  counted<nvinfer1::CollectiveOperation>(m, "CollectiveOperation",
                                         {"ALL_REDUCE", "ALL_GATHER", "BROADCAST", "REDUCE",
                                          "REDUCE_SCATTER", "ALL_TO_ALL", "GATHER", "SCATTER"});
  counted<nvinfer1::AttentionNormalizationOp>(m, "AttentionNormalizationOp", {"NONE", "SOFTMAX"});
  counted<nvinfer1::KVCacheMode>(m, "KVCacheMode", {"LINEAR"});
  counted<nvinfer1::MoEActType>(m, "MoEActType", {"NONE", "SILU"});
}

}  // namespace

void bind_enums(nb::module_& module) {
  bind_shared(module);
  bind_stored(module);
  bind_builders(module);
  bind_layer_kinds(module);
  bind_operations(module);
  bind_modes(module);
}

}  // namespace tenon::trt::python
