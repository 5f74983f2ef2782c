// tenon.Network.
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/variant.h>
#include <nanobind/stl/vector.h>

#include "arrays.h"
#include "bind.h"
#include "tenon/error.h"
#include "tenon/network.h"

namespace tenon::python {
namespace {

using Value = Network::Value;
using Ints = std::vector<int64_t>;

std::vector<Extent> to_extents(const std::vector<std::variant<int64_t, std::string>>& shape) {
  std::vector<Extent> extents;
  for (const auto& extent : shape) {
    std::visit([&](const auto& value) { extents.emplace_back(value); }, extent);
  }
  return extents;
}

Value add_weight(Network& self, const std::string& name, nb::handle value, nb::handle dtype) {
  const bool is_shape = !dtype.is_none();
  const bool is_list = nb::isinstance<nb::tuple>(value) || nb::isinstance<nb::list>(value);
  Ints shape;
  if (is_shape != is_list || (is_shape && !nb::try_cast(value, shape)))
    refuse("value", value, "with a dtype, give a shape (a tuple); without one, an array");
  if (is_shape) return self.weight(name, to_dtype(dtype), shape);
  return self.weight(name, to_array(value, "weight \"" + name + "\"").view);
}

// A number or string, NumPy's among them.
std::optional<Attribute> to_scalar(const std::string& name, nb::handle given) {
  if (nb::isinstance<nb::str>(given)) return nb::cast<std::string>(given);
  if (nb::isinstance<nb::float_>(given)) return nb::cast<double>(given);
  if (nb::isinstance(given, nb::module_::import_("numpy").attr("generic")))
    return to_scalar(name, given.attr("item")());
  if (!nb::isinstance<nb::bool_>(given) && !nb::isinstance<nb::int_>(given)) return std::nullopt;
  int64_t value = 0;
  if (!nb::try_cast(given, value)) refuse(name, given, "give an integer of 64 bits");
  return value;
}

// Whole numbers alone make integers.
Attribute to_list(const std::string& name, nb::handle given) {
  Ints ints;
  std::vector<float> floats;
  std::vector<std::string> texts;
  for (const nb::handle each : given) {
    const auto entry = to_scalar(name, each);
    if (!entry) refuse(name, given, "a list holds integers, floats or strings");
    if (const auto* whole = std::get_if<int64_t>(&entry->value)) ints.push_back(*whole);
    if (const auto* text = std::get_if<std::string>(&entry->value))
      texts.push_back(*text);
    else
      floats.push_back(nb::cast<float>(nb::float_(each)));
  }
  if (ints.size() == nb::len(given)) return ints;
  if (floats.size() == nb::len(given)) return floats;
  if (!floats.empty()) refuse(name, given, "a list holds numbers or strings, not both");
  return texts;
}

Array array_or_texts(nb::handle given, const std::string& what) {
  return is_text_array(given) ? to_texts(given, what) : to_array(given, what);
}

// Attributes, and what keeps their tensors alive.
struct GivenAttributes {
  Attributes values;
  std::vector<nb::object> owners;

