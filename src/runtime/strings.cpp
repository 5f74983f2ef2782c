// Ops that read or make characters: on the host, whatever the device. Elements are pointers to
// strings that the caller's array, an op's field or the run keeps; what moves them is any kernel.
#include <algorithm>
#include <clocale>
#include <cwchar>
#include <cwctype>
#include <numeric>

#include "base/dtype.h"
#include "base/error.h"
#include "base/regex.h"
#include "base/text.h"
#include "ir/elements.h"
#include "ir/ops.h"
#include "ir/ops/checks.h"
#include "lower/call.h"
#include "runtime/runner.h"

namespace tenon::runtime {
namespace {

using Text = const std::string*;

const std::string& characters(Text text) {
  static const std::string empty;
  return text ? *text : empty;
}

/// While it lives, the thread's letters are those of C.UTF-8, which is part of the C library,
/// whatever locales are installed.
class Utf8Letters {
 public:
  Utf8Letters() {
    static const locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    if (utf8) before_ = uselocale(utf8);
  }
  Utf8Letters(const Utf8Letters&) = delete;
  Utf8Letters& operator=(const Utf8Letters&) = delete;
  ~Utf8Letters() {
    if (before_) uselocale(before_);
  }

 private:
  locale_t before_{};
};

/// In the thread's locale; bytes that are no characters stay as they are.
std::string in_case(std::string_view text, bool upper) {
  std::string result;
  std::mbstate_t state{};
  while (!text.empty()) {
    wchar_t letter{};
    const size_t length = std::mbrtowc(&letter, text.data(), text.size(), &state);
    char bytes[16];
    std::mbstate_t out{};
    const auto changed = static_cast<wchar_t>(upper ? std::towupper(static_cast<wint_t>(letter))
                                                    : std::towlower(static_cast<wint_t>(letter)));
    const bool read = length > 0 && length <= text.size();
    const size_t written = read ? std::wcrtomb(bytes, changed, &out) : 0;
    if (!read) state = {};
    if (read && written <= sizeof bytes)
      result.append(bytes, written);
    else
      result += text[0];
    text.remove_prefix(read ? length : 1);
  }
  return result;
}

constexpr std::string_view white_space = " \t\n\v\f\r";

/// As Python's str.split(), which ONNX refers to.
std::vector<std::string> split(std::string_view text, std::string_view delimiter, int64_t most) {
  std::vector<std::string> parts;
  const bool by_space = delimiter.empty();
  const auto skip_space = [&] {
    text.remove_prefix(std::min(text.find_first_not_of(white_space), text.size()));
  };
  if (by_space) skip_space();
  while (!by_space || !text.empty()) {
    const bool whole = most >= 0 && std::ssize(parts) >= most;
    const size_t end = whole      ? std::string_view::npos
                       : by_space ? text.find_first_of(white_space)
                                  : text.find(delimiter);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + (by_space ? 1 : delimiter.size()));
    if (by_space) skip_space();
  }
  return parts;
}

/// ONNX spells what is no number in its own way.
std::string number_text(DType dtype, const std::byte* element) {
  std::string text = ir::element_text(dtype, element);
  if (text.starts_with("nan") || text.starts_with("bits")) return "NaN";
  if (text == "inf") return "INF";
  if (text == "-inf") return "-INF";
  return text;
}

bool parse_number(DType dtype, std::string_view text, std::byte* out) {
  std::string plain(text.substr(std::min(text.find_first_not_of(white_space), text.size())));
  plain.erase(plain.find_last_not_of(white_space) + 1);
  if (plain.starts_with('+')) plain.erase(0, 1);
  std::ranges::transform(plain, plain.begin(), [](unsigned char c) { return std::tolower(c); });
  if (dtype == DType::bool_ && (plain == "0" || plain == "1"))
    plain = plain == "1" ? "true" : "false";
  if (plain.starts_with("bits")) return false;  // the text form's, and nobody else's
  return ir::parse_element(dtype, plain, out);
}

}  // namespace

