// The entry points of the whole library.
#include "entry.h"

#include "NvInfer.h"
#include "NvInferPlugin.h"

namespace tenon::trt {

nvinfer1::IBuilder* new_builder(nvinfer1::ILogger* logger);

}  // namespace tenon::trt

void* createInferBuilder_INTERNAL(void* logger, int32_t version) noexcept {
  return tenon::trt::create<nvinfer1::IBuilder>(logger, version, NV_TENSORRT_VERSION,
                                                "createInferBuilder", tenon::trt::new_builder);
}

nvinfer1::IPluginRegistry* nvinfer1::getBuilderPluginRegistry(
    EngineCapability capability) noexcept {
  return capability == EngineCapability::kSTANDARD ? getPluginRegistry() : nullptr;
}

nvinfer1::safe::IPluginRegistry* nvinfer1::getBuilderSafePluginRegistry(EngineCapability) noexcept {
  return nullptr;
}

bool setInternalLibraryPath(const nvinfer1::AsciiChar* path) noexcept { return path != nullptr; }

bool initLibNvInferPlugins(void* logger, const char*) {
  if (logger != nullptr)
    static_cast<nvinfer1::ILogger*>(logger)->log(
        nvinfer1::ILogger::Severity::kVERBOSE,
        "initLibNvInferPlugins: Tenon has no plugins; nothing was registered");
  return true;
}
