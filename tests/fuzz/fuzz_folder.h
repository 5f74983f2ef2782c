// A folder for fuzz targets whose readers take paths.
#pragma once

#include <unistd.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace tenon::fuzz {

/// A folder of this process, removed at its end.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "tenon_fuzz_XXXXXX").native();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(const std::string& name, const uint8_t* data, size_t size) const {
    std::ofstream(path_ / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

/// A folder with a file "data.bin" of 32 zeros, which a model's external data may be.
class DataFolder : public Folder {
 public:
  DataFolder() {
    constexpr std::array<uint8_t, 32> bytes{};
    write("data.bin", bytes.data(), bytes.size());
  }
};

}  // namespace tenon::fuzz
