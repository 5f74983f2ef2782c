// ONNX: parsers, their refitters, their errors.
#include "NvOnnxParser.h"
#include "bind.h"

namespace tenon::trt::python {
namespace {

using nvonnxparser::ErrorCode;
using nvonnxparser::IParser;
using nvonnxparser::IParserError;
using nvonnxparser::IParserRefitter;
using nvonnxparser::OnnxParserFlag;

constexpr const char* kCodes[] = {"SUCCESS",
                                  "INTERNAL_ERROR",
                                  "MEM_ALLOC_FAILED",
                                  "MODEL_DESERIALIZE_FAILED",
                                  "INVALID_VALUE",
                                  "INVALID_GRAPH",
                                  "INVALID_NODE",
                                  "UNSUPPORTED_GRAPH",
                                  "UNSUPPORTED_NODE",
                                  "UNSUPPORTED_NODE_ATTR",
                                  "UNSUPPORTED_NODE_INPUT",
                                  "UNSUPPORTED_NODE_DATATYPE",
                                  "UNSUPPORTED_NODE_DYNAMIC",
                                  "UNSUPPORTED_NODE_SHAPE",
                                  "REFIT_FAILED"};

constexpr const char* kFlags[] = {
    "NATIVE_INSTANCENORM", "ENABLE_UINT8_AND_ASYMMETRIC_QUANTIZATION_DLA", "REPORT_CAPABILITY_DLA",
    "ENABLE_PLUGIN_OVERRIDE", "ADJUST_FOR_DLA"};

// "In node 3 with name: X and operator: Y (func): UNSUPPORTED_NODE: desc"; what is of no node's
// fault has not the first part.
std::string text_of(const IParserError& error) {
  const auto code = static_cast<size_t>(error.code());
  const bool whole = error.code() != ErrorCode::kMODEL_DESERIALIZE_FAILED &&
                     error.code() != ErrorCode::kREFIT_FAILED;
  std::string text;
  if (whole)
    text = "In node " + std::to_string(error.node()) + " with name: " + error.nodeName() +
           " and operator: " + error.nodeOperator() + " ";
  return text + "(" + error.func() + "): " + kCodes[code] + ": " + error.desc();
}

void bind_enums_of_parser(nb::module_& module) {
  nb::enum_<ErrorCode> codes(module, "ErrorCode", nb::is_arithmetic());
  for (size_t i = 0; i < std::size(kCodes); ++i) codes.value(kCodes[i], static_cast<ErrorCode>(i));
  const auto name = [](nb::handle self) { return nb::object(self.attr("name")); };
  codes.def("__str__", name).def("__repr__", name);
  nb::enum_<OnnxParserFlag> flags(module, "OnnxParserFlag", nb::is_arithmetic());
  for (size_t i = 0; i < std::size(kFlags); ++i)
    flags.value(kFlags[i], static_cast<OnnxParserFlag>(i));
}

void bind_errors(nb::module_& module) {
  nb::class_<IParserError>(module, "ParserError", nb::dynamic_attr())
      .def("code", &IParserError::code)
      .def("desc", &IParserError::desc)
      .def("file", &IParserError::file)
      .def("line", &IParserError::line)
      .def("func", &IParserError::func)
      .def("node", &IParserError::node)
      .def("node_name", &IParserError::nodeName)
      .def("node_operator", &IParserError::nodeOperator)
      .def("local_function_stack", [](const IParserError&) { return std::vector<std::string>(); })
      .def("local_function_stack_size", &IParserError::localFunctionStackSize)
      .def("__str__", text_of)
      .def("__repr__", text_of);
}

template <class T>
nb::object error_at(nb::object self, int32_t i) {
  const IParserError* found = nb::cast<T&>(self).getError(i);
  if (found == nullptr) return nb::none();
  return nb::cast(found, nb::rv_policy::reference_internal, self);
}

const char* path_of(const nb::object& path, std::string& text) {
  if (path.is_none()) return nullptr;
  text = nb::str(path).c_str();
  return text.c_str();
}

// What `load_initializer` reads later; an address is the script's to keep.
const void* data_of(nb::handle self, const char* name, nb::handle data) {
  if (PyObject_CheckBuffer(data.ptr()) == 0) return to_pointer(data);
  const nb::object bytes = nb::steal(PyMemoryView_FromObject(data.ptr()));
  if (!bytes.is_valid()) throw nb::python_error();
  Py_buffer* view = PyMemoryView_GET_BUFFER(bytes.ptr());
  if (PyBuffer_IsContiguous(view, 'C') == 0)
    throw nb::value_error("the data is not contiguous; call numpy.ascontiguousarray first");
  if (!nb::hasattr(self, "_kept")) self.attr("_kept") = nb::dict();
  nb::object kept = self.attr("_kept");
  kept[name] = bytes;
  return view->buf;
}

/// What parsers and their refitters share.
template <class T>
void bind_model(nb::class_<T>& bound) {
  bound.def_prop_ro("num_errors", [](const T& self) { return self.getNbErrors(); })
      .def("get_error", error_at<T>, "index"_a)
      .def("clear_errors", [](T& self) { self.clearErrors(); })
      .def(
          "load_model_proto",
          [](T& self, nb::handle model, nb::object path) {
            const Bytes bytes(model, "the model");
            std::string text;
            return self.loadModelProto(bytes.data(), bytes.size(), path_of(path, text));
          },
          "model"_a, "path"_a = nb::none())
      .def(
          "load_initializer",
          [](nb::object self, const char* name, nb::handle data, size_t size) {
            return nb::cast<T&>(self).loadInitializer(name, data_of(self, name, data), size);
          },
          "name"_a, "data"_a, "size"_a);
}

nb::list nodes_of(IParser& self, int64_t i) {
  int64_t length = 0;
  const int64_t* nodes = self.getSubgraphNodes(i, length);
  nb::list made;
  for (int64_t at = 0; at < length; ++at) made.append(nodes[at]);
  return made;
}

// Pairs of node indices and whether they are supported.
nb::tuple supports_model(IParser& self, nb::handle model, nb::object path) {
  const Bytes bytes(model, "the model");
  std::string text;
  SubGraphCollection_t found;
  const bool all = self.supportsModel(bytes.data(), bytes.size(), found, path_of(path, text));
  nb::list pairs;
  for (const auto& [nodes, supported] : found) {
    nb::list indices;
    for (const size_t each : nodes) indices.append(each);
    pairs.append(nb::make_tuple(indices, supported));
  }
  return nb::make_tuple(all, pairs);
}

void bind_support(nb::class_<IParser>& parser) {
  parser.def("supports_operator", &IParser::supportsOperator, "op_name"_a)
      .def(
          "supports_model_v2",
          [](IParser& self, nb::handle model, nb::object path) {
            const Bytes bytes(model, "the model");
            std::string text;
            return self.supportsModelV2(bytes.data(), bytes.size(), path_of(path, text));
          },
          "model"_a, "path"_a = nb::none())
      .def_prop_ro("num_subgraphs", &IParser::getNbSubgraphs)
      .def("is_subgraph_supported", &IParser::isSubgraphSupported, "index"_a)
      .def("get_subgraph_nodes", nodes_of, "index"_a)
      .def("supports_model", supports_model, "model"_a, "path"_a = nb::none())
      .def_prop_rw("flags", &IParser::getFlags, &IParser::setFlags)
      .def("set_flag", &IParser::setFlag, "flag"_a)
      .def("clear_flag", &IParser::clearFlag, "flag"_a)
      .def("get_flag", &IParser::getFlag, "flag"_a)
      .def(
          "get_layer_output_tensor",
          [](nb::object self, const char* name, int64_t i) {
            auto* found = nb::cast<IParser&>(self).getLayerOutputTensor(name, i);
            return part(const_cast<nvinfer1::ITensor*>(found), network_of(self));
          },
          "name"_a, "i"_a)
      .def("get_used_vc_plugin_libraries", [](nb::handle) { return nb::list(); })
      .def("set_builder_config", &IParser::setBuilderConfig, "builder_config"_a);
}

void bind_parse(nb::class_<IParser>& parser) {
  const auto parse = [](IParser& self, nb::handle model, nb::object path) {
    const Bytes bytes(model, "the model");
    std::string text;
    const char* folder = path_of(path, text);
    return released([&] { return self.parse(bytes.data(), bytes.size(), folder); });
  };
  parser.def("parse", parse, "model"_a, "path"_a = nb::none())
      .def(
          "parse_with_weight_descriptors",
          [parse](IParser& self, nb::handle model) { return parse(self, model, nb::none()); },
          "model"_a)
      .def(
          "parse_from_file",
          [](IParser& self, nb::object file) {
            const std::string path = nb::str(file).c_str();
            return released([&] { return self.parseFromFile(path.c_str(), 0); });
          },
          "model"_a)
      .def("parse_model_proto",
           [](IParser& self) { return released([&] { return self.parseModelProto(); }); });
}

void bind_refit(nb::module_& module) {
  nb::class_<IParserRefitter> refitter(module, "OnnxParserRefitter", nb::dynamic_attr());
  refitter
      .def(nb::new_([](nvinfer1::IRefitter& engine, nvinfer1::ILogger& logger) {
             return made_or_throw(nvonnxparser::createParserRefitter(engine, logger),
                                  "OnnxParserRefitter");
           }),
           "refitter"_a, "logger"_a, nb::keep_alive<0, 2>(), nb::keep_alive<0, 3>())
      .def(
          "refit_from_bytes",
          [](IParserRefitter& self, nb::handle model, nb::object path) {
            const Bytes bytes(model, "the model");
            std::string text;
            const char* folder = path_of(path, text);
            return released(
                [&] { return self.refitFromBytes(bytes.data(), bytes.size(), folder); });
          },
          "model"_a, "path"_a = nb::none())
      .def(
          "refit_from_file",
          [](IParserRefitter& self, nb::object file) {
            const std::string path = nb::str(file).c_str();
            return released([&] { return self.refitFromFile(path.c_str()); });
          },
          "model"_a)
      .def("refit_model_proto",
           [](IParserRefitter& self) { return released([&] { return self.refitModelProto(); }); });
  bind_model(refitter);
  managed(refitter);
}

}  // namespace

void bind_parser(nb::module_& module) {
  bind_enums_of_parser(module);
  bind_errors(module);
  nb::class_<IParser> parser(module, "OnnxParser", nb::dynamic_attr());
  parser.def(nb::new_([](nvinfer1::INetworkDefinition& net, nvinfer1::ILogger& logger) {
               const nb::object network = nb::cast(&net, nb::rv_policy::reference);
               nb::object made = give(
                   made_or_throw(nvonnxparser::createParser(net, logger), "OnnxParser"), network);
               made.attr("_network") = network;
               return made;
             }),
             "network"_a, "logger"_a, nb::keep_alive<0, 3>());
  bind_parse(parser);
  bind_model(parser);
  bind_support(parser);
  managed(parser);
  bind_refit(module);
  module.def("get_nv_onnx_parser_version", &getNvOnnxParserVersion);
}

}  // namespace tenon::trt::python
