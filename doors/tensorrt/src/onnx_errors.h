// What a parser found wrong, as its program asks for it.
#pragma once

#include <memory>
#include <vector>

#include "NvOnnxParser.h"
#include "report.h"
#include "tenon/onnx_model.h"

namespace tenon::trt {

struct OnnxError final : nvonnxparser::IParserError {
  using Code = nvonnxparser::ErrorCode;
  OnnxError(Code code, std::string text, std::string function, Problem where = {})
      : code_(code),
        text_(std::move(text)),
        function_(std::move(function)),
        where_(std::move(where)) {}
  ~OnnxError() override = default;

  Code code() const override { return code_; }
  const char* desc() const override { return text_.c_str(); }
  const char* file() const override { return ""; }
  int line() const override { return 0; }
  const char* func() const override { return function_.c_str(); }
  int node() const override { return static_cast<int>(where_.index); }
  const char* nodeName() const override { return where_.node.c_str(); }
  const char* nodeOperator() const override { return where_.op.c_str(); }
  const char* const* localFunctionStack() const override { return nullptr; }
  int32_t localFunctionStackSize() const override { return 0; }

 private:
  Code code_;
  std::string text_, function_;
  Problem where_;
};

/// The errors of the last call, each reported once.
class OnnxErrors {
 public:
  explicit OnnxErrors(nvinfer1::ILogger* logger) : reporter_(logger) {}

  /// What `body` gives, a bool; false after errors. `otherwise` is the code of what has none.
  template <class Body>
  bool guarded(const char* function, OnnxError::Code otherwise, Body&& body) noexcept {
    try {
      errors_.clear();
      return body();
    } catch (...) {
      current_exception(function, otherwise);
      return false;
    }
  }
  void add(const char* function, OnnxError::Code code, const std::string& text,
           const Problem& where = {});
  void add(const char* function, const Problem& problem);
  int32_t count() const { return static_cast<int32_t>(errors_.size()); }
  const nvonnxparser::IParserError* at(int32_t i) const {
    return i >= 0 && i < count() ? errors_[static_cast<size_t>(i)].get() : nullptr;
  }
  void clear() { errors_.clear(); }
  Reporter& reporter() { return reporter_; }

 private:
  void current_exception(const char* function, OnnxError::Code otherwise) noexcept;

  Reporter reporter_;
  std::vector<std::unique_ptr<OnnxError>> errors_;
};

/// A model given as bytes or by its path, with initializers of the program's.
class OnnxSource {
 public:
  /// `path` leads to the model's file, or to the folder of its external data; null is neither.
  OnnxSource(const void* bytes, size_t size, const char* path);
  explicit OnnxSource(const char* file);
  OnnxModel open() const;
  /// Refuses what is no initializer of the model, or of another size.
  void give(const char* name, const void* data, size_t size);

 private:
  std::vector<std::byte> bytes_;
  std::filesystem::path file_;
  OnnxOptions options_;
};

}  // namespace tenon::trt