  explicit GivenAttributes(const nb::kwargs& given) {
    for (const auto& [key, value] : given) add(nb::cast<std::string>(key), value);
  }
  void add(const std::string& name, nb::handle given) {
    if (nb::isinstance<Network>(given)) {
      values.emplace(name, nb::cast<const Network&>(given));
    } else if (auto scalar = to_scalar(name, given)) {
      values.emplace(name, *std::move(scalar));
    } else if (nb::isinstance<nb::list>(given) || nb::isinstance<nb::tuple>(given)) {
      values.emplace(name, to_list(name, given));
    } else {
      Array array = array_or_texts(given, "attribute \"" + name + "\"");
      values.emplace(name, array.view);
      owners.push_back(std::move(array.owner));
    }
  }
};

std::vector<std::string> to_outputs(nb::handle given) {
  size_t count = 0;
  std::vector<std::string> names;
  if (nb::try_cast(given, count, false) && count > 0) return std::vector<std::string>(count);
  const bool list = nb::isinstance<nb::list>(given) || nb::isinstance<nb::tuple>(given);
  if (!list || !nb::try_cast(given, names) || names.empty())
    refuse("outputs", given, "give their number, or a list of names");
  return names;
}

// What a network reads stays alive in its dictionary, where the garbage collector sees it.
void keep(nb::handle network, const nb::object& what) {
  if (!nb::hasattr(network, "_kept")) network.attr("_kept") = nb::list();
  network.attr("_kept").attr("append")(what);
}

nb::tuple add_node(nb::handle self, const std::string& op, const nb::args& inputs,
                   const std::string& domain, std::optional<int64_t> version,
                   const std::string& name, nb::handle outputs, const nb::kwargs& attributes) {
  std::vector<Value> operands;
  for (const nb::handle input : inputs) {
    Value value;
    if (!input.is_none() && !nb::try_cast(input, value, false))
      refuse("inputs", input, "give values of the network, or None for one that is not there");
    operands.push_back(value);
  }
  const GivenAttributes given(attributes);
  nb::list made;
  const NodeOptions options{domain, version.value_or(0), name, to_outputs(outputs)};
  for (const Value& value : nb::cast<Network&>(self).add(op, operands, given.values, options))
    made.append(value);
  for (const auto& [key, value] : attributes)
    if (nb::isinstance<Network>(value)) keep(self, nb::borrow(value));  // and what it has borrowed
  return nb::tuple(made);
}

Value borrow(nb::handle self, const std::string& name, nb::handle array) {
  const Array given = to_array(array, "weight \"" + name + "\"");
  const Value value = nb::cast<Network&>(self).borrow(name, given.view);
  keep(self, given.owner);
  return value;
}

nb::dict outputs_of(const Network& self) {
  nb::dict outputs;
  for (const auto& [name, value] : self.outputs()) outputs[name.c_str()] = value;
  return outputs;
}

nb::tuple shape_of(const ValueInfo& info) {
  nb::list shape;
  for (const Extent& extent : *info.extents)
    shape.append(extent.name.empty() ? nb::object(nb::int_(extent.value))
                                     : nb::object(nb::str(extent.name.c_str())));
  return nb::tuple(shape);
}

void bind_infos(nb::module_& module) {
  nb::class_<ValueInfo>(module, "ValueInfo",
                        "The type of a value: NumPy dtype and shape.\n\n"
                        "    shape = network.info(x).shape")
      .def_prop_ro(
          "dtype", [](const ValueInfo& info) { return numpy_dtype(info.dtype); },
          nb::sig("def dtype(self) -> numpy.dtype[typing.Any]"))
      .def_prop_ro(
          "shape",
          [](const ValueInfo& info) {
            return info.extents ? nb::object(shape_of(info)) : nb::object(nb::none());
          },
          nb::sig("def shape(self) -> tuple[int | str, ...] | None"),
          "Numbers, and expressions over named extents as strings; None: the rank is not known.");
  nb::class_<LeafInfo>(module, "LeafInfo",
                       "A weight or constant of a network.\n\n"
                       "    names = [leaf.name for leaf in network.leaves() if leaf.refittable]")
      .def_ro("name", &LeafInfo::name)
      .def_prop_ro(
          "dtype", [](const LeafInfo& info) { return numpy_dtype(info.dtype); },
          nb::sig("def dtype(self) -> numpy.dtype[typing.Any]"))
      .def_prop_ro(
          "shape", [](const LeafInfo& info) { return nb::tuple(nb::cast(info.shape)); },
          nb::sig("def shape(self) -> tuple[int, ...]"))
      .def_ro("refittable", &LeafInfo::refittable);
}

}  // namespace

void bind_network(nb::module_& module) {
  nb::class_<Value>(module, "Value",
                    "A value of one network.\n\n    x = network.input(\"x\", [\"n\", 3])");
  bind_infos(module);
  nb::class_<Network>(module, "Network",
                      "A network built by hand; tenon.build() compiles it.\n\n"
                      "    network = tenon.Network()\n"
                      "    network.output(\"y\", network.relu(network.input(\"x\", [\"n\", 3])))",
                      nb::dynamic_attr(), nb::is_weak_referenceable())
      .def(nb::init<>(), "An empty network.\n\n    network = tenon.Network()")
      .def("__repr__",
           [](const Network& self) {
             return "Network(" + std::to_string(self.leaves().size()) + " weights and constants, " +
                    std::to_string(self.outputs().size()) + " outputs)";
           })
      .def(
          "input",
          [](Network& self, const std::string& name,
             const std::vector<std::variant<int64_t, std::string>>& shape,
             nb::handle dtype) { return self.input(name, to_dtype(dtype), to_extents(shape)); },
          nb::arg("name"), nb::arg("shape"), nb::arg("dtype") = "float32",
          nb::sig("def input(self, name: str, shape: collections.abc.Sequence[int | str], dtype: "
                  "object = "
                  "'float32') -> Value"),
          "An input; an extent that varies is a name.\n\n"
          "    x = network.input(\"x\", [\"n\", 3])")
      .def("weight", add_weight, nb::arg("name"), nb::arg("value"), nb::arg("dtype") = nb::none(),
           nb::sig("def weight(self, name: str, value: object, dtype: object = None) -> Value"),
           "A refittable weight: an array, which is copied, or a shape with a dtype, for a weight "
           "without a value yet.\n\n"
           "    w = network.weight(\"w\", array)")
      .def("borrow", borrow, nb::arg("name"), nb::arg("value"),
           nb::sig("def borrow(self, name: str, value: object) -> Value"),
           "A refittable weight; build() reads the array.\n\n"
           "    w = network.borrow(\"w\", array)")
      .def(
          "constant",
          [](Network& self, const std::string& name, nb::handle value) {
            const Array given = array_or_texts(value, "constant \"" + name + "\"");
            return self.constant(name, given.view);
          },
          nb::arg("name"), nb::arg("value"),
          nb::sig("def constant(self, name: str, value: object) -> Value"),
          "A frozen tensor; the array is copied.\n\n"
          "    c = network.constant(\"c\", array)")
      .def("add", add_node, nb::arg("op"), nb::arg("inputs"), nb::kw_only(), nb::arg("domain") = "",
           nb::arg("version") = nb::none(), nb::arg("name") = "", nb::arg("outputs") = 1,
           nb::arg("attributes"),
           nb::sig("def add(self, op: str, *inputs: Value | None, domain: str = '', "
                   "version: int | None = None, name: str = '', "
                   "outputs: int | collections.abc.Sequence[str] = 1, "
                   "**attributes: object) -> tuple[Value, ...]"),
           "A node of any ONNX operator that Tenon has, as ONNX defines it; all its outputs.\n\n"
           "None is an operand that is not there. Attributes are numbers, strings, lists of "
           "these, arrays, and networks: the body's inputs are those that the node gives it, "
           "then values that it reads of this network, by name. version: of the operators (the "
           "opset); None is the newest. "
           "outputs: how many are wanted, or their names.\n\n"
           "    (y,) = network.add(\"Softmax\", x, axis=-1)")
      .def(
          "conv",
          [](Network& self, Value x, Value weight, std::optional<Value> bias, Ints strides,
             Ints pads, Ints dilations, int64_t groups) {
            return self.conv(x, weight, bias,
                             {std::move(strides), std::move(pads), std::move(dilations), groups});
          },
          nb::arg("x"), nb::arg("weight"), nb::arg("bias") = nb::none(),
          nb::arg("strides") = Ints(), nb::arg("pads") = Ints(), nb::arg("dilations") = Ints(),
          nb::arg("groups") = 1,
          "x [n, c, h…], weight [o, c / groups, k…], bias [o]; pads are begins, then ends.\n\n"
          "    y = network.conv(x, w, pads=[1, 1, 1, 1])")
      .def("matmul", &Network::matmul, nb::arg("a"), nb::arg("b"), nb::arg("bias") = nb::none(),
           nb::arg("transpose_b") = false,
           "a [.., m, k] x b [.., k, n] (or [.., n, k] with transpose_b), bias [n].\n\n"
           "    y = network.matmul(x, w, bias)")
      .def(
          "max_pool",
          [](Network& self, Value x, const Ints& kernel, Ints strides, Ints pads, bool ceil_mode) {
            return self.max_pool(x, kernel, {std::move(strides), std::move(pads), ceil_mode});
          },
          nb::arg("x"), nb::arg("kernel"), nb::arg("strides") = Ints(), nb::arg("pads") = Ints(),
          nb::arg("ceil_mode") = false,
          "The greatest of each window; pads are begins, then ends.\n\n"
          "    y = network.max_pool(x, [2, 2], strides=[2, 2])")
      .def("relu", &Network::relu, nb::arg("x"),
           "The greater of x and 0.\n\n"
           "    y = network.relu(x)")
      .def("reshape", &Network::reshape, nb::arg("x"), nb::arg("shape"),
           "One extent may be -1, and 0 copies the input's.\n\n"
           "    y = network.reshape(x, [0, -1])")
      .def("output", &Network::output, nb::arg("name"), nb::arg("value"),
           "Makes a value an output.\n\n"
           "    network.output(\"y\", y)")
      .def("info", &Network::info, nb::arg("value"),
           "The type of a value.\n\n"
           "    shape = network.info(x).shape")
      .def("leaves", &Network::leaves,
           "Weights and constants, sorted by name.\n\n"
           "    names = [leaf.name for leaf in network.leaves()]")
      .def("outputs", outputs_of, nb::sig("def outputs(self) -> dict[str, Value]"),
           "The outputs so far, in order.\n\n"
           "    last = list(network.outputs())[-1]")
      .def("__str__", &Network::text);
}

}  // namespace tenon::python
