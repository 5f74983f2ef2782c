// One text file, a timing a line, each with a checksum; written whole and atomically.
#include "lower/tactic_cache.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <mutex>

#include "base/byte_source.h"
#include "base/error.h"
#include "base/file_writer.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/text.h"

namespace tenon::lower {

namespace fs = std::filesystem;

namespace {

constexpr uint64_t kMostBytes = uint64_t{16} << 20;
constexpr size_t kMostTimings = 200000;

std::string entry_text(uint64_t key, double seconds) {
  return fmt::format("{:016x} {:.9e}", key, seconds);
}

std::string line_text(uint64_t key, double seconds) {
  const std::string entry = entry_text(key, seconds);
  return fmt::format("{} {:016x}\n", entry, base::hash(entry));
}

/// A line as line_text() writes it; anything else is damage.
std::optional<std::pair<uint64_t, double>> parse_line(std::string_view line) {
  if (line.size() < 18) return std::nullopt;
  uint64_t key = 0;
  double seconds = 0;
  const char* const end = line.data() + line.size();
  if (std::from_chars(line.data(), line.data() + 16, key, 16).ec != std::errc())
    return std::nullopt;
  if (std::from_chars(line.data() + 17, end, seconds).ec != std::errc()) return std::nullopt;
  if (!std::isfinite(seconds) || seconds <= 0) return std::nullopt;
  std::string expected = line_text(key, seconds);
  expected.pop_back();
  if (line != expected) return std::nullopt;
  return std::pair{key, seconds};
}

std::map<uint64_t, double> read_timings(const fs::path& file) {
  std::map<uint64_t, double> timings;
  try {
    const auto source = base::open_file(file);
    if (source->size() > kMostBytes) return {};
    const std::vector<std::byte> bytes = base::read_range(*source, 0, source->size());
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    while (!text.empty()) {
      const size_t end = std::min(text.find('\n'), text.size());
      if (const auto timing = parse_line(text.substr(0, end))) timings.insert(*timing);
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  } catch (const Error&) {
    return timings;  // missing or unreadable: timings are made again
  }
  return timings;
}

void log_once(const fs::path& folder, std::string_view why) {
  static std::once_flag logged;
  std::call_once(logged, [&] {
    base::log(LogLevel::warn, "cache {}: {}; timings are not kept, set TENON_CACHE_DIR",
              base::quoted(folder.native()), why);
  });
}

std::optional<fs::path> folder_from(const char* variable) {
  const char* value = std::getenv(variable);
  if (!value || !*value) return std::nullopt;
  return fs::path(value);
}

}  // namespace

fs::path cache_folder() {
  if (const auto folder = folder_from("TENON_CACHE_DIR")) return *folder;
  if (const auto folder = folder_from("XDG_CACHE_HOME")) return *folder / "tenon";
  if (const auto folder = folder_from("HOME")) return *folder / ".cache" / "tenon";
  return {};
}

TacticCache::TacticCache(fs::path folder) : folder_(std::move(folder)) {
  if (!folder_.empty()) seconds_ = read_timings(file());
}

std::optional<double> TacticCache::find(uint64_t key) const {
  const auto at = seconds_.find(key);
  if (at == seconds_.end()) return std::nullopt;
  return at->second;
}

void TacticCache::store(uint64_t key, double seconds) {
  seconds_[key] = seconds;
  fresh_[key] = seconds;
}

void TacticCache::save() {
  if (folder_.empty() || fresh_.empty()) return;
  std::map<uint64_t, double> timings = read_timings(file());
  if (timings.size() > kMostTimings) timings.clear();
  for (const auto& [key, seconds] : fresh_) timings[key] = seconds;
  std::string text;
  for (const auto& [key, seconds] : timings) text += line_text(key, seconds);
  try {
    std::error_code error;
    fs::create_directories(folder_, error);
    const auto writer = base::atomic_file_writer(file());
    writer->write(std::as_bytes(std::span(text)));
    writer->commit();
    fresh_.clear();
  } catch (const Error& error) {
    log_once(folder_, error.what());
  }
}

}  // namespace tenon::lower
