// Write beside the target, fsync, rename: readers see the old file or the new one.
#include "base/file_writer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <utility>

#include "base/byte_source.h"
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

// ".model.plan.tenon-4711.0.tmp"
fs::path temporary_beside(const fs::path& target) {
  static std::atomic<unsigned> count = 0;
  return target.parent_path() / fmt::format(".{}.tenon-{}.{}.tmp",
                                            target.filename().native().substr(0, 200),  // of 255
                                            ::getpid(), count++);
}

// Whether temporary_beside() could have made a name, for any target.
bool is_temporary(std::string_view name) {
  const auto drop_end = [&](std::string_view end) {
    const bool there = name.ends_with(end);
    if (there) name.remove_suffix(end.size());
    return there;
  };
  const auto drop_number = [&] {
    const size_t rest = name.find_last_not_of("0123456789") + 1;
    const bool there = rest < name.size();
    name = name.substr(0, rest);
    return there;
  };
  return drop_end(".tmp") && drop_number() && drop_end(".") && drop_number() &&
         drop_end(".tenon-") && name.starts_with('.') && name.size() > 1;
}

// Removes what writers into this folder left that were killed: nobody holds a lock on it.
void sweep_beside(const fs::path& target) {
  std::error_code error;
  for (fs::directory_iterator at(folder_of(target), error), end; !error && at != end;
       at.increment(error)) {
    if (!is_temporary(at->path().filename().native())) continue;
    const int fd = ::open(at->path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) continue;
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) ::unlink(at->path().c_str());
    ::close(fd);
  }
}

class AtomicFileWriter final : public FileWriter {
 public:
  AtomicFileWriter(const fs::path& path, bool named) : target_(final_target(path)) {
    sweep_beside(target_);
    if (!named) fd_ = ::open(folder_of(target_).c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    if (fd_ < 0) open_named();
    keep_mode();
  }

  ~AtomicFileWriter() override {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
    if (fd_ >= 0) ::close(fd_);
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
    if (temporary_.empty()) give_name();
    if (::rename(temporary_.c_str(), target_.c_str()) != 0)
      fail_errno("cannot replace", target_.native());
    temporary_.clear();
    if (::close(std::exchange(fd_, -1)) != 0) fail_errno("cannot write", target_.native());
    sync_folder();
  }

 private:
  // A lock tells the file from one whose writer was killed. It may be swept before it is locked.
  void open_named() {
    for (;;) {
      temporary_ = temporary_beside(target_);
      fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (fd_ < 0 && errno == EEXIST) continue;
      if (fd_ < 0) {
        temporary_.clear();
        fail_errno("cannot write", target_.native());
      }
      struct stat now {};
      if (::flock(fd_, LOCK_EX | LOCK_NB) != 0 || ::fstat(fd_, &now) != 0 || now.st_nlink > 0)
        return;
      ::close(fd_);
    }
  }

  // A whole file without a name gets one that a rename can take over the target's.
  void give_name() {
    ::flock(fd_, LOCK_EX | LOCK_NB);
    const std::string self = fmt::format("/proc/self/fd/{}", fd_);
    do {
      temporary_ = temporary_beside(target_);
      if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, temporary_.c_str(), AT_SYMLINK_FOLLOW) == 0)
        return;
    } while (errno == EEXIST);
    temporary_.clear();
    fail_errno("cannot write", target_.native());
  }

  void keep_mode() const {
    struct stat old {};
    // A file system without modes refuses; the new file's own then serve.
    if (::stat(target_.c_str(), &old) == 0 && ::fchmod(fd_, old.st_mode & 07777) != 0) return;
  }

  // The file is complete by now: a folder that cannot be synced (some network file systems) is no
  // error.
  void sync_folder() const {
    const int fd = ::open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    ::fsync(fd);
    ::close(fd);
  }

  fs::path target_;
  fs::path temporary_;  // empty while the file has no name
  int fd_ = -1;
};

}  // namespace

std::unique_ptr<FileWriter> atomic_file_writer(const fs::path& path) {
  return std::make_unique<AtomicFileWriter>(path, false);
}

std::unique_ptr<FileWriter> named_file_writer(const fs::path& path) {
  return std::make_unique<AtomicFileWriter>(path, true);
}

}  // namespace tenon::base
