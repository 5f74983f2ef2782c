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
/// A GraphProto.
struct TestGraph {
  std::string bytes;
};
using TestValue = std::variant<int64_t, float, std::string, std::vector<int64_t>,
                               std::vector<float>, TestTensor, TestGraph, std::vector<std::string>>;

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
  TestModel& sparse_initializer(const std::string& name) {
    std::string values, sparse;
    protozero::pbf_writer(values).add_string(8, name);
    protozero::pbf_writer(sparse).add_message(1, values);
    protozero::pbf_writer(graph_).add_message(15, sparse);
    return *this;
  }

  std::shared_ptr<const base::ByteSource> bytes() const;
  TestGraph graph() const { return {graph_}; }  ///< for an attribute of another model's node
  Model load() const { return onnx::load(bytes(), {}); }

 private:
  static std::string tensor_bytes(const TestTensor& tensor, const std::string& name);
  static std::string attribute_bytes(const TestAttribute& attribute);
  void write_value(uint32_t field, const std::string& name, int type,
                   const std::vector<TestDim>* dims);

  int64_t opset_;
  std::string graph_;
};

inline std::string TestModel::tensor_bytes(const TestTensor& tensor, const std::string& name) {
  std::string out;
  protozero::pbf_writer writer(out);
  for (int64_t dim : tensor.dims) writer.add_int64(1, dim);
  writer.add_int32(2, tensor.type);
  writer.add_string(8, name);
  if (tensor.type == string)
    writer.add_string(6, tensor.bytes);
  else
    writer.add_bytes(9, tensor.bytes);
  return out;
}

inline std::string TestModel::attribute_bytes(const TestAttribute& attribute) {
  std::string out;
  protozero::pbf_writer writer(out);
  writer.add_string(1, attribute.name);
  constexpr int types[] = {2, 1, 3, 7, 6, 4, 5, 8};  // AttributeType, in the order of TestValue
  writer.add_int32(20, types[attribute.value.index()]);
  if (const auto* i = std::get_if<int64_t>(&attribute.value)) writer.add_int64(3, *i);
  if (const auto* f = std::get_if<float>(&attribute.value)) writer.add_float(2, *f);
  if (const auto* s = std::get_if<std::string>(&attribute.value)) writer.add_bytes(4, *s);
  if (const auto* tensor = std::get_if<TestTensor>(&attribute.value))
    writer.add_message(5, tensor_bytes(*tensor, ""));
  if (const auto* ints = std::get_if<std::vector<int64_t>>(&attribute.value))
    for (int64_t i : *ints) writer.add_int64(8, i);
  if (const auto* strings = std::get_if<std::vector<std::string>>(&attribute.value))
    for (const std::string& text : *strings) writer.add_bytes(9, text);
  if (const auto* list = std::get_if<std::vector<float>>(&attribute.value))
    for (float f : *list) writer.add_float(7, f);
  if (const auto* graph = std::get_if<TestGraph>(&attribute.value))
    writer.add_message(6, graph->bytes);
  return out;
}

inline TestModel& TestModel::node(const TestNode& node) {
  std::string out;
  protozero::pbf_writer writer(out);
  for (const std::string& input : node.inputs) writer.add_string(1, input);
  for (const std::string& output : node.outputs) writer.add_string(2, output);
  writer.add_string(3, node.name);
  writer.add_string(4, node.op_type);
  for (const TestAttribute& attribute : node.attributes)
    writer.add_message(5, attribute_bytes(attribute));
  writer.add_string(7, node.domain);
  protozero::pbf_writer(graph_).add_message(1, out);
  return *this;
}

inline void TestModel::write_value(uint32_t field, const std::string& name, int type,
                                   const std::vector<TestDim>* dims) {
  std::string shape;
  for (const TestDim& dim : dims ? *dims : std::vector<TestDim>{}) {
    std::string out;
    protozero::pbf_writer writer(out);
    if (const auto* extent = std::get_if<int64_t>(&dim)) writer.add_int64(1, *extent);
    const auto* parameter = std::get_if<std::string>(&dim);
    if (parameter && !parameter->empty()) writer.add_string(2, *parameter);
    protozero::pbf_writer(shape).add_message(1, out);
  }
  std::string tensor_type, value_type, value;
  protozero::pbf_writer(tensor_type).add_int32(1, type);
  if (dims) protozero::pbf_writer(tensor_type).add_message(2, shape);
  if (type != 0) protozero::pbf_writer(value_type).add_message(1, tensor_type);
  protozero::pbf_writer(value).add_string(1, name);
  protozero::pbf_writer(value).add_message(2, value_type);
  protozero::pbf_writer(graph_).add_message(field, value);
}

inline std::shared_ptr<const base::ByteSource> TestModel::bytes() const {
  std::string opset, model;
  protozero::pbf_writer(opset).add_string(1, "");
  protozero::pbf_writer(opset).add_int64(2, opset_);
  protozero::pbf_writer writer(model);
  writer.add_int64(1, 8);
  writer.add_message(8, opset);
  writer.add_message(7, graph_);
  const auto bytes = std::as_bytes(std::span(model));
  return base::memory_source(std::vector<std::byte>(bytes.begin(), bytes.end()));
}

}  // namespace tenon::onnx
