// A plan's metadata to JSON and back, bounded and strict: unknown members are refused.
#include "plan/plan_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "ir/text.h"
#include "kernel/target.h"

namespace tenon::plan {
namespace {

using Json = nlohmann::json;

constexpr int kMostDepth = 8;

std::string to_hex(base::Bytes bytes) {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::byte byte : bytes)
    fmt::format_to(std::back_inserter(text), "{:02x}", static_cast<unsigned>(byte));
  return text;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  base::fail(ErrorCode::plan, "damaged metadata: a guard's bytes are not hexadecimal");
}

std::vector<std::byte> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) {
    base::fail(ErrorCode::plan, "damaged metadata: a guard's bytes end in the middle of one");
  }
  std::vector<std::byte> bytes(text.size() / 2);
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>(16 * hex_digit(text[2 * i]) + hex_digit(text[2 * i + 1]));
  }
  return bytes;
}

[[noreturn]] void fail_member(std::string_view key, std::string_view fact) {
  base::fail(ErrorCode::plan, "damaged metadata: {} {}", base::quoted(key), fact);
}

/// The members of an object; each is taken once, and what nobody took is an error.
class Members {
 public:
  Members(const Json& object, std::string_view what) : object_(object) {
    if (!object.is_object()) fail_member(what, "is not an object");
  }

  const Json* find(const char* key) {
    taken_.insert(key);
    const auto at = object_.find(key);
    return at == object_.end() ? nullptr : &*at;
  }
  const Json& get(const char* key) {
    const Json* value = find(key);
    return value ? *value : (fail_member(key, "is missing"), object_);
  }
  std::string text(const char* key) {
    const Json& value = get(key);
    if (!value.is_string()) fail_member(key, "is not a string");
    return value.get<std::string>();
  }
  std::string text_or_empty(const char* key) { return find(key) ? text(key) : std::string(); }
  bool flag(const char* key) {
    const Json& value = get(key);
    if (!value.is_boolean()) fail_member(key, "is neither true nor false");
    return value.get<bool>();
  }
  const Json& list(const char* key) {
    const Json& value = get(key);
    if (!value.is_array()) fail_member(key, "is not a list");
    return value;
  }
  int64_t integer(const char* key) {
    const Json& value = get(key);
    if (!value.is_number_integer() || value < 0 || value > INT32_MAX) {
      fail_member(key, "is not an integer from 0 to 2147483647");
    }
    return value.get<int64_t>();
  }
  void done() const {
    for (const auto& [key, value] : object_.items()) {
      if (!taken_.contains(key))
        fail_member(key, "is not a member that this version knows; build the model again with it");
    }
  }

 private:
  const Json& object_;
  std::set<std::string, std::less<>> taken_;
};

Json leaf_json(const ir::Leaf& leaf, const PlanFile& file, const TensorNames& tensors) {
  Json json = {{"name", leaf.name}, {"type", leaf.type.text()}, {"refittable", leaf.refittable}};
  if (!leaf.reason.empty()) json["reason"] = leaf.reason;
  if (const auto at = tensors.find(leaf.name); at != tensors.end()) json["tensor"] = at->second;
  if (const auto at = file.digests.find(leaf.name); at != file.digests.end()) {
    json["digest"] = at->second;
  }
  for (const base::Consumer& consumer : leaf.consumers) {
    json["consumers"].push_back({{"op", consumer.op_type}, {"operand", consumer.operand}});
  }
  if (!leaf.aliases.empty()) json["aliases"] = leaf.aliases;
  return json;
}

std::string read_digest(Members& members) {
  std::string digest = members.text("digest");
  check_digest(digest);
  return digest;
}

ir::Leaf read_leaf(const Json& json, PlanFile& file, TensorNames& tensors) {
  Members members(json, "leaves");
  ir::Leaf leaf;
  leaf.name = members.text("name");
  leaf.type = ir::parse_type(members.text("type"));
  if (leaf.type.dtype == DType::string) fail_member("leaves", "holds texts, which no file gives");
  leaf.refittable = members.flag("refittable");
  leaf.reason = members.text_or_empty("reason");
  if (members.find("tensor")) tensors[leaf.name] = members.text("tensor");
  if (members.find("digest")) file.digests[leaf.name] = read_digest(members);
  if (members.find("consumers")) {
    for (const Json& entry : members.list("consumers")) {
      Members consumer(entry, "consumers");
      leaf.consumers.push_back(
          {consumer.text("op"), static_cast<int>(consumer.integer("operand"))});
      consumer.done();
    }
  }
  if (members.find("aliases")) {
    for (const Json& entry : members.list("aliases")) {
      if (!entry.is_string()) fail_member("aliases", "holds what is no text");
      leaf.aliases.push_back(entry.get<std::string>());
    }
  }
  members.done();
  return leaf;
}

