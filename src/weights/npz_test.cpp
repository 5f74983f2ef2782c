// .npz: files of NumPy, hostile archives, writing.
#include "weights/npz.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "weights/npy.h"
#include "weights/weights_for_test.h"
#include "weights/zip.h"

namespace tenon::weights {
namespace {

using namespace testing;
namespace fs = std::filesystem;

WeightFile read(const std::string& name) { return read_npz(base::open_file(seed("npz/" + name))); }

TEST(npz, stored_arrays_of_numpy_stay_in_the_file) {
  const WeightFile file = read("stored.npz");
  EXPECT_EQ(file.tensors.size(), 4u);
  for (const auto& [name, source] : file.tensors) {
    EXPECT_EQ(name, to_string(source.dtype));
    EXPECT_EQ(source.shape, (Shape{2, 3}));
    EXPECT_EQ(source.bytes->memory(), nullptr);
    expect_seed_values(source);
  }
}

TEST(npz, deflated_and_fortran_ordered_arrays_are_unpacked) {
  for (const char* name : {"deflated.npz", "fortran.npz"}) {
    const WeightFile file = read(name);
    EXPECT_GE(file.tensors.size(), 2u);
    for (const auto& [array, source] : file.tensors) {
      EXPECT_EQ(array, to_string(source.dtype));
      EXPECT_EQ(source.shape, (Shape{2, 3}));
      expect_seed_values(source);
    }
  }
}

TEST(npz, scalars_empty_arrays_and_empty_archives_are_read) {
  const WeightFile file = read("scalar_and_empty.npz");
  EXPECT_EQ(file.tensors.at("i64").shape, Shape{});
  EXPECT_EQ(elements(file.tensors.at("i64")), std::vector<double>{0});
  EXPECT_EQ(file.tensors.at("f16").shape, (Shape{0, 4}));
  EXPECT_TRUE(read("none.npz").tensors.empty());
}

TEST(npz, what_is_no_plain_array_is_told_by_name) {
  for (const auto& [name, fact] :
       std::map<std::string, std::string>{{"pickled.npz", "pickled"},
                                          {"big_endian.npz", "big-endian"},
                                          {"structured.npz", "structured"}}) {
    const WeightFile file = read(name);
    EXPECT_FALSE(file.tensors.contains("x"));
    EXPECT_NE(file.unreadable.at("x").find(fact), std::string::npos) << file.unreadable.at("x");
  }
}

TEST(npz, every_truncation_is_an_error_and_no_damage_crashes) {
  for (const fs::path& path : seeds("npz")) {
    const std::string bytes = read_text(path);
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_NE(refusal([&] { read_npz(memory(bytes.substr(0, size))); }), "")
          << path << " " << size;
    }
    expect_only_errors(bytes, [](const std::string& damaged) { read_npz(memory(damaged)); });
  }
}

// Offsets into a central header, from its signature (APPNOTE 4.3.12).
constexpr size_t kCrc = 16, kSize = 24, kLocalOffset = 42;

std::string patched(std::string bytes, size_t nth_central, size_t field, uint32_t value) {
  size_t at = 0;
  for (size_t i = 0; i <= nth_central; ++i) at = bytes.find("PK\x01\x02", at + 1);
  std::memcpy(&bytes[at + field], &value, 4);
  return bytes;
}

TEST(npz, lies_about_sizes_sums_and_places_are_found) {
  const std::string stored = read_text(seed("npz/stored.npz"));
  const std::string deflated = read_text(seed("npz/deflated.npz"));
  const auto refused = [](const std::string& bytes) {
    return refusal([&] { read_npz(memory(bytes)); });
  };
  EXPECT_EQ(refused(stored), "");
  EXPECT_NE(refused(patched(stored, 0, kSize, 1000)).find("impossible size"), std::string::npos);
  EXPECT_NE(refused(patched(deflated, 0, kSize, 0xfffffff0)).find("impossible size"),
            std::string::npos);
  EXPECT_NE(refused(patched(deflated, 0, kSize, 1000)).find("damaged"), std::string::npos);
  EXPECT_NE(refused(patched(deflated, 0, kCrc, 1)).find("damaged"), std::string::npos);
  EXPECT_NE(refused(patched(stored, 1, kLocalOffset, 0)).find("overlap"), std::string::npos);
  EXPECT_NE(refused(patched(stored, 1, kLocalOffset, 0xfffffff0)).find("past the end"),
            std::string::npos);
}

void append(std::string& bytes, uint64_t value, int size) {
  for (int i = 0; i < size; ++i) bytes += static_cast<char>(value >> 8 * i);
}

// What local and central headers have in common, from the version (APPNOTE 4.3.7, 4.3.12).
std::string common_header(const std::string& stream, size_t size, const std::string& contents) {
  const std::string name = "x.npy";
  std::string bytes;
  for (const uint16_t field : {20, 0, 8, 0, 33}) append(bytes, field, 2);  // 8: deflated
  const auto* data = reinterpret_cast<const Bytef*>(contents.data());
  append(bytes, ::crc32(0, data, static_cast<uInt>(contents.size())), 4);
  append(bytes, stream.size(), 4);
  append(bytes, size, 4);
  append(bytes, name.size(), 2);
  append(bytes, 0, 2);
  return bytes;
}

// An archive with one deflated array "x", said to be of `size` bytes with the CRC of `contents`.
std::string archive_of(const std::string& stream, size_t size, const std::string& contents) {
  const std::string header = common_header(stream, size, contents);
  const std::string local = "PK\x03\x04" + header + "x.npy" + stream;
  std::string central = std::string("PK\x01\x02\x14\0", 6) + header;
  central += std::string(14, '\0') + "x.npy";  // no comment, disk 0, local header at 0
  std::string end("PK\x05\x06\0\0\0\0\1\0\1\0", 12);
  append(end, central.size(), 4);
  append(end, local.size(), 4);
  return local + central + end + std::string(2, '\0');
}

// One of deflate's stored blocks (RFC 1951, 3.2.4).
std::string deflate_stored(const std::string& contents, bool last = true) {
  std::string stream(1, last ? '\1' : '\0');
  append(stream, contents.size(), 2);
  append(stream, ~contents.size(), 2);
  return stream + contents;
}

TEST(npz, a_deflated_member_is_exactly_as_long_as_its_header_says) {
  const std::string array = npy_header(DType::u8, {4}, "x") + "\1\2\3\4";
  const auto read = [&](const std::string& stream, const std::string& contents) {
    return refusal([&] {
      const WeightFile file = read_npz(memory(archive_of(stream, contents.size(), contents)));
      EXPECT_EQ(elements(file.tensors.at("x")), (std::vector<double>{1, 2, 3, 4}));
    });
  };
  const std::string longer = array + '\5', shorter = array.substr(0, array.size() - 1);
  EXPECT_EQ(read(deflate_stored(array), array), "");
  EXPECT_EQ(read(deflate_stored(array, false) + deflate_stored(""), array), "");
  for (const std::string& stream :
       {deflate_stored(longer), deflate_stored(array, false) + deflate_stored("\5"),
        deflate_stored(shorter), deflate_stored(array, false),
        deflate_stored(array).substr(0, array.size())}) {
    EXPECT_NE(read(stream, array).find("\"x.npy\" is damaged"), std::string::npos);
  }
  EXPECT_NE(read(deflate_stored(longer), longer).find("has 5 bytes, but u8[4] needs 4"),
            std::string::npos);
  EXPECT_NE(read(deflate_stored(shorter), shorter).find("has 3 bytes, but u8[4] needs 4"),
            std::string::npos);
}

TEST(npz, a_header_is_checked_before_its_array_is_inflated) {
  const std::string header = npy_header(DType::f32, {1}, "x");
  // Two megabytes may well inflate to one gibibyte, and this member says that it does.
  const std::string stream = deflate_stored(header, false) +
                             deflate_stored(std::string(kLongestNpyHeader - 1, '\0'), false) +
                             std::string(2'000'000, '\0');
  const std::string bytes = archive_of(stream, size_t{1} << 30, "");
  const int64_t before = peak_memory();
  const std::string message = refusal([&] { read_npz(memory(bytes)); });
  EXPECT_NE(message.find("but f32[1] needs 4"), std::string::npos) << message;
  EXPECT_LT(peak_memory() - before, int64_t{100} << 20);
}

TEST(npz, a_checkpoint_of_pytorch_is_told_from_an_npz) {
  std::string bytes = read_text(seed("npz/big_endian.npz"));
  for (size_t at; (at = bytes.find("x.npy")) != std::string::npos;) bytes.replace(at, 5, "x.pkl");
  EXPECT_NE(refusal([&] { read_npz(memory(bytes)); }).find("safetensors"), std::string::npos);
}

TEST(npz, what_is_written_reads_back) {
  const Folder folder;
  const std::vector<float> values = {1, 2, 3, 4, 5, 6};
  const std::vector<uint16_t> halves = {0x3c00, 0x4000};
  const bool flag = true;
  write_npz(folder / "f.npz",
            {{"transposed", TensorView(values.data(), DType::f32, {3, 2}, {1, 3})},
             {"größe/h", TensorView(halves.data(), DType::f16, {2})},
             {"flag", TensorView(&flag, DType::bool_, {})},
             {"empty", TensorView(nullptr, DType::i8, {0, 7})}});
  const WeightFile file = open_weights(folder / "f.npz");
  ASSERT_EQ(file.tensors.size(), 4u);
  EXPECT_EQ(elements(file.tensors.at("transposed")), (std::vector<double>{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(elements(file.tensors.at("größe/h")), (std::vector<double>{1, 2}));
  EXPECT_EQ(elements(file.tensors.at("flag")), std::vector<double>{1});
  EXPECT_EQ(file.tensors.at("empty").shape, (Shape{0, 7}));
  EXPECT_EQ(file.tensors.at("transposed").offset % 2, 0u);
}

TEST(npz, what_numpy_cannot_hold_is_not_written) {
  const Folder folder;
  const uint16_t value = 0;
  const TensorView bf16(&value, DType::bf16, {1}), f16(&value, DType::f16, {1});
  ErrorCode code{};
  refusal([&] { write_npz(folder / "f.npz", {{"a", bf16}}); }, &code);
  EXPECT_EQ(code, ErrorCode::unsupported);
  EXPECT_THROW(write_npz(folder / "f.npz", {{"a", f16}, {"a", f16}}), InputError);
  EXPECT_THROW(write_npz(folder / "f.npz", {{"\xff", f16}}), InputError);
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

NpyHeader parse(const std::string& dict, int version = 1) {
  std::string bytes = "\x93NUMPY";
  bytes += {static_cast<char>(version), '\0', static_cast<char>(dict.size() & 0xff),
            static_cast<char>(dict.size() >> 8)};
  if (version > 1) bytes += {'\0', '\0'};
  return parse_npy_header(std::as_bytes(std::span(bytes += dict)), "it");
}

TEST(npy, headers_are_read_in_any_order_of_keys_and_all_versions) {
  const NpyHeader header =
      parse("{'shape': (3,4), \"descr\": '<i8', 'fortran_order': True}  \n", 2);
  EXPECT_EQ(header.dtype, DType::i64);
  EXPECT_EQ(header.shape, (Shape{3, 4}));
  EXPECT_TRUE(header.fortran_order);
  EXPECT_EQ(parse("{'descr': '|b1', 'fortran_order': False, 'shape': (), }").shape, Shape{});
}

TEST(npy, broken_headers_are_refused) {
  for (const char* dict :
       {"", "{", "{}", "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'descr': '<f4', 'shape': ()}",
        "{'descr': '<f4', 'fortran_order': 1, 'shape': ()}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1 2)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x",
        "{'descr': '', 'fortran_order': False, 'shape': ()}",
        "{'descr': '<f3', 'fortran_order': False, 'shape': ()}", "{'descr: '<f4'", "{'x': 1}",
        "{'descr': '<f4' 'fortran_order': False, 'shape': ()}"}) {
    EXPECT_NE(refusal([&] { parse(dict); }), "") << dict;
  }
  EXPECT_NE(refusal([] { parse("{'descr': '<f4', 'fortran_order': False, 'shape': ()}", 4); }), "");
}

}  // namespace
}  // namespace tenon::weights
