// safetensors: files of the format's own library, hostile headers, writing, shards.
#include "weights/safetensors.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "weights/weights_for_test.h"

namespace tenon::weights {
namespace {

using namespace testing;
namespace fs = std::filesystem;

std::string file_of(const std::string& header, const std::string& data) {
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + data;
}

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  int begin, int end) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
         ",\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(end) + "]}";
}

std::string one(const std::string& dtype, const std::string& shape, int begin, int end) {
  return "{" + entry("w", dtype, shape, begin, end) + "}";
}

TEST(safetensors, every_dtype_of_a_foreign_file_is_read) {
  const Safetensors file =
      read_safetensors(base::open_file(seed("safetensors/all_dtypes.safetensors")));
  EXPECT_EQ(file.tensors.size(), static_cast<size_t>(DType::bool_) + 1);
  EXPECT_EQ(file.metadata.at("kind"), "seed");
  for (const auto& [name, source] : file.tensors) {
    EXPECT_EQ(name, to_string(source.dtype));
    EXPECT_EQ(source.shape, (Shape{2, 3}));
    expect_seed_values(source);
  }
}

TEST(safetensors, files_of_the_python_package_are_read) {
  const Safetensors file =
      read_safetensors(base::open_file(seed("safetensors/library.safetensors")));
  EXPECT_EQ(file.metadata.at("a"), "ä\n");
  EXPECT_EQ(file.tensors.at("b").shape, Shape{});
  EXPECT_EQ(file.tensors.at("empty").shape, (Shape{0, 4}));
  expect_seed_values(file.tensors.at("a.weight"));
  EXPECT_TRUE(read_safetensors(base::open_file(seed("safetensors/no_tensors.safetensors")))
                  .tensors.empty());
}

TEST(safetensors, hostile_headers_are_refused_with_what_is_wrong) {
  const struct {
    std::string header;
    size_t data;
    const char* fact;
  } cases[] = {
      {one("F32", "[2]", 0, 8), 7, "past the end"},
      {one("F32", "[2]", 0, 8), 9, "1 bytes after its last tensor"},
      {one("F32", "[2]", 4, 12), 12, "begins at 4"},
      {one("F32", "[1]", 0, 8), 8, "needs 4"},
      {one("F32", "[2]", 8, 0), 8, "no range"},
      {"{" + entry("a", "F32", "[2]", 0, 8) + "," + entry("b", "F32", "[2]", 4, 12) + "}", 12,
       "begins at 4"},
      {"{" + entry("a", "F32", "[2]", 0, 8) + "," + entry("b", "F32", "[2]", 0, 8) + "}", 8,
       "begins at 0"},
      {"{" + entry("a", "U8", "[1]", 0, 1) + "," + entry("a", "U8", "[1]", 1, 2) + "}", 2,
       "\"a\" twice"},
      {one("F32", "[9223372036854775807,2]", 0, 8), 8, "more than 2^63"},
      {one("F64", "[4611686018427387904]", 0, 0), 0, "more than 2^64 bytes"},
      {one("F32", "[18446744073709551615]", 0, 8), 8, "extent"},
      {one("F32", "[-2]", 0, 8), 8, "negative"},
      {one("F32", "[2.0]", 0, 8), 8, "fraction"},
      {one("F32", "[99999999999999999999]", 0, 8), 8, "fraction"},
      {one("F32", "[[2]]", 0, 8), 8, "an array"},
      {one("F32", "2", 0, 8), 8, "a number"},
      {one("F6_E2M3", "[7]", 0, 8), 8, "8 bytes, which F6_E2M3[7] does not have"},
      {one("F4", "[5]", 0, 2), 2, "2 bytes, which F4[5] does not have"},
      {one("f32", "[2]", 0, 8), 8, "\"f32\""},
      {R"({"w":{"dtype":"F32","shape":[2]}})", 8, "no data_offsets for tensor \"w\""},
      {R"({"w":{"dtype":"F32","dtype":"F32"}})", 8, "\"dtype\" twice"},
      {R"({"w":{"dtype":"U8","shape":[0],"data_offsets":[0]}})", 0, "no range"},
      {R"({"w":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":"y"}})", 0, "a string"},
      {R"({"w":{"a":{"b":{}}}})", 0, "an object"},
      {R"({"w":3})", 0, "a number"},
      {R"({"__metadata__":{"a":1}})", 0, "a number"},
      {R"({"__metadata__":{"a":"b","a":"c"}})", 0, "\"a\" twice"},
      {R"({"a\u0000b":{}})", 0, "NUL"},
      {"{\"\xff\":{}}", 0, "JSON"},
      {"[]", 0, "an array"},
      {"{", 0, "JSON"},
      {"{} x", 0, "JSON"},
      {"", 0, "JSON"},
      {std::string(100000, '['), 0, "an array"},
      {"{\"w\":" + std::string(100000, '['), 0, "an array"},
  };
  for (const auto& c : cases) {
    const std::string message =
        refusal([&] { read_safetensors(memory(file_of(c.header, std::string(c.data, '\0')))); });
    EXPECT_NE(message.find(c.fact), std::string::npos) << c.header.substr(0, 80) << ": " << message;
  }
}

