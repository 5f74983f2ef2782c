// Parser refitters: an engine's weights out of a model, by their names.
#include <algorithm>

#include "onnx_errors.h"
#include "onnx_facts.h"

namespace tenon::trt {

void set_owned(nvinfer1::IRefitter& refitter, const std::map<std::string, Tensor>& values);

namespace {

using Code = OnnxError::Code;

class ParserRefitterImpl final : public nvonnxparser::IParserRefitter {
 public:
  ParserRefitterImpl(nvinfer1::IRefitter& refitter, nvinfer1::ILogger* logger)
      : refitter_(refitter), errors_(logger) {}

  bool refitFromBytes(const void* model, size_t size, const char* path) noexcept override {
    return errors_.guarded("IParserRefitter::refitFromBytes", Code::kREFIT_FAILED,
                           [&] { return set(OnnxSource(model, size, path)); });
  }
  bool refitFromFile(const char* file) noexcept override {
    return errors_.guarded("IParserRefitter::refitFromFile", Code::kREFIT_FAILED,
                           [&] { return set(OnnxSource(file)); });
  }
  bool loadModelProto(const void* model, size_t size, const char* path) noexcept override {
    const char* function = "IParserRefitter::loadModelProto";
    return errors_.guarded(function, Code::kMODEL_DESERIALIZE_FAILED, [&] {
      if (source_) refuse("a model is loaded already; make another parser refitter");
      OnnxSource source(model, size, path);
      source.open();
      source_ = std::move(source);
      return true;
    });
  }
  bool loadInitializer(const char* name, const void* data, size_t size) noexcept override {
    return errors_.guarded("IParserRefitter::loadInitializer", Code::kINVALID_VALUE, [&] {
      loaded().give(name, data, size);
      return true;
    });
  }
  bool refitModelProto() noexcept override {
    return errors_.guarded("IParserRefitter::refitModelProto", Code::kREFIT_FAILED,
                           [&] { return set(loaded()); });
  }
  int32_t getNbErrors() const noexcept override { return errors_.count(); }
  const nvonnxparser::IParserError* getError(int32_t i) const noexcept override {
    return errors_.at(i);
  }
  void clearErrors() override { errors_.clear(); }

 private:
  OnnxSource& loaded() {
    if (!source_) refuse("no model is loaded; loadModelProto first");
    return *source_;
  }

  std::set<std::string> wanted() {
    std::vector<const char*> names(index(refitter_.getAllWeights(0, nullptr)));
    refitter_.getAllWeights(static_cast<int32_t>(names.size()), names.data());
    return {names.begin(), names.end()};
  }
  static size_t index(int32_t i) { return static_cast<size_t>(i); }

  // All is found and read before anything is set.
  bool set(const OnnxSource& source) {
    const std::set<std::string> names = wanted();
    const auto leaves = all_leaves(source.open(), names);
    std::map<std::string, Tensor> values;
    std::vector<std::string> lacking;
    for (const std::string& name : names) {
      const auto leaf = leaves.find(name);
      if (leaf == leaves.end())
        lacking.push_back(name);
      else
        values.emplace(name, leaf->second.read());
    }
    if (!lacking.empty()) refuse(text_of(lacking));
    set_owned(refitter_, values);
    return true;
  }

  static std::string text_of(const std::vector<std::string>& lacking) {
    constexpr size_t most = 10;
    std::string text = "the model lacks " + std::to_string(lacking.size()) + " of the weights: ";
    for (size_t i = 0; i < std::min(lacking.size(), most); ++i)
      text += (i > 0 ? ", \"" : "\"") + lacking[i] + "\"";
    return text + (lacking.size() > most ? ", …" : "") + "; nothing was set";
  }

  nvinfer1::IRefitter& refitter_;
  OnnxErrors errors_;
  std::optional<OnnxSource> source_;
};

}  // namespace

nvonnxparser::IParserRefitter* new_parser_refitter(nvinfer1::IRefitter& refitter,
                                                   nvinfer1::ILogger* logger) {
  return new ParserRefitterImpl(refitter, logger);
}

}  // namespace tenon::trt
