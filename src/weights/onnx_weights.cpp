// The weights of an ONNX file under the names that its nodes read.
#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "weights/lifted_names.h"

namespace tenon::weights::wire {

namespace {

bool is_own_domain(const std::string& domain) { return domain.empty() || domain == "ai.onnx"; }

bool is_identity(const Node& node) {
  return node.op_type == "Identity" && is_own_domain(node.domain) && node.inputs.size() == 1 &&
         node.outputs.size() == 1;
}

using Consumers = std::map<std::string, std::vector<base::Consumer>>;

void forget_own_names(const Graph& graph, Consumers& consumers) {
  for (const ValueInfo& input : graph.inputs) consumers.erase(input.name);
  for (const Tensor& initializer : graph.initializers) consumers.erase(initializer.name);
  for (const std::string& name : graph.sparse_initializers) consumers.erase(name);
  for (const Node& node : graph.nodes)
    for (const std::string& output : node.outputs) consumers.erase(output);
}

void add_consumers(const Graph& graph, Consumers& consumers) {
  for (const Node& node : graph.nodes) {
    if (is_identity(node)) continue;
    const std::string type =
        is_own_domain(node.domain) ? node.op_type : node.domain + "." + node.op_type;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (!node.inputs[i].empty()) consumers[node.inputs[i]].push_back({type, static_cast<int>(i)});
    }
    for (const Attribute& attribute : node.attributes) {
      if (!attribute.graph) continue;
      Consumers inside = consumers_of(*attribute.graph);
      forget_own_names(*attribute.graph, inside);
      for (const auto& [name, readers] : inside)
        consumers[name].insert(consumers[name].end(), readers.begin(), readers.end());
    }
  }
}

std::string unread_kind(const Attribute& attribute) {
  if (attribute.tensor) return data_type_name(attribute.tensor->data_type);
  return "a Constant with " + base::quoted(attribute.name);
}

struct ByteRange {
  const base::ByteSource* bytes;
  uint64_t begin, end;
  const std::string* name;
};

std::vector<ByteRange> ranges_in_order(const std::map<std::string, TensorSource>& tensors) {
  std::vector<ByteRange> ranges;
  for (const auto& [name, source] : tensors) {
    if (source.size() == 0) continue;
    ranges.push_back({source.bytes.get(), source.offset, source.offset + source.size(), &name});
  }
  std::sort(ranges.begin(), ranges.end(), [](const ByteRange& a, const ByteRange& b) {
    return std::tie(a.bytes, a.begin, *a.name) < std::tie(b.bytes, b.begin, *b.name);
  });
  return ranges;
}

// In the order of their beginnings, what begins before the furthest end so far overlaps with the
// run before it.
std::map<std::string, std::string> find_shared(const std::map<std::string, TensorSource>& tensors) {
  std::map<std::string, std::string> shared;
  const std::vector<ByteRange> ranges = ranges_in_order(tensors);
  for (size_t first = 0; first < ranges.size();) {
    size_t last = first + 1;
    uint64_t end = ranges[first].end;
    const std::string* least = ranges[first].name;
    for (; last < ranges.size() && ranges[last].bytes == ranges[first].bytes &&
           ranges[last].begin < end;
         ++last) {
      end = std::max(end, ranges[last].end);
      if (*ranges[last].name < *least) least = ranges[last].name;
    }
    for (size_t i = first; i < last; ++i) {
      if (ranges[i].name != least) shared.emplace(*ranges[i].name, *least);
    }
    first = last;
  }
  return shared;
}

void add(WeightFile& file, const std::string& name, const TensorSource& source) {
  if (file.tensors.emplace(name, source).second) return;
  base::fail(ErrorCode::bad_file, "{}: has two tensors of the name {}", file.path,
             base::quoted(name));
}

void add_constants(const Graph& graph, const LiftedNames& lifted, WeightFile& file) {
  for (const Node& node : graph.nodes) {
    if (node.op_type != "Constant" || !is_own_domain(node.domain)) continue;
    if (node.attributes.size() != 1 || node.outputs.size() != 1) {
      base::fail(ErrorCode::bad_file,
                 "{}: Constant {} has {} values and {} outputs, not one each; export it again",
                 file.path, base::quoted(node.name), node.attributes.size(), node.outputs.size());
    }
    const std::string& name = whole_name(lifted, graph, node.outputs[0]);
    if (const auto value = constant_value(node.attributes[0])) {
      add(file, name, *value);
      file.constants.insert(name);
    } else {
      file.unreadable.emplace(name, unread_kind(node.attributes[0]));
    }
  }
}

void add_graph(const Graph& graph, const LiftedNames& lifted, WeightFile& file) {
  for (const Tensor& tensor : graph.initializers) {
    const std::string& name = whole_name(lifted, graph, tensor.name);
    if (tensor.source) {
      add(file, name, *tensor.source);
    } else if (tensor.refusal) {
      throw Error(*tensor.refusal);
    } else {
      file.unreadable.emplace(name, data_type_name(tensor.data_type));
    }
  }
  for (const std::string& name : graph.sparse_initializers)
    file.unreadable.emplace(whole_name(lifted, graph, name), "sparse");
  add_constants(graph, lifted, file);
  for (const auto& [name, initializer] : renamed_initializers(graph)) {
    const auto found = file.tensors.find(whole_name(lifted, graph, initializer));
    if (found != file.tensors.end()) {
      add(file, whole_name(lifted, graph, name), TensorSource(found->second));
    }
  }
}

template <class T>
TensorSource vector_of(const std::vector<T>& values, DType dtype) {
  return copy_of(TensorView(values.data(), dtype, {static_cast<int64_t>(values.size())}));
}

}  // namespace

