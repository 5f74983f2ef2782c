// Plans written, read back, stripped, damaged and forged.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/hash.h"
#include "ir/text.h"
#include "plan/plan_file.h"
#include "plan/plan_json.h"
#include "tenon/error.h"
#include "weights/safetensors.h"

namespace tenon::plan {
namespace {

using Json = nlohmann::json;

/// Keeps what is written.
class MemoryWriter final : public base::FileWriter {
 public:
  void write(base::Bytes more) override { bytes.insert(bytes.end(), more.begin(), more.end()); }
  void commit() override { committed = true; }

  std::vector<std::byte> bytes;
  bool committed = false;
};

std::vector<std::byte> written(const PlanFile& file) {
  MemoryWriter writer;
  write_plan(writer, file);
  EXPECT_TRUE(writer.committed);
  return writer.bytes;
}

PlanFile read(std::vector<std::byte> bytes) {
  return read_plan(base::memory_source(std::move(bytes)));
}

template <class T>
weights::TensorSource tensor(DType dtype, Shape shape, const std::vector<T>& values) {
  const auto bytes = std::as_bytes(std::span(values));
  return weights::make_source("test", dtype, std::move(shape),
                              base::memory_source({bytes.begin(), bytes.end()}), 0);
}

template <class T>
std::vector<T> values_of(const weights::TensorSource& source, DType dtype) {
  std::vector<T> values(static_cast<size_t>(element_count(source.shape)));
  weights::read_elements(source, 0, element_count(source.shape), dtype, values.data());
  return values;
}

/// Two weights, a guard, a large frozen constant, a small one, a symbol, a record.
PlanFile small_plan() {
  PlanFile file;
  ir::Program& program = file.plan.program;
  program.main = ir::parse(
      "graph (x: f32[n, 2]) {\n"
      "  %1 = matmul(%x, @\"w\": f32[2, 3])\n"
      "  %2 = pointwise(%1, @\"b\": f32[3]) {add(a, b)}\n"
      "} -> (y = %2)");
  program.weights = ir::parse(
      "graph () {\n"
      "  %1 = pointwise(\"bias\": f32[3], const \"shift\": f32[3] = [1, 2, 3], const \"big\": "
      "f32[3]) "
      "{add(add(a, b), c)}\n"
      "} -> (w = \"fc.weight\": f32[2, 3], b = %1)");
  program.leaves = {{"bias", {DType::f32, {3}}, true, "", {{"Add", 1}}},
                    {"big", {DType::f32, {3}}, false, "refit leaves it out", {}},
                    {"fc.weight", {DType::f32, {2, 3}}, true, "", {{"MatMul", 1}}},
                    {"shift", {DType::f32, {3}}, false, "an integer decides on it", {}}};
  const std::vector<float> bias = {0.5F, -1, 2};
  const auto bytes = std::as_bytes(std::span(bias));
  program.guards = {{"bias", "fuse_gelu", {bytes.begin(), bytes.end()}}};
  file.plan.ranges = {{"n", {1, 8, 32}}};
  file.plan.records = {{"cpu/x86_64/avx2",
                        4,
                        kernel::Precision::model,
                        {{"cpu.matmul", 2, "rows"}, {"cpu.pointwise", 1, ""}}}};
  file.sources = {{"bias", tensor(DType::f32, {3}, bias)},
                  {"big", tensor(DType::f32, {3}, std::vector<float>{7, 8, 9})},
                  {"fc.weight", tensor(DType::f32, {2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6})}};
  file.library_version = "0.1.0";
  return file;
}

std::string error_of(const std::vector<std::byte>& bytes) {
  try {
    read(bytes);
  } catch (const PlanError& error) {
    return error.what();
  }
  return "no error";
}

/// A plan with other metadata, its digest made right again.
std::vector<std::byte> forged_text(const std::function<std::string(std::string)>& change) {
  const PlanFile file = small_plan();
  const weights::Safetensors data = weights::read_safetensors(base::memory_source(written(file)));
  const std::string text = change(data.metadata.at("tenon"));
  std::vector<weights::OutTensor> tensors;
  for (const auto& [name, source] : data.tensors) tensors.push_back({name, source});
  MemoryWriter writer;
  weights::write_safetensors(
      writer, tensors,
      {{"tenon", text}, {"tenon_digest", base::digest(std::as_bytes(std::span(text)))}});
  return writer.bytes;
}

std::vector<std::byte> forged(const std::function<void(Json&)>& change) {
  return forged_text([&](const std::string& text) {
    Json json = Json::parse(text);
    change(json);
    return json.dump();
  });
}

Json& leaf(Json& json, const std::string& name) {
  for (Json& entry : json["leaves"]) {
    if (entry["name"] == name) return entry;
  }
  throw std::out_of_range(name);
}

TEST(plan_file, everything_comes_back) {
  const PlanFile before = small_plan();
  const PlanFile after = read(written(before));
  const ir::Program &old = before.plan.program, &now = after.plan.program;
  EXPECT_EQ(ir::print(now.main), ir::print(old.main));
  EXPECT_EQ(ir::print(now.weights), ir::print(old.weights));
  ASSERT_EQ(now.leaves.size(), old.leaves.size());
  for (size_t i = 0; i < old.leaves.size(); ++i) {
    EXPECT_EQ(now.leaves[i].name, old.leaves[i].name);
    EXPECT_EQ(now.leaves[i].type, old.leaves[i].type);
    EXPECT_EQ(now.leaves[i].refittable, old.leaves[i].refittable);
    EXPECT_EQ(now.leaves[i].reason, old.leaves[i].reason);
    EXPECT_EQ(now.leaves[i].consumers, old.leaves[i].consumers);
  }
  ASSERT_EQ(now.guards.size(), 1u);
  EXPECT_EQ(now.guards[0].weight, "bias");
  EXPECT_EQ(now.guards[0].pass, "fuse_gelu");
  EXPECT_EQ(now.guards[0].bytes, old.guards[0].bytes);
  EXPECT_EQ(after.plan.ranges, before.plan.ranges);
  EXPECT_EQ(after.plan.records, before.plan.records);
  EXPECT_EQ(after.library_version, "0.1.0");
  EXPECT_FALSE(after.stripped || after.identical);
  for (const auto& [name, source] : before.sources) {
    EXPECT_EQ(values_of<float>(after.sources.at(name), DType::f32),
              values_of<float>(source, DType::f32));
  }
  EXPECT_EQ(values_of<float>(after.sources.at("shift"), DType::f32), (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(after.digests.at("fc.weight"),
            weights::digest(before.sources.at("fc.weight"), DType::f32));
  EXPECT_NO_THROW(verify_digests(after, {}));
}

TEST(plan_file, equal_plans_are_equal_bytes_and_saving_again_changes_nothing) {
  const std::vector<std::byte> bytes = written(small_plan());
  EXPECT_EQ(written(small_plan()), bytes);
  EXPECT_EQ(written(read(bytes)), bytes);
}

TEST(plan_file, notes_of_the_caller_come_back_and_are_no_others) {
  PlanFile file = small_plan();
  EXPECT_TRUE(read(written(file)).notes.empty());
  file.notes = {{"mine", "{\"a\": 1}"}, {"", "\n"}};
  EXPECT_EQ(read(written(file)).notes, file.notes);
}

TEST(plan_file, a_safetensors_reader_sees_the_weights_under_their_names) {
  const auto data = weights::read_safetensors(base::memory_source(written(small_plan())));
  EXPECT_EQ(data.tensors.size(), 3u);  // not the small constant
  EXPECT_EQ(values_of<float>(data.tensors.at("fc.weight"), DType::f32),
            (std::vector<float>{1, 2, 3, 4, 5, 6}));
}

TEST(plan_file, a_stripped_plan_keeps_names_digests_and_guarded_values_only) {
  PlanFile file = small_plan();
  file.stripped = true;
  const std::vector<std::byte> bytes = written(file);
  const float weight[] = {4, 5, 6};
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  EXPECT_EQ(text.find(std::string_view(reinterpret_cast<const char*>(weight), sizeof weight)),
            std::string_view::npos);

  const PlanFile stripped = read(bytes);
  EXPECT_TRUE(stripped.stripped);
  EXPECT_FALSE(stripped.sources.contains("fc.weight"));
  EXPECT_EQ(values_of<float>(stripped.sources.at("big"), DType::f32),
            (std::vector<float>{7, 8, 9}));
  EXPECT_EQ(values_of<float>(stripped.sources.at("bias"), DType::f32),
            (std::vector<float>{0.5F, -1, 2}));
  EXPECT_EQ(stripped.digests.at("fc.weight"),
            weights::digest(small_plan().sources.at("fc.weight"), DType::f32));
  EXPECT_EQ(written(stripped), bytes);

  PlanFile filled = stripped;
  filled.stripped = false;
  filled.sources["fc.weight"] = small_plan().sources.at("fc.weight");
  EXPECT_EQ(written(filled), written(small_plan()));
}

TEST(plan_file, identical_is_kept_and_needs_all_digests) {
  PlanFile file = small_plan();
  file.identical = true;
  EXPECT_TRUE(read(written(file)).identical);
  file.stripped = true;
  file.sources.erase("fc.weight");
  MemoryWriter writer;
  EXPECT_THROW(write_plan(writer, file), PlanError);
}

TEST(plan_file, weights_are_converted_to_their_own_dtype) {
  PlanFile file = small_plan();
  file.sources["fc.weight"] = tensor(DType::f64, {2, 3}, std::vector<double>{1, 2, 3, 4, 5, 6});
  EXPECT_EQ(written(file), written(small_plan()));
}

TEST(plan_file, a_weight_without_bytes_is_not_saved) {
  PlanFile file = small_plan();
  file.sources.erase("fc.weight");
  MemoryWriter writer;
  EXPECT_THROW(write_plan(writer, file), PlanError);
  EXPECT_FALSE(writer.committed);
}

/// A program that reads weights as outputs only.
PlanFile plan_of_weights(const std::vector<std::string>& names) {
  PlanFile file;
  file.library_version = "0.1.0";
  std::string main = "graph () {\n} -> (", weights = main;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string comma = i ? ", " : "", slot = "s" + std::to_string(i);
    main += comma + slot + " = @\"" + slot + "\": f32[2]";
    weights += comma + slot + " = \"" + names[i] + "\": f32[2]";
    file.plan.program.leaves.push_back({names[i], {DType::f32, {2}}, true, "", {}});
  }
  file.plan.program.main = ir::parse(main + ")");
  file.plan.program.weights = ir::parse(weights + ")");
  return file;
}

TEST(plan_file, a_reserved_name_gets_a_suffix_that_is_free) {
  PlanFile file = plan_of_weights({"__metadata__", "__metadata__.1"});
  file.sources["__metadata__"] = tensor(DType::f32, {2}, std::vector<float>{1, 2});
  file.sources["__metadata__.1"] = tensor(DType::f32, {2}, std::vector<float>{3, 4});
  const std::vector<std::byte> bytes = written(file);
  const auto data = weights::read_safetensors(base::memory_source(bytes));
  EXPECT_TRUE(data.tensors.contains("__metadata__.2"));
  const PlanFile after = read(bytes);
  EXPECT_EQ(values_of<float>(after.sources.at("__metadata__"), DType::f32),
            (std::vector<float>{1, 2}));
  EXPECT_EQ(values_of<float>(after.sources.at("__metadata__.1"), DType::f32),
            (std::vector<float>{3, 4}));
}

TEST(plan_file, lists_every_weight_under_its_own_name_whatever_bytes_it_begins_with) {
  PlanFile file = plan_of_weights({"a", "b", "c"});
  file.sources["a"] = file.sources["b"] = tensor(DType::f32, {2}, std::vector<float>{1, 2});
  file.sources["c"] = tensor(DType::f32, {2}, std::vector<float>{1, 2});
  const std::vector<std::byte> bytes = written(file);
  const auto tensors = weights::read_safetensors(base::memory_source(bytes)).tensors;
  EXPECT_EQ(tensors.size(), 3u);
  for (const char* name : {"a", "b", "c"}) {
    ASSERT_TRUE(tensors.contains(name)) << name;
    EXPECT_EQ(values_of<float>(read(bytes).sources.at(name), DType::f32),
              (std::vector<float>{1, 2}));
  }
}

TEST(plan_file, is_told_from_other_files) {
  const std::vector<std::byte> bytes = written(small_plan());
  EXPECT_TRUE(is_plan(*base::memory_source(bytes)));
  MemoryWriter plain;
  weights::write_safetensors(
      plain, std::vector<weights::OutTensor>{{"a", tensor(DType::f32, {1}, std::vector<float>{1})}},
      {});
  EXPECT_FALSE(is_plan(*base::memory_source(plain.bytes)));
  EXPECT_FALSE(is_plan(*base::memory_source(std::vector<std::byte>(100))));
  EXPECT_EQ(error_of(plain.bytes),
            "memory: a safetensors file, not a plan; build the model and save it, or refit an "
            "engine with this file");
}

/// What a plan says, tensors included, in one text.
std::string meaning(const PlanFile& file) {
  TensorNames names;
  for (const auto& [name, source] : file.sources) {
    for (const float value : values_of<float>(source, DType::f32)) {
      names[name] += std::to_string(value) + " ";
    }
  }
  return to_json(file, names);
}

/// Reads fully; nothing when it is refused with a PlanError, which is all that it may throw.
std::optional<std::string> meaning_of(const std::vector<std::byte>& bytes) {
  try {
    const PlanFile file = read(bytes);
    verify_digests(file, {});
    return meaning(file);
  } catch (const PlanError&) {
    return std::nullopt;
  }
}

TEST(plan_file, damage_at_any_byte_is_found_or_means_nothing) {
  const std::vector<std::byte> bytes = written(small_plan());
  const std::string want = meaning(read(bytes));
  size_t found = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (const unsigned flip : {1u, 32u, 128u}) {
      std::vector<std::byte> bad = bytes;
      bad[i] ^= static_cast<std::byte>(flip);
      const auto meant = meaning_of(bad);
      found += !meant;
      EXPECT_EQ(meant.value_or(want), want) << "byte " << i << " flipped by " << flip;
    }
  }
  EXPECT_GT(found, 3 * bytes.size() * 9 / 10);
}

TEST(plan_file, no_truncation_is_taken) {
  const std::vector<std::byte> bytes = written(small_plan());
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_EQ(meaning_of({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length)}),
              std::nullopt);
  }
}

