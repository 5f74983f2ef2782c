// ONNX models in memory for tests, written field by field as onnx.proto numbers them.
#pragma once

#include <cstring>
#include <memory>
#include <protozero/pbf_writer.hpp>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/byte_source.h"
#include "onnx/onnx.h"

namespace tenon::onnx {

/// TensorProto.DataType.
enum TestType {
  f32 = 1,
  u8 = 2,
  i8 = 3,
  i32 = 6,
  i64 = 7,
  string = 8,
  boolean = 9,
  f16 = 10,
  f64 = 11,
  u32 = 12
};

/// A tensor with its elements as bytes.
struct TestTensor {
  int type = f32;
  std::vector<int64_t> dims;
  std::string bytes;
};

template <class T>
TestTensor tensor(TestType type, std::vector<int64_t> dims, const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return {type, std::move(dims), std::move(bytes)};
}
inline TestTensor floats(std::vector<int64_t> dims, const std::vector<float>& values) {
  return tensor(f32, std::move(dims), values);
}
/// A vector of int64.
inline TestTensor longs(const std::vector<int64_t>& values) {
  return tensor(i64, {static_cast<int64_t>(values.size())}, values);
}

using TestDim = std::variant<int64_t, std::string>;  ///< "" for an unnamed dim
using TestValue =
    std::variant<int64_t, float, std::string, std::vector<int64_t>, std::vector<float>, TestTensor>;

/// An attribute: `{"axis", int64_t{1}}`.
struct TestAttribute {
  std::string name;
  TestValue value;
};

struct TestNode {
  std::string op_type;
  std::vector<std::string> inputs, outputs;
  std::vector<TestAttribute> attributes;
  std::string name, domain;
};

/// Writes a ModelProto.
class TestModel {
 public:
  explicit TestModel(int64_t opset) : opset_(opset) {}

  TestModel& input(const std::string& name, int type, const std::vector<TestDim>& dims) {
    write_value(11, name, type, &dims);
    return *this;
  }
  TestModel& input_of_unknown_rank(const std::string& name, int type) {
    write_value(11, name, type, nullptr);
    return *this;
  }
  TestModel& initializer(const std::string& name, const TestTensor& tensor) {
    protozero::pbf_writer(graph_).add_message(5, tensor_bytes(tensor, name));
    return *this;
  }
  TestModel& node(const TestNode& node);
  /// A graph output of no declared shape; type 0 leaves its type out too.
  TestModel& output(const std::string& name, int type = f32) {
    write_value(12, name, type, nullptr);
    return *this;
  }
  TestModel& sparse_initializer() {
    protozero::pbf_writer(graph_).add_message(15, std::string());
    return *this;
  }
  TestModel& function() {
    protozero::pbf_writer(extra_).add_message(25, std::string());
    return *this;
  }

  std::shared_ptr<const base::ByteSource> bytes() const;
  Model load() const { return onnx::load(bytes(), {}); }

 private:
  static std::string tensor_bytes(const TestTensor& tensor, const std::string& name);
  static std::string attribute_bytes(const TestAttribute& attribute);
  void write_value(uint32_t field, const std::string& name, int type,
                   const std::vector<TestDim>* dims);

  int64_t opset_;
  std::string graph_, extra_;
};

}  // namespace tenon::onnx
