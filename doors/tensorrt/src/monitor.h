// A build's stages as the phases that a program's progress monitor hears of.
#pragma once

#include <algorithm>
#include <string>

#include "NvInfer.h"
#include "tenon/build.h"

namespace tenon::trt {

/// Each start has its finish, also where the build fails.
class Monitor {
 public:
  explicit Monitor(nvinfer1::IProgressMonitor* monitor) : monitor_(monitor) {
    if (monitor_ != nullptr) monitor_->phaseStart(kBuild, nullptr, kSteps);
  }
  ~Monitor() {
    if (monitor_ == nullptr) return;
    finish_stage();
    monitor_->phaseFinish(kBuild);
  }
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  /// The build is stopped when an answer is false.
  void watch(BuildOptions& options) {
    if (monitor_ == nullptr) return;
    options.stop = stop_.get_token();
    options.progress = [this](std::string_view stage, double fraction) { told(stage, fraction); };
  }

 private:
  static constexpr const char* kBuild = "Building engine";
  static constexpr int32_t kSteps = 100;

  void told(std::string_view stage, double fraction) {
    if (stage != stage_) {
      finish_stage();
      stage_ = stage, next_ = 0;
      monitor_->phaseStart(stage_.c_str(), kBuild, kSteps);
    }
    const auto done = static_cast<int32_t>(std::clamp(fraction, 0.0, 1.0) * kSteps);
    for (; next_ < done; ++next_)
      if (!monitor_->stepComplete(stage_.c_str(), next_)) stop_.request_stop();
  }
  void finish_stage() {
    if (!stage_.empty()) monitor_->phaseFinish(stage_.c_str());
    stage_.clear();
  }

  nvinfer1::IProgressMonitor* monitor_;
  std::stop_source stop_;
  std::string stage_;
  int32_t next_ = 0;
};

}  // namespace tenon::trt
