#include "onnx_errors.h"

#include "onnx_facts.h"
#include "onnx_import.h"

namespace tenon::trt {

using Code = OnnxError::Code;

namespace {

Code code_of(const Problem& problem) {
  if (problem.kind == "op") return Code::kUNSUPPORTED_NODE;
  if (problem.kind == "feature" || problem.kind == "unsupported")
    return problem.index < 0 ? Code::kUNSUPPORTED_GRAPH : Code::kUNSUPPORTED_NODE;
  if (problem.kind == "bad_file" || problem.kind == "io") return Code::kMODEL_DESERIALIZE_FAILED;
  return problem.index < 0 ? Code::kINVALID_GRAPH : Code::kINVALID_NODE;
}

nvinfer1::ErrorCode reported(Code code) {
  using To = nvinfer1::ErrorCode;
  if (code >= Code::kUNSUPPORTED_GRAPH && code <= Code::kUNSUPPORTED_NODE_SHAPE)
    return To::kUNSUPPORTED_STATE;
  return code == Code::kINTERNAL_ERROR ? To::kINTERNAL_ERROR : To::kINVALID_ARGUMENT;
}

}  // namespace

void OnnxErrors::add(const char* function, Code code, const std::string& text,
                     const Problem& where) {
  errors_.push_back(std::make_unique<OnnxError>(code, text, function, where));
  reporter_.error(function, reported(code), text);
}

void OnnxErrors::add(const char* function, const Problem& problem) {
  add(function, code_of(problem), problem.message, problem);
}

void OnnxErrors::current_exception(const char* function, Code otherwise) noexcept try {
  throw;
} catch (const OnnxRefusal& refusal) {
  add(function, Code::kUNSUPPORTED_NODE, refusal.what(),
      {"feature", refusal.index, called(refusal.node), refusal.node.op, refusal.what()});
} catch (const Refusal& refusal) {
  add(function, otherwise, refusal.what());
} catch (const BuildError& error) {
  if (error.problems().empty())
    add(function, {std::string(to_string(error.code())), -1, "", "", error.what()});
  for (const Problem& each : error.problems()) add(function, each);
} catch (const Error& error) {
  add(function, {std::string(to_string(error.code())), -1, "", "", error.what()});
} catch (const std::bad_alloc&) {
  add(function, Code::kMEM_ALLOC_FAILED, "out of memory");
} catch (const std::exception& bug) {
  add(function, Code::kINTERNAL_ERROR, bug.what());
}

OnnxSource::OnnxSource(const void* bytes, size_t size, const char* path) {
  if (bytes == nullptr || size == 0) refuse("the model is empty");
  const auto* first = static_cast<const std::byte*>(bytes);
  bytes_.assign(first, first + size);
  if (path == nullptr || *path == '\0') return;
  const std::filesystem::path given = name_of(path, "the model's path");
  options_.folder = is_directory(given) ? given : given.parent_path();
  if (options_.folder.empty()) options_.folder = ".";
}

OnnxSource::OnnxSource(const char* file) : file_(name_of(file, "the model's path")) {}

OnnxModel OnnxSource::open() const {
  return file_.empty() ? open_onnx(std::span(bytes_), options_) : open_onnx(file_, options_);
}

void OnnxSource::give(const char* name, const void* data, size_t size) {
  const std::string wanted = name_of(name, "the initializer's name");
  if (data == nullptr && size > 0) refuse("\"" + wanted + "\": the data is null");
  for (const auto& [whole, leaf] : all_leaves(open(), {})) {
    if (whole != wanted || !leaf.tensor || !leaf.tensor->dtype) continue;
    const size_t bytes = byte_count(*leaf.tensor->dtype, element_count(leaf.tensor->shape));
    if (bytes != size)
      refuse("\"" + wanted + "\" has " + std::to_string(bytes) + " bytes, the given data " +
             std::to_string(size));
    options_.weights->insert_or_assign(wanted,
                                       TensorView(data, *leaf.tensor->dtype, leaf.tensor->shape));
    return;
  }
  refuse("the model has no initializer \"" + wanted + "\"");
}

}  // namespace tenon::trt
