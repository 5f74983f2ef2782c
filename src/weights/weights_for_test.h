// What the tests of weight files share: temporary folders, seeds of other libraries, and a protobuf
// encoder of their own.
#pragma once

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "base/byte_source.h"
#include "base/dtype.h"
#include "tenon/error.h"
#include "weights/source.h"

namespace tenon::weights::testing {

/// A folder that goes with the test.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "tenon_weights_XXXXXX").native();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

inline std::shared_ptr<const base::ByteSource> memory(std::string_view bytes) {
  const auto view = std::as_bytes(std::span(bytes));
  return base::memory_source(std::vector<std::byte>(view.begin(), view.end()));
}

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A seed written by the format's own library (tests/fuzz/make_corpus.py); tests run in the
/// project's root.
inline std::filesystem::path seed(const std::string& name) { return "tests/fuzz/corpus/" + name; }

inline std::vector<std::filesystem::path> seeds(const std::string& target) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(seed(target)))
    paths.push_back(entry.path());
  EXPECT_FALSE(paths.empty());
  return paths;
}

/// The elements as doubles, read as their own dtype.
inline std::vector<double> elements(const TensorSource& source) {
  const auto count = static_cast<size_t>(element_count(source.shape));
  std::vector<std::byte> bytes(source.size());
  read_elements(source, 0, static_cast<int64_t>(count), source.dtype, bytes.data());
  std::vector<double> values;
  base::dispatch(source.dtype, [&]<class T>(base::TypeTag<T>) {
    for (size_t i = 0; i < count; ++i) {
      values.push_back(static_cast<double>(base::load<T>(bytes.data() + i * sizeof(T))));
    }
  });
  return values;
}

/// make_corpus.py's formula for the seeds' elements.
inline void expect_seed_values(const TensorSource& source) {
  const std::vector<double> values = elements(source);
  for (size_t i = 0; i < values.size(); ++i) {
    const double index = static_cast<double>(i);
    const double want = is_floating(source.dtype)      ? index * 0.5 - 1
                        : source.dtype == DType::bool_ ? static_cast<double>(i % 2)
                                                       : index;
    EXPECT_EQ(values[i], want) << to_string(source.dtype) << " " << i;
  }
}

/// The error's message if `read` throws one of Tenon's, "" if it does not throw; anything else
/// fails the test.
inline std::string refusal(const std::function<void()>& read, ErrorCode* code = nullptr) {
  try {
    read();
  } catch (const Error& error) {
    if (code) *code = error.code();
    const std::string message = error.what();
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    return message;
  } catch (const std::exception& error) {
    ADD_FAILURE() << "not a tenon::Error: " << error.what();
  }
  return {};
}

/// Calls `read` with every truncation of `bytes`, and with many damaged copies: only tenon::Error
/// may escape.
inline void expect_only_errors(const std::string& bytes,
                               const std::function<void(const std::string&)>& read) {
  for (size_t size = 0; size < bytes.size(); ++size) refusal([&] { read(bytes.substr(0, size)); });
  std::mt19937 random(7);
  for (int i = 0; i < 1000; ++i) {
    std::string damaged = bytes;
    for (unsigned flips = random() % 4 + 1; flips > 0; --flips) {
      damaged[random() % damaged.size()] = static_cast<char>(random() % 3 == 0 ? 0xff : random());
    }
    refusal([&] { read(damaged); });
  }
}

/// The most bytes that this process has held so far.
inline int64_t peak_memory() {
  struct rusage usage {};
  ::getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} << 10;
}

/// A protobuf message under construction, written from the encoding's description, not with the
/// library under test.
struct Message {
  std::string bytes;

  static std::string varint(uint64_t value) {
    std::string out;
    for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
    return out + static_cast<char>(value);
  }
  Message& number(int field, uint64_t value) {
    bytes += varint(static_cast<uint64_t>(field) << 3) + varint(value);
    return *this;
  }
  Message& text(int field, const std::string& value) {
    bytes += varint(static_cast<uint64_t>(field) << 3 | 2) + varint(value.size()) + value;
    return *this;
  }
  Message& message(int field, const Message& value) { return text(field, value.bytes); }
  /// The head of a field whose `size` bytes come later.
  Message& open(int field, uint64_t size) {
    bytes += varint(static_cast<uint64_t>(field) << 3 | 2) + varint(size);
    return *this;
  }
};

}  // namespace tenon::weights::testing
