// ONNX's messages from the wire, one function each; field numbers are those of onnx.proto.
#include "weights/onnx_wire.h"

#include "base/error.h"
#include "base/log.h"
#include "weights/onnx_functions.h"
#include "weights/onnx_tensor.h"
#include "weights/wire_fields.h"

namespace tenon::weights::wire {

namespace {

constexpr uint64_t kTooLarge = uint64_t{4} << 30;  // protobuf's lengths have 32 bits
constexpr int kDeepest = 64;

class ModelReader {
 public:
  ModelReader(std::shared_ptr<const base::ByteSource> bytes, const std::filesystem::path& folder)
      : file_(std::move(bytes)), tensors_(file_, folder) {}

  Model read() {
    Model model;
    bool has_graph = false;
    for (Fields fields(file_, {0, file_.source()->size()}); fields.next();) {
      switch (fields.number()) {
        case 1: model.ir_version = fields.integer(); break;
        case 2: model.producer = fields.text(); break;
        case 7:
          has_graph = true;
          read_graph(fields.bytes(), 1, model.graph);
          break;
        case 8: model.opsets.push_back(read_opset(fields.bytes())); break;
        case 25: read_function(fields.bytes(), model.functions); break;
        default: break;
      }
    }
    if (!has_graph) {
      base::fail(ErrorCode::bad_file, "{}: is not an ONNX model, or truncated: it has no graph",
                 file_.source()->name());
    }
    inline_functions(model, refusals_, file_.source()->name());
    return model;
  }

 private:
  void check_depth(int depth, Range at) const {
    if (depth > kDeepest) file_.malformed(at.offset, "nesting of more than 64 levels");
  }

  Opset read_opset(Range message) {
    file_.charge(sizeof(Opset));
    Opset opset;
    for (Fields fields(file_, message); fields.next();) {
      if (fields.number() == 1) opset.domain = fields.text();
      if (fields.number() == 2) opset.version = fields.integer();
    }
    return opset;
  }

  void read_graph(Range message, int depth, Graph& graph) {
    check_depth(depth, message);
    for (Fields fields(file_, message); fields.next();) {
      switch (fields.number()) {
        case 1: graph.nodes.push_back(read_node(fields.bytes(), depth + 1)); break;
        case 2: graph.name = fields.text(); break;
        case 5: graph.initializers.push_back(read_tensor(fields.bytes(), true)); break;
        case 11: graph.inputs.push_back(read_value_info(fields.bytes())); break;
        case 12: graph.outputs.push_back(read_value_info(fields.bytes())); break;
        case 13: graph.value_infos.push_back(read_value_info(fields.bytes())); break;
        case 15:
          if (std::string name = read_sparse_name(fields.bytes()); !name.empty())
            graph.sparse_initializers.push_back(std::move(name));
          break;
        default: break;
      }
    }
  }

  // What is wrong in it is wrong where it is called.
  void read_function(Range message, std::vector<Function>& functions) {
    file_.charge(sizeof(Function));
    Function& function = functions.emplace_back();
    try {
      read_name(message, function);
      read_fields(message, function);
    } catch (const Error& error) {
      refusals_.emplace(functions.size() - 1, error);
    }
  }

  // First, for it stands behind the nodes, which may be damaged.
  void read_name(Range message, Function& function) {
    for (Fields fields(file_, message); fields.next();) {
      switch (fields.number()) {
        case 1: function.name = fields.text(); break;
        case 10: function.domain = fields.text(); break;
        case 13: function.overload = fields.text(); break;
        default: break;
      }
    }
  }

  void read_fields(Range message, Function& function) {
    for (Fields fields(file_, message); fields.next();) {
      switch (fields.number()) {
        case 4: function.inputs.push_back(fields.text()); break;
        case 5: function.outputs.push_back(fields.text()); break;
        case 6: function.attributes.push_back(fields.text()); break;
        case 7: function.nodes.push_back(read_node(fields.bytes(), 2)); break;
        case 9: function.opsets.push_back(read_opset(fields.bytes())); break;
        case 11: function.defaults.push_back(read_attribute(fields.bytes(), 2)); break;
        default: break;
      }
    }
  }

  Tensor read_tensor(Range message, bool is_initializer) {
    file_.charge(sizeof(Tensor));
    return tensors_.read(message, is_initializer);
  }

  // The name of a sparse tensor is that of its values.
  std::string read_sparse_name(Range message) {
    std::string name;
    try {
      for (Fields fields(file_, message); fields.next();) {
        if (fields.number() != 1) continue;
        for (Fields values(file_, fields.bytes()); values.next();)
          if (values.number() == 8) name = values.text();
      }
    } catch (const Error& error) {  // nothing else of it is read, and perhaps nothing needs it
      base::log(LogLevel::warn, "a sparse initializer is damaged: {}", error.what());
    }
    return name;
  }

  Node read_node(Range message, int depth) {
    check_depth(depth, message);
    file_.charge(sizeof(Node));
    Node node;
    for (Fields fields(file_, message); fields.next();) {
      switch (fields.number()) {
        case 1: node.inputs.push_back(fields.text()); break;
        case 2: node.outputs.push_back(fields.text()); break;
        case 3: node.name = fields.text(); break;
        case 4: node.op_type = fields.text(); break;
        case 5: node.attributes.push_back(read_attribute(fields.bytes(), depth + 1)); break;
        case 7: node.domain = fields.text(); break;
        case 8: node.overload = fields.text(); break;
        default: break;
      }
    }
    return node;
  }

