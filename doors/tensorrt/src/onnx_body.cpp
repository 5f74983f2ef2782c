#include "onnx_body.h"

#include <algorithm>

#include "report.h"

namespace tenon::trt {
namespace {

using Bodies = std::map<std::string, std::shared_ptr<const OnnxBody>>;

/// One body while its network is made.
class Maker {
 public:
  Maker(const OnnxBody& body, Lowering& to, const AroundOf& around)
      : body_(body), to_(to), around_(around) {}

  Network make(const std::vector<ValueInfo>& formals) {
    for (size_t i = 0; i < body_.formals.size(); ++i)
      define(body_.formals[i].name, input("tenon.formal." + std::to_string(i), formals.at(i)));
    for (const OnnxBodyNode& node : body_.nodes) add(node);
    size_t next = 0;
    for (const std::string& each : body_.outputs)
      net_.output("out" + std::to_string(next++), value(each));
    return net_;
  }

 private:
  Value input(const std::string& name, const ValueInfo& type) {
    if (!type.extents)
      refuse(nvinfer1::ErrorCode::kUNSUPPORTED_STATE,
             "\"" + name + "\" of a body: not even its rank is known");
    const Value made = net_.input(name, type.dtype, *type.extents);
    names_.emplace(made.id, name);
    return made;
  }

  void define(const std::string& name, Value value) { values_[name] = value; }

  Value captured(const std::string& name) {
    const Around found = around_(name);
    const auto here = inputs_.find(found.name);
    if (here != inputs_.end()) return here->second;
    return inputs_[found.name] = input(found.name, with_plain_extents(found.type, extents_, to_));
  }

  Value value(const std::string& name) {
    if (name.empty()) return {};
    if (const auto here = values_.find(name); here != values_.end()) return here->second;
    Value made;
    if (const auto frozen = body_.frozen.find(name); frozen != body_.frozen.end()) {
      const std::string unique = to_.fresh("tenon.body.");
      made = net_.constant(unique, frozen->second);
      names_.emplace(made.id, unique);
    } else {
      const auto weight = body_.hoisted.find(name);
      made = captured(weight != body_.hoisted.end() ? OnnxBody::mark(weight->second) : name);
    }
    define(name, made);
    return made;
  }

  Around seen(const std::string& name) {
    const bool hoisted = name.starts_with("\n");
    const Value made = hoisted ? captured(name) : value(name);
    return {names_.at(made.id), net_.info(made)};
  }

  void add(const OnnxBodyNode& node) {
    std::vector<Value> operands;
    for (const std::string& each : node.inputs) operands.push_back(value(each));
    Attributes attributes = node.attributes;
    const AroundOf around = [this](const std::string& name) { return seen(name); };
    for (const auto& [key, inner] : node.bodies)
      attributes.insert_or_assign(key,
                                  inner->network(to_, types(*inner, node.op, operands), around));
    NodeOptions options{.version = node.version, .name = node.name};
    for (const std::string& each : node.outputs)
      options.outputs.push_back(each.empty() ? "" : to_.fresh("tenon.inner."));
    const std::vector<Value> made = net_.add(node.op, operands, attributes, options);
    for (size_t i = 0; i < std::min(made.size(), node.outputs.size()); ++i) {
      names_.emplace(made[i].id, options.outputs[i]);
      if (!node.outputs[i].empty()) define(node.outputs[i], made[i]);
    }
  }

 public:
  /// What the node gives a body whose operands these are.
  template <class Info>
  static std::vector<ValueInfo> types(const OnnxBody& body, const std::string& op,
                                      const std::vector<Value>& operands, const Info& info,
                                      Lowering& to) {
    std::vector<ValueInfo> given;
    const std::vector<Extent> scalar;
    if (op == "Loop") given = {{DType::i64, scalar}, {DType::bool_, scalar}};
    for (size_t i = given.size(); i < body.formals.size(); ++i) {
      if (i >= operands.size())
        refuse(nvinfer1::ErrorCode::kUNSUPPORTED_STATE,
               op + ": a body with more inputs than operands");
      ValueInfo type = info(operands[i]);
      const bool slice = i + body.scanned >= body.formals.size();
      if (slice && type.extents && !type.extents->empty())  // one axis less, whichever it is
        type.extents->erase(type.extents->begin());
      given.push_back(open(type, body.formals[i], to));
    }
    return given;
  }

 private:
  std::vector<ValueInfo> types(const OnnxBody& body, const std::string& op,
                               const std::vector<Value>& operands) {
    return types(
        body, op, operands, [this](Value each) { return net_.info(each); }, to_);
  }

  // A carried value may change its extents from turn to turn: those alone that the body itself
  // declares are kept.
  static ValueInfo open(ValueInfo type, const OnnxPort& formal, Lowering& to) {
    for (size_t axis = 0; type.extents && axis < type.extents->size(); ++axis) {
      Extent& extent = (*type.extents)[axis];
      const bool declared = formal.extents && formal.extents->size() == type.extents->size() &&
                            (*formal.extents)[axis].value >= 0 &&
                            (*formal.extents)[axis].value == extent.value;
      if (!declared) extent = Extent(to.fresh("tenon_b"));
    }
    return type;
  }

  const OnnxBody& body_;
  Lowering& to_;
  const AroundOf& around_;
  Network net_;
  std::map<std::string, Value> values_, inputs_;
  std::map<int, std::string> names_;
  std::map<std::string, std::string> extents_;
};

}  // namespace

std::vector<std::string> captures_of(const Bodies& bodies) {
  std::set<std::string> all;
  for (const auto& [key, body] : bodies) all.insert(body->captures.begin(), body->captures.end());
  return {all.begin(), all.end()};
}

AroundOf OnnxBody::around(Lowering& to, const Bodies& bodies, const std::vector<Value>& captured) {
  std::map<std::string, Value> values;
  const std::vector<std::string> names = captures_of(bodies);
  for (size_t i = 0; i < names.size(); ++i) values.emplace(names[i], captured.at(i));
  return [&to, values](const std::string& name) {
    const Value value = values.at(name);
    return Around{to.name_of(value), to.info(value)};
  };
}

std::vector<ValueInfo> OnnxBody::formal_types(Lowering& to, const std::string& op,
                                              const std::vector<Value>& operands) const {
  return Maker::types(
      *this, op, operands, [&](Value each) { return to.info(each); }, to);
}

Network OnnxBody::network(Lowering& to, const std::vector<ValueInfo>& formal_types,
                          const AroundOf& around) const {
  return Maker(*this, to, around).make(formal_types);
}

}  // namespace tenon::trt
