// Fuzzes the reader of plans. The mutator changes the JSON inside of a plan and makes its digest
// right again: blind changes would end there.
#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_source.h"
#include "base/file_writer.h"
#include "base/hash.h"
#include "plan/plan_file.h"
#include "tenon/error.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace {

using Json = nlohmann::json;
using Random = std::minstd_rand;

/// A plan cut into its program and the rest.
struct Parts {
  Json header;  // without the program
  std::string program;
  std::string data;
};

std::optional<Parts> cut(std::string_view file) {
  uint64_t length = 0;
  if (file.size() < sizeof length) return {};
  std::memcpy(&length, file.data(), sizeof length);
  file.remove_prefix(sizeof length);
  if (length > file.size()) return {};
  Parts parts{
      Json::parse(file.substr(0, length), nullptr, false), {}, std::string(file.substr(length))};
  const Json::json_pointer at("/__metadata__/tenon");
  if (!parts.header.is_object() || !parts.header.contains(at)) return {};
  const Json& program = parts.header[at];
  if (!program.is_string()) return {};
  parts.program = program.get<std::string>();
  return parts;
}

std::string joined(Parts parts) {
  parts.header["__metadata__"]["tenon_digest"] =
      tenon::base::digest(std::as_bytes(std::span(parts.program)));
  parts.header["__metadata__"]["tenon"] = std::move(parts.program);
  std::string header = parts.header.dump();
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const uint64_t length = header.size();
  std::string file(reinterpret_cast<const char*>(&length), sizeof length);
  return file + header + parts.data;
}

std::string mutated(std::string text) {
  const size_t size = text.size(), most = size + 64;
  text.resize(most);
  text.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(text.data()), size, most));
  return text;
}

/// Changes one value somewhere in the tree.
void mutate(Json& json, Random& random) {
  if (json.is_structured() && !json.empty() && random() % 8 != 0) {
    return mutate(*std::next(json.begin(), static_cast<ptrdiff_t>(random() % json.size())), random);
  }
  if (json.is_string()) {
    json = mutated(json.get<std::string>());
  } else if (json.is_boolean()) {
    json = !json.get<bool>();
  } else if (json.is_number()) {
    json = static_cast<int64_t>(random()) - static_cast<int64_t>(random() % 4 * (1u << 30));
  } else if (json.is_array() && !json.empty()) {
    const size_t which = random() % json.size();
    if (random() % 2 == 0) {
      json.erase(which);
    } else {
      const Json copy = json[which];
      json.push_back(copy);
    }
  } else if (json.is_object() && !json.empty()) {
    json.erase(std::next(json.begin(), static_cast<ptrdiff_t>(random() % json.size())));
  }
}

std::string mutated_program(const std::string& program, Random& random) {
  Json json = Json::parse(program, nullptr, false);
  if (json.is_discarded() || random() % 4 == 0) return mutated(program);
  mutate(json, random);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// Keeps what is written.
class MemoryWriter final : public tenon::base::FileWriter {
 public:
  void write(tenon::base::Bytes more) override {
    bytes.insert(bytes.end(), more.begin(), more.end());
  }
  void commit() override {}

  std::vector<std::byte> bytes;
};

tenon::plan::PlanFile read(std::vector<std::byte> bytes) {
  return tenon::plan::read_plan(tenon::base::memory_source(std::move(bytes)));
}

}  // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  Random random(seed);
  auto parts = cut({reinterpret_cast<const char*>(data), size});
  if (!parts || random() % 8 == 0) return LLVMFuzzerMutate(data, size, max_size);
  parts->program = mutated_program(parts->program, random);
  try {
    const std::string file = joined(std::move(*parts));
    if (file.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
    std::memcpy(data, file.data(), file.size());
    return file.size();
  } catch (const Json::exception&) {  // bytes that are not UTF-8
    return LLVMFuzzerMutate(data, size, max_size);
  }
}

// What can be read can be written, and what is written says the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  MemoryWriter first, second;
  try {
    const tenon::plan::PlanFile file = read({bytes, bytes + size});
    tenon::plan::verify_digests(file, {});
    tenon::plan::write_plan(first, file);
  } catch (const tenon::PlanError&) {  // the only class that a caller has to expect
    return 0;
  }
  tenon::plan::write_plan(second, read(first.bytes));
  if (first.bytes != second.bytes) __builtin_trap();
  return 0;
}
