// One report a problem: to an object's error recorder, else to its logger. No exception crosses.
#pragma once

#include <new>
#include <stdexcept>
#include <string>

#include "NvInferRuntimeBase.h"
#include "tenon/error.h"

namespace tenon::trt {

/// What the door itself refuses.
struct Refusal : std::runtime_error {
  nvinfer1::ErrorCode code;
  Refusal(nvinfer1::ErrorCode code, const std::string& text)
      : std::runtime_error(text), code(code) {}
};

[[noreturn]] void refuse(const std::string& text);  // kINVALID_ARGUMENT
[[noreturn]] void refuse(nvinfer1::ErrorCode code, const std::string& text);

/// Where an object's reports go. Holds a reference of the recorder.
class Reporter {
 public:
  using Severity = nvinfer1::ILogger::Severity;

  explicit Reporter(nvinfer1::ILogger* logger) : logger_(logger) {}
  /// What an object hands on to one that it makes.
  Reporter(const Reporter& other) : logger_(other.logger_) { set_recorder(other.recorder_); }
  Reporter& operator=(const Reporter&) = delete;
  ~Reporter() { set_recorder(nullptr); }

  nvinfer1::ILogger* logger() const noexcept { return logger_; }
  nvinfer1::IErrorRecorder* recorder() const noexcept { return recorder_; }
  void set_recorder(nvinfer1::IErrorRecorder* recorder) noexcept;

  void error(const char* function, nvinfer1::ErrorCode code, const std::string& text) const;
  void say(Severity severity, const std::string& line) const noexcept;
  /// The exception that is being handled.
  void current_exception(const char* function) const noexcept;

 private:
  nvinfer1::ILogger* logger_;
  nvinfer1::IErrorRecorder* recorder_ = nullptr;
};

/// What `body` gives, or after a report `failure`.
template <class T, class Body>
T guarded(const Reporter& reporter, const char* function, T failure, Body&& body) noexcept {
  try {
    return body();
  } catch (...) {
    reporter.current_exception(function);
    return failure;
  }
}

/// The same of what gives nothing; whether all went well.
template <class Body>
bool guarded(const Reporter& reporter, const char* function, Body&& body) noexcept {
  return guarded(reporter, function, false, [&] {
    body();
    return true;
  });
}

/// A name that a program gave: not null, at most 4096 bytes with its end.
std::string name_of(const char* name, const char* what = "the name");

}  // namespace tenon::trt
