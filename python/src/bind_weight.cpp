// tenon.Weight.
#include <nanobind/stl/vector.h>

#include "arrays.h"
#include "bind.h"
#include "tenon/arrays.h"

namespace tenon::python {
namespace {

/// A refittable weight of a live engine.
struct PyWeight {
  Engine engine;
  WeightInfo info;
};

}  // namespace

nb::tuple to_tuple(const Shape& shape) {
  nb::list list;
  for (const int64_t extent : shape) list.append(extent);
  return nb::tuple(list);
}

nb::dict weights_of(const Engine& engine) {
  nb::dict result;
  for (WeightInfo& info : engine.weights()) {
    const std::string name = info.name;
    result[name.c_str()] = nb::cast(PyWeight{engine, std::move(info)});
  }
  return result;
}

void bind_weight(nb::module_& module) {
  module.def(
      "digest",
      [](nb::handle array) {
        const Array given = to_array(array, "array");
        const nb::gil_scoped_release release;
        return digest(given.view);
      },
      nb::arg("array"), nb::sig("def digest(array: typing.Any) -> str"),
      "xxh3:… of an array's bytes, as Weight.digest gives it of a weight.\n\n"
      "    changed = tenon.digest(array) != engine.weights[\"fc.weight\"].digest");
  nb::class_<PyWeight>(module, "Weight",
                       "A refittable weight of an engine; reads the engine's current value.\n\n"
                       "    array = numpy.asarray(engine.weights[\"fc.weight\"])")
      .def_prop_ro("name", [](const PyWeight& weight) { return weight.info.name; })
      .def_prop_ro(
          "dtype", [](const PyWeight& weight) { return numpy_dtype(weight.info.dtype); },
          nb::sig("def dtype(self) -> numpy.dtype[typing.Any]"))
      .def_prop_ro(
          "shape", [](const PyWeight& weight) { return to_tuple(weight.info.shape); },
          nb::sig("def shape(self) -> tuple[int, ...]"))
      .def_prop_ro(
          "guarded", [](const PyWeight& weight) { return weight.info.guarded; },
          "The build used its value: a refit must bring the same bits.")
      .def_prop_ro(
          "slots", [](const PyWeight& weight) { return weight.info.slots; },
          "The engine's tables that are made from it.")
      .def_prop_ro(
          "kernels", [](const PyWeight& weight) { return weight.info.kernels; },
          "The kernels that read those.")
      .def_prop_ro(
          "aliases", [](const PyWeight& weight) { return weight.info.aliases; },
          "Its further names; see build().")
      .def_prop_ro(
          "digest",
          [](const PyWeight& weight) {
            const nb::gil_scoped_release release;
            return weight.engine.digest(weight.info.name);
          },
          "xxh3:… of the current value's bytes.")
      .def(
          "numpy",
          [](const PyWeight& weight) {
            Tensor tensor;
            {
              const nb::gil_scoped_release release;
              tensor = weight.engine.read_weight(weight.info.name);
            }
            return to_numpy(tensor);
          },
          nb::sig("def numpy(self) -> numpy.typing.NDArray[typing.Any]"),
          "A copy of the current value.\n\n"
          "    array = engine.weights[\"fc.weight\"].numpy()")
      .def(
          "__array__",
          [](nb::handle self, nb::handle dtype, nb::handle) {
            const nb::object array = self.attr("numpy")();
            return dtype.is_none() ? array : nb::object(array.attr("astype")(dtype));
          },
          nb::arg("dtype") = nb::none(), nb::arg("copy") = nb::none(),
          nb::sig("def __array__(self, dtype: typing.Any = None, copy: bool | None = None) -> "
                  "tenon._types.Array"))
      .def(
          "__dlpack__",
          [](nb::handle self, const nb::kwargs& options) {
            return self.attr("numpy")().attr("__dlpack__")(**options);
          },
          nb::sig("def __dlpack__(self, **options: typing.Any) -> typing_extensions.CapsuleType"))
      .def(
          "__dlpack_device__", [](nb::handle) { return nb::make_tuple(1, 0); },
          nb::sig("def __dlpack_device__(self) -> tuple[int, int]"))
      .def(
          "torch",
          [](nb::handle self) { return nb::module_::import_("torch").attr("from_dlpack")(self); },
          nb::sig("def torch(self) -> tenon._types.TorchTensor"),
          "The same as a torch tensor.\n\n"
          "    tensor = engine.weights[\"fc.weight\"].torch()")
      .def("__repr__", [](const PyWeight& weight) {
        return nb::str("Weight({!r}, {}, {})")
            .format(weight.info.name, numpy_dtype(weight.info.dtype), to_tuple(weight.info.shape));
      });
}

}  // namespace tenon::python
