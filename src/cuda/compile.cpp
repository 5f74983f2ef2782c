// The compiler, and the two caches before it.
#include "cuda/compile.h"

#include <array>
#include <filesystem>
#include <optional>
#include <unordered_map>

#include "base/byte_source.h"
#include "base/cache_folder.h"
#include "base/error.h"
#include "base/file_writer.h"
#include "base/fork.h"
#include "base/hash.h"
#include "base/log.h"

namespace tenon::cuda {

namespace fs = std::filesystem;

namespace {

std::string compiler_version() {
  int major = 0, minor = 0;
  Compiler::get().version(&major, &minor);
  return fmt::format("{}.{}", major, minor);
}

/// One compilation; its end gives it back.
class Compilation {
 public:
  explicit Compilation(const std::string& text) {
    check(compiler_.create(&program_, text.c_str(), "tenon.cu", 0, nullptr, nullptr));
  }
  ~Compilation() { compiler_.destroy(&program_); }
  Compilation(const Compilation&) = delete;
  Compilation& operator=(const Compilation&) = delete;

  std::string run(const std::string& architecture) {
    // A binary runs where it is made: what only this very device has is welcome.
    const std::string exact = architecture == "sm_90" ? "sm_90a" : architecture;
    const std::string target = "--gpu-architecture=" + exact;
    // Products are added where the text says so (fma), and nowhere else: as on the CPU.
    const std::array<const char*, 3> options = {target.c_str(), "--std=c++17", "--fmad=false"};
    if (compiler_.compile(program_, static_cast<int>(options.size()), options.data()) != success)
      base::fail(ErrorCode::build, "internal: device code does not compile: {}", log());
    size_t size = 0;
    check(compiler_.code_size(program_, &size));
    std::string code(size, '\0');
    check(compiler_.code(program_, code.data()));
    return code;
  }

 private:
  void check(Result result) const {
    if (result == success) return;
    base::fail(ErrorCode::unavailable, "the CUDA run-time compiler: {}",
               compiler_.error_text(result));
  }

  std::string log() {
    size_t size = 0;
    compiler_.log_size(program_, &size);
    std::string text(size, '\0');
    if (size > 0) compiler_.log(program_, text.data());
    return text.substr(0, 2000);
  }

  const Compiler& compiler_ = Compiler::get();
  ProgramHandle program_ = nullptr;
};

// A file of the cache: the key, the hash of the code, the code. The key is compared whole, so that
// two texts of one hash are two texts.
std::string file_text(const std::string& key, const std::string& code) {
  return fmt::format("{} {} {:016x}\n", key.size(), code.size(), base::hash(code)) + key + code;
}

std::optional<std::string> read_code(const fs::path& file, const std::string& key) {
  try {
    const auto source = base::open_file(file);
    const auto bytes = base::read_range(*source, 0, source->size());
    const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const size_t at = text.find(key);
    if (at == std::string::npos) return std::nullopt;
    std::string code = text.substr(at + key.size());
    if (file_text(key, code) != text) return std::nullopt;
    return code;
  } catch (const Error&) {  // no file, or one that cannot be read: it is made again
    return std::nullopt;
  }
}

void write_code(const fs::path& file, const std::string& key, const std::string& code) {
  try {
    std::error_code ignored;
    fs::create_directories(file.parent_path(), ignored);
    const auto writer = base::atomic_file_writer(file);
    const std::string text = file_text(key, code);
    writer->write(std::as_bytes(std::span(text)));
    writer->commit();
  } catch (const Error& error) {
    base::log(LogLevel::debug, "device code is not kept: {}", error.what());
  }
}

std::string made(const std::string& text, const std::string& architecture) {
  const fs::path folder = base::cache_folder();
  const std::string key = architecture + "\n" + compiler_version() + "\n" + text;
  const fs::path file = folder / "cuda" / fmt::format("{:016x}.cubin", base::hash(key));
  if (!folder.empty()) {
    if (auto code = read_code(file, key)) return *code;
  }
  std::string code = Compilation(text).run(architecture);
  if (!folder.empty()) write_code(file, key, code);
  return code;
}

}  // namespace

const Binary& compile(const std::string& text, const std::string& architecture) {
  static base::Mutex mutex;
  static auto& known = *new std::unordered_map<std::string, Binary>;  // devices look at it at exit
  const std::string key = architecture + "\n" + text;
  {
    const std::lock_guard lock(mutex);
    if (const auto found = known.find(key); found != known.end()) return found->second;
  }
  // Two threads may make the same: the first is kept.
  Binary binary{made(std::string(prelude) + text, architecture)};
  const std::lock_guard lock(mutex);
  return known.try_emplace(key, std::move(binary)).first->second;
}

}  // namespace tenon::cuda