TEST(plan_file, metadata_that_is_no_json_or_names_twice_is_refused) {
  const auto said = [](const std::string& front) {
    return error_of(forged_text([&](const std::string& text) { return front + text.substr(1); }));
  };
  EXPECT_EQ(said("{\"format\": 9, "), "memory: damaged metadata: \"format\" stands there twice");
  EXPECT_EQ(said("{\"format\": NaN, "), "memory: damaged metadata: no JSON at byte 12");
  EXPECT_EQ(said("{\"extra\": 1e999, "), "memory: damaged metadata: a number is out of range");
  EXPECT_NE(said("{\"extra\": {\"a\": [{\"a\": 1}]}, ").find("\"extra\" is not a member"),
            std::string::npos);
}

TEST(plan_file, another_format_is_refused_with_the_way_out) {
  EXPECT_EQ(
      error_of(forged([](Json& json) {
        json["format"] = plan_format + 1;
        json["library"] = "0.9.0";
        json["news"] = true;
      })),
      fmt::format("memory: plan format {} is not {}: it was written by Tenon \"0.9.0\", this is "
                  "Tenon {}; build the model again with this version",
                  plan_format + 1, plan_format, TENON_VERSION));
}

TEST(plan_file, forged_metadata_is_refused_by_name) {
  const std::vector<std::pair<std::function<void(Json&)>, std::string>> cases = {
      {[](Json& j) { j["extra"] = 1; }, "\"extra\" is not a member"},
      {[](Json& j) { j.erase("guards"); }, "\"guards\" is missing"},
      {[](Json& j) { j["stripped"] = 1; }, "\"stripped\" is neither true nor false"},
      {[](Json& j) { j["format"] = "1"; }, "\"format\" is not an integer"},
      {[](Json& j) { j["notes"] = "mine"; }, "\"notes\" is not an object"},
      {[](Json& j) {
         j["notes"] = {{"mine", 3}};
       },
       "\"notes\" holds what is no text"},
      {[](Json& j) { j["leaves"] = "none"; }, "\"leaves\" is not a list"},
      {[](Json& j) { j["leaves"][0] = 3; }, "\"leaves\" is not an object"},
      {[](Json& j) { j["leaves"].push_back(j["leaves"][0]); }, "listed twice"},
      {[](Json& j) { leaf(j, "bias")["type"] = "f32[n]"; }, "leaf \"bias\""},
      {[](Json& j) { leaf(j, "bias")["type"] = "string[3]"; }, "holds texts"},
      {[](Json& j) { leaf(j, "bias")["type"] = "f32[4]"; }, "leaf \"bias\" is f32[3]"},
      {[](Json& j) { leaf(j, "big")["type"] = "f32[2147483647, 2147483647, 2147483647]"; },
       "\"big\""},
      {[](Json& j) { leaf(j, "fc.weight")["tensor"] = "bias"; }, "\"fc.weight\" is f32[3]"},
      {[](Json& j) { leaf(j, "fc.weight")["tensor"] = "gone"; }, "tensor \"gone\""},
      {[](Json& j) { leaf(j, "fc.weight").erase("tensor"); }, "\"fc.weight\" has no tensor"},
      {[](Json& j) { leaf(j, "fc.weight").erase("digest"); }, "\"fc.weight\" has no digest"},
      {[](Json& j) { leaf(j, "big").erase("tensor"); }, "\"big\" has no tensor"},
      {[](Json& j) { leaf(j, "bias").erase("tensor"); }, "tensor \"bias\" belongs to no weight"},
      {[](Json& j) { j["stripped"] = true; }, "has a tensor in a stripped plan"},
      {[](Json& j) { j["guards"][0]["weight"] = "nobody"; }, "nobody"},
      {[](Json& j) { j["guards"][0]["bytes"] = "00"; }, "guard of \"bias\" has 1 bytes"},
      {[](Json& j) { j["guards"][0]["bytes"] = "0"; }, "end in the middle"},
      {[](Json& j) { j["guards"][0]["bytes"] = "0g"; }, "not hexadecimal"},
      {[](Json& j) { j["guards"].push_back(j["guards"][0]); },
       "\"bias\" has two guards of pass \"fuse_gelu\""},
      {[](Json& j) {
         j["guards"].push_back(j["guards"][0]);
         j["guards"][1]["pass"] = "power";
         j["guards"][1]["bytes"] = std::string(24, '0');
       },
       "\"bias\" has guards of different values"},
      {[](Json& j) { j["guards"][0]["bytes"] = std::string(24, '0'); },
       "\"bias\" has another value in its tensor than in its guard"},
      {[](Json& j) { j["guards"][0]["weight"] = "big"; }, "\"big\" has a guard and is frozen"},
      {[](Json& j) { leaf(j, "shift")["tensor"] = "big"; },
       "\"shift\" has a tensor, and its bytes stand in the program too"},
      {[](Json& j) { j["ranges"][0]["typical"] = 99; }, "outside its range"},
      {[](Json& j) { j["ranges"][0]["least"] = 40; }, "\"n\" has a typical extent outside"},
      {[](Json& j) { j["ranges"][0]["least"] = -1; }, "\"least\" is not an integer"},
      {[](Json& j) { j["ranges"][0]["symbol"] = "m"; },
       "\"m\" has a range, and no extent is named so"},
      {[](Json& j) { j["ranges"].push_back(j["ranges"][0]); }, "\"n\" has two ranges"},
      {[](Json& j) { j["records"][0]["target"] = ""; }, "\"\" is no target"},
      {[](Json& j) { j["records"][0]["target"] = "cpu"; }, "\"cpu\" is no target"},
      {[](Json& j) { j["records"][0]["target"] = "cpu/x86_64/avx3+"; }, "is no target"},
      {[](Json& j) { j["records"][0]["target"] = "cpu/x86_64/avx2/2"; }, "is no target"},
      {[](Json& j) { leaf(j, "big")["digest"] = "sha256:0123456789abcdef"; },
       "digest \"sha256:0123456789abcdef\" is of another algorithm than xxh3"},
      {[](Json& j) { leaf(j, "big")["digest"] = "xxh3:0123"; }, "is no digest"},
      {[](Json& j) { leaf(j, "big")["digest"] = "xxh3:0123456789abcdeg"; }, "is no digest"},
      {[](Json& j) { leaf(j, "big")["digest"] = ""; }, "is no digest"},
      {[](Json& j) { j["records"][0]["choices"].erase(0); }, "has 1 choices for 2 nodes"},
      {[](Json& j) { j["records"].push_back(j["records"][0]); }, "has two records"},
      {[](Json& j) { j["main"] = "graph (x: f32[2]) { %1 = conv2(%x) } -> ()"; }, "conv2"},
      {[](Json& j) { j["main"] = ""; }, "graph text"},
      {[](Json& j) { j["weights"] = "graph () {\n} -> ()"; }, "damaged program: "},
  };
  for (const auto& [change, want] : cases) {
    const std::string message = error_of(forged(change));
    EXPECT_NE(message.find(want), std::string::npos) << message << " lacks " << want;
    EXPECT_TRUE(message.starts_with("memory: ")) << message;
  }
}

