// The writer of the tests' models (in a test file, so that it is linked into the tests only).
#include "onnx/test_model.h"

namespace tenon::onnx {

using protozero::pbf_writer;

std::string TestModel::tensor_bytes(const TestTensor& tensor, const std::string& name) {
  std::string out;
  pbf_writer writer(out);
  for (int64_t dim : tensor.dims) writer.add_int64(1, dim);
  writer.add_int32(2, tensor.type);
  writer.add_string(8, name);
  if (tensor.type == string)
    writer.add_string(6, tensor.bytes);
  else
    writer.add_bytes(9, tensor.bytes);
  return out;
}

std::string TestModel::attribute_bytes(const TestAttribute& attribute) {
  std::string out;
  pbf_writer writer(out);
  writer.add_string(1, attribute.name);
  constexpr int types[] = {2, 1, 3, 7, 6, 4};  // AttributeType, in the order of TestValue
  writer.add_int32(20, types[attribute.value.index()]);
  if (const auto* i = std::get_if<int64_t>(&attribute.value)) writer.add_int64(3, *i);
  if (const auto* f = std::get_if<float>(&attribute.value)) writer.add_float(2, *f);
  if (const auto* s = std::get_if<std::string>(&attribute.value)) writer.add_bytes(4, *s);
  if (const auto* tensor = std::get_if<TestTensor>(&attribute.value))
    writer.add_message(5, tensor_bytes(*tensor, ""));
  if (const auto* ints = std::get_if<std::vector<int64_t>>(&attribute.value))
    for (int64_t i : *ints) writer.add_int64(8, i);
  if (const auto* list = std::get_if<std::vector<float>>(&attribute.value))
    for (float f : *list) writer.add_float(7, f);
  return out;
}

TestModel& TestModel::node(const TestNode& node) {
  std::string out;
  pbf_writer writer(out);
  for (const std::string& input : node.inputs) writer.add_string(1, input);
  for (const std::string& output : node.outputs) writer.add_string(2, output);
  writer.add_string(3, node.name);
  writer.add_string(4, node.op_type);
  for (const TestAttribute& attribute : node.attributes)
    writer.add_message(5, attribute_bytes(attribute));
  writer.add_string(7, node.domain);
  pbf_writer(graph_).add_message(1, out);
  return *this;
}

void TestModel::write_value(uint32_t field, const std::string& name, int type,
                            const std::vector<TestDim>* dims) {
  std::string shape;
  for (const TestDim& dim : dims ? *dims : std::vector<TestDim>{}) {
    std::string out;
    pbf_writer writer(out);
    if (const auto* extent = std::get_if<int64_t>(&dim)) writer.add_int64(1, *extent);
    const auto* parameter = std::get_if<std::string>(&dim);
    if (parameter && !parameter->empty()) writer.add_string(2, *parameter);
    pbf_writer(shape).add_message(1, out);
  }
  std::string tensor_type, value_type, value;
  pbf_writer(tensor_type).add_int32(1, type);
  if (dims) pbf_writer(tensor_type).add_message(2, shape);
  if (type != 0) pbf_writer(value_type).add_message(1, tensor_type);
  pbf_writer(value).add_string(1, name);
  pbf_writer(value).add_message(2, value_type);
  pbf_writer(graph_).add_message(field, value);
}

std::shared_ptr<const base::ByteSource> TestModel::bytes() const {
  std::string opset, model;
  pbf_writer(opset).add_string(1, "");
  pbf_writer(opset).add_int64(2, opset_);
  pbf_writer writer(model);
  writer.add_int64(1, 8);
  writer.add_message(8, opset);
  writer.add_message(7, graph_);
  model += extra_;
  const auto bytes = std::as_bytes(std::span(model));
  return base::memory_source(std::vector<std::byte>(bytes.begin(), bytes.end()));
}

}  // namespace tenon::onnx