TEST(safetensors, a_dtype_that_is_lacking_is_unsupported) {
  ErrorCode code{};
  refusal([] { read_safetensors(memory(file_of(one("F99", "[1]", 0, 1), "x"))); }, &code);
  EXPECT_EQ(code, ErrorCode::unsupported);
}

TEST(safetensors, tensors_of_other_dtypes_of_the_format_are_told_and_not_read) {
  const Safetensors file = read_safetensors(
      memory(file_of(R"({"s":{"dtype":"F6_E3M2","shape":[4],"data_offsets":[0,3]},)"
                     R"("w":{"dtype":"U8","shape":[2],"data_offsets":[3,5]}})",
                     "abcde")));
  EXPECT_EQ(file.unreadable, (std::map<std::string, std::string>{{"s", "F6_E3M2"}}));
  ASSERT_EQ(file.tensors.size(), 1);
  EXPECT_TRUE(file.tensors.contains("w"));
}

TEST(safetensors, every_truncation_is_an_error_and_no_damage_crashes) {
  for (const fs::path& path : seeds("safetensors")) {
    const std::string bytes = read_text(path);
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_NE(refusal([&] { read_safetensors(memory(bytes.substr(0, size))); }), "")
          << path << " " << size;
    }
    expect_only_errors(bytes,
                       [](const std::string& damaged) { read_safetensors(memory(damaged)); });
  }
}

TEST(safetensors, header_length_is_checked_before_it_is_allocated) {
  std::string bytes = file_of("{}", "");
  for (const uint64_t length : {UINT64_MAX, uint64_t{1} << 40, uint64_t{3}}) {
    std::memcpy(bytes.data(), &length, 8);
    EXPECT_NE(refusal([&] { read_safetensors(memory(bytes)); }).find("does not fit"),
              std::string::npos);
  }
}

TensorSource ramp(DType dtype, const Shape& shape) {
  Tensor tensor(dtype, shape);
  auto* bytes = static_cast<unsigned char*>(tensor.data());
  for (size_t i = 0; i < tensor.bytes(); ++i) bytes[i] = static_cast<unsigned char>(i);
  return copy_of(tensor);
}

void write(const fs::path& path, const std::vector<OutTensor>& tensors,
           const std::map<std::string, std::string>& metadata = {}) {
  write_safetensors(*base::atomic_file_writer(path), tensors, metadata);
}

TEST(safetensors, what_is_written_reads_back_aligned_and_in_falling_element_size) {
  const Folder folder;
  const std::vector<OutTensor> tensors = {{"b", ramp(DType::u8, {3})},
                                          {"a", ramp(DType::f64, {2})},
                                          {"c \"ü\n", ramp(DType::f16, {5, 1})},
                                          {"d", ramp(DType::bf16, {})},
                                          {"e", ramp(DType::i8, {0, 2})}};
  write(folder / "f", tensors, {{"key", "\"value\"\t\\"}});
  const Safetensors file = read_safetensors(base::open_file(folder / "f"));
  EXPECT_EQ(file.metadata.at("key"), "\"value\"\t\\");
  ASSERT_EQ(file.tensors.size(), tensors.size());
  for (const OutTensor& tensor : tensors) {
    const TensorSource& read = file.tensors.at(tensor.name);
    EXPECT_EQ(read.dtype, tensor.source.dtype);
    EXPECT_EQ(read.shape, tensor.source.shape);
    EXPECT_EQ(digest(read, read.dtype), digest(tensor.source, read.dtype));
    EXPECT_EQ(read.offset % byte_count(read.dtype, 1), 0u);
  }
  EXPECT_LT(file.tensors.at("a").offset, file.tensors.at("c \"ü\n").offset);
  EXPECT_LT(file.tensors.at("c \"ü\n").offset, file.tensors.at("d").offset);  // stable
  write(folder / "g", {});
  EXPECT_EQ(read_text(folder / "g").size() % 8, 0u);
  EXPECT_TRUE(read_safetensors(base::open_file(folder / "g")).tensors.empty());
}

