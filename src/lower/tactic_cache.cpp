// One text file, a timing a line, each with a checksum; written whole and atomically.
#include "lower/tactic_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cmath>

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

template <class T, class... Format>
std::optional<T> parse(std::string_view text, Format... format) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value, format...);
  if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return value;
}

/// A line as line_text() writes it; anything else is damage. Every build that times reads them all:
/// the checksum is compared before anything is parsed, and nothing is allocated.
std::optional<Timing> parse_line(std::string_view line) {
  constexpr size_t digits = 16;
  if (line.size() < 2 * digits + 3) return std::nullopt;
  const size_t entry = line.size() - digits - 1;
  if (line[digits] != ' ' || line[entry] != ' ') return std::nullopt;
  const auto checksum = parse<uint64_t>(line.substr(entry + 1), 16);
  if (checksum != base::hash(line.substr(0, entry))) return std::nullopt;
  const auto key = parse<uint64_t>(line.substr(0, digits), 16);
  const auto seconds = parse<double>(line.substr(digits + 1, entry - digits - 1));
  if (!key || !seconds || !std::isfinite(*seconds) || *seconds <= 0) return std::nullopt;
  return Timing{*key, *seconds};
}

/// Sorted by key.
std::vector<Timing> read_timings(const fs::path& file) {
  std::vector<Timing> timings;
  try {
    const auto source = base::open_file(file);
    if (source->size() > kMostBytes) return {};
    const std::vector<std::byte> bytes = base::read_range(*source, 0, source->size());
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    while (!text.empty()) {
      const size_t end = std::min(text.find('\n'), text.size());
      if (const auto timing = parse_line(text.substr(0, end))) timings.push_back(*timing);
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  } catch (const Error&) {
    return {};  // missing or unreadable: timings are made again
  }
  // As save() writes them they are sorted already.
  if (!std::ranges::is_sorted(timings)) std::ranges::sort(timings);
  return timings;
}

void log_once(const fs::path& folder, std::string_view why) {
  static std::atomic<bool> logged = false;
  if (logged.exchange(true)) return;
  base::log(LogLevel::warn, "cache {}: {}; timings are not kept, set TENON_CACHE_DIR",
            base::quoted(folder.native()), why);
}

}  // namespace

TacticCache::TacticCache(fs::path folder) : folder_(std::move(folder)) {
  if (!folder_.empty()) known_ = read_timings(file());
}

std::optional<double> TacticCache::find(uint64_t key) const {
  if (const auto at = fresh_.find(key); at != fresh_.end()) return at->second;
  const auto at = std::ranges::lower_bound(known_, key, {}, &Timing::first);
  if (at == known_.end() || at->first != key) return std::nullopt;
  return at->second;
}

void TacticCache::store(uint64_t key, double seconds) { fresh_[key] = seconds; }

void TacticCache::save() {
  if (folder_.empty() || fresh_.empty()) return;
  const std::vector<Timing> others = read_timings(file());
  std::map<uint64_t, double> timings(fresh_);
  if (others.size() <= kMostTimings) timings.insert(others.begin(), others.end());
  std::string text;
  for (const auto& [key, seconds] : timings) text += line_text(key, seconds);
  try {
    std::error_code error;
    fs::create_directories(folder_, error);
    const auto writer = base::atomic_file_writer(file());
    writer->write(std::as_bytes(std::span(text)));
    writer->commit();
  } catch (const Error& error) {
    log_once(folder_, error.what());
  }
}

}  // namespace tenon::lower
