// A caller's limit of threads, as a context manager.
#include <memory>

#include "bind.h"
#include "tenon/thread_limit.h"

namespace tenon::python {
namespace {

/// Python enters and leaves; C++ makes and destroys.
struct Limit {
  int threads;
  std::unique_ptr<ThreadLimit> entered;
};

}  // namespace

void bind_threads(nb::module_& module) {
  nb::class_<Limit>(module, "ThreadLimit",
                    "While it is entered, what this thread asks of a CPU (builds, loads, refits, "
                    "runs) takes at most so many threads, this one among them. Results do not "
                    "depend on it.\n\n"
                    "    with tenon.ThreadLimit(1):\n"
                    "        engine.refit(\"new.safetensors\")")
      .def(
          "__init__",
          [](Limit* self, int threads) {
            const ThreadLimit checked(threads);
            new (self) Limit{threads, nullptr};
          },
          nb::arg("threads"))
      .def(
          "__enter__",
          [](nb::object self) {
            auto& limit = nb::cast<Limit&>(self);
            limit.entered = std::make_unique<ThreadLimit>(limit.threads);
            return self;
          },
          nb::sig("def __enter__(self) -> ThreadLimit"))
      .def(
          "__exit__", [](Limit& self, nb::args) { self.entered.reset(); },
          nb::sig("def __exit__(self, *args: object) -> None"));
}

}  // namespace tenon::python
