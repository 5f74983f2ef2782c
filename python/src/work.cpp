// An event of Python cannot be waited for together with anything else: a thread looks at it.
#include "work.h"

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace tenon::python {
namespace {

constexpr std::chrono::milliseconds look_every(10);

thread_local int told = 0;

struct Telling {
  Telling() { ++told; }
  ~Telling() { --told; }
  Telling(const Telling&) = delete;
  Telling& operator=(const Telling&) = delete;
};

bool is_set(const nb::object& event) { return nb::cast<bool>(event.attr("is_set")()); }

}  // namespace

Work::Work(nb::handle progress, nb::handle stop) {
  if (!stop.is_none()) {
    if (!nb::hasattr(stop, "is_set")) refuse("stop", stop, "give a threading.Event");
    stop_ = nb::borrow(stop);
  }
  if (progress.is_none() || progress.is(nb::handle(Py_False))) return;
  bar_ = progress.is(nb::handle(Py_True));
  if (bar_) {
    progress_ = nb::module_::import_("tenon._progress").attr("Bar")();
  } else if (PyCallable_Check(progress.ptr())) {
    progress_ = nb::borrow(progress);
  } else {
    refuse("progress", progress, "give a callable of a stage and a fraction, or True for a bar");
  }
}

bool Work::is_telling() { return told > 0; }

Work::~Work() {
  if (!bar_) return;
  nb::error_scope raised;  // an error may be on its way
  try {
    progress_.attr(std::uncaught_exceptions() == raised_ ? "finish" : "close")();
  } catch (nb::python_error& error) {
    error.discard_as_unraisable("tenon: progress bar");
  }
}

void Work::check_stop() const {
  if (stop_.is_valid() && is_set(stop_)) throw Error(ErrorCode::cancelled, "cancelled");
}

Progress Work::progress() const {
  if (!progress_.is_valid()) return {};
  return [this](std::string_view stage, double fraction) {
    const nb::gil_scoped_acquire gil;
    const Telling telling;
    progress_(nb::str(stage.data(), stage.size()), fraction);
  };
}

std::jthread Work::watch(std::stop_source& source) const {
  if (!stop_.is_valid()) return {};
  return std::jthread([this, &source](const std::stop_token& over) {
    std::mutex mutex;
    std::condition_variable_any ended;
    std::unique_lock lock(mutex);
    while (!ended.wait_for(lock, over, look_every, [] { return false; }) &&
           !over.stop_requested()) {
      const nb::gil_scoped_acquire gil;
      if (is_set(stop_)) {
        source.request_stop();
        return;
      }
    }
  });
}

}  // namespace tenon::python