/// What one such node reads and gives.
class Runner::StringStep {
 public:
  StringStep(Runner& runner, Frame& frame, const ir::Node& node, RunOutputs* outputs)
      : runner_(runner), frame_(frame), node_(node), outputs_(outputs) {}

  /// False for an op that is none of these.
  bool run() {
    if (const auto* op = node_.as<ir::Strings>()) return constant(*op);
    if (const auto* op = node_.as<ir::StringIndex>()) return look_up(*op);
    if (node_.as<ir::StringRank>()) return rank();
    if (node_.as<ir::StringEqual>()) return equal();
    if (node_.as<ir::StringConcat>()) return concat();
    if (const auto* op = node_.as<ir::StringCase>()) return change_case(*op);
    if (const auto* op = node_.as<ir::StringSplit>()) return split_texts(*op);
    if (const auto* op = node_.as<ir::RegexFullMatch>()) return match(*op);
    if (node_.as<ir::NumberText>()) return write_numbers();
    if (const auto* op = node_.as<ir::TextNumber>()) return read_numbers(*op);
    return false;
  }

 private:
  /// Operands come to the host when the first is asked for: a node that is none of these has not
  /// to wait.
  void read() {
    if (!places_.empty()) return;
    places_ = runner_.bring_to_host(frame_, node_.inputs);
    for (const ir::ValueId id : node_.inputs) types_.push_back(runner_.value_of(frame_, id).type);
  }
  const kernel::Operand& type(size_t operand = 0) {
    read();
    return types_[operand];
  }
  const void* place(size_t operand = 0) {
    read();
    return places_[operand];
  }
  std::span<const Text> texts(size_t operand = 0) {
    return {static_cast<const Text*>(place(operand)),
            static_cast<size_t>(type(operand).elements())};
  }
  const Shape& dims(size_t operand = 0) { return type(operand).dims; }

  template <class T>
  bool give(DType dtype, Shape shape, std::vector<T> values, size_t output = 0) {
    RunValue value = runner_.fresh({.dtype = dtype, .dims = std::move(shape)}, node_);
    const auto kept = std::make_shared<const std::vector<T>>(std::move(values));
    if (const size_t bytes = value.type.bytes(); bytes > 0) {
      runner_.through_->copy(*runner_.queue_, value.data, kept->data(), bytes,
                             kernel::CopyKind::to_device);
    }
    runner_.retire(kept);
    runner_.give(frame_, node_, output, std::move(value), outputs_);
    return true;
  }
  /// Makes each element's text of operand 0's.
  template <class F>
  bool give_texts(const F& text) {
    std::vector<Text> made;
    for (int64_t i = 0; i < type().elements(); ++i)
      made.push_back(runner_.keep(text(static_cast<size_t>(i))));
    return give(DType::string, dims(), std::move(made));
  }

  bool constant(const ir::Strings& op) {
    std::vector<Text> elements;
    for (const std::string& text : op.values) elements.push_back(&text);
    return give(DType::string, op.shape, std::move(elements));
  }

  bool look_up(const ir::StringIndex& op) {
    std::vector<int64_t> found;
    for (const Text text : texts()) {
      const auto key = std::ranges::lower_bound(op.keys, characters(text));
      const bool known = key != op.keys.end() && *key == characters(text);
      found.push_back(known ? key - op.keys.begin() : -1);
    }
    return give(DType::i64, dims(), std::move(found));
  }

  bool rank() {
    std::vector<std::string_view> sorted;
    for (const Text text : texts()) sorted.emplace_back(characters(text));
    std::ranges::sort(sorted);
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    std::vector<int64_t> ranks;
    for (const Text text : texts())
      ranks.push_back(std::ranges::lower_bound(sorted, characters(text)) - sorted.begin());
    return give(DType::i64, dims(), std::move(ranks));
  }

  Shape result_dims() const {
    return lower::operand_of(frame_.executable, node_.outputs[0], runner_.symbols_).dims;
  }

