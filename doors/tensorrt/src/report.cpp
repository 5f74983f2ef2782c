#include "report.h"

#include <cstdio>
#include <cstring>

namespace tenon::trt {
namespace {

using nvinfer1::ErrorCode;

ErrorCode code_of(tenon::ErrorCode code) {
  switch (code) {
    case tenon::ErrorCode::invalid_input:
    case tenon::ErrorCode::bad_file:
    case tenon::ErrorCode::plan:
    case tenon::ErrorCode::refit: return ErrorCode::kINVALID_ARGUMENT;
    case tenon::ErrorCode::unsupported: return ErrorCode::kUNSUPPORTED_STATE;
    case tenon::ErrorCode::not_ready: return ErrorCode::kINVALID_STATE;
    case tenon::ErrorCode::io:
    case tenon::ErrorCode::unavailable: return ErrorCode::kFAILED_INITIALIZATION;
    case tenon::ErrorCode::build:
    case tenon::ErrorCode::cancelled: break;
  }
  return ErrorCode::kUNSPECIFIED_ERROR;
}

const char* kind_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kINVALID_ARGUMENT:
    case ErrorCode::kINVALID_STATE:
    case ErrorCode::kINVALID_CONFIG: return "API Usage Error";
    case ErrorCode::kUNSUPPORTED_STATE: return "Unsupported";
    case ErrorCode::kFAILED_ALLOCATION: return "Out of Memory";
    case ErrorCode::kFAILED_EXECUTION: return "Execution";
    default: return "Internal Error";
  }
}

}  // namespace

void refuse(const std::string& text) { throw Refusal(ErrorCode::kINVALID_ARGUMENT, text); }
void refuse(ErrorCode code, const std::string& text) { throw Refusal(code, text); }

void Reporter::set_recorder(nvinfer1::IErrorRecorder* recorder) noexcept {
  if (recorder != nullptr) recorder->incRefCount();
  if (recorder_ != nullptr) recorder_->decRefCount();
  recorder_ = recorder;
}

void Reporter::error(const char* function, ErrorCode code, const std::string& text) const {
  if (recorder_ != nullptr) {
    const std::string whole = std::string(function) + ": " + text;
    recorder_->reportError(code,
                           whole.substr(0, nvinfer1::IErrorRecorder::kMAX_DESC_LENGTH).c_str());
    return;
  }
  const std::string number = std::to_string(static_cast<int>(code));
  say(code == ErrorCode::kINTERNAL_ERROR ? Severity::kINTERNAL_ERROR : Severity::kERROR,
      std::string(function) + ": Error Code " + number + ": " + kind_of(code) + " (" + text + ")");
}

void Reporter::say(Severity severity, const std::string& line) const noexcept {
  if (logger_ != nullptr)
    logger_->log(severity, line.c_str());
  else
    std::fprintf(stderr, "tenon: %s\n", line.c_str());
}

void Reporter::current_exception(const char* function) const noexcept try {
  throw;
} catch (const Refusal& refusal) {
  error(function, refusal.code, refusal.what());
} catch (const RefitError& refit) {
  for (const std::string& problem : refit.problems())
    error(function, code_of(refit.code()), problem);
} catch (const Error& failure) {
  error(function, code_of(failure.code()), failure.what());
} catch (const std::bad_alloc&) {
  error(function, ErrorCode::kFAILED_ALLOCATION, "out of memory");
} catch (const std::exception& bug) {
  error(function, ErrorCode::kINTERNAL_ERROR, bug.what());
}

std::string name_of(const char* name, const char* what) {
  constexpr size_t most = 4096;
  if (name == nullptr) refuse(std::string(what) + " is null; give a string");
  if (strnlen(name, most) == most)
    refuse(std::string(what) + " is longer than 4095 bytes; give a shorter one");
  return name;
}

}  // namespace tenon::trt
