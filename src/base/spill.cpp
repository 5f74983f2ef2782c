// A nameless file behind a descriptor.
#include "base/spill.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <system_error>

#include "base/cache_folder.h"
#include "base/error.h"
#include "base/text.h"

namespace tenon::base {
namespace {

namespace fs = std::filesystem;

// Some file systems know no file without a name: there it has one for a moment.
int open_nameless(const fs::path& folder) {
  const int nameless = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (nameless >= 0) return nameless;
  std::string name = (folder / "tenon-XXXXXX").native();
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) ::unlink(name.c_str());
  return named;
}

int open_spill() {
  std::error_code ignored;
  if (const fs::path cache = cache_folder(); !cache.empty()) {
    fs::create_directories(cache, ignored);
    if (const int file = open_nameless(cache); file >= 0) return file;
  }
  const fs::path temporary = fs::temp_directory_path(ignored);
  const int file = open_nameless(temporary);
  if (file < 0) fail_errno("cannot make a file in", temporary.native());
  return file;
}

}  // namespace

class Spill::File final : public ByteSource {
 public:
  File() : file_(open_spill()) {}
  ~File() override { ::close(file_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  uint64_t size() const override { return size_; }
  std::string name() const override { return "spilled weights"; }
  void check_unchanged() const override {}

  void read(uint64_t offset, std::span<std::byte> out) const override {
    if (offset > size_ || out.size() > size_ - offset)
      fail(ErrorCode::bad_file, "{}: {} bytes at {} lie past the end at {}", name(), out.size(),
           offset, size());
    while (!out.empty()) {
      const ssize_t got = ::pread(file_, out.data(), out.size(), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) fail_errno("cannot read", name());
      out = out.subspan(static_cast<size_t>(got));
      offset += static_cast<uint64_t>(got);
    }
  }

  uint64_t append(Bytes bytes) {
    const uint64_t start = size_;
    uint64_t at = start;
    while (!bytes.empty()) {
      const ssize_t put = ::pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(at));
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) fail_errno("cannot write", name());
      bytes = bytes.subspan(static_cast<size_t>(put));
      at += static_cast<uint64_t>(put);
    }
    size_ = at;
    return start;
  }

 private:
  int file_;
  std::atomic<uint64_t> size_ = 0;  // read by others while more is written
};

Spill::Spill() : file_(std::make_shared<File>()) {}

uint64_t Spill::write(Bytes bytes) { return file_->append(bytes); }

std::shared_ptr<const ByteSource> Spill::source() const { return file_; }

}  // namespace tenon::base
