// ONNX's protobuf messages as plain structs, read with bounds; tensors' bytes stay where they are.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tenon/error.h"
#include "weights/source.h"

namespace tenon::weights::wire {

/// A TensorProto. `source` refers to raw_data in the file or to external data; typed fields that
/// are not already the tensor's little-endian bytes (int32_data for f16, varints) are decoded into
/// memory.
struct Tensor {
  std::string name;
  int data_type = 0;  ///< TensorProto.DataType
  Shape dims;
  /// Empty for strings and for types that Tenon lacks (complex), and where there is a refusal.
  std::optional<TensorSource> source;
  std::vector<std::string> strings;  ///< elements of a tensor of strings
  /// Why an initializer's bytes cannot be had: damage, a file that is not there, or external data
  /// of a model without a folder. Whoever needs them throws it.
  std::optional<Error> refusal;
};

/// A dim of a declared type: a value, a symbol's name, or nothing.
struct Dim {
  std::variant<std::monostate, int64_t, std::string> value;
};

/// What a value is, where it is no tensor.
enum class Container : uint8_t { none, sequence, optional, other };

struct ValueInfo {
  std::string name;
  int elem_type = 0;                      ///< 0 when it is not a tensor
  std::optional<std::vector<Dim>> shape;  ///< empty: unknown rank
  Container container = Container::none;
  std::vector<ValueInfo> element;  ///< of a sequence or an optional: its one type
};

struct Graph;

/// AttributeProto.AttributeType.
enum AttributeType {
  kFloat = 1,
  kInt,
  kString,
  kTensor,
  kGraph,
  kFloats,
  kInts,
  kStrings,
  kType = 13,
};

/// An AttributeProto. Only the member that `type` names is set.
struct Attribute {
  std::string name;
  int type = 0;
  float f = 0;
  int64_t i = 0;
  std::string s;
  std::vector<float> floats;
  std::vector<int64_t> ints;
  std::vector<std::string> strings;
  std::optional<Tensor> tensor;
  std::shared_ptr<Graph> graph;
  std::optional<ValueInfo> value_type;  ///< its name is empty
  std::string reference;  ///< in a function: the attribute of its call that it stands for
};

struct Opset {
  std::string domain;
  int64_t version = 0;
};

struct Node {
  std::string name, op_type, domain;
  std::vector<std::string> inputs, outputs;  ///< "" for an absent one
  std::vector<Attribute> attributes;
  std::string overload;
  /// Of the function that it comes from; null: the model's.
  std::shared_ptr<const std::vector<Opset>> opsets;
};

struct Graph {
  std::string name;
  std::vector<Node> nodes;
  std::vector<Tensor> initializers;
  std::vector<std::string> sparse_initializers;  ///< their names alone are read
  std::vector<ValueInfo> inputs, outputs, value_infos;
};

/// A function of the model's own.
struct Function {
  std::string name, domain, overload;
  std::vector<std::string> inputs, outputs;
  std::vector<std::string> attributes;  ///< those without a default
  std::vector<Attribute> defaults;
  std::vector<Node> nodes;
  std::vector<Opset> opsets;
};

struct Model {
  int64_t ir_version = 0;
  std::string producer;
  std::vector<Opset> opsets;
  Graph graph;
  std::vector<Function> functions;  ///< read_model() has put them in the place of their calls
};

/// Parses a ModelProto. External data is opened below `folder` (the model file's; empty
/// forbids it): `..`, absolute paths and links that
/// lead out of it are refused. Limits: 4 GiB of file (the message says to use external data),
/// nesting of 64 graphs and messages. Throws bad_file / unsupported naming the source. Weight bytes
/// are not read.
Model read_model(std::shared_ptr<const base::ByteSource> bytes,
                 const std::filesystem::path& folder);

/// The initializers of a model's graphs under their names in it (and those of Identity nodes that
/// rename one) and the values of its Constant nodes under their outputs' names, with their
/// consumers. See lifted_names.h.
WeightFile read_onnx_weights(std::shared_ptr<const base::ByteSource> bytes,
                             const std::filesystem::path& folder);

/// Who reads each name of the graph, in it and in the graphs inside it, where a name that these
/// define is another's; Identity nodes, which only rename, do not count. An operator outside ONNX's
/// own domain is "domain.op".
std::map<std::string, std::vector<base::Consumer>> consumers_of(const Graph& graph);

/// The output's name and the initializer's, for each Identity node whose input is an initializer of
/// the graph.
std::vector<std::pair<std::string, std::string>> renamed_initializers(const Graph& graph);

/// The value that an attribute gives to a Constant node; nothing for kinds and types that Tenon
/// lacks.
std::optional<TensorSource> constant_value(const Attribute& attribute);

/// ONNX's data type as ours; nothing for those that Tenon lacks.
std::optional<DType> dtype_of(int data_type);
/// ONNX's name of it ("FLOAT", "STRING", "7" when unknown), for messages.
std::string data_type_name(int data_type);
/// The data type of a name; 0 for an unknown one.
int data_type_of(std::string_view name);

}  // namespace tenon::weights::wire
