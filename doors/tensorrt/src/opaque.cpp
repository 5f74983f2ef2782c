#include "opaque.h"

#include "onnx_body.h"

namespace tenon::trt {

void Opaque::set_operands(const std::vector<TensorImpl*>& operands,
                          const std::vector<TensorImpl*>& captured) {
  inputs = operands;
  operands_ = operands.size();
  inputs.insert(inputs.end(), captured.begin(), captured.end());
}

std::vector<Value> Opaque::lower_all(Lowering& to) const {
  std::vector<Value> operands;
  for (size_t i = 0; i < operands_; ++i)
    operands.push_back(inputs[i] != nullptr ? to.value(*inputs[i]) : Value());
  std::vector<Value> captured;
  for (size_t i = operands_; i < inputs.size(); ++i) captured.push_back(input(to, i));
  Attributes attributes = node_.attributes;
  for (const auto& [key, body] : node_.bodies)
    attributes.insert_or_assign(key, body->network(to, body->formal_types(to, node_.op, operands),
                                                   body->around(to, node_.bodies, captured)));
  NodeOptions options{.version = node_.version};
  for (const bool each : node_.wanted) options.outputs.emplace_back(each ? "y" : "");
  std::vector<Value> made = to.add_node(*this, node_.op, operands, attributes, options);
  made.resize(outputs.size());
  return made;
}

}  // namespace tenon::trt
