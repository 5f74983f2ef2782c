// A checkpoint in several safetensors files, with an index of which name is in which.
#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "weights/inside.h"
#include "weights/json_events.h"
#include "weights/safetensors.h"

namespace tenon::weights {

namespace fs = std::filesystem;

namespace {

constexpr uint64_t kLongestIndex = uint64_t{256} << 20;
constexpr int kDeepest = 64;

/// The index: {"weight_map": {name: file}, …}; what else it says is of no use here.
class IndexReader final : public JsonEvents {
 public:
  using JsonEvents::JsonEvents;

  std::map<std::string, std::string> weight_map;
  bool complete = false;

  bool key(string_t& key) override {
    if (depth_ == 1) in_map_ = key == "weight_map";
    if (depth_ == 1 && in_map_ && std::exchange(complete, true)) refuse("has weight_map twice");
    key_ = key;
    return true;
  }
  bool string(string_t& file) override {
    if (in_map_ && depth_ == 2 && !weight_map.emplace(key_, file).second) {
      refuse(fmt::format("has {} twice", base::quoted(key_)));
    }
    return depth_ > 0 || unexpected("a string");
  }
  bool start_object(size_t) override { return enter("an object", in_map_ && depth_ == 1); }
  bool start_array(size_t) override {
    return depth_ > 0 ? enter("an array", false) : unexpected("an array");
  }
  bool end_object() override { return --depth_ >= 0; }
  bool end_array() override { return --depth_ >= 0; }
  bool null() override { return ignore("null"); }
  bool boolean(bool) override { return ignore("a bool"); }
  bool number_integer(number_integer_t) override { return ignore("a number"); }
  bool number_unsigned(number_unsigned_t) override { return ignore("a number"); }
  bool number_float(number_float_t, const string_t&) override { return ignore("a number"); }

 private:
  std::string place() const override { return fmt::format(" (at {})", base::quoted(key_)); }
  bool ignore(const char* kind) const { return (depth_ > 0 && !in_map_) || unexpected(kind); }
  bool enter(const char* kind, bool is_map) {
    if ((in_map_ && !is_map) || ++depth_ > kDeepest) return unexpected(kind);
    return true;
  }

  int depth_ = 0;
  bool in_map_ = false;
  std::string key_;
};

std::vector<fs::path> files_ending(const fs::path& folder, const std::string& ending) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().native().ends_with(ending)) found.push_back(entry.path());
  }
  if (error) {
    base::fail(ErrorCode::io, "{}: cannot list: {}", base::quoted(folder.native()),
               error.message());
  }
  return found;
}

[[noreturn]] void fail_ambiguous(const fs::path& folder, std::vector<fs::path> found) {
  constexpr size_t most = 5;
  std::ranges::sort(found);
  const auto is_shard = [](const fs::path& each) {  // "model-00001-of-00002.safetensors"
    return each.filename().native().find("-of-") != std::string::npos;
  };
  if (std::ranges::all_of(found, is_shard)) {
    base::fail(ErrorCode::bad_file,
               "{}: the folder has {} shards, and no index of which name is in which; put the "
               "*.index.json that was saved with them beside them",
               base::quoted(folder.native()), found.size());
  }
  std::vector<std::string> names;
  for (const fs::path& each : std::span(found).first(std::min(most, found.size())))
    names.push_back(base::quoted(each.filename().native()));
  base::fail(ErrorCode::bad_file, "{}: the folder has several checkpoints, {}{}; give one of them",
             base::quoted(folder.native()), base::join(names, ", "),
             found.size() > most ? ", …" : "");
}

std::map<std::string, std::string> read_index(const base::ByteSource& index) {
  if (index.size() > kLongestIndex) {
    base::fail(ErrorCode::bad_file, "{}: is too large for an index: {} bytes", index.name(),
               index.size());
  }
  IndexReader reader(index.name() + ": the index");
  const std::vector<std::byte> text = base::read_range(index, 0, index.size());
  reader.parse(text);
  if (!reader.complete)
    base::fail(ErrorCode::bad_file, "{}: the index has no weight_map", index.name());
  return std::move(reader.weight_map);
}

}  // namespace

// Hubs keep indices of other formats beside the safetensors one, which its longer name tells.
fs::path checkpoint_in(const fs::path& folder) {
  for (const char* ending : {".safetensors.index.json", ".index.json", ".safetensors"}) {
    std::vector<fs::path> found = files_ending(folder, ending);
    std::erase_if(found,
                  [](const fs::path& file) { return file.native().ends_with(".bin.index.json"); });
    if (found.size() == 1) return found[0];
    if (found.size() > 1) fail_ambiguous(folder, found);
  }
  for (const char* ending : {".bin", ".pt", ".pth"}) {
    if (files_ending(folder, ending).empty()) continue;
    base::fail(ErrorCode::unsupported,
               "{}: the folder has files *{} of torch, which Tenon does not read; save the "
               "state_dict with safetensors.torch.save_file, or give it to refit() itself",
               base::quoted(folder.native()), ending);
  }
  base::fail(ErrorCode::bad_file, "{}: the folder has no *.safetensors; give a file of weights",
             base::quoted(folder.native()));
}

WeightFile read_shards(const fs::path& index_path) {
  const auto index = base::open_file(index_path);
  WeightFile file{.path = index_path.native()};
  FilesInside files(base::folder_of(index_path));
  std::map<std::shared_ptr<const base::ByteSource>, Safetensors> shards;
  for (const auto& [name, shard] : read_index(*index)) {
    const auto bytes = files.open(shard, index->name());
    auto found = shards.find(bytes);
    if (found == shards.end()) found = shards.emplace(bytes, read_safetensors(bytes)).first;
    if (const auto type = found->second.unreadable.find(name);
        type != found->second.unreadable.end()) {
      file.unreadable.insert(*type);
      continue;
    }
    const auto tensor = found->second.tensors.find(name);
    if (tensor == found->second.tensors.end()) {
      base::fail(ErrorCode::bad_file, "{}: the index puts {} into {}, which does not have it",
                 index->name(), base::quoted(name), base::quoted(shard));
    }
    file.tensors.insert(*tensor);
  }
  return file;
}

}  // namespace tenon::weights
