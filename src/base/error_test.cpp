// Each code throws its class; several problems are one line.
#include "base/error.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "base/cancel.h"

namespace tenon::base {
namespace {

TEST(error, code_chooses_the_class) {
  EXPECT_THROW(fail(ErrorCode::invalid_input, "x"), InputError);
  EXPECT_THROW(fail(ErrorCode::build, "x"), BuildError);
  EXPECT_THROW(fail(ErrorCode::plan, "x"), PlanError);
  EXPECT_THROW(fail(ErrorCode::refit, "x"), RefitError);
  EXPECT_THROW(fail(ErrorCode::not_ready, "x"), NotReadyError);
  for (int i = 0; i <= static_cast<int>(ErrorCode::unavailable); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    try {
      fail(code, "{} {}", to_string(code), i);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code);
      EXPECT_EQ(error.what(), fmt::format("{} {}", to_string(code), i));
    }
  }
}

TEST(error, refit_error_counts_and_joins_its_problems) {
  const RefitError error({"first", "second"});
  EXPECT_STREQ(error.what(), "2 problems: first; second");
  EXPECT_EQ(error.problems().size(), 2u);
  EXPECT_STREQ(RefitError({"only"}).what(), "only");
}

TEST(error, errno_becomes_a_sentence) {
  try {
    errno = ENOENT;
    fail_errno("cannot open", "a.plan");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "\"a.plan\": cannot open: No such file or directory");
    EXPECT_EQ(error.code(), ErrorCode::io);
  }
}

TEST(error, stop_token_throws_cancelled_once_asked) {
  std::stop_source source;
  EXPECT_NO_THROW(throw_if_stopped(source.get_token()));
  source.request_stop();
  try {
    throw_if_stopped(source.get_token());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::cancelled);
  }
}

}  // namespace
}  // namespace tenon::base