  Attribute read_attribute(Range message, int depth) {
    check_depth(depth, message);
    file_.charge(sizeof(Attribute));
    Attribute attribute;
    int implied = 0;  // files of IR versions 1 and 2 have no type
    for (Fields fields(file_, message); fields.next();) {
      if (fields.number() == 1)
        attribute.name = fields.text();
      else if (fields.number() == 20)
        attribute.type = static_cast<int>(fields.integer());
      else if (fields.number() == 21)
        attribute.reference = fields.text();
      else if (const int type = read_value(fields, depth, attribute))
        implied = type;
    }
    if (attribute.type == 0) attribute.type = implied;
    return attribute;
  }

  // The type of the value that the field holds; 0 for another field.
  int read_value(const Fields& fields, int depth, Attribute& attribute) {
    switch (fields.number()) {
      case 2: attribute.f = fields.real(); return kFloat;
      case 3: attribute.i = fields.integer(); return kInt;
      case 4: attribute.s = fields.binary(); return kString;
      case 5: attribute.tensor = read_tensor(fields.bytes(), false); return kTensor;
      case 6:
        file_.charge(sizeof(Graph));
        attribute.graph = std::make_shared<Graph>();
        read_graph(fields.bytes(), depth + 1, *attribute.graph);
        return kGraph;
      case 7: read_floats(fields, attribute.floats); return kFloats;
      case 8:
        for_each_varint(file_, fields.encoded(), [&](uint64_t value) {
          file_.charge(sizeof value);
          attribute.ints.push_back(static_cast<int64_t>(value));
        });
        return kInts;
      case 9: attribute.strings.push_back(fields.binary()); return kStrings;
      case 14: read_type(fields.bytes(), attribute.value_type.emplace()); return kType;
      default: return 0;
    }
  }

  void read_floats(const Fields& fields, std::vector<float>& floats) {
    file_.charge(fields.encoded().length);
    if (!fields.is_packed()) {
      floats.push_back(fields.real());
      return;
    }
    const Range packed = fields.bytes();
    if (packed.length % sizeof(float) != 0) file_.malformed(packed.offset, "a cut float");
    const size_t count = floats.size();
    floats.resize(count + packed.length / sizeof(float));
    file_.source()->read(packed.offset, std::as_writable_bytes(std::span(floats).subspan(count)));
  }

  ValueInfo read_value_info(Range message) {
    file_.charge(sizeof(ValueInfo));
    ValueInfo info;
    for (Fields fields(file_, message); fields.next();) {
      if (fields.number() == 1) info.name = fields.text();
      if (fields.number() == 2) read_type(fields.bytes(), info);
    }
    return info;
  }

  // Sequences, maps and optionals keep elem_type 0. Types may be nested without end; what is deeper
  // than an optional sequence is not looked at.
  void read_type(Range message, ValueInfo& info, int depth = 0) {
    for (Fields fields(file_, message); fields.next();) {
      if (fields.number() != 1) {
        read_container(fields, info, depth);
        continue;
      }
      for (Fields tensor(file_, fields.bytes()); tensor.next();) {
        if (tensor.number() == 1) info.elem_type = static_cast<int>(tensor.integer());
        if (tensor.number() == 2) info.shape = read_shape(tensor.bytes());
      }
    }
  }

  void read_container(const Fields& type, ValueInfo& info, int depth) {
    enum : uint32_t { kSequence = 4, kMap = 5, kSparse = 8, kOptional = 9 };
    constexpr int deepest = 2;
    const uint32_t number = type.number();
    if (number != kSequence && number != kMap && number != kSparse && number != kOptional) return;
    info.container = Container::other;
    if ((number != kSequence && number != kOptional) || depth == deepest) return;
    for (Fields fields(file_, type.bytes()); fields.next();) {
      if (fields.number() != 1) continue;
      file_.charge(sizeof(ValueInfo));
      info.element.assign(1, {});
      read_type(fields.bytes(), info.element[0], depth + 1);
    }
    if (info.element.empty()) return;
    info.container = number == kSequence ? Container::sequence : Container::optional;
  }

  std::vector<Dim> read_shape(Range message) {
    std::vector<Dim> dims;
    for (Fields fields(file_, message); fields.next();) {
      if (fields.number() != 1) continue;
      file_.charge(sizeof(Dim));
      dims.push_back(read_dim(fields.bytes()));
    }
    return dims;
  }

  Dim read_dim(Range message) {
    Dim dim;
    for (Fields fields(file_, message); fields.next();) {
      if (fields.number() == 1) dim.value = fields.integer();
      if (fields.number() == 2) dim.value = fields.text();
    }
    return dim;
  }

  WireFile file_;
  TensorReader tensors_;
  Refusals refusals_;
};

}  // namespace

Model read_model(std::shared_ptr<const base::ByteSource> bytes,
                 const std::filesystem::path& folder) {
  if (bytes->size() >= kTooLarge) {
    base::fail(ErrorCode::unsupported,
               "{}: has {} bytes; an ONNX file must be smaller than 4 GiB: save the model with "
               "external data",
               bytes->name(), bytes->size());
  }
  const auto source = bytes;
  try {
    Model model = ModelReader(std::move(bytes), folder).read();
    source->check_unchanged();
    return model;
  } catch (const protozero::exception&) {
    base::fail(ErrorCode::bad_file, "{}: is not a well-formed ONNX file: a broken number in a list",
               source->name());
  }
}

}  // namespace tenon::weights::wire
