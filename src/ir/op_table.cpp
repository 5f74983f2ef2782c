// The function tables of all ops, made from their fields(): the one translation unit that visits
// them.
#include <algorithm>
#include <bit>
#include <type_traits>

#include "base/dtype.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"
#include "ir/enum_names.h"
#include "ir/ops.h"
#include "ir/text.h"

namespace tenon::ir {
namespace {

using NamedFields = std::vector<std::pair<std::string, FieldValue>>;

// A layout as a field stands without a rank, which its text needs. The least rank that holds its
// axes will do: an identity order is empty whatever the rank, so parsing gives the same layout.
std::string layout_text(const Layout& layout) {
  if (layout.plain()) return "plain";
  size_t rank = layout.order.size();
  for (const Layout::Split& split : layout.splits) {
    rank = std::max(rank, static_cast<size_t>(split.axis) + 1);
  }
  return layout.text(rank);
}

Layout parse_layout(const std::string& text) {
  if (text == "plain") return {};
  const size_t digits = text.find_first_of("0123456789");
  return Layout::parse(text, digits == std::string::npos ? text.size() : digits);
}

template <class T>
FieldValue to_field(const T& value) {
  if constexpr (std::is_same_v<T, DType>) {
    return std::string(to_string(value));
  } else if constexpr (std::is_enum_v<T>) {
    return std::string(enum_name(value));
  } else if constexpr (std::is_same_v<T, Layout>) {
    return layout_text(value);
  } else {
    return value;
  }
}

template <class T>
std::optional<T> from_word(const std::string& word) {
  if constexpr (std::is_same_v<T, DType>) {
    return base::parse_dtype(word);
  } else if constexpr (std::is_enum_v<T>) {
    return parse_enum<T>(word);
  } else {
    return parse_layout(word);
  }
}

template <class T>
inline constexpr bool is_word = std::is_enum_v<T> || std::is_same_v<T, Layout>;

[[noreturn]] void fail_field(const OpInfo& info, std::string_view field, std::string_view fact) {
  base::fail(ErrorCode::bad_file, "{}: field {} {}", info.name, base::quoted(field), fact);
}

template <class T>
void from_field(const OpInfo& info, std::string_view name, const FieldValue& value, T& out) {
  using Stored = std::conditional_t<is_word<T>, std::string, T>;
  const Stored* stored = std::get_if<Stored>(&value);
  if (!stored) fail_field(info, name, "has a value of another type");
  if constexpr (is_word<T>) {
    std::optional<T> parsed = from_word<T>(*stored);
    if (!parsed) fail_field(info, name, fmt::format("cannot be {}", base::quoted(*stored)));
    out = std::move(*parsed);
  } else {
    out = *stored;
  }
}

uint64_t hash_of(bool value) { return value; }
uint64_t hash_of(int64_t value) { return static_cast<uint64_t>(value); }
uint64_t hash_of(double value) { return std::bit_cast<uint64_t>(value); }
uint64_t hash_of(const std::string& value) { return base::hash(value); }
uint64_t hash_of(const Dim& value) {
  return value.is_constant() ? hash_of(value.constant()) : base::hash(value.text());
}
uint64_t hash_of(const Expression::Instruction& value) {
  uint64_t result = base::combine(static_cast<uint64_t>(value.op), hash_of(value.value));
  for (const int16_t arg : value.args) result = base::combine(result, static_cast<uint16_t>(arg));
  return result;
}
template <class T>
uint64_t hash_of(const std::vector<T>& values) {
  uint64_t result = values.size();
  for (const T& value : values) result = base::combine(result, hash_of(value));
  return result;
}
uint64_t hash_of(const Expression& value) { return hash_of(value.instructions()); }
// The text form holds everything that makes a graph another one.
uint64_t hash_of(const Body& value) { return value ? base::hash(print(*value)) : 0; }

template <class T>
bool same(const T& a, const T& b) {
  return a == b;
}
bool same(double a, double b) { return hash_of(a) == hash_of(b); }
bool same(const std::vector<double>& a, const std::vector<double>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](double x, double y) { return same(x, y); });
}
bool same(const Body& a, const Body& b) { return a == b || (a && b && print(*a) == print(*b)); }
bool same(const FieldValue& a, const FieldValue& b) {
  return a.index() == b.index() &&
         std::visit([&](const auto& x) { return same(x, std::get<std::decay_t<decltype(x)>>(b)); },
                    a);
}

