// Write beside the target, fsync, rename: readers see the old file or the new one.
#include "base/file_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace tenon::base {

namespace fs = std::filesystem;

namespace {

constexpr int most_links = 40;  // as the kernel

// Where the bytes go in the end: behind symbolic links, so that they stay, though nothing be there
// yet. Only regular files are replaced: a rename over /dev/null would take the device away.
fs::path final_target(const fs::path& path) {
  if (!path.has_filename()) {
    fail(ErrorCode::io, "{}: names no file; give the name of a file", base::quoted(path.native()));
  }
  std::error_code ignored;
  fs::path target = path;
  for (int links = 0; fs::is_symlink(target, ignored); ++links) {
    if (links == most_links)
      fail(ErrorCode::io, "{}: too many symbolic links; name the file",
           base::quoted(path.native()));
    target = target.parent_path() / fs::read_symlink(target, ignored);
  }
  if (fs::exists(target, ignored) && !fs::is_regular_file(target, ignored)) {
    fail(ErrorCode::io, "{}: is not a regular file; give the name of a file",
         base::quoted(path.native()));
  }
  return target;
}

fs::path temporary_beside(const fs::path& target) {
  static std::atomic<unsigned> count = 0;
  const std::string name = target.filename().native().substr(0, 200);  // NAME_MAX is 255
  return target.parent_path() / fmt::format(".{}.{}.{}.tmp", name, ::getpid(), count++);
}

class AtomicFileWriter final : public FileWriter {
 public:
  explicit AtomicFileWriter(const fs::path& path) : target_(final_target(path)) {
    do {
      temporary_ = temporary_beside(target_);
      fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (fd_ < 0 && errno == EEXIST);
    if (fd_ < 0) fail_errno("cannot write", target_.native());
    keep_mode();
  }

  ~AtomicFileWriter() override {
    if (fd_ >= 0) ::close(fd_);
    if (!committed_) ::unlink(temporary_.c_str());
  }

  void write(Bytes bytes) override {
    while (!bytes.empty()) {
      const ssize_t done = ::write(fd_, bytes.data(), bytes.size());
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) fail_errno("cannot write", target_.native());
      bytes = bytes.subspan(static_cast<size_t>(done));
    }
  }

  void commit() override {
    if (::fsync(fd_) != 0) fail_errno("cannot write", target_.native());
    if (::close(std::exchange(fd_, -1)) != 0) fail_errno("cannot write", target_.native());
    if (::rename(temporary_.c_str(), target_.c_str()) != 0)
      fail_errno("cannot replace", target_.native());
    committed_ = true;
    sync_folder();
  }

 private:
  void keep_mode() const {
    struct stat old {};
    // A file system without modes refuses; the new file's own then serve.
    if (::stat(target_.c_str(), &old) == 0 && ::fchmod(fd_, old.st_mode & 07777) != 0) return;
  }

  // The file is complete by now: a folder that cannot be synced (some network file systems) is no
  // error.
  void sync_folder() const {
    const fs::path folder = target_.has_parent_path() ? target_.parent_path() : fs::path(".");
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    ::fsync(fd);
    ::close(fd);
  }

  fs::path target_;
  fs::path temporary_;
  int fd_ = -1;
  bool committed_ = false;
};

}  // namespace

std::unique_ptr<FileWriter> atomic_file_writer(const fs::path& path) {
  return std::make_unique<AtomicFileWriter>(path);
}

}  // namespace tenon::base
