// What plugins and those who find them share: kinds, fields, creators.
#ifndef NV_INFER_PLUGIN_BASE_H
#define NV_INFER_PLUGIN_BASE_H

#include "NvInferRuntimeBase.h"

namespace nvinfer1 {

enum class PluginFieldType : int32_t {
  kFLOAT16 = 0,
  kFLOAT32 = 1,
  kFLOAT64 = 2,
  kINT8 = 3,
  kINT16 = 4,
  kINT32 = 5,
  kCHAR = 6,
  kDIMS = 7,
  kUNKNOWN = 8,
  kBF16 = 9,
  kINT64 = 10,
  kFP8 = 11,
  kINT4 = 12,
  kFP4 = 13,
};
template <>
constexpr int32_t EnumMax<PluginFieldType>() noexcept {
  return 14;
}

enum class TensorRTPhase : int32_t { kBUILD = 0, kRUNTIME = 1 };
template <>
constexpr int32_t EnumMax<TensorRTPhase>() noexcept {
  return 2;
}

enum class PluginCapabilityType : int32_t { kCORE = 0, kBUILD = 1, kRUNTIME = 2 };
template <>
constexpr int32_t EnumMax<PluginCapabilityType>() noexcept {
  return 3;
}

enum class PluginCreatorVersion : int32_t { kV1 = 0, kV1_PYTHON = 64 };

/// One attribute of a plugin; the caller keeps name and data.
class PluginField {
 public:
  PluginField(AsciiChar const* const fieldName = nullptr, void const* const fieldData = nullptr,
              PluginFieldType const fieldType = PluginFieldType::kUNKNOWN,
              int32_t fieldLength = 0) noexcept
      : name(fieldName), data(fieldData), type(fieldType), length(fieldLength) {}
  AsciiChar const* name;
  void const* data;
  PluginFieldType type;
  int32_t length;
};

struct PluginFieldCollection {
  int32_t nbFields;
  PluginField const* fields;
};

namespace v_1_0 {
class IPluginCapability : public IVersionedInterface {};

class IPluginResource : public IVersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override {
    return InterfaceInfo{"IPluginResource", 1, 0};
  }
  virtual int32_t release() noexcept = 0;
  virtual IPluginResource* clone() noexcept = 0;
};

class IPluginCreatorInterface : public IVersionedInterface {};

/// A plugin of the third kind: its capabilities are asked for one by one.
class IPluginV3 : public IVersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return InterfaceInfo{"PLUGIN", 1, 0}; }
  virtual IPluginCapability* getCapabilityInterface(PluginCapabilityType type) noexcept = 0;
  virtual IPluginV3* clone() noexcept = 0;
};

class IPluginCreatorV3One : public IPluginCreatorInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override {
    return InterfaceInfo{"PLUGIN CREATOR_V3ONE", 1, 0};
  }
  virtual IPluginV3* createPlugin(AsciiChar const* name, PluginFieldCollection const* fc,
                                  TensorRTPhase phase) noexcept = 0;
  virtual PluginFieldCollection const* getFieldNames() noexcept = 0;
  virtual AsciiChar const* getPluginName() const noexcept = 0;
  virtual AsciiChar const* getPluginVersion() const noexcept = 0;
  virtual AsciiChar const* getPluginNamespace() const noexcept = 0;
};
}  // namespace v_1_0
using IPluginCapability = v_1_0::IPluginCapability;
using IPluginResource = v_1_0::IPluginResource;
using IPluginCreatorInterface = v_1_0::IPluginCreatorInterface;
using IPluginV3 = v_1_0::IPluginV3;
using IPluginCreatorV3One = v_1_0::IPluginCreatorV3One;

}  // namespace nvinfer1

#endif
