// Extents, weights, addresses and plans between Python and C++.
#include <nanobind/ndarray.h>

#include <array>

#include "bind.h"

namespace tenon::trt::python {
namespace {

struct NumpyType {
  DataType type;
  const char* typestr;  // of __array_interface__, in this machine's order of bytes
  nb::dlpack::dtype dlpack;
};

constexpr uint8_t code(nb::dlpack::dtype_code code) { return static_cast<uint8_t>(code); }

// Those that NumPy has.
constexpr std::array<NumpyType, 7> kNumpyTypes{{
    {DataType::kFLOAT, "<f4", {code(nb::dlpack::dtype_code::Float), 32, 1}},
    {DataType::kHALF, "<f2", {code(nb::dlpack::dtype_code::Float), 16, 1}},
    {DataType::kINT8, "|i1", {code(nb::dlpack::dtype_code::Int), 8, 1}},
    {DataType::kINT32, "<i4", {code(nb::dlpack::dtype_code::Int), 32, 1}},
    {DataType::kINT64, "<i8", {code(nb::dlpack::dtype_code::Int), 64, 1}},
    {DataType::kUINT8, "|u1", {code(nb::dlpack::dtype_code::UInt), 8, 1}},
    {DataType::kBOOL, "|b1", {code(nb::dlpack::dtype_code::Bool), 8, 1}},
}};

double bytes_of(DataType type) {
  switch (type) {
    case DataType::kFLOAT:
    case DataType::kINT32: return 4;
    case DataType::kHALF:
    case DataType::kBF16: return 2;
    case DataType::kINT64: return 8;
    case DataType::kINT4:
    case DataType::kFP4: return 0.5;
    default: return 1;
  }
}

int64_t to_int(nb::handle given) {
  if (PyBool_Check(given.ptr()) || !PyIndex_Check(given.ptr()))
    throw nb::type_error("an extent is not an integer");
  const nb::object number = nb::steal(PyNumber_Index(given.ptr()));
  if (!number.is_valid()) throw nb::python_error();
  const long long value = PyLong_AsLongLong(number.ptr());
  if (value == -1 && PyErr_Occurred() != nullptr) throw nb::python_error();
  return value;
}

std::vector<int64_t> to_ints(nb::handle given, const char* what) {
  if (PyUnicode_Check(given.ptr()) || !PySequence_Check(given.ptr()))
    throw nb::type_error((std::string(what) + " is no sequence of integers").c_str());
  const nb::object all = nb::steal(PySequence_Fast(given.ptr(), what));
  if (!all.is_valid()) throw nb::python_error();
  std::vector<int64_t> values;
  const Py_ssize_t count = PySequence_Fast_GET_SIZE(all.ptr());
  for (Py_ssize_t i = 0; i < count; ++i)
    values.push_back(to_int(PySequence_Fast_GET_ITEM(all.ptr(), i)));
  return values;
}

// For the life of the process.
nb::handle forever(const char* module, const char* name) {
  nb::object found = nb::module_::import_(module).attr(name);
  return found.release();
}

bool is_array(nb::handle given) {
  static const nb::handle ndarray = forever("numpy", "ndarray");
  return PyObject_IsInstance(given.ptr(), ndarray.ptr()) == 1;
}

std::string text_of(const nb::object& any) { return nb::str(any).c_str(); }

PyWeights of_array(nb::handle array) {
  const nb::object facts = nb::object(array.attr("__array_interface__"));
  const std::string typestr = text_of(facts["typestr"]);
  const std::string name = text_of(array.attr("dtype"));
  PyWeights made{{DataType::kFLOAT, nullptr, nb::cast<int64_t>(nb::object(array.attr("size")))},
                 nb::borrow(array)};
  const NumpyType* found = nullptr;
  for (const NumpyType& each : kNumpyTypes)
    if (typestr == each.typestr) found = &each;
  if (found == nullptr && name != "bfloat16") {
    const std::string line =
        "Could not implicitly convert NumPy data type: " + name + " to TensorRT.";
    PySys_WriteStderr("[TRT] [E] %s\n", line.c_str());
    throw nb::value_error((line + " Convert the array with astype first.").c_str());
  }
  made.raw.type = found != nullptr ? found->type : DataType::kBF16;
  if (nb::object(array.attr("flags").attr("c_contiguous")).ptr() != Py_True)
    throw nb::value_error(
        "non-contiguous arrays are no weights; call numpy.ascontiguousarray first");
  made.raw.values = to_pointer(nb::object(facts["data"][0]));
  return made;
}

int get_buffer(PyObject* self, Py_buffer* view, int flags) noexcept {
  auto* memory = nb::inst_ptr<nvinfer1::IHostMemory>(self);
  return PyBuffer_FillInfo(view, self, memory->data(), static_cast<Py_ssize_t>(memory->size()), 1,
                           flags);
}

PyType_Slot buffer_slots[] = {{Py_bf_getbuffer, reinterpret_cast<void*>(get_buffer)}, {0, nullptr}};

}  // namespace

Dims to_dims(nb::handle given) {
  const std::vector<int64_t> extents = to_ints(given, "the shape");
  if (extents.size() > Dims::MAX_DIMS)
    throw nb::value_error(
        ("a shape has at most 8 axes; this one has " + std::to_string(extents.size())).c_str());
  Dims dims{static_cast<int32_t>(extents.size()), {}};
  std::copy(extents.begin(), extents.end(), dims.d);
  return dims;
}

nb::object from_dims(const Dims& dims) {
  static const nb::handle made = forever("tenon.trt._dims", "Dims"),
                          unknown = forever("tenon.trt._dims", "unknown");
  if (dims.nbDims < 0) return unknown();
  nb::list extents;
  for (int32_t i = 0; i < dims.nbDims; ++i) extents.append(dims.d[i]);
  return made(extents);
}

nvinfer1::Permutation to_permutation(nb::handle given) {
  const std::vector<int64_t> order = to_ints(given, "the permutation");
  if (order.size() > Dims::MAX_DIMS) throw nb::value_error("a permutation has at most 8 axes");
  nvinfer1::Permutation made{};
  for (size_t i = 0; i < Dims::MAX_DIMS; ++i)
    made.order[i] = static_cast<int32_t>(i < order.size() ? order[i] : static_cast<int64_t>(i));
  return made;
}

nb::object from_permutation(const nvinfer1::Permutation& order) {
  static const nb::handle made = forever("tenon.trt._dims", "Permutation");
  nb::list axes;
  for (const int32_t axis : order.order) axes.append(axis);
  return made(axes);
}

PyWeights to_weights(nb::handle given, bool optional) {
  if (given.is_none() && optional) return {};
  PyWeights* made = nullptr;
  if (nb::try_cast(given, made)) return *made;
  if (!is_array(given))
    throw nb::type_error("weights are a numpy.ndarray or Weights(type, ptr, count)");
  return of_array(given);
}

nb::object from_weights(const nvinfer1::Weights& weights, nb::handle owner) {
  for (const NumpyType& each : kNumpyTypes) {
    if (each.type != weights.type) continue;
    const size_t count = weights.values != nullptr ? static_cast<size_t>(weights.count) : 0;
    return nb::cast(
        nb::ndarray<nb::numpy>(const_cast<void*>(weights.values), {count}, owner, {}, each.dlpack),
        nb::rv_policy::reference);
  }
  return nb::cast(PyWeights{weights, nb::borrow(owner)});
}

void* to_pointer(nb::handle given) {
  if (given.is_none()) return nullptr;
  const PyNumberMethods* number = Py_TYPE(given.ptr())->tp_as_number;
  const bool real = number != nullptr && number->nb_float != nullptr && number->nb_index == nullptr;
  if (real || number == nullptr || (number->nb_int == nullptr && number->nb_index == nullptr))
    throw nb::type_error("an address is an int or an object with __int__");
  const nb::object value = nb::steal(PyNumber_Long(given.ptr()));
  if (!value.is_valid()) throw nb::python_error();
  const unsigned long long address = PyLong_AsUnsignedLongLong(value.ptr());
  if (address == static_cast<unsigned long long>(-1) && PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    throw nb::type_error("an address is not negative, and has at most 64 bits");
  }
  return reinterpret_cast<void*>(address);
}

std::vector<void*> to_pointers(nb::handle given) {
  std::vector<void*> addresses;
  for (const nb::handle each : nb::iter(given)) addresses.push_back(to_pointer(each));
  return addresses;
}

Bytes::Bytes(nb::handle object, const char* what) {
  if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_SIMPLE) == 0) return;
  PyErr_Clear();
  throw nb::type_error((std::string(what) + " is no contiguous buffer of bytes").c_str());
}

