// Files behind descriptors and bytes in memory as byte sources.
#include "base/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/change.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"

namespace tenon::base {

namespace {

void check_range(const ByteSource& source, uint64_t offset, uint64_t count) {
  if (offset <= source.size() && count <= source.size() - offset) return;
  fail(ErrorCode::bad_file, "{}: {} bytes at {} lie past the end at {}", source.name(), count,
       offset, source.size());
}

/// Owns a descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

bool same_time(const struct timespec& a, const struct timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

// Up to Linux 6.12 times tick every 1 to 10 ms, and a rewrite to the same size within the tick is
// not seen.
bool same_bytes(const struct stat& a, const struct stat& b) {
  return a.st_ino == b.st_ino && a.st_size == b.st_size && same_time(a.st_mtim, b.st_mtim);
}

class FileSource final : public ByteSource, public Observed {
 public:
  // O_NONBLOCK: opening a FIFO must not wait for its writer; regular files do not know the flag.
  explicit FileSource(const std::filesystem::path& path)
      : path_(path),
        absolute_(std::filesystem::absolute(path)),
        file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (file_.get() < 0) fail_errno("cannot open", path.native());
    opened_ = status();
    if (!S_ISREG(opened_.st_mode))
      fail(ErrorCode::io, "{}: is not a regular file; give the name of a file", name());
  }

  uint64_t size() const override { return static_cast<uint64_t>(opened_.st_size); }
  std::string name() const override { return base::quoted(path_.native()); }

  void read(uint64_t offset, std::span<std::byte> out) const override {
    check_range(*this, offset, out.size());
    while (!out.empty()) {
      const ssize_t got = ::pread(file_.get(), out.data(), out.size(), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail_errno("cannot read", path_.native());
      if (got == 0) fail(ErrorCode::bad_file, "{}: has become shorter since it was opened", name());
      out = out.subspan(static_cast<size_t>(got));
      offset += static_cast<uint64_t>(got);
    }
  }

  Change change() const override {
    const struct stat now = status();
    if (!same_bytes(opened_, now)) return Change::bytes;
    return same_time(opened_.st_ctim, now.st_ctim) ? Change::none : Change::status;
  }

  uint64_t stamp() const override {
    const struct stat now = status();
    uint64_t seen = static_cast<uint64_t>(now.st_size);
    for (const struct timespec& time : {now.st_mtim, now.st_ctim}) {
      seen = combine(seen, static_cast<uint64_t>(time.tv_sec));
      seen = combine(seen, static_cast<uint64_t>(time.tv_nsec));
    }
    return seen;
  }

  void check_unchanged() const override {
    const struct stat now = status();
    if (same_bytes(opened_, now)) {
      if (same_time(opened_.st_ctim, now.st_ctim) || !is_there(now)) return;
      fail(ErrorCode::bad_file,
           "{}: was changed in place after it was opened (its bytes, or its mode, owner or links); "
           "write a new file and rename it over the old one",
           name());
    }
    fail(ErrorCode::bad_file,
         "{}: was rewritten in place after it was opened; write a new file and rename it over the "
         "old one",
         name());
  }

 private:
  struct stat status() const {
    struct stat now {};
    if (::fstat(file_.get(), &now) != 0) fail_errno("cannot stat", path_.native());
    return now;
  }

  // mtime can be set back (cp -p), ctime cannot; but renaming and unlinking change it too, and such
  // a file reads on.
  bool is_there(const struct stat& file) const {
    struct stat found {};
    return ::stat(absolute_.c_str(), &found) == 0 && found.st_dev == file.st_dev &&
           found.st_ino == file.st_ino;
  }

  std::filesystem::path path_, absolute_;
  Descriptor file_;
  struct stat opened_ {};
};

class MemorySource final : public ByteSource {
 public:
  MemorySource(Bytes bytes, std::shared_ptr<const void> owner, bool lasting = true)
      : bytes_(bytes), owner_(std::move(owner)), lasting_(lasting) {}

  uint64_t size() const override { return bytes_.size(); }
  std::string name() const override { return "memory"; }
  bool lasting() const noexcept override { return lasting_; }
  const std::byte* memory() const noexcept override { return bytes_.data(); }
  void check_unchanged() const override {}
  void read(uint64_t offset, std::span<std::byte> out) const override {
    check_range(*this, offset, out.size());
    std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(offset), out.size(), out.begin());
  }

 private:
  Bytes bytes_;
  std::shared_ptr<const void> owner_;
  bool lasting_;
};

}  // namespace

Change change_of(const ByteSource& source) {
  const auto* observed = dynamic_cast<const Observed*>(&source);
  return observed ? observed->change() : Change::none;
}

uint64_t stamp_of(const ByteSource& source) {
  const auto* observed = dynamic_cast<const Observed*>(&source);
  return observed ? observed->stamp() : 0;
}

std::shared_ptr<const ByteSource> open_file(const std::filesystem::path& path) {
  return std::make_shared<FileSource>(path);
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

std::shared_ptr<const ByteSource> memory_source(std::vector<std::byte> bytes) {
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  const Bytes view(*owner);
  return std::make_shared<MemorySource>(view, std::move(owner));
}

std::shared_ptr<const ByteSource> memory_source(Bytes bytes, std::shared_ptr<const void> owner) {
  return std::make_shared<MemorySource>(bytes, std::move(owner));
}

std::shared_ptr<const ByteSource> callers_source(Bytes bytes) {
  return std::make_shared<MemorySource>(bytes, nullptr, false);
}

std::vector<std::byte> read_range(const ByteSource& source, uint64_t offset, uint64_t count) {
  check_range(source, offset, count);
  std::vector<std::byte> bytes(count);
  source.read(offset, bytes);
  return bytes;
}

}  // namespace tenon::base