std::optional<TensorSource> constant_value(const Attribute& attribute) {
  const auto is = [&](std::string_view name, AttributeType type) {
    return attribute.name == name && attribute.type == type;
  };
  if (is("value", kTensor) && attribute.tensor) return attribute.tensor->source;
  if (is("value_float", kFloat)) return copy_of(TensorView(&attribute.f, DType::f32, {}));
  if (is("value_int", kInt)) return copy_of(TensorView(&attribute.i, DType::i64, {}));
  if (is("value_floats", kFloats)) return vector_of(attribute.floats, DType::f32);
  if (is("value_ints", kInts)) return vector_of(attribute.ints, DType::i64);
  return std::nullopt;
}

Consumers consumers_of(const Graph& graph) {
  Consumers consumers;
  add_consumers(graph, consumers);
  return consumers;
}

std::vector<std::pair<std::string, std::string>> renamed_initializers(const Graph& graph) {
  std::map<std::string_view, std::string_view> initializer_of;
  for (const Tensor& tensor : graph.initializers) initializer_of.emplace(tensor.name, tensor.name);
  std::vector<std::pair<std::string, std::string>> renamed;
  for (const Node& node : graph.nodes) {
    if (!is_identity(node)) continue;
    const auto found = initializer_of.find(node.inputs[0]);
    if (found == initializer_of.end()) continue;
    renamed.emplace_back(node.outputs[0], found->second);
    initializer_of.emplace(node.outputs[0], found->second);
  }
  return renamed;
}

WeightFile read_onnx_weights(std::shared_ptr<const base::ByteSource> bytes,
                             const std::filesystem::path& folder) {
  WeightFile file{.path = bytes->name()};
  const Model model = read_model(std::move(bytes), folder);
  const LiftedNames lifted = lifted_names(model.graph);
  add_graph(model.graph, lifted, file);
  for (const auto& [body, names] : lifted) add_graph(*body, lifted, file);
  file.consumers = consumers_of(model.graph, lifted);
  std::erase_if(file.consumers,
                [&](const auto& entry) { return !file.tensors.contains(entry.first); });
  file.shares_storage_with = find_shared(file.tensors);
  return file;
}

}  // namespace tenon::weights::wire
