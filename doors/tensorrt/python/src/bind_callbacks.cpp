// Classes that a script implements. What it raises is printed and never leaves a callback.
#include <atomic>
#include <cstdio>
#include <ctime>

#include "bind_call.h"

namespace tenon::trt::python {
namespace {

using nvinfer1::ErrorCode;
using nvinfer1::IErrorRecorder;
using nvinfer1::ILogger;

struct ScriptLogger final : ILogger {
  NB_TRAMPOLINE(ILogger);
  void log(Severity severity, const char* message) noexcept override {
    if (Py_IsInitialized() == 0) return;
    const nb::gil_scoped_acquire acquire;
    call(nb_trampoline.base(), "log", nullptr, severity, text(message));
  }
};

/// Lines on standard output, each written at once.
class ConsoleLogger : public ILogger {
 public:
  explicit ConsoleLogger(Severity least) : least(least) {}
  void log(Severity severity, const char* message) noexcept override {
    if (severity > least) return;
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    localtime_r(&now, &local);
    char stamp[32];
    std::strftime(stamp, sizeof stamp, "%m/%d/%Y-%H:%M:%S", &local);
    const auto letter = static_cast<size_t>(severity);
    const std::string line = std::string("[") + stamp + "] [TRT] [" +
                             (letter < 5 ? "FEWIV"[letter] : '?') + "] " + message + "\n";
    print(line);
  }
  Severity least;

 private:
  // Through sys.stdout: a script may have put another in its place, and its own lines wait there.
  static void print(const std::string& line) noexcept {
    if (Py_IsInitialized() == 0) return;
    const nb::gil_scoped_acquire acquire;
    try {
      const nb::object out = nb::module_::import_("sys").attr("stdout");
      if (out.is_none()) return;
      out.attr("write")(text(line.c_str()));
      out.attr("flush")();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "[ERROR] Exception caught in log(): %s\n", error.what());
    }
  }
};

struct ScriptConsoleLogger final : ConsoleLogger {
  NB_TRAMPOLINE(ConsoleLogger);
  void log(Severity severity, const char* message) noexcept override {
    if (Py_IsInitialized() == 0) return;
    const nb::gil_scoped_acquire acquire;
    call(nb_trampoline.base(), "log", nullptr, severity, text(message));
  }
};

struct ScriptRecorder final : IErrorRecorder {
  NB_TRAMPOLINE(IErrorRecorder);
  int32_t getNbErrors() const noexcept override {
    if (Py_IsInitialized() == 0) return 0;
    const nb::gil_scoped_acquire acquire;
    const bool named = nb::hasattr(nb_trampoline.base(), "get_num_errors");
    return call(nb_trampoline.base(), named ? "get_num_errors" : "num_errors", 0);
  }
  ErrorCode getErrorCode(int32_t i) const noexcept override {
    return call(nb_trampoline.base(), "get_error_code", ErrorCode::kUNSPECIFIED_ERROR, i);
  }
  ErrorDesc getErrorDesc(int32_t i) const noexcept override {
    last_ = call(nb_trampoline.base(), "get_error_desc", std::string(), i);
    return last_.c_str();
  }
  bool hasOverflowed() const noexcept override {
    return call(nb_trampoline.base(), "has_overflowed", false);
  }
  void clear() noexcept override { call(nb_trampoline.base(), "clear", nullptr); }
  bool reportError(ErrorCode code, ErrorDesc description) noexcept override {
    if (Py_IsInitialized() == 0) return false;
    const nb::gil_scoped_acquire acquire;
    const nb::handle self = nb_trampoline.base();
    return call(self, "report_error", nb::object(nb::bool_(false)), code, text(description))
               .ptr() == Py_True;
  }
  RefCount incRefCount() noexcept override { return ++references_; }  // Python counts the object's
  RefCount decRefCount() noexcept override { return --references_; }

 private:
  mutable std::string last_;
  std::atomic<RefCount> references_{0};
};

void bind_loggers(nb::module_& module) {
  nb::class_<ILogger, ScriptLogger> base(module, "ILogger", nb::dynamic_attr());
  base.def(nb::init<>())
      .def(
          "log", [](ILogger&, ILogger::Severity, const std::string&) { lacking("ILogger.log"); },
          "severity"_a, "msg"_a);
  managed(base);
  nb::enum_<ILogger::Severity> severity(base, "Severity", nb::is_arithmetic());
  severity.value("INTERNAL_ERROR", ILogger::Severity::kINTERNAL_ERROR)
      .value("ERROR", ILogger::Severity::kERROR)
      .value("WARNING", ILogger::Severity::kWARNING)
      .value("INFO", ILogger::Severity::kINFO)
      .value("VERBOSE", ILogger::Severity::kVERBOSE)
      .export_values();
  severity.attr("__repr__") = nb::module_::import_("enum").attr("Enum").attr("__repr__");
  nb::class_<ConsoleLogger, ILogger, ScriptConsoleLogger> console(module, "Logger",
                                                                  nb::dynamic_attr());
  console.def(nb::init<ILogger::Severity>(), "min_severity"_a = ILogger::Severity::kWARNING)
      .def_rw("min_severity", &ConsoleLogger::least)
      .def(
          "log",
          [](ConsoleLogger& self, ILogger::Severity level, const std::string& message) {
            self.ConsoleLogger::log(level, message.c_str());
          },
          "severity"_a, "msg"_a);
}

void bind_recorder(nb::module_& module) {
  nb::class_<IErrorRecorder, ScriptRecorder> recorder(module, "IErrorRecorder", nb::dynamic_attr());
  recorder.def(nb::init<>())
      .def("num_errors", [](IErrorRecorder&) { lacking("IErrorRecorder.num_errors"); })
      .def(
          "get_error_code",
          [](IErrorRecorder&, int32_t) { lacking("IErrorRecorder.get_error_code"); }, "index"_a)
      .def(
          "get_error_desc",
          [](IErrorRecorder&, int32_t) { lacking("IErrorRecorder.get_error_desc"); }, "index"_a)
      .def("has_overflowed", [](IErrorRecorder&) { lacking("IErrorRecorder.has_overflowed"); })
      .def("clear", [](IErrorRecorder&) { lacking("IErrorRecorder.clear"); })
      .def(
          "report_error",
          [](IErrorRecorder&, ErrorCode, const std::string&) {
            lacking("IErrorRecorder.report_error");
          },
          "code"_a, "desc"_a);
  recorder.attr("MAX_DESC_LENGTH") = size_t{IErrorRecorder::kMAX_DESC_LENGTH};
}

}  // namespace

void bind_callbacks(nb::module_& module) {
  bind_loggers(module);
  bind_recorder(module);
}

}  // namespace tenon::trt::python
