// The tables, filled in once.
#include "cuda/driver.h"

#include <unistd.h>

#include <new>

#include "base/error.h"
#include "cuda/library.h"

namespace tenon::cuda {

namespace {

constexpr int kLeastDriver = 12000;

template <class Function>
void fill(const Library& library, const char* symbol, Function*& function) {
  function = reinterpret_cast<Function*>(library.symbol(symbol));
}

#define TENON_FILL(member, symbol, ...) fill(library, symbol, table.member);

Driver open_driver() {
  static constexpr const char* files[] = {"libcuda.so.1"};
  const Library library("the NVIDIA driver", "cuInit", files);
  Driver table;
  TENON_DRIVER_FUNCTIONS(TENON_FILL)
  table.check(table.init(0), "cuInit");
  int version = 0;
  table.check(table.driver_version(&version), "cuDriverGetVersion");
  if (version < kLeastDriver) {
    base::fail(ErrorCode::unavailable,
               "the NVIDIA driver knows CUDA {}.{}, and {} is needed; update the driver",
               version / 1000, version % 1000 / 10, kLeastDriver / 1000);
  }
  return table;
}

Compiler open_compiler() {
  static constexpr const char* files[] = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"};
  const Library library("the CUDA run-time compiler", "nvrtcVersion", files);
  Compiler table;
  TENON_COMPILER_FUNCTIONS(TENON_FILL)
  return table;
}

#undef TENON_FILL

}  // namespace

const Driver& Driver::get() {
  static const pid_t opened_by = ::getpid();
  static const Driver driver = open_driver();
  if (::getpid() != opened_by) {
    base::fail(ErrorCode::unavailable,
               "a GPU that was opened before a fork cannot be used in the child; open it in the "
               "child alone (multiprocessing: the start method \"spawn\")");
  }
  return driver;
}

void Driver::check(Result result, const char* what) const {
  if (result == success) return;
  if (result == out_of_memory) throw std::bad_alloc();
  const char *name = nullptr, *text = nullptr;
  error_name(result, &name);
  error_text(result, &text);
  base::fail(ErrorCode::unavailable, "the NVIDIA driver: {} failed: {} ({})", what,
             text ? text : "an unknown error", name ? name : "no name");
}

const Compiler& Compiler::get() {
  static const Compiler compiler = open_compiler();
  return compiler;
}

}  // namespace tenon::cuda
