// The entry points of the parser's library, and its bag of options.
#include "NvOnnxConfig.h"
#include "NvOnnxParser.h"
#include "entry.h"

namespace tenon::trt {

nvonnxparser::IParser* new_parser(nvinfer1::INetworkDefinition& network, nvinfer1::ILogger* logger);
nvonnxparser::IParserRefitter* new_parser_refitter(nvinfer1::IRefitter& refitter,
                                                   nvinfer1::ILogger* logger);

namespace {

// A parser works on an object that is there.
template <class T, class Make>
void* create_on(void* subject, void* logger, int32_t version, const char* function, Make&& make) {
  return create<T>(logger, version, NV_ONNX_PARSER_VERSION, function,
                   [&](nvinfer1::ILogger* given) {
                     if (subject == nullptr) refuse("the object to work on is null; give one");
                     return make(given);
                   });
}

class Config final : public nvonnxparser::IOnnxConfig {
 public:
  void setModelDtype(nvinfer1::DataType type) noexcept override { type_ = type; }
  nvinfer1::DataType getModelDtype() const noexcept override { return type_; }
  const char* getModelFileName() const noexcept override { return model_.c_str(); }
  void setModelFileName(const char* name) noexcept override {
    model_ = name != nullptr ? name : "";
  }
  Verbosity getVerbosityLevel() const noexcept override { return verbosity_; }
  void addVerbosity() noexcept override { ++verbosity_; }
  void reduceVerbosity() noexcept override { --verbosity_; }
  void setVerbosityLevel(Verbosity level) noexcept override { verbosity_ = level; }
  const char* getTextFileName() const noexcept override { return text_.c_str(); }
  void setTextFileName(const char* name) noexcept override { text_ = name != nullptr ? name : ""; }
  const char* getFullTextFileName() const noexcept override { return full_.c_str(); }
  void setFullTextFileName(const char* name) noexcept override {
    full_ = name != nullptr ? name : "";
  }
  bool getPrintLayerInfo() const noexcept override { return print_; }
  void setPrintLayerInfo(bool on) noexcept override { print_ = on; }

 private:
  nvinfer1::DataType type_ = nvinfer1::DataType::kFLOAT;
  Verbosity verbosity_ = static_cast<Verbosity>(nvinfer1::ILogger::Severity::kWARNING);
  std::string model_, text_, full_;
  bool print_ = false;
};

}  // namespace
}  // namespace tenon::trt

nvonnxparser::IOnnxConfig* nvonnxparser::createONNXConfig() { return new tenon::trt::Config; }

void* createNvOnnxParser_INTERNAL(void* network, void* logger, int version) noexcept {
  return tenon::trt::create_on<nvonnxparser::IParser>(
      network, logger, version, "createParser", [&](nvinfer1::ILogger* given) {
        return tenon::trt::new_parser(*static_cast<nvinfer1::INetworkDefinition*>(network), given);
      });
}

void* createNvOnnxParserRefitter_INTERNAL(void* refitter, void* logger, int32_t version) noexcept {
  return tenon::trt::create_on<nvonnxparser::IParserRefitter>(
      refitter, logger, version, "createParserRefitter", [&](nvinfer1::ILogger* given) {
        return tenon::trt::new_parser_refitter(
            tenon::trt::made_here<nvinfer1::IRefitter>(refitter, "the refitter"), given);
      });
}

int getNvOnnxParserVersion() noexcept { return NV_ONNX_PARSER_VERSION; }
