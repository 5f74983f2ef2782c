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

}  // namespace

void bind_network(nb::module_& module) {
  nb::class_<Value>(module, "Value", "A value of one network.");
  nb::class_<Network>(module, "Network", "A network built by hand; tenon.build() compiles it.")
      .def(nb::init<>())
      .def(
          "input",
          [](Network& self, const std::string& name,
             const std::vector<std::variant<int64_t, std::string>>& shape,
             nb::handle dtype) { return self.input(name, to_dtype(dtype), to_extents(shape)); },
          nb::arg("name"), nb::arg("shape"), nb::arg("dtype") = "float32",
          nb::sig("def input(self, name: str, shape: collections.abc.Sequence[int | str], dtype: "
                  "object = "
                  "'float32') -> Value"),
          "An input; an extent that varies is a name.")
      .def("weight", add_weight, nb::arg("name"), nb::arg("value"), nb::arg("dtype") = nb::none(),
           nb::sig("def weight(self, name: str, value: object, dtype: object = None) -> Value"),
           "A refittable weight: an array, which is copied, or a shape with a dtype, for a weight "
           "without a value yet.")
      .def(
          "constant",
          [](Network& self, const std::string& name, nb::handle value) {
            return self.constant(name, to_array(value, "constant \"" + name + "\"").view);
          },
          nb::arg("name"), nb::arg("value"),
          nb::sig("def constant(self, name: str, value: object) -> Value"),
          "A frozen tensor; the array is copied.")
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
          "x [n, c, h…], weight [o, c / groups, k…], bias [o]; pads are begins, then ends.")
      .def("matmul", &Network::matmul, nb::arg("a"), nb::arg("b"), nb::arg("bias") = nb::none(),
           nb::arg("transpose_b") = false,
           "a [.., m, k] x b [.., k, n] (or [.., n, k] with transpose_b), bias [n].")
      .def(
          "max_pool",
          [](Network& self, Value x, const Ints& kernel, Ints strides, Ints pads, bool ceil_mode) {
            return self.max_pool(x, kernel, {std::move(strides), std::move(pads), ceil_mode});
          },
          nb::arg("x"), nb::arg("kernel"), nb::arg("strides") = Ints(), nb::arg("pads") = Ints(),
          nb::arg("ceil_mode") = false)
      .def("relu", &Network::relu, nb::arg("x"))
      .def("reshape", &Network::reshape, nb::arg("x"), nb::arg("shape"),
           "One extent may be -1, and 0 copies the input's.")
      .def("output", &Network::output, nb::arg("name"), nb::arg("value"))
      .def("__str__", &Network::text);
}

}  // namespace tenon::python
