// The cache file: kept, merged, and worth nothing where it is damaged.
#include "lower/tactic_cache.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "base/cache_folder.h"
#include "base/log.h"
#include "lower/timing.h"

namespace tenon::lower {
namespace {

namespace fs = std::filesystem;

class tactic_cache : public testing::Test {
 protected:
  tactic_cache()
      : folder_(fs::path(testing::TempDir()) /
                ("tenon_cache_" + std::to_string(::getpid()) + "_" +
                 testing::UnitTest::GetInstance()->current_test_info()->name())) {}
  ~tactic_cache() override { fs::remove_all(folder_); }

  void write(uint64_t key, double seconds) const {
    TacticCache cache(folder_ / "deep");
    cache.store(key, seconds);
    cache.save();
  }
  std::optional<double> read(uint64_t key) const { return TacticCache(folder_ / "deep").find(key); }
  std::string text() const {
    std::ifstream file(folder_ / "deep" / "tactics.txt", std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void set_text(const std::string& text) const {
    std::ofstream(folder_ / "deep" / "tactics.txt", std::ios::binary) << text;
  }

  fs::path folder_;
};

TEST_F(tactic_cache, keeps_timings_and_those_of_others) {
  EXPECT_EQ(read(1), std::nullopt);
  TacticCache first(folder_ / "deep"), second(folder_ / "deep");
  first.store(1, 0.25);
  first.save();
  second.store(~uint64_t{0}, 1e-7);
  second.save();
  EXPECT_EQ(read(1), 0.25);
  EXPECT_EQ(read(~uint64_t{0}), 1e-7);
}

TEST_F(tactic_cache, a_damaged_byte_never_gives_another_timing) {
  write(7, 0.5);
  const std::string good = text();
  for (size_t i = 0; i + 1 < good.size(); ++i) {  // the last byte is the newline
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    set_text(bad);
    EXPECT_EQ(read(7), std::nullopt) << i;
  }
  for (size_t length = 0; length + 1 < good.size(); ++length) {
    set_text(good.substr(0, length));
    EXPECT_EQ(read(7), std::nullopt) << length;
  }
}

TEST_F(tactic_cache, an_unwritable_folder_is_no_error) {
  fs::create_directories(folder_);
  std::ofstream(folder_ / "deep") << "a file where the folder should be";
  set_log_sink([](LogLevel, std::string_view) {});
  TacticCache cache(folder_ / "deep");
  cache.store(1, 2);
  EXPECT_NO_THROW(cache.save());
  EXPECT_EQ(cache.find(1), 2);
  set_log_sink({});
}

TEST_F(tactic_cache, the_folder_comes_from_the_environment) {
  const char* const home = std::getenv("HOME");
  const std::string kept = home ? home : "";
  ::unsetenv("TENON_CACHE_DIR");
  ::unsetenv("XDG_CACHE_HOME");
  ::setenv("HOME", "/home/someone", 1);
  EXPECT_EQ(base::cache_folder(), "/home/someone/.cache/tenon");
  ::setenv("XDG_CACHE_HOME", "/x", 1);
  EXPECT_EQ(base::cache_folder(), "/x/tenon");
  ::setenv("TENON_CACHE_DIR", "/t", 1);
  EXPECT_EQ(base::cache_folder(), "/t");
  ::unsetenv("TENON_CACHE_DIR");
  ::unsetenv("XDG_CACHE_HOME");
  if (home) ::setenv("HOME", kept.c_str(), 1);
}

TEST(pick_fastest, takes_the_earlier_of_equals) {
  EXPECT_EQ(pick_fastest(std::vector<double>{1.02, 1.0, 5.0}), 0u);
  EXPECT_EQ(pick_fastest(std::vector<double>{1.10, 1.02, 1.0}), 1u);
  EXPECT_EQ(pick_fastest(std::vector<double>{untimed, 3}), 1u);
  EXPECT_EQ(pick_fastest(std::vector<double>{untimed, untimed}), 0u);
}

}  // namespace
}  // namespace tenon::lower
