// Fuzzes the reader of an index of shards, beside a shard that has tensors "a" and "b": only
// tenon::Error may escape, and every source that it makes can be read.
#include <string_view>

#include "fuzz_folder.h"
#include "tenon/error.h"
#include "weights/safetensors.h"

namespace {

constexpr std::string_view kHeader =
    R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[],"data_offsets":[8,9]}})";

/// A folder with the shard.
class ShardFolder : public tenon::fuzz::Folder {
 public:
  ShardFolder() {
    std::string shard(8, '\0');
    shard[0] = static_cast<char>(kHeader.size());
    shard += kHeader;
    shard += "123456789";
    write("one.safetensors", reinterpret_cast<const uint8_t*>(shard.data()), shard.size());
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const ShardFolder folder;
  const auto index = folder.write("model.safetensors.index.json", data, size);
  try {
    for (const auto& [name, tensor] : tenon::weights::read_shards(index).tensors)
      tenon::weights::digest(tensor, tensor.dtype);
  } catch (const tenon::Error&) {  // the only class that a caller has to expect
  }
  return 0;
}