void bind_types(nb::module_& module) {
  nb::class_<PyWeights>(module, "Weights")
      .def(
          "__init__",
          [](PyWeights* self, DataType type) {
            new (self) PyWeights{{type, nullptr, 0}, {}};
          },
          "type"_a = DataType::kFLOAT)
      .def(
          "__init__",
          [](PyWeights* self, DataType type, nb::handle ptr, int64_t count) {
            if (count < 0) throw nb::value_error("the count of weights is negative");
            new (self) PyWeights{{type, to_pointer(ptr), count}, {}};
          },
          "type"_a, "ptr"_a, "count"_a)
      .def(
          "__init__", [](PyWeights* self, nb::handle a) { new (self) PyWeights(to_weights(a)); },
          "a"_a)
      .def_prop_ro("dtype", [](const PyWeights& self) { return self.raw.type; })
      .def_prop_ro("size", [](const PyWeights& self) { return self.raw.count; })
      .def_prop_ro("nbytes",
                   [](const PyWeights& self) {
                     return static_cast<int64_t>(bytes_of(self.raw.type) *
                                                 static_cast<double>(self.raw.count));
                   })
      .def("numpy",
           [](nb::object self) { return from_weights(nb::cast<PyWeights&>(self).raw, self); })
      .def("__len__", [](const PyWeights& self) { return self.raw.count; });

  nb::class_<nvinfer1::IHostMemory> memory(module, "IHostMemory", nb::type_slots(buffer_slots));
  memory.def_prop_ro("nbytes", &nvinfer1::IHostMemory::size)
      .def_prop_ro("dtype", &nvinfer1::IHostMemory::type)
      .def("__len__", &nvinfer1::IHostMemory::size);
  managed(memory);
}

}  // namespace tenon::trt::python
