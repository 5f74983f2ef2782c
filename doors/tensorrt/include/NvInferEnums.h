// Kinds and modes of layers, flags of builders.
#ifndef NV_INFER_ENUMS_H
#define NV_INFER_ENUMS_H

#include "NvInferRuntime.h"

namespace nvinfer1 {

enum class LayerType : int32_t {
  kCONVOLUTION = 0,
  kCAST = 1,
  kACTIVATION = 2,
  kPOOLING = 3,
  kLRN = 4,
  kSCALE = 5,
  kSOFTMAX = 6,
  kDECONVOLUTION = 7,
  kCONCATENATION = 8,
  kELEMENTWISE = 9,
  kPLUGIN = 10,
  kUNARY = 11,
  kPADDING = 12,
  kSHUFFLE = 13,
  kREDUCE = 14,
  kTOPK = 15,
  kGATHER = 16,
  kMATRIX_MULTIPLY = 17,
  kRAGGED_SOFTMAX = 18,
  kCONSTANT = 19,
  kIDENTITY = 20,
  kPLUGIN_V2 = 21,
  kSLICE = 22,
  kSHAPE = 23,
  kPARAMETRIC_RELU = 24,
  kRESIZE = 25,
  kTRIP_LIMIT = 26,
  kRECURRENCE = 27,
  kITERATOR = 28,
  kLOOP_OUTPUT = 29,
  kSELECT = 30,
  kFILL = 31,
  kQUANTIZE = 32,
  kDEQUANTIZE = 33,
  kCONDITION = 34,
  kCONDITIONAL_INPUT = 35,
  kCONDITIONAL_OUTPUT = 36,
  kSCATTER = 37,
  kEINSUM = 38,
  kASSERTION = 39,
  kONE_HOT = 40,
  kNON_ZERO = 41,
  kGRID_SAMPLE = 42,
  kNMS = 43,
  kREVERSE_SEQUENCE = 44,
  kNORMALIZATION = 45,
  kPLUGIN_V3 = 46,
  kSQUEEZE = 47,
  kUNSQUEEZE = 48,
  kCUMULATIVE = 49,
  kDYNAMIC_QUANTIZE = 50,
  kATTENTION_INPUT = 51,
  kATTENTION_OUTPUT = 52,
  kROTARY_EMBEDDING = 53,
  kKVCACHE_UPDATE = 54,
  kMOE = 55,
  kDIST_COLLECTIVE = 56,
};
template <>
constexpr int32_t EnumMax<LayerType>() noexcept {
  return 57;
}

enum class ActivationType : int32_t {
  kRELU = 0,
  kSIGMOID = 1,
  kTANH = 2,
  kLEAKY_RELU = 3,
  kELU = 4,
  kSELU = 5,
  kSOFTSIGN = 6,
  kSOFTPLUS = 7,
  kCLIP = 8,
  kHARD_SIGMOID = 9,
  kSCALED_TANH = 10,
  kTHRESHOLDED_RELU = 11,
  kGELU_ERF = 12,
  kGELU_TANH = 13,
};
template <>
constexpr int32_t EnumMax<ActivationType>() noexcept {
  return 14;
}

enum class PaddingMode : int32_t {
  kEXPLICIT_ROUND_DOWN = 0,
  kEXPLICIT_ROUND_UP = 1,
  kSAME_UPPER = 2,
  kSAME_LOWER = 3,
};
template <>
constexpr int32_t EnumMax<PaddingMode>() noexcept {
  return 4;
}

enum class PoolingType : int32_t {
  kMAX = 0,
  kAVERAGE = 1,
  kMAX_AVERAGE_BLEND = 2,
};
template <>
constexpr int32_t EnumMax<PoolingType>() noexcept {
  return 3;
}

enum class ScaleMode : int32_t {
  kUNIFORM = 0,
  kCHANNEL = 1,
  kELEMENTWISE = 2,
};
template <>
constexpr int32_t EnumMax<ScaleMode>() noexcept {
  return 3;
}

enum class ElementWiseOperation : int32_t {
  kSUM = 0,
  kPROD = 1,
  kMAX = 2,
  kMIN = 3,
  kSUB = 4,
  kDIV = 5,
  kPOW = 6,
  kFLOOR_DIV = 7,
  kAND = 8,
  kOR = 9,
  kXOR = 10,
  kEQUAL = 11,
  kGREATER = 12,
  kLESS = 13,
};
template <>
constexpr int32_t EnumMax<ElementWiseOperation>() noexcept {
  return 14;
}

enum class UnaryOperation : int32_t {
  kEXP = 0,
  kLOG = 1,
  kSQRT = 2,
  kRECIP = 3,
  kABS = 4,
  kNEG = 5,
  kSIN = 6,
  kCOS = 7,
  kTAN = 8,
  kSINH = 9,
  kCOSH = 10,
  kASIN = 11,
  kACOS = 12,
  kATAN = 13,
  kASINH = 14,
  kACOSH = 15,
  kATANH = 16,
  kCEIL = 17,
  kFLOOR = 18,
  kERF = 19,
  kNOT = 20,
  kSIGN = 21,
  kROUND = 22,
  kISINF = 23,
  kISNAN = 24,
};
template <>
constexpr int32_t EnumMax<UnaryOperation>() noexcept {
  return 25;
}

enum class ReduceOperation : int32_t {
  kSUM = 0,
  kPROD = 1,
  kMAX = 2,
  kMIN = 3,
  kAVG = 4,
  kNONE = 5,
};
template <>
constexpr int32_t EnumMax<ReduceOperation>() noexcept {
  return 6;
}

enum class MatrixOperation : int32_t {
  kNONE = 0,
  kTRANSPOSE = 1,
  kVECTOR = 2,
};
template <>
constexpr int32_t EnumMax<MatrixOperation>() noexcept {
  return 3;
}

enum class BuilderFlag : int32_t {
  kFP16 = 0,
  kINT8 = 1,
  kDEBUG = 2,
  kGPU_FALLBACK = 3,
  kREFIT = 4,
  kDISABLE_TIMING_CACHE = 5,
  kTF32 = 6,
  kSPARSE_WEIGHTS = 7,
  kSAFETY_SCOPE = 8,
  kOBEY_PRECISION_CONSTRAINTS = 9,
  kPREFER_PRECISION_CONSTRAINTS = 10,
  kDIRECT_IO = 11,
  kREJECT_EMPTY_ALGORITHMS = 12,
  kVERSION_COMPATIBLE = 13,
  kEXCLUDE_LEAN_RUNTIME = 14,
  kFP8 = 15,
  kERROR_ON_TIMING_CACHE_MISS = 16,
  kBF16 = 17,
  kDISABLE_COMPILATION_CACHE = 18,
  kSTRIP_PLAN = 19,
  kWEIGHTLESS = 19,
  kREFIT_IDENTICAL = 20,
  kWEIGHT_STREAMING = 21,
  kINT4 = 22,
  kREFIT_INDIVIDUAL = 23,
  kSTRICT_NANS = 24,
  kMONITOR_MEMORY = 25,
  kFP4 = 26,
  kEDITABLE_TIMING_CACHE = 27,
  kDISTRIBUTIVE_INDEPENDENCE = 28,
};
template <>
constexpr int32_t EnumMax<BuilderFlag>() noexcept {
  return 29;
}

enum class MemoryPoolType : int32_t {
  kWORKSPACE = 0,
  kDLA_MANAGED_SRAM = 1,
  kDLA_LOCAL_DRAM = 2,
  kDLA_GLOBAL_DRAM = 3,
  kTACTIC_DRAM = 4,
  kTACTIC_SHARED_MEMORY = 5,
};
template <>
constexpr int32_t EnumMax<MemoryPoolType>() noexcept {
  return 6;
}

enum class NetworkDefinitionCreationFlag : int32_t {
  kEXPLICIT_BATCH = 0,
  kSTRONGLY_TYPED = 1,
  kPREFER_JIT_PYTHON_PLUGINS = 2,
  kPREFER_AOT_PYTHON_PLUGINS = 3,
};
template <>
constexpr int32_t EnumMax<NetworkDefinitionCreationFlag>() noexcept {
  return 4;
}

enum class PreviewFeature : int32_t {
  kPROFILE_SHARING_0806 = 0,
  kALIASED_PLUGIN_IO_10_03 = 1,
  kRUNTIME_ACTIVATION_RESIZE_10_10 = 2,
  kMULTIDEVICE_RUNTIME_10_16 = 3,
};
template <>
constexpr int32_t EnumMax<PreviewFeature>() noexcept {
  return 4;
}

enum class RuntimePlatform : int32_t {
  kSAME_AS_BUILD = 0,
  kWINDOWS_AMD64 = 1,
};
template <>
constexpr int32_t EnumMax<RuntimePlatform>() noexcept {
  return 2;
}

enum class TilingOptimizationLevel : int32_t {
  kNONE = 0,
  kFAST = 1,
  kMODERATE = 2,
  kFULL = 3,
};
template <>
constexpr int32_t EnumMax<TilingOptimizationLevel>() noexcept {
  return 4;
}

enum class DeviceType : int32_t {
  kGPU = 0,
  kDLA = 1,
};
template <>
constexpr int32_t EnumMax<DeviceType>() noexcept {
  return 2;
}

using BuilderFlags = uint32_t;
using NetworkDefinitionCreationFlags = uint32_t;

enum class GatherMode : int32_t {
  kDEFAULT = 0,
  kELEMENT = 1,
  kND = 2,
};
template <>
constexpr int32_t EnumMax<GatherMode>() noexcept {
  return 3;
}

enum class TopKOperation : int32_t {
  kMAX = 0,
  kMIN = 1,
};
template <>
constexpr int32_t EnumMax<TopKOperation>() noexcept {
  return 2;
}

enum class SampleMode : int32_t {
  kSTRICT_BOUNDS = 0,
  kWRAP = 1,
  kCLAMP = 2,
  kFILL = 3,
  kREFLECT = 4,
};
template <>
constexpr int32_t EnumMax<SampleMode>() noexcept {
  return 5;
}

enum class InterpolationMode : int32_t {
  kNEAREST = 0,
  kLINEAR = 1,
  kCUBIC = 2,
};
template <>
constexpr int32_t EnumMax<InterpolationMode>() noexcept {
  return 3;
}

enum class ResizeCoordinateTransformation : int32_t {
  kALIGN_CORNERS = 0,
  kASYMMETRIC = 1,
  kHALF_PIXEL = 2,
};
template <>
constexpr int32_t EnumMax<ResizeCoordinateTransformation>() noexcept {
  return 3;
}

enum class ResizeSelector : int32_t {
  kFORMULA = 0,
  kUPPER = 1,
};
template <>
constexpr int32_t EnumMax<ResizeSelector>() noexcept {
  return 2;
}

enum class ResizeRoundMode : int32_t {
  kHALF_UP = 0,
  kHALF_DOWN = 1,
  kFLOOR = 2,
  kCEIL = 3,
};
template <>
constexpr int32_t EnumMax<ResizeRoundMode>() noexcept {
  return 4;
}

enum class FillOperation : int32_t {
  kLINSPACE = 0,
  kRANDOM_UNIFORM = 1,
  kRANDOM_NORMAL = 2,
};
template <>
constexpr int32_t EnumMax<FillOperation>() noexcept {
  return 3;
}

enum class ScatterMode : int32_t {
  kELEMENT = 0,
  kND = 1,
};
template <>
constexpr int32_t EnumMax<ScatterMode>() noexcept {
  return 2;
}

enum class BoundingBoxFormat : int32_t {
  kCORNER_PAIRS = 0,
  kCENTER_SIZES = 1,
};
template <>
constexpr int32_t EnumMax<BoundingBoxFormat>() noexcept {
  return 2;
}

enum class CumulativeOperation : int32_t {
  kSUM = 0,
};
template <>
constexpr int32_t EnumMax<CumulativeOperation>() noexcept {
  return 1;
}

enum class LoopOutput : int32_t {
  kLAST_VALUE = 0,
  kCONCATENATE = 1,
  kREVERSE = 2,
};
template <>
constexpr int32_t EnumMax<LoopOutput>() noexcept {
  return 3;
}

enum class TripLimit : int32_t {
  kCOUNT = 0,
  kWHILE = 1,
};
template <>
constexpr int32_t EnumMax<TripLimit>() noexcept {
  return 2;
}

enum class CollectiveOperation : int32_t {
  kALL_REDUCE = 0,
  kALL_GATHER = 1,
  kBROADCAST = 2,
  kREDUCE = 3,
  kREDUCE_SCATTER = 4,
  kALL_TO_ALL = 5,
  kGATHER = 6,
  kSCATTER = 7,
};
template <>
constexpr int32_t EnumMax<CollectiveOperation>() noexcept {
  return 8;
}

enum class AttentionNormalizationOp : int32_t {
  kNONE = 0,
  kSOFTMAX = 1,
};
template <>
constexpr int32_t EnumMax<AttentionNormalizationOp>() noexcept {
  return 2;
}

enum class CausalMaskKind : int32_t {
  kNONE = 0,
  kUPPER_LEFT = 1,
  kLOWER_RIGHT = 2,
};
template <>
constexpr int32_t EnumMax<CausalMaskKind>() noexcept {
  return 3;
}

enum class AttentionIOForm : int32_t {
  kPADDED_BHND = 0,
  kPACKED_NHD = 1,
};
template <>
constexpr int32_t EnumMax<AttentionIOForm>() noexcept {
  return 2;
}

enum class KVCacheMode : int32_t {
  kLINEAR = 0,
};
template <>
constexpr int32_t EnumMax<KVCacheMode>() noexcept {
  return 1;
}

enum class MoEActType : int32_t {
  kNONE = 0,
  kSILU = 1,
};
template <>
constexpr int32_t EnumMax<MoEActType>() noexcept {
  return 2;
}

}  // namespace nvinfer1

#endif