TEST(safetensors, names_that_the_format_cannot_hold_are_refused) {
  const Folder folder;
  const TensorSource source = ramp(DType::u8, {1});
  EXPECT_THROW(write(folder / "f", {{"a", source}, {"a", source}}), InputError);
  EXPECT_THROW(write(folder / "f", {{"__metadata__", source}}), InputError);
  EXPECT_THROW(write(folder / "f", {{"\xff", source}}), InputError);
  EXPECT_THROW(write(folder / "f", {}, {{"k", "\xff"}}), InputError);
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(safetensors, source_rewritten_in_place_stops_the_writing_and_the_old_file_stays) {
  const Folder folder;
  write(folder / "from", {{"w", ramp(DType::u8, {9})}});
  const Safetensors file = read_safetensors(base::open_file(folder / "from"));
  folder.write("to", "old");
  folder.write("from", read_text(folder / "from") + "!");
  EXPECT_THROW(write(folder / "to", {{"w", file.tensors.at("w")}}), Error);
  EXPECT_EQ(read_text(folder / "to"), "old");
}

TEST(safetensors, source_replaced_or_removed_is_written_as_it_was_opened) {
  const Folder folder;
  write(folder / "from", {{"w", ramp(DType::u8, {9})}});
  const Safetensors file = read_safetensors(base::open_file(folder / "from"));
  write(folder / "from", {{"other", ramp(DType::f64, {1})}});
  write(folder / "to", {{"w", file.tensors.at("w")}});
  fs::remove(folder / "from");
  EXPECT_EQ(elements(file.tensors.at("w"))[8], 8);
  EXPECT_EQ(elements(read_safetensors(base::open_file(folder / "to")).tensors.at("w"))[8], 8);
}

class shards : public ::testing::Test {
 protected:
  shards() {
    write(folder_ / "1.safetensors",
          {{"a", ramp(DType::u8, {2})}, {"not listed", ramp(DType::u8, {1})}});
    write(folder_ / "2.safetensors", {{"b", ramp(DType::u8, {4})}});
  }
  void index(const std::string& map) const {
    folder_.write(
        "model.safetensors.index.json",
        R"({"metadata":{"total_size":6,"x":[null,{"y":[-1.5,true]}]},"weight_map":)" + map + "}");
  }
  std::string read() const {
    return refusal([&] { open_weights(folder_.path()); });
  }
  Folder folder_;
};

TEST_F(shards, each_name_comes_from_the_shard_that_the_index_names) {
  index(R"({"a":"1.safetensors","b":"2.safetensors"})");
  folder_.write("pytorch_model.bin.index.json", "{}");
  for (const fs::path& path : {folder_.path(), folder_ / "model.safetensors.index.json"}) {
    const WeightFile file = open_weights(path);
    EXPECT_EQ(file.path, path);
    ASSERT_EQ(file.tensors.size(), 2u);
    EXPECT_EQ(file.tensors.at("a").shape, Shape{2});
    EXPECT_EQ(elements(file.tensors.at("b")), (std::vector<double>{0, 1, 2, 3}));
  }
}

TEST_F(shards, paths_and_links_out_of_the_folder_are_refused) {
  const Folder outside;
  write(outside / "o.safetensors", {{"a", ramp(DType::u8, {2})}});
  fs::create_symlink(outside.path(), folder_ / "linked");
  fs::create_symlink(outside / "o.safetensors", folder_ / "link.safetensors");
  const std::string up = "../" + outside.path().filename().native() + "/o.safetensors";
  for (const std::string& shard : {up, "x/../" + up, (outside / "o.safetensors").native(),
                                   std::string("linked/o.safetensors"), std::string()}) {
    index("{\"a\":\"" + shard + "\"}");
    EXPECT_NE(read().find("folder"), std::string::npos) << shard << ": " << read();
  }
  index(R"({"a":"link.safetensors"})");  // as the caches of model hubs have it
  EXPECT_EQ(read(), "");
}

TEST_F(shards, a_folder_without_an_index_says_what_it_has) {
  EXPECT_NE(read().find("several checkpoints, \"1.safetensors\", \"2.safetensors\""),
            std::string::npos);
  fs::remove(folder_ / "2.safetensors");
  EXPECT_EQ(read(), "");
  fs::remove(folder_ / "1.safetensors");
  EXPECT_NE(read().find("no *.safetensors"), std::string::npos);
  folder_.write("pytorch_model.bin.index.json", "{}");
  folder_.write("pytorch_model-1.bin", "");
  EXPECT_NE(read().find("safetensors.torch.save_file"), std::string::npos);
}

TEST_F(shards, broken_indices_are_refused_with_what_is_wrong) {
  for (const auto& [map, fact] : std::map<std::string, std::string>{
           {R"({"b":"1.safetensors"})", "does not have it"},
           {R"({"a":"absent.safetensors"})", "absent.safetensors"},
           {R"({"a":"1.safetensors","a":"2.safetensors"})", "\"a\" twice"},
           {R"({"a":["1.safetensors"]})", "an array"},
           {R"({"a":1})", "a number"},
           {R"({},"weight_map":{})", "weight_map twice"},
           {R"({},"deep":)" + std::string(1000, '['), "an array"},
           {"{", "JSON"}}) {
    index(map);
    EXPECT_NE(read().find(fact), std::string::npos) << map.substr(0, 60) << ": " << read();
  }
  folder_.write("model.safetensors.index.json", "{}");
  EXPECT_NE(read().find("no weight_map"), std::string::npos);
}

}  // namespace
}  // namespace tenon::weights
