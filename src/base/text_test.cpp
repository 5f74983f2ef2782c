// Quoting, UTF-8 and nearest names.
#include "base/text.h"

#include <gtest/gtest.h>

#include <random>

namespace tenon::base {
namespace {

TEST(text, one_line_escapes_what_steers_a_terminal_only) {
  EXPECT_EQ(base::one_line("\"größe\" is \\ here"), "\"größe\" is \\ here");
  EXPECT_EQ(base::one_line("a\n\x1b[31m\xff"), R"(a\n\x1b[31m\xff)");
}

TEST(text, quoted_is_one_printable_line) {
  EXPECT_EQ(base::quoted("conv.w"), "\"conv.w\"");
  EXPECT_EQ(base::quoted("a\"b\\c\nd\te\x01"), R"("a\"b\\c\nd\te\x01")");
  EXPECT_EQ(base::quoted("größe"), "\"größe\"");
  EXPECT_EQ(base::quoted("\xff"), R"("\xff")");
}

TEST(text, long_names_are_cut_in_the_middle) {
  const std::string cut = base::quoted(std::string(5000, 'a') + "end");
  EXPECT_LT(cut.size(), 210u);
  EXPECT_NE(cut.find("…"), std::string::npos);
  EXPECT_EQ(cut.substr(cut.size() - 4), "end\"");
  EXPECT_EQ(base::quoted(std::string(5000, 'a'), whole_name).size(), 5002u);
}

TEST(text, parse_quoted_undoes_quoted_for_any_bytes) {
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    std::string name(random() % 40, '\0');
    for (char& c : name) c = static_cast<char>(random());
    const std::string text = base::quoted(name, whole_name) + " rest";
    std::string_view rest = text;
    ASSERT_EQ(parse_quoted(rest), name);
    ASSERT_EQ(rest, " rest");
  }
}

TEST(text, malformed_quotes_are_refused_and_nothing_is_taken) {
  for (const char* text : {"", "a", "\"", "\"a", R"("\)", R"("\q")", R"("\x1")", R"("\xzz")"}) {
    std::string_view rest = text;
    EXPECT_FALSE(parse_quoted(rest)) << text;
    EXPECT_EQ(rest, text);
  }
}

TEST(text, join_puts_the_text_between) {
  const std::vector<std::string> parts = {"a", "b", "c"};
  EXPECT_EQ(join(parts, ", "), "a, b, c");
  EXPECT_EQ(join({}, ", "), "");
}

TEST(text, nearest_finds_a_slip_but_nothing_far) {
  const std::vector<std::string> names = {"fc.bias", "layer1.0.conv1.weight",
                                          "layer1.0.conv2.weight"};
  EXPECT_EQ(nearest("layer1.0.conv1.weigth", names), "layer1.0.conv1.weight");
  EXPECT_EQ(nearest("fc.bia", names), "fc.bias");
  EXPECT_EQ(nearest("embedding", names), "");
  EXPECT_EQ(nearest("fc.bias", {}), "");
  EXPECT_EQ(nearest(std::string(100000, 'a'), names), "");
}

TEST(text, utf8_is_well_formed_or_not) {
  for (const char* good : {"", "a", "é", "€", "𝄞", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(is_utf8(good));
  // Overlong, surrogate, above U+10FFFF, lone and missing continuation.
  for (const char* bad :
       {"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80", "\xe2\x82", "\xff"})
    EXPECT_FALSE(is_utf8(bad)) << base::quoted(bad);
  EXPECT_FALSE(is_utf8(std::string_view("a\0b", 3)));
}

}  // namespace
}  // namespace tenon::base