template <class T, class F>
void each_field(F&& f) {
  std::apply([&](const auto&... field) { (f(field), ...); }, T::fields());
}

template <class T>
const T& as(const void* op) {
  return *static_cast<const T*>(op);
}

template <class T>
struct Functions {
  static FieldList fields(const void* op) {
    FieldList list;
    each_field<T>([&](const auto& field) {
      list.emplace_back(field.name, to_field(as<T>(op).*field.member));
    });
    return list;
  }

  static FieldList changed_fields(const void* op) {
    const T fresh{};
    const FieldList defaults = fields(&fresh);
    FieldList list = fields(op);
    size_t i = 0;
    std::erase_if(list,
                  [&](const auto& field) { return same(field.second, defaults[i++].second); });
    return list;
  }

  static Op make(const NamedFields& given) {
    T op{};
    std::vector<std::string_view> seen;
    for (const auto& [name, value] : given) {
      if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
        fail_field(T::info, name, "is given twice");
      }
      seen.push_back(name);
      bool known = false;
      each_field<T>([&](const auto& field) {
        if (field.name != name) return;
        from_field(T::info, name, value, op.*field.member);
        known = true;
      });
      if (!known) fail_field(T::info, name, "is not one of this op's");
    }
    return op;
  }

  static std::vector<Value> infer(const void* op, Infer& in) { return as<T>(op).infer(in); }

  static uint64_t hash(const void* op) {
    uint64_t result = base::hash(T::info.name);
    for (const auto& [name, value] : fields(op)) {
      result = base::combine(result, std::visit([](const auto& v) { return hash_of(v); }, value));
    }
    return result;
  }

  static bool equal(const void* a, const void* b) {
    bool equal = true;
    each_field<T>([&](const auto& field) {
      equal = equal && same(as<T>(a).*field.member, as<T>(b).*field.member);
    });
    return equal;
  }
};

template <class T>
constexpr bool has_bodies = std::apply(
    [](const auto&... field) {
      return (std::is_same_v<std::decay_t<decltype(std::declval<T&>().*field.member)>, Body> ||
              ...);
    },
    T::fields());

template <class T>
constexpr OpTable table_of{.info = T::info,
                           .fields = Functions<T>::fields,
                           .changed_fields = Functions<T>::changed_fields,
                           .make = Functions<T>::make,
                           .infer = Functions<T>::infer,
                           .hash = Functions<T>::hash,
                           .equal = Functions<T>::equal,
                           .has_bodies = has_bodies<T>};

}  // namespace

template <class T>
const OpTable& op_table() {
  return table_of<T>;
}

// Other files use op_table<T>(), and only this one can make it. The list below, which the explicit
// instantiation emits whole, refers to each, so that none is dropped after its calls here are
// inlined.
template <class List>
struct AllTables;
template <class... Ops>
struct AllTables<TypeList<Ops...>> {
  static constexpr const OpTable& (*all[])() = {&op_table<Ops>...};
};
template struct AllTables<OpList>;

Op make_op(std::string_view name, const NamedFields& fields) {
  constexpr auto& tables = AllTables<OpList>::all;
  const auto found = std::ranges::find(tables, name, [](auto table) { return table().info.name; });
  if (found != std::end(tables)) return (*found)().make(fields);
  std::vector<std::string> names;
  for (const auto table : tables) names.emplace_back(table().info.name);
  const std::string nearest = base::nearest(name, names);
  base::fail(ErrorCode::bad_file, "there is no op {}{}", base::quoted(name),
             nearest.empty() ? "" : fmt::format("; the nearest is {}", base::quoted(nearest)));
}

}  // namespace tenon::ir
