// ONNX files: models of the onnx package, every way of keeping a tensor, hostile files, huge sparse
// ones.
#include "weights/onnx_wire.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>

#include "weights/weights_for_test.h"

namespace tenon::weights::wire {
namespace {

using namespace testing;
namespace fs = std::filesystem;

Model read(const std::string& name) {
  return read_model(base::open_file(seed("onnx/" + name)), {});
}

// ONNX's own field numbers, from onnx.proto.
Message tensor(const std::string& name, int data_type, const std::vector<int64_t>& dims) {
  Message message;
  for (const int64_t dim : dims) message.number(1, static_cast<uint64_t>(dim));
  return message.number(2, static_cast<uint64_t>(data_type)).text(8, name);
}
std::string model_of(const Message& graph) {
  return Message().number(1, 8).message(7, graph).bytes;
}
std::string model_with(const Message& initializer) {
  return model_of(Message().message(5, initializer));
}
std::string refused(const std::string& bytes, const fs::path& folder = {}) {
  return refusal([&] { read_onnx_weights(memory(bytes), folder); });
}
TensorSource only_tensor(const std::string& bytes) {
  return *read_model(memory(bytes), {}).graph.initializers.at(0).source;
}

TEST(onnx_wire, raw_and_typed_fields_of_the_onnx_package_hold_the_same) {
  for (const char* name : {"raw.onnx", "typed.onnx"}) {
    const Model model = read(name);
    ASSERT_EQ(model.graph.initializers.size(), static_cast<size_t>(DType::bool_) + 1);
    for (const Tensor& tensor : model.graph.initializers) {
      ASSERT_TRUE(tensor.source) << tensor.name;
      EXPECT_EQ(tensor.name, to_string(tensor.source->dtype));
      EXPECT_EQ(tensor.source->shape, (Shape{2, 3}));
      expect_seed_values(*tensor.source);
    }
  }
}

TEST(onnx_wire, bytes_that_are_already_the_tensors_stay_in_the_file) {
  for (const Tensor& tensor : read("raw.onnx").graph.initializers)
    EXPECT_EQ(tensor.source->bytes->memory(), nullptr);
  for (const Tensor& tensor : read("typed.onnx").graph.initializers) {
    const bool fixed = tensor.name == "f32" || tensor.name == "f64";
    EXPECT_EQ(tensor.source->bytes->memory() == nullptr, fixed) << tensor.name;
  }
}

TEST(onnx_wire, types_that_are_lacking_have_no_source) {
  const Model model = read("no_dtype_of_ours.onnx");
  ASSERT_EQ(model.graph.initializers.size(), 3u);
  EXPECT_FALSE(model.graph.initializers[0].source);
  EXPECT_EQ(data_type_name(model.graph.initializers[0].data_type), "STRING");
  EXPECT_FALSE(model.graph.initializers[1].source);
  EXPECT_TRUE(model.graph.initializers[2].source);
  EXPECT_EQ(data_type_name(99), "99");
  EXPECT_EQ(data_type_name(-1), "-1");
}

TEST(onnx_wire, attributes_and_subgraphs_are_read) {
  const Model model = read("attributes.onnx");
  EXPECT_EQ(model.producer, "seeds");
  ASSERT_EQ(model.opsets.size(), 1u);
  EXPECT_EQ(model.opsets[0].version, 17);
  const Node& node = model.graph.nodes.at(0);
  EXPECT_EQ(node.name + node.domain + node.op_type, "cmy.opsCustom");
  EXPECT_EQ(node.inputs, (std::vector<std::string>{"", "f32"}));
  std::map<std::string, Attribute> by_name;
  for (const Attribute& attribute : node.attributes) by_name[attribute.name] = attribute;
  EXPECT_EQ(by_name["f"].f, 0.5f);
  EXPECT_EQ(by_name["i"].i, -3);
  EXPECT_EQ(by_name["s"].s, "text");
  EXPECT_EQ(by_name["floats"].floats, (std::vector<float>{1, 2.5}));
  EXPECT_EQ(by_name["ints"].ints, (std::vector<int64_t>{1, -2}));
  EXPECT_EQ(by_name["strings"].strings, (std::vector<std::string>{"a", "b"}));
  expect_seed_values(*by_name["t"].tensor->source);
  EXPECT_EQ(by_name["t"].type, 4);
  const Attribute& branch = model.graph.nodes.at(1).attributes.at(0);
  ASSERT_TRUE(branch.graph);
  EXPECT_EQ(branch.graph->nodes.at(0).op_type, "Relu");
  EXPECT_EQ(model.graph.value_infos.at(0).elem_type, 0);  // a sequence
}

TEST(onnx_wire, declared_shapes_keep_values_symbols_and_unknowns) {
  const Model model = read("identity.onnx");
  const ValueInfo& input = model.graph.inputs.at(0);
  EXPECT_EQ(input.elem_type, 1);
  ASSERT_EQ(input.shape->size(), 3u);
  EXPECT_EQ(std::get<std::string>((*input.shape)[0].value), "n");
  EXPECT_EQ(std::get<int64_t>((*input.shape)[1].value), 3);
  EXPECT_TRUE(std::holds_alternative<std::monostate>((*input.shape)[2].value));
  EXPECT_FALSE(model.graph.outputs.at(0).shape);
}

TEST(onnx_wire, identity_of_an_initializer_is_a_weight_of_its_own) {
  const WeightFile file = open_weights(seed("onnx/identity.onnx"));
  EXPECT_EQ(file.tensors.size(), 5u);
  EXPECT_EQ(elements(file.tensors.at("bn2.weight")), elements(file.tensors.at("bn1.weight")));
  EXPECT_EQ(file.shares_storage_with,
            (std::map<std::string, std::string>{{"bn2.weight", "bn1.weight"}}));
  const std::vector<base::Consumer> once = {{"BatchNormalization", 1}};
  EXPECT_EQ(file.consumers.at("bn1.weight"), once);
  EXPECT_EQ(file.consumers.at("bn2.weight"), once);
  EXPECT_EQ(file.consumers.at("b").size(), 2u);
  EXPECT_FALSE(file.consumers.contains("x"));
  EXPECT_EQ(open_weights(seed("onnx/attributes.onnx")).consumers.at("f32"),
            (std::vector<base::Consumer>{{"my.ops.Custom", 1}, {"Relu", 0}, {"Relu", 0}}));
}

TEST(onnx_wire,
     constants_are_read_under_their_outputs_names_and_those_of_bodies_under_longer_ones) {
  const WeightFile file = open_weights(seed("onnx/constants.onnx"));
  // Both branches have an "inner", an "inner.weight" and a "tensor", so no short name is unique.
  EXPECT_EQ(file.constants, (std::set<std::string>{"tensor", "float", "int", "floats", "ints",
                                                   "r/then_branch/inner", "r/else_branch/inner"}));
  EXPECT_EQ(file.tensors.size(), 11u);
  EXPECT_TRUE(file.tensors.contains("r/then_branch/inner.weight"));
  expect_seed_values(file.tensors.at("tensor"));
  EXPECT_EQ(elements(file.tensors.at("float")), std::vector<double>{0.5});
  EXPECT_EQ(file.tensors.at("float").shape, Shape{});
  EXPECT_EQ(elements(file.tensors.at("int")), std::vector<double>{-3});
  EXPECT_EQ(file.tensors.at("int").dtype, DType::i64);
  EXPECT_EQ(elements(file.tensors.at("floats")), (std::vector<double>{1, 2.5}));
  EXPECT_EQ(elements(file.tensors.at("ints")), (std::vector<double>{1, -2}));
  // The branches have a "tensor" of their own; their "float" is the outer one.
  const base::Consumer left{"Add", 0}, right{"Add", 1};
  EXPECT_EQ(file.consumers,
            (std::map<std::string, std::vector<base::Consumer>>{{"tensor", {{"Mul", 1}}},
                                                                {"float", {right, right}},
                                                                {"r/then_branch/tensor", {left}},
                                                                {"r/else_branch/tensor", {left}}}));
}

TEST(onnx_wire, what_cannot_be_read_is_told_by_name) {
  using Names = std::map<std::string, std::string>;
  EXPECT_EQ(open_weights(seed("onnx/constants.onnx")).unreadable,
            (Names{{"string", "a Constant with \"value_string\""},
                   {"strings", "a Constant with \"value_strings\""},
                   {"texts", "STRING"},
                   {"sparse", "a Constant with \"sparse_value\""}}));
  EXPECT_EQ(open_weights(seed("onnx/sparse.onnx")).unreadable, (Names{{"w", "sparse"}}));
  const Message no_value = Message().text(2, "c").text(3, "three").text(4, "Constant");
  EXPECT_NE(
      refused(model_of(Message().message(1, no_value))).find("Constant \"three\" has 0 values"),
      std::string::npos);
}

TEST(onnx_wire, repeated_numbers_are_read_packed_and_unpacked) {
  const Message unpacked = tensor("w", 7, {3}).number(7, 1).number(7, 300).number(7, UINT64_MAX);
  const Message packed = tensor("w", 7, {3})
                             .text(7, Message::varint(1))
                             .text(7, Message::varint(300) + Message::varint(UINT64_MAX));
  for (const Message& message : {unpacked, packed}) {
    EXPECT_EQ(elements(only_tensor(model_with(message))), (std::vector<double>{1, 300, -1}));
  }
  const float one = 1, two = 2;
  const Message floats = tensor("w", 1, {2})
                             .text(4, {reinterpret_cast<const char*>(&one), 4})
                             .text(4, {reinterpret_cast<const char*>(&two), 4});
  EXPECT_EQ(elements(only_tensor(model_with(floats))), (std::vector<double>{1, 2}));
}

TEST(onnx_wire, packed_numbers_across_the_window_are_whole) {
  // 100,000 varints of three bytes: the file's window of 64 KiB cuts some of them.
  std::string packed;
  constexpr int kCount = 100'000;
  for (int i = 0; i < kCount; ++i) packed += Message::varint(static_cast<uint64_t>(20'000 + i));
  const Folder folder;
  const fs::path path =
      folder.write("m.onnx", model_with(tensor("w", 7, {kCount}).text(7, packed)));
  const auto values = elements(open_weights(path).tensors.at("w"));
  for (int i = 0; i < kCount; ++i) ASSERT_EQ(values[static_cast<size_t>(i)], 20'000 + i);
}

TEST(onnx_wire, many_nodes_across_the_window_are_whole) {
  Message graph;
  constexpr size_t kCount = 5000;
  for (size_t i = 0; i < kCount; ++i) {
    graph.message(1, Message().text(1, "x" + std::to_string(i)).text(4, std::string(i % 97, 'o')));
  }
  const Folder folder;
  const Model model =
      read_model(base::open_file(folder.write("m.onnx", model_of(graph))), folder.path());
  ASSERT_EQ(model.graph.nodes.size(), kCount);
  for (size_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(model.graph.nodes[i].inputs.at(0), "x" + std::to_string(i));
    ASSERT_EQ(model.graph.nodes[i].op_type, std::string(i % 97, 'o'));
  }
}

TEST(onnx_wire, negative_int32_is_read_from_ten_bytes_or_five) {
  for (const uint64_t minus_two : {static_cast<uint64_t>(-2), uint64_t{0xfffffffe}}) {
    EXPECT_EQ(elements(only_tensor(model_with(tensor("w", 3, {1}).number(5, minus_two)))),
              std::vector<double>{-2});
  }
}

TEST(onnx_wire, tensors_whose_data_do_not_fit_are_refused_by_name) {
  const std::string four(4, '\0');
  for (const auto& [initializer, fact] : std::vector<std::pair<Message, std::string>>{
           {tensor("w", 1, {2}).text(9, four), "past the end"},
           {tensor("w", 2, {3}).text(9, four), "has 4 bytes of raw data, but u8[3] needs 3"},
           {tensor("w", 1, {2}), "too few"},
           {tensor("w", 1, {2}).text(4, four), "too few"},
           {tensor("w", 1, {1}).text(4, four + four), "too many"},
           {tensor("w", 7, {1}).number(7, 1).number(7, 2), "has 2 elements"},
           {tensor("w", 7, {1}).number(5, 1), "field for another type"},
           {tensor("w", 7, {1}).number(7, 1).number(5, 1), "two types"},
           {tensor("w", 1, {1}).text(9, four).text(4, four), "both raw and typed"},
           {tensor("w", 3, {1}).number(5, 128), "the value 128, which is no i8"},
           {tensor("w", 2, {1}).number(5, UINT64_MAX), "the value -1, which is no u8"},
           {tensor("w", 10, {1}).number(5, 65536), "65536"},
           {tensor("w", 12, {1}).number(11, uint64_t{1} << 32), "no u32"},
           {tensor("w", 1, {-1}).text(4, four), "negative"},
           {tensor("w", 1, {INT64_MAX, INT64_MAX}).text(4, four), "more than 2^63"},
           {tensor("w", 7, {INT64_MAX}).number(7, 1), "too few"},
           {tensor("w", 11, {INT64_MAX / 4}).text(10, four + four), "too few"},
           {tensor("w", 1, std::vector<int64_t>(300, 1)).text(4, four), "300 axes"},
           {tensor("w", 1, {1}).text(9, four).text(3, ""), "segments"}}) {
    const std::string message = refused(model_with(initializer));
    EXPECT_NE(message.find(fact), std::string::npos) << message;
    EXPECT_NE(message.find("\"w\""), std::string::npos) << message;
  }
}

TEST(onnx_wire, any_bool_but_0_is_true) {
  const Message typed = tensor("w", 9, {3}).number(5, 0).number(5, 2).number(5, 256);
  const Message raw = tensor("w", 9, {3}).text(9, std::string("\0\2\x80", 3));
  for (const Message& message : {typed, raw}) {
    std::array<uint8_t, 3> read{};
    read_elements(only_tensor(model_with(message)), 0, 3, DType::bool_, read.data());
    EXPECT_EQ(read, (std::array<uint8_t, 3>{0, 1, 1}));
  }
}

TEST(onnx_wire, what_is_no_model_is_refused) {
  EXPECT_NE(refused("").find("no graph"), std::string::npos);
  EXPECT_NE(refused("hello, world").find("not"), std::string::npos);
  EXPECT_NE(refused(std::string(50, '\xff')).find("well-formed"), std::string::npos);
  EXPECT_NE(refused(Message().number(7, 3).bytes).find("wrong kind"), std::string::npos);
  EXPECT_NE(refused(Message().open(7, UINT64_MAX).bytes).find("past its end"), std::string::npos);
  EXPECT_NE(refused(std::string("\x3b\x3c", 2)).find("wire type"), std::string::npos);
  EXPECT_NE(refused(model_of(Message().text(2, "\xff"))).find("UTF-8"), std::string::npos);
  const Message w = tensor("w", 2, {0});
  EXPECT_NE(refused(model_of(Message().message(5, w).message(5, w))).find("two tensors"),
            std::string::npos);
}

TEST(onnx_wire, every_truncation_is_an_error_and_no_damage_crashes) {
  for (const fs::path& path : seeds("onnx")) {
    const std::string bytes = read_text(path);
    for (size_t size = 0; size < bytes.size(); ++size) {
      // Cut between the graph and the opsets that follow it, a file is whole but for those.
      bool lacks_opsets = false;
      const std::string message = refusal(
          [&] { lacks_opsets = read_model(memory(bytes.substr(0, size)), {}).opsets.empty(); });
      EXPECT_TRUE(lacks_opsets || !message.empty()) << path << " " << size;
    }
    expect_only_errors(bytes,
                       [](const std::string& damaged) { read_onnx_weights(memory(damaged), {}); });
  }
}

// A graph that holds a node that holds a graph, and so on.
Message nested(int levels) {
  Message graph;
  for (int i = 0; i < levels; ++i) {
    graph = Message().message(1, Message().message(5, Message().text(1, "body").message(6, graph)));
  }
  return graph;
}

TEST(onnx_wire, deep_nesting_is_refused_before_the_stack_ends) {
  EXPECT_EQ(refused(model_of(nested(10))), "");
  EXPECT_NE(refused(model_of(nested(40))).find("nesting"), std::string::npos);
  EXPECT_NE(refused(model_of(nested(2000))).find("nesting"), std::string::npos);
}

Message external(const std::string& name, int64_t count,
                 const std::map<std::string, std::string>& entries) {
  Message message = tensor(name, 1, {count}).number(14, 1);
  for (const auto& [key, value] : entries)
    message.message(13, Message().text(1, key).text(2, value));
  return message;
}

TEST(onnx_external, data_is_read_where_its_keys_say) {
  const Folder folder;
  const std::vector<float> values = {0, 1, 2, 3};
  fs::create_directory(folder / "sub");
  folder.write("sub/data.bin", {reinterpret_cast<const char*>(values.data()), 16});
  const Message graph =
      Message()
          .message(5, external("all", 4, {{"location", "sub/data.bin"}, {"checksum", "0"}}))
          .message(5, external("end", 2,
                               {{"location", "sub/data.bin"}, {"offset", "8"}, {"length", "8"}}));
  const fs::path path = folder.write("m.onnx", model_of(graph));
  const WeightFile file = open_weights(path);
  EXPECT_EQ(elements(file.tensors.at("all")), (std::vector<double>{0, 1, 2, 3}));
  EXPECT_EQ(elements(file.tensors.at("end")), (std::vector<double>{2, 3}));
  EXPECT_EQ(file.tensors.at("all").bytes, file.tensors.at("end").bytes);  // opened once
  EXPECT_EQ(file.shares_storage_with.at("end"), "all");
  fs::remove_all(folder / "sub");
  EXPECT_EQ(elements(file.tensors.at("end")), (std::vector<double>{2, 3}));
}

// As the caches of model hubs have them: names beside each other, bytes elsewhere.
TEST(onnx_external, a_file_may_be_a_link) {
  const Folder folder, blobs;
  const std::vector<float> values = {5, 6};
  blobs.write("abc", {reinterpret_cast<const char*>(values.data()), 8});
  fs::create_symlink(blobs / "abc", folder / "data.bin");
  const fs::path path =
      folder.write("m.onnx", model_with(external("w", 2, {{"location", "data.bin"}})));
  EXPECT_EQ(elements(open_weights(path).tensors.at("w")), (std::vector<double>{5, 6}));
  fs::remove(blobs / "abc");
  fs::create_directory(blobs / "abc");
  EXPECT_THROW(open_weights(path), Error);
}

TEST(onnx_external, paths_out_of_the_folder_and_bad_numbers_are_refused) {
  const Folder folder, outside;
  folder.write("data.bin", std::string(16, '\0'));
  outside.write("data.bin", std::string(16, '\0'));
  fs::create_directory_symlink(outside.path(), folder / "linked");
  const std::string up = "../" + outside.path().filename().native() + "/data.bin";
  using Entries = std::map<std::string, std::string>;
  for (const auto& [entries, fact] : std::vector<std::pair<Entries, std::string>>{
           {{{"location", up}}, "not below its folder"},
           {{{"location", "./x/../../data.bin"}}, "not below its folder"},
           {{{"location", (folder / "data.bin").native()}}, "not below its folder"},
           {{{"location", "linked/data.bin"}}, "by a linked folder"},
           {{}, "not below its folder"},
           {{{"location", "absent.bin"}}, "cannot be opened"},
           {{{"location", "data.bin"}, {"offset", "-4"}}, "no number"},
           {{{"location", "data.bin"}, {"offset", "99999999999999999999"}}, "no number"},
           {{{"location", "data.bin"}, {"offset", "4"}}, "past the end"},
           {{{"location", "data.bin"}, {"offset", "18446744073709551615"}}, "past the end"},
           {{{"location", "data.bin"}, {"length", "12"}}, "needs 16"}}) {
    const std::string message = refused(model_with(external("w", 4, entries)), folder.path());
    EXPECT_NE(message.find(fact), std::string::npos) << message;
  }
  EXPECT_NE(
      refused(model_with(external("w", 4, {{"location", "data.bin"}}))).find("given as bytes"),
      std::string::npos);
}

TEST(onnx_external, a_file_is_opened_once_by_whatever_path) {
  const Folder folder;
  folder.write("data.bin", std::string(16, '\0'));
  fs::create_directory(folder / "sub");
  fs::create_symlink("../data.bin", folder / "sub" / "link.bin");
  Message graph;
  for (const char* location : {"data.bin", "./data.bin", "sub//link.bin"})
    graph.message(5, external(location, 4, {{"location", location}}));
  const WeightFile file = open_weights(folder.write("m.onnx", model_of(graph)));
  const auto& bytes = file.tensors.at("data.bin").bytes;
  EXPECT_EQ(file.tensors.at("./data.bin").bytes, bytes);
  EXPECT_EQ(file.tensors.at("sub//link.bin").bytes, bytes);
}

TEST(onnx_external, file_rewritten_in_place_is_found) {
  const Folder folder;
  const fs::path data = folder.write("data.bin", std::string(16, '\0'));
  const fs::path path =
      folder.write("m.onnx", model_with(external("w", 4, {{"location", "data.bin"}})));
  const TensorSource source = open_weights(path).tensors.at("w");
  EXPECT_NO_THROW(source.bytes->check_unchanged());
  fs::last_write_time(data, fs::last_write_time(data) - std::chrono::seconds(1));
  EXPECT_THROW(source.bytes->check_unchanged(), Error);
}

constexpr int64_t kHugeCount = 750'000'000;  // f32: 3 GB
constexpr uint64_t kHugeSize = 4ull * kHugeCount;

void expect_last_element_is_zero(const TensorSource& source) {
  float last = 1;
  read_elements(source, kHugeCount - 1, 1, DType::f32, &last);
  EXPECT_EQ(last, 0);
  EXPECT_EQ(source.size(), kHugeSize);
}

TEST(onnx_huge, three_gigabytes_of_raw_data_stay_in_the_file) {
  const Folder folder;
  Message initializer = tensor("w", 1, {kHugeCount}).open(9, kHugeSize);
  Message graph = Message().open(5, initializer.bytes.size() + kHugeSize);
  const uint64_t size = graph.bytes.size() + initializer.bytes.size() + kHugeSize;
  const fs::path path =
      folder.write("m.onnx", Message().open(7, size).bytes + graph.bytes + initializer.bytes);
  fs::resize_file(path, fs::file_size(path) + kHugeSize);
  const int64_t before = peak_memory();
  expect_last_element_is_zero(open_weights(path).tensors.at("w"));
  EXPECT_LT(peak_memory() - before, int64_t{200} << 20);
}

TEST(onnx_huge, three_gigabytes_of_external_data_stay_in_their_file) {
  const Folder folder;
  fs::resize_file(folder.write("data.bin", ""), kHugeSize);
  const fs::path path =
      folder.write("m.onnx", model_with(external("w", kHugeCount, {{"location", "data.bin"}})));
  const int64_t before = peak_memory();
  expect_last_element_is_zero(open_weights(path).tensors.at("w"));
  EXPECT_LT(peak_memory() - before, int64_t{200} << 20);
}

// A model that ends in the bytes of one field, `size` of them, all zero and none of them on disk.
// `heads` are messages, outer to inner, each with the number of the field that holds the next.
fs::path write_sparse(const Folder& folder, std::vector<std::pair<int, Message>> heads,
                      uint64_t size) {
  const uint64_t hole = size;
  std::string bytes;
  for (auto head = heads.rbegin(); head != heads.rend(); ++head) {
    bytes = head->second.open(head->first, size).bytes + bytes;
    size = bytes.size() + hole;
  }
  const fs::path path = folder.write("m.onnx", bytes);
  fs::resize_file(path, size);
  return path;
}

TEST(onnx_huge, memory_that_a_model_would_take_is_bounded_before_it_is_taken) {
  using Heads = std::vector<std::pair<int, Message>>;
  constexpr uint64_t kMore = (uint64_t{1} << 30) + 8;
  const auto attribute = [](int field) {  // of a node of the graph
    return Heads{{7, {}}, {1, {}}, {5, {}}, {field, {}}};
  };
  const Heads int64s = {{7, {}}, {5, {}}, {7, tensor("w", 7, {kMore / 8})}};
  const Folder folder;
  for (const auto& [heads, size] : std::vector<std::pair<Heads, uint64_t>>{
           {int64s, kMore / 8},  // a byte on the wire, 8 decoded
           {attribute(7), kMore},
           {attribute(4), kMore},
           {attribute(9), kMore},
           {{{7, {}}, {2, {}}}, kMore}}) {
    const fs::path path = write_sparse(folder, heads, size);
    const int64_t before = peak_memory();
    ErrorCode code{};
    const std::string message = refusal([&] { open_weights(path); }, &code);
    EXPECT_NE(message.find("more than 1 GiB"), std::string::npos) << message;
    EXPECT_EQ(code, ErrorCode::unsupported);
    EXPECT_LT(peak_memory() - before, int64_t{200} << 20);
  }
}

TEST(onnx_huge, four_gibibytes_in_one_file_are_refused_with_the_way_out) {
  const Folder folder;
  const fs::path path = folder.write("m.onnx", model_of({}));
  fs::resize_file(path, uint64_t{4} << 30);
  EXPECT_NE(refusal([&] { open_weights(path); }).find("external data"), std::string::npos);
}

TEST(open_weights, damaged_or_foreign_files_are_refused_by_the_reader_of_their_kind) {
  const Folder folder;
  const auto refused_as = [&](const std::string& name, const std::string& bytes) {
    return refusal([&] { open_weights(folder.write(name, bytes)); });
  };
  EXPECT_NE(refused_as("a.safetensors", "123").find("safetensors"), std::string::npos);
  EXPECT_NE(refused_as("a.npz", "123").find("zip"), std::string::npos);
  EXPECT_NE(refused_as("a.onnx", "123").find("ONNX"), std::string::npos);
  EXPECT_NE(refused_as("a.npy", "\x93NUMPY").find("savez"), std::string::npos);
  EXPECT_NE(refused_as("empty", "").find("empty"), std::string::npos);
  EXPECT_NE(refusal([&] { open_weights(folder / "absent"); }).find("No such file"),
            std::string::npos);
  // The content decides, whatever the name says.
  EXPECT_EQ(open_weights(folder.write("b.onnx", read_text(seed("safetensors/library.safetensors"))))
                .tensors.size(),
            3u);
  EXPECT_EQ(open_weights(folder.write("c.bin", read_text(seed("npz/stored.npz")))).tensors.size(),
            4u);
}

}  // namespace
}  // namespace tenon::weights::wire
