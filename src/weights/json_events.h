// JSON as events with everything refused that a reader does not expect: depth and kinds are then
// bounded by design.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/bytes.h"
#include "base/error.h"

namespace tenon::weights {

/// Base of readers of one JSON text; nlohmann's parser keeps no stack, so that deep nesting is only
/// the reader's matter.
class JsonEvents : public nlohmann::json_sax<nlohmann::json> {
 public:
  /// `who` names the text in errors.
  explicit JsonEvents(std::string who) : who_(std::move(who)) {}

  void parse(base::Bytes text) {
    const auto* begin = reinterpret_cast<const char*>(text.data());
    nlohmann::json::sax_parse(begin, begin + text.size(), this);
  }

  bool null() override { return unexpected("null"); }
  bool boolean(bool) override { return unexpected("a bool"); }
  bool number_integer(number_integer_t) override { return unexpected("a negative number"); }
  bool number_unsigned(number_unsigned_t) override { return unexpected("a number"); }
  bool number_float(number_float_t, const string_t&) override { return unexpected("a fraction"); }
  bool string(string_t&) override { return unexpected("a string"); }
  bool binary(binary_t&) override { return unexpected("binary data"); }
  bool start_object(size_t) override { return unexpected("an object"); }
  bool start_array(size_t) override { return unexpected("an array"); }
  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    refuse(fmt::format("is not well-formed JSON at byte {}", position));
  }

 protected:
  /// Where in the text the reader stands, for errors: ` of "name"`, or nothing.
  virtual std::string place() const = 0;

  [[noreturn]] void refuse(const std::string& fact) const {
    base::throw_error(ErrorCode::bad_file, who_ + " " + fact);
  }
  [[noreturn]] bool unexpected(const char* kind) const {
    refuse(fmt::format("has {} where none belongs{}", kind, place()));
  }

 private:
  std::string who_;
};

}  // namespace tenon::weights