  /// Calls f for each element of the result with both operands' texts.
  template <class F>
  void each_pair(const Shape& result, const F& f) {
    const auto left = texts(0), right = texts(1);
    const auto count = static_cast<size_t>(element_count(result));
    for (size_t i = 0; i < count; ++i)
      f(characters(left[ir::broadcast_index(dims(0), result, i)]),
        characters(right[ir::broadcast_index(dims(1), result, i)]));
  }

  bool equal() {
    const Shape result = result_dims();
    std::vector<uint8_t> truths;
    each_pair(result,
              [&](const std::string& a, const std::string& b) { truths.push_back(a == b); });
    return give(DType::bool_, result, std::move(truths));
  }

  bool concat() {
    const Shape result = result_dims();
    std::vector<Text> made;
    each_pair(result, [&](const std::string& a, const std::string& b) {
      made.push_back(runner_.keep(a + b));
    });
    return give(DType::string, result, std::move(made));
  }

  bool change_case(const ir::StringCase& op) {
    const Utf8Letters letters;
    return give_texts([&](size_t i) { return in_case(characters(texts()[i]), op.upper); });
  }

  bool split_texts(const ir::StringSplit& op) {
    std::vector<std::vector<std::string>> parts;
    std::vector<int64_t> counts;
    size_t most = 0;
    for (const Text text : texts()) {
      parts.push_back(split(characters(text), op.delimiter, op.most));
      counts.push_back(std::ssize(parts.back()));
      most = std::max(most, parts.back().size());
    }
    std::vector<Text> elements;
    for (std::vector<std::string>& row : parts) {
      for (std::string& part : row) elements.push_back(runner_.keep(std::move(part)));
      elements.resize(elements.size() + most - row.size());
    }
    Shape shape = dims();
    shape.push_back(static_cast<int64_t>(most));
    give(DType::string, std::move(shape), std::move(elements), 0);
    return node_.outputs.size() < 2 || give(DType::i64, dims(), std::move(counts), 1);
  }

  bool match(const ir::RegexFullMatch& op) {
    const auto [found, fresh] = runner_.patterns_.try_emplace(op.pattern, op.pattern);
    const base::Regex& pattern = found->second;
    if (!pattern.problem().empty())
      throw InputError(fmt::format("{}: pattern {}: {}", ir::describe(node_),
                                   base::quoted(op.pattern), pattern.problem()));
    std::vector<uint8_t> truths;
    for (const Text text : texts()) truths.push_back(pattern.matches_whole(characters(text)));
    return give(DType::bool_, dims(), std::move(truths));
  }

  bool write_numbers() {
    const auto* bytes = static_cast<const std::byte*>(place());
    const DType dtype = type().dtype;
    return give_texts([&](size_t i) {
      return number_text(dtype, bytes + byte_count(dtype, static_cast<int64_t>(i)));
    });
  }

  bool read_numbers(const ir::TextNumber& op) {
    std::vector<std::byte> numbers(byte_count(op.to, type().elements()));
    std::byte* at = numbers.data();
    for (const Text text : texts()) {
      if (!parse_number(op.to, characters(text), at))
        throw InputError(fmt::format("{}: {} is no {}", ir::describe(node_),
                                     base::quoted(characters(text)), to_string(op.to)));
      at += byte_count(op.to, 1);
    }
    return give(op.to, dims(), std::move(numbers));
  }

  Runner& runner_;
  Frame& frame_;
  const ir::Node& node_;
  RunOutputs* outputs_;
  std::vector<const void*> places_;
  std::vector<kernel::Operand> types_;
};

bool Runner::run_strings(Frame& frame, const ir::Node& node, RunOutputs* outputs) {
  return StringStep(*this, frame, node, outputs).run();
}

const std::string* Runner::keep(std::string text) {
  return &strings_.emplace_back(std::move(text));
}

}  // namespace tenon::runtime