TEST(plan_file, metadata_with_a_digest_of_another_algorithm_is_not_called_damaged) {
  const weights::Safetensors data =
      weights::read_safetensors(base::memory_source(written(small_plan())));
  MemoryWriter writer;
  weights::write_safetensors(writer, {},
                             {{"tenon", data.metadata.at("tenon")}, {"tenon_digest", "sha256:00"}});
  EXPECT_EQ(
      error_of(writer.bytes),
      "memory: digest \"sha256:00\" is of another algorithm than xxh3, the only one that this "
      "version knows; build the model again with this version");
}

TEST(plan_file, two_passes_may_guard_one_weight) {
  PlanFile file = small_plan();
  file.plan.program.guards.push_back(file.plan.program.guards[0]);
  file.plan.program.guards[1].pass = "power";
  EXPECT_EQ(read(written(file)).plan.program.guards.size(), 2u);
}

TEST(plan_file, deep_nesting_is_refused_before_it_is_built) {
  const std::string text = std::string(100000, '[');
  MemoryWriter writer;
  weights::write_safetensors(
      writer, {},
      {{"tenon", text}, {"tenon_digest", base::digest(std::as_bytes(std::span(text)))}});
  EXPECT_NE(error_of(writer.bytes).find("nested deeper"), std::string::npos);
}

