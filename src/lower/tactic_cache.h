// Timings of kernels, kept between builds in the user's cache folder.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tenon::lower {

/// Content key and seconds.
using Timing = std::pair<uint64_t, double>;

/// Seconds by content key. A file that is missing or damaged is as good as none, line by line; one
/// that cannot be written costs one log line a process. Not thread-safe; processes may share a
/// folder.
class TacticCache {
 public:
  /// Reads `folder`/tactics.txt; an empty folder keeps timings in memory only.
  explicit TacticCache(std::filesystem::path folder);

  std::optional<double> find(uint64_t key) const;
  void store(uint64_t key, double seconds);
  /// Writes new timings beside those that others have written meanwhile.
  void save();

 private:
  std::filesystem::path file() const { return folder_ / "tactics.txt"; }

  std::filesystem::path folder_;
  std::vector<Timing> known_;         // of the file, sorted
  std::map<uint64_t, double> fresh_;  // stored since
};

}  // namespace tenon::lower
