// Arrays of Python (DLPack, buffer protocol, NumPy's bfloat16) as views, and tensors as NumPy
// arrays.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <map>
#include <string>
#include <vector>

#include "tenon/engine.h"
#include "tenon/tensor.h"

namespace tenon::python {

namespace nb = nanobind;

/// At most 200 characters of what a message shows of a user's.
std::string shortened(const std::string& text);

/// A view of a Python array, and what keeps it alive. Destroy with the GIL held.
struct Array {
  TensorView view;
  nb::object owner;
};

/// Throws InputError, naming `what`, for something that is not an array in host memory, of a known
/// dtype. Lists
/// and numbers become NumPy arrays. Never copies an array.
Array to_array(nb::handle object, const std::string& what);

/// Whether an array is of one of NumPy's kinds of text, or of objects.
bool is_text_array(nb::handle object);
/// Such an array as a tensor of strings; throws InputError for an element that is none. Bytes that
/// are not UTF-8 come and go as Python's surrogates.
Array to_texts(nb::handle array, const std::string& what);

/// Arrays by name, kept alive together.
struct ArrayMap {
  std::map<std::string, TensorView> views;
  std::vector<nb::object> owners;
};
/// They may lie on devices. With `unreadable`, those of other dtypes, or that give no plain array,
/// are in it, by name, with what they are.
ArrayMap to_arrays(nb::handle mapping, const std::string& what,
                   std::map<std::string, std::string>* unreadable = nullptr);

/// The inputs of a run: tensors, and by name those that are sequences or optionals.
struct Feeds : ArrayMap {
  std::map<std::string, std::vector<TensorView>> sequences;
};
/// Of a network with these inputs: a sequence is a list of arrays, an optional an array or None.
Feeds to_feeds(nb::handle mapping, const std::vector<Port>& inputs);
/// The same for arrays that a run writes: they must be writable.
ArrayMap to_writable_arrays(nb::handle mapping, const std::string& what);

/// A NumPy array over the tensor's bytes, which it keeps alive. bf16 needs ml_dtypes.
nb::object to_numpy(const Tensor& tensor);
/// A DLPack capsule over the tensor's bytes, and DLPack's numbers of its device.
nb::object to_dlpack(const Tensor& tensor);
nb::tuple to_dlpack_device(const Tensor& tensor);
/// numpy.dtype of a dtype ("bfloat16" as a string where ml_dtypes is missing).
nb::object numpy_dtype(DType dtype);
/// A dtype from its name ("f32", "float32"), a NumPy dtype or a scalar type; throws InputError.
DType to_dtype(nb::handle object);

}  // namespace tenon::python