TEST(plan_file, a_changed_tensor_is_named) {
  std::vector<std::byte> bytes = written(small_plan());
  const float last = 3;  // fc.weight[0][2]; the file's tensors are in the order of their names
  const auto at = std::search(bytes.begin(), bytes.end(), reinterpret_cast<const std::byte*>(&last),
                              reinterpret_cast<const std::byte*>(&last) + sizeof last);
  ASSERT_NE(at, bytes.end());
  *at ^= std::byte{1};
  const PlanFile file = read(bytes);
  try {
    verify_digests(file, {});
    FAIL() << "no error";
  } catch (const PlanError& error) {
    EXPECT_NE(std::string(error.what()).find("\"fc.weight\" is damaged"), std::string::npos)
        << error.what();
  }
}

/// The seeds of tests/fuzz/plan.cpp.
std::map<std::string, std::vector<std::byte>> seeds() {
  PlanFile stripped = small_plan();
  stripped.stripped = stripped.identical = true;
  PlanFile reserved = plan_of_weights({"__metadata__", "b"});
  reserved.sources["b"] = reserved.sources["__metadata__"] =
      tensor(DType::f32, {2}, std::vector<float>{1, 2});
  return {{"small.plan", written(small_plan())},
          {"stripped.plan", written(stripped)},
          {"reserved_name.plan", written(reserved)}};
}

TEST(plan_file, seeds_of_the_fuzz_corpus_are_up_to_date) {
  const std::filesystem::path folder = "tests/fuzz/corpus/plan";
  for (const auto& [name, bytes] : seeds()) {
    if (std::getenv("TENON_WRITE_SEEDS")) {
      std::ofstream(folder / name, std::ios::binary)
          .write(reinterpret_cast<const char*>(bytes.data()),
                 static_cast<std::streamsize>(bytes.size()));
    }
    const auto file = base::open_file(folder / name);
    EXPECT_EQ(base::read_range(*file, 0, file->size()), bytes)
        << name << ": TENON_WRITE_SEEDS=1 plan_test writes the seeds again";
  }
}

TEST(plan, finds_the_record_of_a_target) {
  const PlanFile file = small_plan();
  EXPECT_EQ(file.plan.record_for("cpu/x86_64/avx2"), &file.plan.records[0]);
  EXPECT_EQ(file.plan.record_for("cpu/x86_64/avx3"), nullptr);
}

}  // namespace
}  // namespace tenon::plan
