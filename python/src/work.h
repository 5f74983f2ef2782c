// Work that takes a while: Ctrl-C, `stop=` and `progress=` of a call.
#pragma once

#include <exception>
#include <optional>
#include <thread>

#include "bind.h"
#include "interrupt.h"
#include "tenon/options.h"

namespace tenon::python {

/// `progress=` (None, False, a callable of stage and fraction, or True for a bar of tqdm) and
/// `stop=` (None, or a threading.Event) of one call. Made, used and destroyed with the GIL.
class Work {
 public:
  Work(nb::handle progress, nb::handle stop);
  ~Work();
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  /// Whether the calling thread is in a callable that it was given as `progress=`.
  static bool is_telling();

  /// work(stop_token, Progress) without the GIL. Throws Error(cancelled) once the event is set, and
  /// what the callable raises.
  template <class F>
  auto perform(F&& work) {
    check_stop();
    return interruptible([&](Interruptible& scope) {
      const std::jthread watcher = watch(scope.source());
      return work(scope.token(), progress());
    });
  }

 private:
  void check_stop() const;
  Progress progress() const;
  std::jthread watch(std::stop_source& source) const;

  nb::object progress_, stop_;
  bool bar_ = false;  // progress_ is one of ours, which is closed
  int raised_ = std::uncaught_exceptions();
};

}  // namespace tenon::python
