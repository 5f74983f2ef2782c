// Arrays between Python and Tenon, without copies.
#include "arrays.h"

#include <algorithm>
#include <array>
#include <optional>
#include <type_traits>
#include <utility>

#include "tenon/error.h"

namespace tenon::python {
namespace {

constexpr std::array<std::pair<DType, const char*>, kDTypes> numpy_names = {{
    {DType::f64, "float64"},
    {DType::f32, "float32"},
    {DType::f16, "float16"},
    {DType::bf16, "bfloat16"},
    {DType::i64, "int64"},
    {DType::i32, "int32"},
    {DType::i16, "int16"},
    {DType::i8, "int8"},
    {DType::u64, "uint64"},
    {DType::u32, "uint32"},
    {DType::u16, "uint16"},
    {DType::u8, "uint8"},
    {DType::bool_, "bool"},
    {DType::f8_e4m3, "float8_e4m3fn"},
    {DType::f8_e4m3fnuz, "float8_e4m3fnuz"},
    {DType::f8_e5m2, "float8_e5m2"},
    {DType::f8_e5m2fnuz, "float8_e5m2fnuz"},
    {DType::f8_e8m0, "float8_e8m0fnu"},
    {DType::f6_e2m3, "float6_e2m3fn"},
    {DType::f6_e3m2, "float6_e3m2fn"},
    {DType::f4_e2m1, "float4_e2m1fn"},
    {DType::i4, "int4"},
    {DType::u4, "uint4"},
    {DType::i2, "int2"},
    {DType::u2, "uint2"},
    {DType::string, "object"},
}};

/// NumPy has these types from ml_dtypes only, and neither DLPack nor the buffer protocol carries
/// them: they travel as integers of their size.
bool of_ml_dtypes(DType dtype) { return dtype == DType::bf16 || is_narrow(dtype); }

DType carrier(DType dtype) {
  return dtype == DType::bf16 ? DType::u16 : is_narrow(dtype) ? DType::u8 : dtype;
}

const char* numpy_name(DType dtype) {
  for (const auto& [known, name] : numpy_names) {
    if (known == dtype) return name;
  }
  return "?";
}

bool find_dtype(const std::string& name, DType& dtype) {
  for (const auto& [known, numpy] : numpy_names) {
    if (name == numpy || name == to_string(known)) {
      dtype = known;
      return true;
    }
  }
  return false;
}

bool from_dlpack(nb::dlpack::dtype type, DType& dtype) {
  using Code = nb::dlpack::dtype_code;
  const auto bits = std::to_string(type.bits);
  if (type.lanes != 1) return false;
  switch (static_cast<Code>(type.code)) {
    case Code::Float: return find_dtype("f" + bits, dtype);
    case Code::Bfloat: return find_dtype("bf" + bits, dtype);
    case Code::Int: return find_dtype("i" + bits, dtype);
    case Code::UInt: return find_dtype("u" + bits, dtype);
    case Code::Bool: dtype = DType::bool_; return type.bits == 8;
    default: return false;
  }
}

// The name of the memory that DLPack means. Its extension device is far, the device of tests.
std::string device_name(int type, int id) {
  constexpr int extension = 12;
  if (type == nb::device::cpu::value || type == nb::device::cuda_host::value) return "cpu";
  if (type == nb::device::cuda::value) return "cuda:" + std::to_string(id);
  if (type == extension) return "far";
  return "DLPack device " + std::to_string(type) + ":" + std::to_string(id);
}

std::pair<int, int> dlpack_device(const std::string& name) {
  if (name == "cpu") return {nb::device::cpu::value, 0};
  if (name.starts_with("cuda:")) return {nb::device::cuda::value, std::stoi(name.substr(5))};
  return {12, 0};
}

std::string dtype_name(nb::handle object) {
  const nb::object dtype = nb::getattr(object, "dtype", nb::none());
  return dtype.is_none() ? "" : nb::cast<std::string>(nb::str(dtype));
}

bool is_numpy(nb::handle object) {
  return nb::cast<std::string>(nb::str(nb::handle(object.type()).attr("__module__"))) == "numpy";
}

// nanobind reads the strides of a buffer, which exporters such as ctypes leave out; a memoryview
// always has them.
nb::object with_strides(nb::object object) {
  if (nb::hasattr(object, "__dlpack__") || !PyObject_CheckBuffer(object.ptr())) return object;
  PyObject* view = PyMemoryView_FromObject(object.ptr());
  if (view == nullptr) PyErr_Clear();
  return view != nullptr ? nb::steal(view) : object;
}

// As an array that DLPack or the buffer protocol carries; `hidden` is the type that it then does
// not tell.
nb::object exportable(nb::object object, std::optional<DType>& hidden) {
  DType dtype{};
  hidden.reset();
  if (is_numpy(object) && find_dtype(dtype_name(object), dtype) && of_ml_dtypes(dtype)) {
    hidden = dtype;
    return object.attr("view")(numpy_name(carrier(dtype)));
  }
  // torch keeps a sign or a conjugation beside the bytes, which DLPack drops.
  if (nb::hasattr(object, "resolve_neg"))
    object = object.attr("resolve_conj")().attr("resolve_neg")();
  if (nb::hasattr(object, "requires_grad") && nb::cast<bool>(object.attr("requires_grad"))) {
    return object.attr("detach")();
  }
  return with_strides(std::move(object));
}

bool is_plain(nb::handle object) {
  return nb::isinstance<nb::list>(object) || nb::isinstance<nb::tuple>(object) ||
         nb::isinstance<nb::float_>(object) || nb::isinstance<nb::int_>(object) ||
         nb::isinstance<nb::bool_>(object);
}

nb::object as_array(nb::handle object, const std::string& what) {
  try {
    return nb::module_::import_("numpy").attr("asarray")(object);
  } catch (nb::python_error& error) {  // rows of unequal lengths
    if (!error.matches(PyExc_ValueError)) throw;
    throw InputError(what + " is a list that is no array: its rows differ in length");
  }
}

/// An array, but not one that a view can hold.
class UnreadableArray : public InputError {
 public:
  UnreadableArray(const std::string& message, std::string kind)
      : InputError(message), kind(std::move(kind)) {}
  std::string kind;
};

[[noreturn]] void refuse(nb::handle object, const std::string& what) {
  const auto type = nb::cast<std::string>(nb::str(nb::handle(object.type()).attr("__name__")));
  const std::string dtype = shortened(dtype_name(object));
  const std::string message =
      what + " is a " + shortened(type) + (dtype.empty() ? "" : " of dtype " + dtype) +
      "; give a CPU array of floats, integers or bools (NumPy, DLPack or buffer)";
  if (dtype.empty()) throw InputError(message);
  throw UnreadableArray(message, "an array of dtype " + dtype);
}

void check_writable(nb::handle object, const std::string& what) {
  const nb::object flags = nb::getattr(object, "flags", nb::none());
  const auto set = [&](const char* bit) {
    const nb::object asks = nb::getattr(object, bit, nb::none());
    return !asks.is_none() && nb::cast<bool>(asks());
  };
  if (is_plain(object) || !nb::cast<bool>(nb::getattr(flags, "writeable", nb::bool_(true))) ||
      set("is_neg") || set("is_conj"))
    throw InputError(what + " cannot be written; give a writable array");
}

// Whether an object's export is its own memory, which lives as long as it does. Others may make
// fresh memory for each export.
bool exports_itself(nb::handle object) {
  if (!nb::hasattr(object, "__dlpack__")) return true;  // a buffer, whose view is the object
  const auto module = nb::cast<std::string>(nb::str(nb::handle(object.type()).attr("__module__")));
  return module == "numpy" || module == "torch" || module == "torch.nn.parameter";
}

// Takes the export itself, which holds no more of the object than its library wants: what nanobind
// makes of the object holds the object too, where the collector cannot see it.
template <class Kind>
bool import_capsule(nb::handle object, Kind& array) {
  if (exports_itself(object)) return false;
  return nb::try_cast(object.attr("__dlpack__")(), array, false);
}

// What keeps an export's memory beside its object.
template <class Kind>
nb::object kept(nb::handle object, Kind array) {
  if (exports_itself(object)) return nb::none();
  return nb::capsule(new Kind(std::move(array)),
                     [](void* pointer) noexcept { delete static_cast<Kind*>(pointer); });
}

using ReadOnly = nb::ndarray<nb::ro>;
using Writable = nb::ndarray<>;

template <class Kind>
Array exported_view(nb::handle given, const std::string& what) {
  std::optional<DType> hidden;
  constexpr bool read_only = std::is_same_v<Kind, ReadOnly>;
  if (!read_only) check_writable(given, what);
  nb::object object =
      exportable(is_plain(given) ? as_array(given, what) : nb::borrow(given), hidden);
  if (!nb::getattr(given, "mask", nb::none()).is_none() && nb::hasattr(given, "filled"))
    throw InputError(what +
                     " is a masked array; give what stands for the masked elements, as by "
                     "filled()");
  Kind array;
  if (!import_capsule(object, array) && !nb::try_cast(object, array, false)) {
    // What only NumPy can read: __array__, __array_interface__.
    const bool has = nb::hasattr(given, "__array__") || nb::hasattr(given, "__array_interface__");
    if (!read_only || !has) refuse(given, what);
    object = exportable(as_array(given, what), hidden);
    if (!nb::try_cast(object, array, false)) refuse(given, what);
  }
  Array result;
  result.view.device = device_name(array.device_type(), array.device_id());
  if (!from_dlpack(array.dtype(), result.view.dtype)) refuse(given, what);
  if (hidden) result.view.dtype = *hidden;
  result.view.data = array.data();
  result.view.shape.assign(array.shape_ptr(), array.shape_ptr() + array.ndim());
  result.view.strides.assign(array.stride_ptr(), array.stride_ptr() + array.ndim());
  result.owner = nb::make_tuple(object, kept(object, std::move(array)));
  return result;
}

// What an array's own library says when it does not give its bytes (sparse, meta, …).
template <class Kind>
Array view_of(nb::handle given, const std::string& what) {
  try {
    return exported_view<Kind>(given, what);
  } catch (nb::python_error& error) {
    if (!error.matches(PyExc_Exception) || error.matches(PyExc_MemoryError)) throw;
    std::string said = nb::cast<std::string>(nb::str(error.value()));
    said = shortened(said.substr(0, said.find('\n')));
    const std::string message =
        what + " gives no array (" + said + "); give a CPU array of floats, integers or bools";
    if (dtype_name(given).empty()) throw InputError(message);
    throw UnreadableArray(message, "no plain array (" + said + ")");
  }
}

std::string to_name(nb::handle key, const std::string& what) {
  std::string name;
  if (nb::try_cast(key, name)) return name;
  throw InputError(what + ": " + shortened(nb::cast<std::string>(nb::repr(key))) +
                   " is no name; give a mapping of names to arrays");
}

// Calls f(name, value) for each item of a mapping.
template <class F>
void for_each_item(nb::handle mapping, const std::string& what, const F& f) {
  if (!nb::hasattr(mapping, "items"))
    throw InputError(what + "s: give a mapping of names to arrays");
  for (const nb::handle item : mapping.attr("items")()) {
    nb::tuple pair;
    if (!nb::try_cast(item, pair) || pair.size() != 2)
      throw InputError(what + "s: items() gives no pairs; give a mapping of names to arrays");
    f(to_name(pair[0], what + "s"), pair[1]);
  }
}

template <class Kind>
ArrayMap views_of(nb::handle mapping, const std::string& what,
                  std::map<std::string, std::string>* unreadable = nullptr) {
  ArrayMap result;
  for_each_item(mapping, what, [&](const std::string& name, nb::handle value) {
    try {
      Array array = view_of<Kind>(value, what + " \"" + name + "\"");
      result.views.emplace(name, std::move(array.view));
      result.owners.push_back(std::move(array.owner));
    } catch (const UnreadableArray& array) {
      if (unreadable == nullptr) throw;
      unreadable->emplace(name, array.kind);
    }
  });
  return result;
}

// The arrays that a sequence or an optional holds.
nb::list held_by(nb::handle value, PortKind kind, const std::string& what) {
  nb::list held;
  if (kind == PortKind::optional) {
    if (!value.is_none()) held.append(value);
    return held;
  }
  if (!nb::isinstance<nb::list>(value) && !nb::isinstance<nb::tuple>(value))
    throw InputError(what + " is a sequence; give a list of arrays");
  for (const nb::handle each : value) held.append(each);
  return held;
}

std::string to_text(nb::handle given, const std::string& what) {
  nb::object bytes = nb::borrow(given);
  if (PyUnicode_Check(given.ptr()))
    bytes = nb::steal(PyUnicode_AsEncodedString(given.ptr(), "utf-8", "surrogateescape"));
  if (!bytes.is_valid()) throw nb::python_error();
  if (!PyBytes_Check(bytes.ptr()))
    throw InputError(what + " holds a " +
                     shortened(nb::cast<std::string>(given.type().attr("__name__"))) +
                     "; give strings alone");
  return {PyBytes_AS_STRING(bytes.ptr()), static_cast<size_t>(PyBytes_GET_SIZE(bytes.ptr()))};
}

// A list or a number has no dtype of its own: it takes the input's, where nothing is lost by kind.
nb::object as_fed(nb::handle value, DType dtype, const std::string& what) {
  if (!is_plain(value)) return nb::borrow(value);
  const nb::object array = as_array(value, what);
  const auto kind = nb::cast<std::string>(array.attr("dtype").attr("kind"));
  const bool whole = kind == "i" || kind == "u";
  const bool fits = is_floating(dtype) ? whole || kind == "f" : whole && is_integer(dtype);
  const bool empty = nb::cast<int64_t>(array.attr("size")) == 0;
  if (!fits && !empty) return array;
  try {
    return nb::module_::import_("numpy").attr("asarray")(value, numpy_dtype(dtype));
  } catch (nb::python_error& error) {
    if (!error.matches(PyExc_OverflowError)) throw;
    throw InputError(what + " has numbers outside " + std::string(to_string(dtype)));
  }
}

// One array of a run's inputs.
Array to_feed(nb::handle value, DType dtype, const std::string& what) {
  if (dtype == DType::string)
    if (const nb::object array = as_array(value, what); is_text_array(array))
      return to_texts(array, what);
  return view_of<ReadOnly>(as_fed(value, dtype, what), what);
}

}  // namespace

// Whole characters of UTF-8.
std::string shortened(const std::string& text) {
  size_t most = 200;
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  return text.substr(0, most) + "…";
}

bool is_text_array(nb::handle object) {
  const nb::object dtype = nb::getattr(object, "dtype", nb::none());
  const nb::object kind = nb::getattr(dtype, "kind", nb::none());
  constexpr std::string_view kinds = "USOT";
  return nb::isinstance<nb::str>(kind) &&
         kinds.find(nb::cast<std::string>(kind)) != std::string_view::npos;
}

Array to_texts(nb::handle array, const std::string& what) {
  std::vector<std::string> texts;
  for (const nb::handle each : array.attr("ravel")().attr("tolist")())
    texts.push_back(to_text(each, what));
  const auto shape = nb::cast<std::vector<int64_t>>(array.attr("shape"));
  auto* kept = new Tensor(texts, shape);
  Array result;
  result.owner =
      nb::capsule(kept, [](void* pointer) noexcept { delete static_cast<Tensor*>(pointer); });
  result.view = *kept;
  return result;
}

Array to_array(nb::handle object, const std::string& what) {
  Array array = view_of<ReadOnly>(object, what);
  if (array.view.on_host()) return array;
  throw InputError(what + " lies on \"" + array.view.device + "\"; copy it to host memory first");
}

ArrayMap to_arrays(nb::handle mapping, const std::string& what,
                   std::map<std::string, std::string>* unreadable) {
  return views_of<ReadOnly>(mapping, what, unreadable);
}

Feeds to_feeds(nb::handle mapping, const std::vector<Port>& inputs) {
  Feeds result;
  for_each_item(mapping, "input", [&](const std::string& name, nb::handle value) {
    const auto port = std::ranges::find(inputs, name, &Port::name);
    const std::string what = "input \"" + name + "\"";
    if (port == inputs.end() || port->kind == PortKind::tensor) {
      Array array =
          port == inputs.end() ? view_of<ReadOnly>(value, what) : to_feed(value, port->dtype, what);
      result.views.emplace(name, std::move(array.view));
      result.owners.push_back(std::move(array.owner));
      return;
    }
    if (port->kind == PortKind::optional_sequence && value.is_none()) return;
    std::vector<TensorView>& views = result.sequences[name];
    for (const nb::handle each : held_by(value, port->kind, what)) {
      Array array = port->dtype == DType::string ? to_feed(each, port->dtype, what)
                                                 : view_of<ReadOnly>(each, what);
      views.push_back(std::move(array.view));
      result.owners.push_back(std::move(array.owner));
    }
  });
  return result;
}

ArrayMap to_writable_arrays(nb::handle mapping, const std::string& what) {
  return views_of<Writable>(mapping, what);
}

nb::object numpy_dtype(DType dtype) {
  const nb::object type = nb::module_::import_("numpy").attr("dtype");
  if (!of_ml_dtypes(dtype)) return type(numpy_name(dtype));
  try {
    return type(nb::module_::import_("ml_dtypes").attr(numpy_name(dtype)));
  } catch (nb::python_error& error) {
    if (!error.matches(PyExc_ImportError) && !error.matches(PyExc_AttributeError)) throw;
    return nb::str(numpy_name(dtype));
  }
}

namespace {

// Over the tensor's bytes, which it keeps alive.
template <class... Framework>
nb::object exported(const Tensor& tensor, DType shown) {
  auto* kept = new Tensor(tensor);
  const nb::capsule owner(kept,
                          [](void* pointer) noexcept { delete static_cast<Tensor*>(pointer); });
  const std::vector<size_t> shape(tensor.shape().begin(), tensor.shape().end());
  nb::dlpack::dtype type{0, static_cast<uint8_t>(8 * byte_count(shown, 1)), 1};
  using Code = nb::dlpack::dtype_code;
  const Code code = shown == DType::bf16         ? Code::Bfloat
                    : is_floating(shown)         ? Code::Float
                    : shown == DType::bool_      ? Code::Bool
                    : to_string(shown)[0] == 'u' ? Code::UInt
                                                 : Code::Int;
  type.code = static_cast<uint8_t>(code);
  const auto [device, id] = dlpack_device(tensor.device());
  return nb::cast(nb::ndarray<Framework...>(kept->data(), shape.size(), shape.data(), owner,
                                            nullptr, type, device, id));
}

}  // namespace

namespace {

// Python's strings in an array of objects.
nb::object texts_of(const Tensor& tensor) {
  nb::list texts;
  for (const std::string_view text : tensor.strings()) {
    texts.append(nb::steal(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()),
                                                "surrogateescape")));
  }
  const nb::object array = nb::module_::import_("numpy").attr("array")(texts, "object");
  return array.attr("reshape")(nb::cast(tensor.shape()));
}

}  // namespace

