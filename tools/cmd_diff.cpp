// tenon diff: what differs between the weights of two files.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "elements.h"
#include "print.h"
#include "tenon/arrays.h"

namespace tenon::cli {
namespace {

struct DiffArguments {
  Path a, b;
  bool all = false;
};

using Arrays = std::map<std::string, Tensor>;

struct Difference {
  std::string name, state;  // "equal", "differs", "only in A", "only in B", "other shape", …
  const Tensor* a = nullptr;
  const Tensor* b = nullptr;
  double greatest = 0;  // of |a - b|; infinite where one is no number and the other is
};

long double distance(long double a, long double b) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return 0;
  const long double apart = std::abs(a - b);
  return std::isnan(apart) ? std::numeric_limits<long double>::infinity() : apart;
}

double greatest_difference(const Tensor& a, const Tensor& b) {
  const auto count = static_cast<size_t>(element_count(a.shape()));
  long double greatest = 0;
  for (size_t i = 0; i < count; ++i)
    greatest = std::max(greatest, distance(element(a, i), element(b, i)));
  return static_cast<double>(greatest);
}

bool same_bytes(const Tensor& a, const Tensor& b) {
  const size_t bytes = TensorView(a).bytes();
  return a.dtype() == b.dtype() && (bytes == 0 || std::memcmp(a.data(), b.data(), bytes) == 0);
}

Difference compare(const std::string& name, const Tensor* a, const Tensor* b) {
  Difference result{.name = name, .a = a, .b = b};
  if (a == nullptr || b == nullptr) {
    result.state = a != nullptr ? "only in A" : "only in B";
  } else if (a->shape() != b->shape()) {
    result.state = "other shape";
  } else if (same_bytes(*a, *b)) {
    result.state = "equal";
  } else {
    result.state = a->dtype() == b->dtype() ? "differs" : "other dtype";
    result.greatest = greatest_difference(*a, *b);
  }
  return result;
}

std::vector<Difference> compare(const Arrays& a, const Arrays& b, const Session& session) {
  std::map<std::string, std::pair<const Tensor*, const Tensor*>> pairs;
  for (const auto& [name, tensor] : a) pairs[name].first = &tensor;
  for (const auto& [name, tensor] : b) pairs[name].second = &tensor;
  std::vector<Difference> all;
  for (const auto& [name, pair] : pairs) {
    session.check_stop();
    session.progress("comparing",
                     static_cast<double>(all.size() + 1) / static_cast<double>(pairs.size()));
    all.push_back(compare(name, pair.first, pair.second));
  }
  return all;
}

Json side_json(const Tensor* tensor) {
  if (tensor == nullptr) return nullptr;
  return {{"dtype", to_string(tensor->dtype())},
          {"shape", tensor->shape()},
          {"digest", digest(*tensor)}};
}

// JSON has no infinity.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json("inf"); }

std::string type_of(const Tensor* tensor) {
  return tensor != nullptr ? type_text(tensor->dtype(), tensor->shape()) : "";
}

std::vector<std::string> row_of(const Difference& each) {
  const bool same_type = type_of(each.a) == type_of(each.b);
  const bool shared = each.a != nullptr && each.b != nullptr;
  const Tensor* one = each.a != nullptr ? each.a : each.b;
  std::string type = type_of(one);
  if (shared && !same_type) type += " / " + type_of(each.b);
  const bool measured = each.greatest > 0;
  return {each.name, type, each.state,
          measured                  ? fmt::format("by up to {:.5g}", each.greatest)
          : each.state == "differs" ? "in the signs of zeros or the bits of NaNs"
                                    : ""};
}

void perform(const DiffArguments& options, Session& session) {
  const Arrays a = read_arrays(options.a), b = read_arrays(options.b);
  const std::vector<Difference> all = compare(a, b, session);
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows;
  size_t equal = 0;
  double greatest = 0;
  for (const Difference& each : all) {
    const bool is_equal = each.state == "equal";
    equal += is_equal ? 1 : 0;
    greatest = std::max(greatest, each.greatest);
    if (is_equal && !options.all) continue;
    list.push_back({{"name", each.name},
                    {"state", each.state},
                    {"a", side_json(each.a)},
                    {"b", side_json(each.b)},
                    {"greatest_difference", number(each.greatest)}});
    rows.push_back(row_of(each));
  }
  const size_t other = all.size() - equal;
  session.print(
      {{"a", options.a.native()},
       {"b", options.b.native()},
       {"equal", equal},
       {"different", other},
       {"greatest_difference", number(greatest)},
       {"weights", list}},
      table(rows) + fmt::format("  {} equal, {} different\n", count_text(equal, "weight"), other));
}

}  // namespace

Action add_diff(CLI::App& command) {
  auto options = std::make_shared<DiffArguments>();
  command.add_option("a", options->a, "A plan, model or weight file")->required()->type_name("A");
  command.add_option("b", options->b, "Another")->required()->type_name("B");
  command.add_flag("--all", options->all, "List equal weights too");
  return [options](Session& session) { perform(*options, session); };
}

}  // namespace tenon::cli