Json guards_json(const std::vector<ir::Guard>& guards) {
  Json json = Json::array();
  for (const ir::Guard& guard : guards) {
    json.push_back(
        {{"weight", guard.weight}, {"pass", guard.pass}, {"bytes", to_hex(guard.bytes)}});
  }
  return json;
}

std::vector<ir::Guard> read_guards(const Json& json) {
  std::vector<ir::Guard> guards;
  for (const Json& entry : json) {
    Members members(entry, "guards");
    guards.push_back(
        {members.text("weight"), members.text("pass"), from_hex(members.text("bytes"))});
    members.done();
  }
  return guards;
}

/// A pass guards a weight once, and all passes have seen the same value. Which passes there are is
/// the compiler's to know: the name is only for the message of a refused refit.
void check_guards(const ir::Program& program) {
  std::map<std::string_view, const ir::Leaf*> leaves;
  for (const ir::Leaf& leaf : program.leaves) leaves.emplace(leaf.name, &leaf);
  std::map<std::string_view, const ir::Guard*> first;
  std::set<std::pair<std::string_view, std::string_view>> known;
  for (const ir::Guard& guard : program.guards) {
    if (!leaves.at(guard.weight)->refittable)
      fail_member(guard.weight, "has a guard and is frozen");
    if (!known.emplace(guard.weight, guard.pass).second)
      fail_member(guard.weight, fmt::format("has two guards of pass {}", base::quoted(guard.pass)));
    if (first.emplace(guard.weight, &guard).first->second->bytes != guard.bytes)
      fail_member(guard.weight, "has guards of different values");
  }
}

Json ranges_json(const std::map<std::string, SymbolRange>& ranges) {
  Json json = Json::array();
  for (const auto& [symbol, range] : ranges) {
    json.push_back({{"symbol", symbol},
                    {"least", range.least},
                    {"typical", range.typical},
                    {"greatest", range.greatest}});
  }
  return json;
}

std::map<std::string, SymbolRange> read_ranges(const Json& json,
                                               const std::vector<std::string>& symbols) {
  std::map<std::string, SymbolRange> ranges;
  for (const Json& entry : json) {
    Members members(entry, "ranges");
    const std::string symbol = members.text("symbol");
    const SymbolRange range = {members.integer("least"), members.integer("typical"),
                               members.integer("greatest")};
    members.done();
    if (!std::ranges::binary_search(symbols, symbol))
      fail_member(symbol, "has a range, and no extent is named so");
    if (range.least > range.typical || range.typical > range.greatest) {
      fail_member(symbol, "has a typical extent outside its range");
    }
    if (!ranges.emplace(symbol, range).second) fail_member(symbol, "has two ranges");
  }
  return ranges;
}

Json records_json(const std::vector<Record>& records) {
  Json json = Json::array();
  for (const Record& record : records) {
    Json choices = Json::array();
    for (const Choice& choice : record.choices) {
      choices.push_back(
          {{"kernel", choice.kernel}, {"version", choice.version}, {"tactic", choice.tactic}});
    }
    json.push_back({{"target", record.target},
                    {"threads", record.threads},
                    {"precision", kernel::to_string(record.precision)},
                    {"choices", std::move(choices)}});
  }
  return json;
}

Choice read_choice(const Json& json) {
  Members members(json, "choices");
  Choice choice = {members.text("kernel"), static_cast<int>(members.integer("version")),
                   members.text("tactic")};
  members.done();
  return choice;
}

kernel::Precision read_precision(Members& members) {
  const std::string name = members.text("precision");
  if (const auto precision = kernel::precision_named(name)) return *precision;
  fail_member(name, "is no precision; one is model, tf32, fp16 or bf16");
}

std::vector<Record> read_records(const Json& json, size_t nodes) {
  std::vector<Record> records;
  std::set<std::string> targets;
  for (const Json& entry : json) {
    Members members(entry, "records");
    Record record = {members.text("target"),
                     static_cast<int>(members.integer("threads")),
                     read_precision(members),
                     {}};
    for (const Json& choice : members.list("choices"))
      record.choices.push_back(read_choice(choice));
    members.done();
    if (!kernel::Target::is_key(record.target))
      fail_member(record.target, "is no target; one is as \"cpu/x86_64/avx2\"");
    // At another precision there are casts among the nodes; lowering counts them.
    if (record.precision == kernel::Precision::model && record.choices.size() != nodes) {
      fail_member(record.target,
                  fmt::format("has {} choices for {} nodes", record.choices.size(), nodes));
    }
    if (!targets.insert(record.target).second) fail_member(record.target, "has two records");
    records.push_back(std::move(record));
  }
  return records;
}