nb::object to_dlpack(const Tensor& tensor) {
  if (is_narrow(tensor.dtype()) || tensor.dtype() == DType::string)
    throw InputError("DLPack has no " + std::string(to_string(tensor.dtype())) +
                     "; take the NumPy array");
  return exported<>(tensor, tensor.dtype());
}

nb::tuple to_dlpack_device(const Tensor& tensor) {
  const auto [device, id] = dlpack_device(tensor.device());
  return nb::make_tuple(device, id);
}

nb::object to_numpy(const Tensor& tensor) {
  if (tensor.dtype() == DType::string) return texts_of(tensor);
  nb::object result = exported<nb::numpy>(tensor, carrier(tensor.dtype()));
  if (!of_ml_dtypes(tensor.dtype())) return result;
  const nb::object dtype = numpy_dtype(tensor.dtype());
  if (nb::isinstance<nb::str>(dtype)) {
    throw Error(ErrorCode::unavailable,
                "an array of " + nb::cast<std::string>(dtype) +
                    " needs the ml_dtypes package; pip install -U ml_dtypes");
  }
  return result.attr("view")(dtype);
}

DType to_dtype(nb::handle object) {
  DType dtype{};
  if (nb::isinstance<nb::str>(object) && find_dtype(nb::cast<std::string>(object), dtype))
    return dtype;
  try {
    const nb::object numpy = nb::module_::import_("numpy").attr("dtype")(object);
    if (find_dtype(nb::cast<std::string>(numpy.attr("name")), dtype)) return dtype;
  } catch (nb::python_error& error) {
    if (!error.matches(PyExc_TypeError)) throw;
  }
  throw InputError("dtype " + shortened(nb::cast<std::string>(nb::repr(object))) +
                   " is not one of Tenon's; it has f64, f32, f16, bf16, "
                   "i64 to i8, u64 to u8, bool, and the types of ml_dtypes that ONNX has");
}

}  // namespace tenon::python
