// tenon.Tensor.
#include "arrays.h"
#include "bind.h"

namespace tenon::python {

void bind_tensor(nb::module_& module) {
  nb::class_<Tensor>(
      module, "Tensor",
      "An output in the memory of a device; DLPack takes it on.\n\n"
      "    y = torch.from_dlpack(engine.run({\"x\": x}, device_outputs=True)[\"y\"])")
      .def_prop_ro("device", &Tensor::device)
      .def_prop_ro(
          "dtype", [](const Tensor& tensor) { return numpy_dtype(tensor.dtype()); },
          nb::sig("def dtype(self) -> numpy.dtype[typing.Any]"))
      .def_prop_ro(
          "shape", [](const Tensor& tensor) { return to_tuple(tensor.shape()); },
          nb::sig("def shape(self) -> tuple[int, ...]"))
      .def(
          "__dlpack__",
          [](const Tensor& tensor, const nb::kwargs& /*asked*/) { return to_dlpack(tensor); },
          nb::sig("def __dlpack__(self, **kwargs: typing.Any) -> typing_extensions.CapsuleType"))
      .def("__dlpack_device__", to_dlpack_device,
           nb::sig("def __dlpack_device__(self) -> tuple[int, int]"))
      .def("__repr__", [](const Tensor& tensor) {
        return nb::str("Tensor({}, {}, device={!r})")
            .format(numpy_dtype(tensor.dtype()), to_tuple(tensor.shape()), tensor.device());
      });
}

}  // namespace tenon::python
