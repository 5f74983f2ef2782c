// Timing caches: what programs keep between builds. Tenon's own timings lie in its cache folder.
#include <cstring>
#include <limits>
#include <string_view>

#include "config.h"

namespace tenon::trt {
namespace {

constexpr std::string_view kBytes = "tenon tensorrt timing cache 1\n";

class TimingCache final : public nvinfer1::ITimingCache {
 public:
  explicit TimingCache(const Reporter& reporter) : reporter_(reporter) {}
  nvinfer1::IHostMemory* serialize() const noexcept override {
    return guarded(reporter_, "ITimingCache::serialize",
                   static_cast<nvinfer1::IHostMemory*>(nullptr), [] {
                     const auto bytes = std::as_bytes(std::span(kBytes));
                     return new HostMemory({bytes.begin(), bytes.end()});
                   });
  }
  bool combine(const nvinfer1::ITimingCache&, bool) noexcept override { return true; }
  bool reset() noexcept override { return true; }
  int64_t queryKeys(nvinfer1::TimingCacheKey*, int64_t) const noexcept override { return 0; }
  nvinfer1::TimingCacheValue query(const nvinfer1::TimingCacheKey&) const noexcept override {
    return {nvinfer1::TimingCacheValue::kINVALID_TACTIC_HASH,
            std::numeric_limits<float>::quiet_NaN()};
  }
  bool update(const nvinfer1::TimingCacheKey&,
              const nvinfer1::TimingCacheValue&) noexcept override {
    return guarded(reporter_, "ITimingCache::update", [] { refuse("the cache has no such key"); });
  }

 private:
  Reporter reporter_;
};

}  // namespace

nvinfer1::ITimingCache* new_timing_cache(const void* blob, std::size_t size,
                                         const Reporter& reporter) noexcept {
  const auto none = static_cast<nvinfer1::ITimingCache*>(nullptr);
  return guarded(reporter, "IBuilderConfig::createTimingCache", none, [&] {
    const bool fits = size == 0 || (blob != nullptr && size == kBytes.size() &&
                                    std::memcmp(blob, kBytes.data(), size) == 0);
    if (!fits) refuse("the bytes are no timing cache of Tenon's; begin with an empty one");
    return static_cast<nvinfer1::ITimingCache*>(new TimingCache(reporter));
  });
}

}  // namespace tenon::trt