std::map<std::string, std::string> read_notes(const Json& json) {
  if (!json.is_object()) fail_member("notes", "is not an object");
  std::map<std::string, std::string> notes;
  for (const auto& [key, value] : json.items()) {
    if (!value.is_string()) fail_member("notes", "holds what is no text");
    notes.emplace(key, value.get<std::string>());
  }
  return notes;
}

void check_format(Members& members, const std::string& library) {
  const int64_t format = members.integer("format");
  if (format == plan_format) return;
  base::fail(ErrorCode::plan,
             "plan format {} is not {}: it was written by Tenon {}, this is Tenon {}; build the "
             "model again with this version",
             format, plan_format, base::quoted(library), TENON_VERSION);
}

void read_leaves(const Json& json, PlanFile& file, TensorNames& tensors) {
  std::string_view last;
  for (const Json& entry : json) {
    file.plan.program.leaves.push_back(read_leaf(entry, file, tensors));
  }
  for (const ir::Leaf& leaf : file.plan.program.leaves) {
    if (&leaf != file.plan.program.leaves.data() && leaf.name <= last) {
      fail_member(leaf.name, "is listed twice or out of order");
    }
    last = leaf.name;
  }
}

Json parse(std::string_view text) {
  std::vector<std::set<std::string>> names;  // of the objects that are open
  const auto bounded = [&](int depth, Json::parse_event_t event, const Json& parsed) {
    using Event = Json::parse_event_t;
    if (depth > kMostDepth)
      base::fail(ErrorCode::plan, "damaged metadata: nested deeper than {}", kMostDepth);
    if (event == Event::object_start) names.emplace_back();
    if (event == Event::object_end) names.pop_back();
    if (event == Event::key && !names.back().insert(parsed.get<std::string>()).second)
      fail_member(parsed.get<std::string>(), "stands there twice");
    return true;
  };
  try {
    return Json::parse(text, bounded);
  } catch (const Json::parse_error& error) {
    base::fail(ErrorCode::plan, "damaged metadata: no JSON at byte {}", error.byte);
  } catch (const Json::exception&) {
    base::fail(ErrorCode::plan, "damaged metadata: a number is out of range");
  }
}

}  // namespace

void check_digest(std::string_view digest) {
  constexpr std::string_view known = "xxh3:";
  constexpr size_t digits = 16;
  const size_t colon = digest.find(':');
  if (colon != std::string_view::npos && digest.substr(0, colon + 1) != known) {
    base::fail(ErrorCode::plan,
               "digest {} is of another algorithm than xxh3, the only one that this version knows; "
               "build the model again with this version",
               base::quoted(digest));
  }
  const bool fits = digest.starts_with(known) && digest.size() == known.size() + digits &&
                    digest.find_first_not_of("0123456789abcdef", known.size()) == digest.npos;
  if (!fits) fail_member(digest, "is no digest: xxh3: and 16 hexadecimal digits");
}

std::string to_json(const PlanFile& file, const TensorNames& tensors) {
  const ir::Program& program = file.plan.program;
  Json leaves = Json::array();
  for (const ir::Leaf& leaf : program.leaves) leaves.push_back(leaf_json(leaf, file, tensors));
  Json json = {{"format", plan_format},
               {"library", file.library_version.empty() ? TENON_VERSION : file.library_version},
               {"main", ir::print(program.main)},
               {"weights", ir::print(program.weights)},
               {"leaves", std::move(leaves)},
               {"guards", guards_json(program.guards)},
               {"ranges", ranges_json(file.plan.ranges)},
               {"records", records_json(file.plan.records)},
               {"stripped", file.stripped},
               {"identical", file.identical}};
  if (!file.notes.empty()) json["notes"] = file.notes;
  try {
    return json.dump();
  } catch (const Json::exception&) {
    base::fail(ErrorCode::plan, "a name in the model is not UTF-8; rename it to save the plan");
  }
}

PlanFile from_json(std::string_view text, TensorNames& tensors) {
  const Json json = parse(text);
  Members members(json, "tenon");
  PlanFile file;
  file.library_version = members.text("library");
  check_format(members, file.library_version);
  file.plan.program.main = ir::parse(members.text("main"));
  file.plan.program.weights = ir::parse(members.text("weights"));
  read_leaves(members.list("leaves"), file, tensors);
  file.plan.program.guards = read_guards(members.list("guards"));
  file.plan.ranges = read_ranges(members.list("ranges"), file.plan.program.main.symbols());
  file.plan.records =
      read_records(members.list("records"), ir::count_nodes(file.plan.program.main));
  file.stripped = members.flag("stripped");
  file.identical = members.flag("identical");
  if (const Json* notes = members.find("notes")) file.notes = read_notes(*notes);
  members.done();
  ir::verify(file.plan.program);
  check_guards(file.plan.program);
  return file;
}

}  // namespace tenon::plan
