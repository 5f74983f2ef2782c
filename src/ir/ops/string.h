// Strings: what reads or makes their characters. The executor runs these ops, on the host.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// Facts that all of them share.
constexpr OpInfo string_op(std::string_view name, int inputs = 1) {
  return {.name = name,
          .min_inputs = inputs,
          .max_inputs = inputs,
          .has_kernels = false,
          .host_operands = 3,
          .moves = true};
}

/// The texts, row-major, in that shape.
struct Strings {
  std::vector<std::string> values;
  std::vector<int64_t> shape;

  static constexpr OpInfo info = string_op("strings", 0);
  static constexpr auto fields() {
    return std::tuple{Field{"values", &Strings::values}, Field{"shape", &Strings::shape}};
  }
  std::vector<Value> infer(Infer& in) const;
};

/// Where each text stands among `keys`, which are sorted by bytes and differ; -1 where it does not.
/// i64.
struct StringIndex {
  std::vector<std::string> keys;

  static constexpr OpInfo info = string_op("string_index");
  static constexpr auto fields() { return std::tuple{Field{"keys", &StringIndex::keys}}; }
  std::vector<Value> infer(Infer& in) const;
};

/// How many different texts of the operand come before each, by bytes. i64.
struct StringRank {
  static constexpr OpInfo info = string_op("string_rank");
  static constexpr auto fields() { return std::tuple{}; }
  std::vector<Value> infer(Infer& in) const;
};

/// Whether texts are equal; operands broadcast.
struct StringEqual {
  static constexpr OpInfo info = string_op("string_equal", 2);
  static constexpr auto fields() { return std::tuple{}; }
  std::vector<Value> infer(Infer& in) const;
};

/// One text behind the other; operands broadcast.
struct StringConcat {
  static constexpr OpInfo info = string_op("string_concat", 2);
  static constexpr auto fields() { return std::tuple{}; }
  std::vector<Value> infer(Infer& in) const;
};

/// Letters made small, or large: Unicode's simple mappings of UTF-8 text; other bytes stay.
struct StringCase {
  bool upper = false;

  static constexpr OpInfo info = string_op("string_case");
  static constexpr auto fields() { return std::tuple{Field{"upper", &StringCase::upper}}; }
  std::vector<Value> infer(Infer& in) const;
};

/// The parts of each text between delimiters, along a new last axis whose extent `symbols` names:
/// the most that a text has; and how many each has (i64). Empty delimiter: runs of white space
/// part, and none are at the ends. After `most` cuts, if that is not negative, the rest is one
/// part.
struct StringSplit {
  std::string delimiter;
  int64_t most = -1;
  std::vector<std::string> symbols;

  static constexpr OpInfo info{.name = "string_split",
                               .max_outputs = 2,
                               .has_kernels = false,
                               .host_operands = 1,
                               .binds = true,
                               .moves = true};
  static constexpr auto fields() {
    return std::tuple{Field{"delimiter", &StringSplit::delimiter},
                      Field{"most", &StringSplit::most}, Field{"symbols", &StringSplit::symbols}};
  }
  std::vector<Value> infer(Infer& in) const;
};

/// Whether the whole text matches, by the syntax of RE2.
struct RegexFullMatch {
  std::string pattern;

  static constexpr OpInfo info = string_op("regex_full_match");
  static constexpr auto fields() { return std::tuple{Field{"pattern", &RegexFullMatch::pattern}}; }
  std::vector<Value> infer(Infer& in) const;
};

/// Numbers as ONNX writes them: integers in decimals, floats by the shortest text that reads back,
/// NaN, INF and -INF, bools 1 and 0.
struct NumberText {
  static constexpr OpInfo info = string_op("number_text");
  static constexpr auto fields() { return std::tuple{}; }
  std::vector<Value> infer(Infer& in) const;
};

/// The number that a text is; any other text is a data error.
struct TextNumber {
  DType to = DType::f32;

  static constexpr OpInfo info = string_op("text_number");
  static constexpr auto fields() { return std::tuple{Field{"to", &TextNumber::to}}; }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
