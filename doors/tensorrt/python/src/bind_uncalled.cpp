// Classes that a script may implement and that nothing here calls: allocators, calibrators,
// selectors. They are kept for the getter.
#include "bind_call.h"

namespace tenon::trt::python {
namespace {

using nvinfer1::AllocatorFlags;

struct Allocator : nvinfer1::IGpuAllocator {
  void* allocate(uint64_t, uint64_t, AllocatorFlags) noexcept override { return nullptr; }
  bool deallocate(void*) noexcept override { return false; }
};

struct AsyncAllocator : nvinfer1::IGpuAsyncAllocator {
  void* allocateAsync(uint64_t, uint64_t, AllocatorFlags, cudaStream_t) noexcept override {
    return nullptr;
  }
  bool deallocateAsync(void*, cudaStream_t) noexcept override { return false; }
};

template <class Base>
struct Calibrator : Base {
  int32_t getBatchSize() const noexcept override { return 0; }
  bool getBatch(void**, const char**, int32_t) noexcept override { return false; }
  const void* readCalibrationCache(size_t&) noexcept override { return nullptr; }
  void writeCalibrationCache(const void*, size_t) noexcept override {}
};

struct PlainCalibrator : Calibrator<nvinfer1::IInt8Calibrator> {
  nvinfer1::InterfaceInfo getInterfaceInfo() const noexcept override { return {"IInt8", 1, 0}; }
  nvinfer1::CalibrationAlgoType getAlgorithm() noexcept override { return {}; }
};

struct LegacyCalibrator : Calibrator<nvinfer1::IInt8LegacyCalibrator> {
  double getQuantile() const noexcept override { return 0; }
  double getRegressionCutoff() const noexcept override { return 0; }
  const void* readHistogramCache(size_t&) noexcept override { return nullptr; }
  void writeHistogramCache(const void*, size_t) noexcept override {}
};

struct Selector : nvinfer1::IAlgorithmSelector {
  int32_t selectAlgorithms(const nvinfer1::IAlgorithmContext&, const nvinfer1::IAlgorithm* const*,
                           int32_t, int32_t*) noexcept override {
    return -1;
  }
  void reportAlgorithms(const nvinfer1::IAlgorithmContext* const*,
                        const nvinfer1::IAlgorithm* const*, int32_t) noexcept override {}
};

/// The class of an interface, and of what a script derives from it.
template <class Interface, class Given>
void implementable(nb::module_& module, const char* name) {
  nb::class_<Interface>(module, ("_" + std::string(name)).c_str());
  nb::class_<Given, Interface>(module, name, nb::dynamic_attr()).def(nb::init<>());
}

template <class Given>
void calibrator(nb::module_& module, const char* name) {
  nb::class_<Given, nvinfer1::IInt8Calibrator>(module, name, nb::dynamic_attr()).def(nb::init<>());
}

}  // namespace

void bind_uncalled(nb::module_& module) {
  counted<nvinfer1::AllocatorFlag>(module, "AllocatorFlag", {"RESIZABLE"});
  counted<nvinfer1::CalibrationAlgoType>(
      module, "CalibrationAlgoType",
      {"LEGACY_CALIBRATION", "ENTROPY_CALIBRATION", "ENTROPY_CALIBRATION_2", "MINMAX_CALIBRATION"});
  counted<nvinfer1::QuantizationFlag>(module, "QuantizationFlag", {"CALIBRATE_BEFORE_FUSION"});
  nb::class_<nvinfer1::IGpuAllocator>(module, "_IGpuAllocator");
  nb::class_<Allocator, nvinfer1::IGpuAllocator>(module, "IGpuAllocator", nb::dynamic_attr())
      .def(nb::init<>());
  nb::class_<AsyncAllocator, nvinfer1::IGpuAllocator>(module, "IGpuAsyncAllocator",
                                                      nb::dynamic_attr())
      .def(nb::init<>());
  implementable<nvinfer1::IAlgorithmSelector, Selector>(module, "IAlgorithmSelector");
  implementable<nvinfer1::IInt8Calibrator, PlainCalibrator>(module, "IInt8Calibrator");
  calibrator<LegacyCalibrator>(module, "IInt8LegacyCalibrator");
  calibrator<Calibrator<nvinfer1::IInt8EntropyCalibrator>>(module, "IInt8EntropyCalibrator");
  calibrator<Calibrator<nvinfer1::IInt8EntropyCalibrator2>>(module, "IInt8EntropyCalibrator2");
  calibrator<Calibrator<nvinfer1::IInt8MinMaxCalibrator>>(module, "IInt8MinMaxCalibrator");
}

}  // namespace tenon::trt::python
