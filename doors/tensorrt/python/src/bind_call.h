// How the methods of a script's classes are called: what they raise is printed and goes no further.
#pragma once

#include <nanobind/trampoline.h>

#include <cstdio>

#include "bind.h"

namespace tenon::trt::python {

inline nb::str text(const char* bytes) {
  const char* given = bytes != nullptr ? bytes : "";
  return nb::steal<nb::str>(PyUnicode_DecodeUTF8(
      given, static_cast<Py_ssize_t>(std::char_traits<char>::length(given)), "replace"));
}

/// What the script's method gives as a T; `neutral` after what it raises or gives otherwise.
template <class T, class... Args>
T call(nb::handle self, const char* name, T neutral, const Args&... args) noexcept {
  if (Py_IsInitialized() == 0) return neutral;
  const nb::gil_scoped_acquire acquire;
  try {
    const nb::object given = self.attr(name)(args...);
    if constexpr (std::is_same_v<T, std::nullptr_t>)
      return nullptr;
    else
      return nb::cast<T>(given);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "[ERROR] Exception caught in %s(): %s\n", name, error.what());
    return neutral;
  }
}

[[noreturn]] inline void lacking(const char* what) {
  PyErr_Format(PyExc_NotImplementedError, "%s is not overridden", what);
  throw nb::python_error();
}

}  // namespace tenon::trt::python
