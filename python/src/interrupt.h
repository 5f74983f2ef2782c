// Ctrl-C while Tenon works: it stops the work instead of waiting for its end.
#pragma once

#include <nanobind/nanobind.h>

#include <stop_token>

#include "tenon/error.h"

namespace tenon::python {

namespace nb = nanobind;

/// Once, when the module is loaded.
void remember_main_thread();

/// While it lives on the main thread, SIGINT asks `token()` to stop; Python's own handler is called
/// too. On other threads it does nothing, as signals do in Python, nor where SIGINT is ignored or
/// left to the system.
class Interruptible {
 public:
  Interruptible();
  ~Interruptible();
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;
  std::stop_token token() const { return source_.get_token(); }
  std::stop_source& source() { return source_; }

 private:
  std::stop_source source_;
  bool active_ = false;
};

/// Runs `work(Interruptible&)` without the GIL; a KeyboardInterrupt takes the place of the
/// Error(cancelled) that it caused.
template <class F>
auto interruptible(F&& work) {
  try {
    const nb::gil_scoped_release release;
    Interruptible scope;
    return work(scope);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::cancelled && PyErr_CheckSignals() != 0) throw nb::python_error();
    throw;
  }
}

}  // namespace tenon::python
