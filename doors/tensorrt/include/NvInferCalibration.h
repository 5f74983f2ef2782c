// Deprecated: calibration to INT8 and selection of algorithms. Programs may say it; nothing is
// called.
#ifndef NV_INFER_CALIBRATION_H
#define NV_INFER_CALIBRATION_H

#include "NvInferRuntime.h"

namespace nvinfer1 {

enum class CalibrationAlgoType : int32_t {
  kLEGACY_CALIBRATION = 0,
  kENTROPY_CALIBRATION = 1,
  kENTROPY_CALIBRATION_2 = 2,
  kMINMAX_CALIBRATION = 3,
};
template <>
constexpr int32_t EnumMax<CalibrationAlgoType>() noexcept {
  return 4;
}

enum class QuantizationFlag : int32_t { kCALIBRATE_BEFORE_FUSION = 0 };
template <>
constexpr int32_t EnumMax<QuantizationFlag>() noexcept {
  return 1;
}
using QuantizationFlags = uint32_t;

class IInt8Calibrator : public IVersionedInterface {
 public:
  virtual int32_t getBatchSize() const noexcept = 0;
  virtual bool getBatch(void* bindings[], char const* names[], int32_t nbBindings) noexcept = 0;
  virtual void const* readCalibrationCache(std::size_t& length) noexcept = 0;
  virtual void writeCalibrationCache(void const* ptr, std::size_t length) noexcept = 0;
  virtual CalibrationAlgoType getAlgorithm() noexcept = 0;
};

#define TENON_CALIBRATOR(Name, kind)                                                           \
  class Name : public IInt8Calibrator {                                                        \
   public:                                                                                     \
    InterfaceInfo getInterfaceInfo() const noexcept override {                                 \
      return InterfaceInfo{#Name, 1, 0};                                                       \
    }                                                                                          \
    CalibrationAlgoType getAlgorithm() noexcept override { return CalibrationAlgoType::kind; } \
  }
TENON_CALIBRATOR(IInt8EntropyCalibrator, kENTROPY_CALIBRATION);
TENON_CALIBRATOR(IInt8EntropyCalibrator2, kENTROPY_CALIBRATION_2);
TENON_CALIBRATOR(IInt8MinMaxCalibrator, kMINMAX_CALIBRATION);
#undef TENON_CALIBRATOR

class IInt8LegacyCalibrator : public IInt8Calibrator {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override {
    return InterfaceInfo{"IInt8LegacyCalibrator", 1, 0};
  }
  CalibrationAlgoType getAlgorithm() noexcept override {
    return CalibrationAlgoType::kLEGACY_CALIBRATION;
  }
  virtual double getQuantile() const noexcept = 0;
  virtual double getRegressionCutoff() const noexcept = 0;
  virtual void const* readHistogramCache(std::size_t& length) noexcept = 0;
  virtual void writeHistogramCache(void const* ptr, std::size_t length) noexcept = 0;
};

class IAlgorithmIOInfo : public INoCopy {
 public:
  virtual DataType getDataType() const noexcept = 0;
  virtual Dims getStrides() const noexcept = 0;
  virtual int64_t getVectorizedDim() const noexcept = 0;
  virtual int64_t getComponentsPerElement() const noexcept = 0;
};

class IAlgorithmVariant : public INoCopy {
 public:
  virtual int64_t getImplementation() const noexcept = 0;
  virtual int64_t getTactic() const noexcept = 0;
};

class IAlgorithmContext : public INoCopy {
 public:
  virtual char const* getName() const noexcept = 0;
  virtual Dims getDimensions(int32_t index, OptProfileSelector select) const noexcept = 0;
  virtual int32_t getNbInputs() const noexcept = 0;
  virtual int32_t getNbOutputs() const noexcept = 0;
};

class IAlgorithm : public INoCopy {
 public:
  virtual IAlgorithmVariant const& getAlgorithmVariant() const noexcept = 0;
  virtual float getTimingMSec() const noexcept = 0;
  virtual std::size_t getWorkspaceSize() const noexcept = 0;
  virtual IAlgorithmIOInfo const* getAlgorithmIOInfoByIndex(int32_t index) const noexcept = 0;
};

class IAlgorithmSelector : public IVersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override {
    return InterfaceInfo{"IAlgorithmSelector", 1, 0};
  }
  virtual int32_t selectAlgorithms(IAlgorithmContext const& context,
                                   IAlgorithm const* const* choices, int32_t nbChoices,
                                   int32_t* selection) noexcept = 0;
  virtual void reportAlgorithms(IAlgorithmContext const* const* algoContexts,
                                IAlgorithm const* const* algoChoices,
                                int32_t nbAlgorithms) noexcept = 0;
};

}  // namespace nvinfer1

#endif
