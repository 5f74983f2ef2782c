// The process's creators of plugins: they register and are found; a network takes none.
#include <dlfcn.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "NvInferRuntimePlugin.h"
#include "report.h"

namespace tenon::trt {
namespace {

using nvinfer1::IPluginCreator;
using nvinfer1::IPluginCreatorInterface;
using nvinfer1::IPluginResource;

struct Key {
  std::string name, version, space;
  auto operator<=>(const Key&) const = default;
};

std::string text(const char* given) { return given != nullptr ? given : ""; }

// A creator says its name by the interface that it has.
Key key_of(IPluginCreatorInterface& creator, const char* space) {
  const std::string kind = text(creator.getInterfaceInfo().kind);
  if (kind == "PLUGIN CREATOR_V3ONE") {
    auto& one = static_cast<nvinfer1::IPluginCreatorV3One&>(creator);
    return {text(one.getPluginName()), text(one.getPluginVersion()), text(space)};
  }
  if (kind != "PLUGIN CREATOR_V1") refuse("\"" + kind + "\" is no creator that is known here");
  auto& first = static_cast<IPluginCreator&>(creator);
  return {text(first.getPluginName()), text(first.getPluginVersion()), text(space)};
}

class Registry final : public nvinfer1::IPluginRegistry {
 public:
  bool registerCreator(IPluginCreator& creator, const char* space) noexcept override {
    return registerCreator(static_cast<IPluginCreatorInterface&>(creator), space);
  }
  bool registerCreator(IPluginCreatorInterface& creator, const char* space) noexcept override {
    return guarded(reporter_, "IPluginRegistry::registerCreator", [&] {
      const std::lock_guard lock(mutex_);
      const Key key = key_of(creator, space);
      if (!creators_.emplace(key, &creator).second)
        refuse("there is a plugin \"" + key.name + "\" of version \"" + key.version + "\" already");
      all_.push_back(&creator);
    });
  }
  bool deregisterCreator(const IPluginCreator& creator) noexcept override {
    return deregisterCreator(static_cast<const IPluginCreatorInterface&>(creator));
  }
  bool deregisterCreator(const IPluginCreatorInterface& creator) noexcept override {
    const std::lock_guard lock(mutex_);
    std::erase(all_, &creator);
    return std::erase_if(creators_, [&](auto& each) { return each.second == &creator; }) > 0;
  }
  IPluginCreatorInterface* getCreator(const char* name, const char* version,
                                      const char* space) noexcept override {
    const std::lock_guard lock(mutex_);
    const auto found = creators_.find(Key{text(name), text(version), text(space)});
    return found != creators_.end() ? found->second : nullptr;
  }
  IPluginCreatorInterface* const* getAllCreators(int32_t* count) const noexcept override {
    if (count != nullptr) *count = static_cast<int32_t>(all_.size());
    return all_.data();
  }
  IPluginCreatorInterface* const* getAllCreatorsRecursive(int32_t* count) noexcept override {
    return getAllCreators(count);
  }
  IPluginCreator* getPluginCreator(const char* name, const char* version,
                                   const char* space) noexcept override {
    IPluginCreatorInterface* found = getCreator(name, version, space);
    const bool first = found != nullptr && first_kind(*found);
    return first ? static_cast<IPluginCreator*>(found) : nullptr;
  }
  IPluginCreator* const* getPluginCreatorList(int32_t* count) const noexcept override {
    const std::lock_guard lock(mutex_);
    first_.clear();
    for (IPluginCreatorInterface* each : all_)
      if (first_kind(*each)) first_.push_back(static_cast<IPluginCreator*>(each));
    if (count != nullptr) *count = static_cast<int32_t>(first_.size());
    return first_.data();
  }
  PluginLibraryHandle loadLibrary(const char* path) noexcept override;
  void deregisterLibrary(PluginLibraryHandle handle) noexcept override;
  bool isParentSearchEnabled() const noexcept override { return parents_; }
  void setParentSearchEnabled(const bool on) noexcept override { parents_ = on; }
  IPluginResource* acquirePluginResource(const char* key,
                                         IPluginResource* resource) noexcept override;
  int32_t releasePluginResource(const char* key) noexcept override;
  void setErrorRecorder(nvinfer1::IErrorRecorder* recorder) noexcept override {
    reporter_.set_recorder(recorder);
  }
  nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept override {
    return reporter_.recorder();
  }

 private:
  static bool first_kind(IPluginCreatorInterface& creator) {
    return text(creator.getInterfaceInfo().kind) == "PLUGIN CREATOR_V1";
  }
  struct Shared {
    IPluginResource* resource;
    int32_t users;
  };

  Reporter reporter_{nullptr};
  mutable std::mutex mutex_;
  std::map<Key, IPluginCreatorInterface*> creators_;
  std::vector<IPluginCreatorInterface*> all_;
  mutable std::vector<IPluginCreator*> first_;
  std::map<void*, std::vector<IPluginCreatorInterface*>> libraries_;
  std::map<std::string, Shared> resources_;
  bool parents_ = true;
};

Registry::PluginLibraryHandle Registry::loadLibrary(const char* path) noexcept {
  return guarded(reporter_, "IPluginRegistry::loadLibrary", static_cast<void*>(nullptr), [&] {
    void* library = dlopen(name_of(path, "the library's path").c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) refuse(dlerror());
    using Creators = IPluginCreatorInterface* const* (*)(int32_t&);
    const auto list = reinterpret_cast<Creators>(dlsym(library, "getCreators"));
    if (list == nullptr) {
      dlclose(library);
      refuse("\"" + std::string(path) + "\" has no getCreators");
    }
    int32_t count = 0;
    IPluginCreatorInterface* const* creators = list(count);
    for (int32_t i = 0; i < count; ++i)
      if (registerCreator(*creators[i], "")) libraries_[library].push_back(creators[i]);
    return library;
  });
}

void Registry::deregisterLibrary(PluginLibraryHandle handle) noexcept {
  guarded(reporter_, "IPluginRegistry::deregisterLibrary", [&] {
    if (!libraries_.contains(handle)) refuse("no library was loaded with this handle");
    for (const IPluginCreatorInterface* each : libraries_[handle]) deregisterCreator(*each);
    libraries_.erase(handle);
    dlclose(handle);
  });
}

// A key's first resource is cloned, and lives until all that acquired it have released it.
IPluginResource* Registry::acquirePluginResource(const char* key,
                                                 IPluginResource* resource) noexcept {
  const auto none = static_cast<IPluginResource*>(nullptr);
  return guarded(reporter_, "IPluginRegistry::acquirePluginResource", none, [&] {
    const std::lock_guard lock(mutex_);
    const std::string name = name_of(key, "the key");
    if (resource == nullptr) refuse("\"" + name + "\": the resource is null");
    auto found = resources_.find(name);
    if (found == resources_.end()) {
      IPluginResource* made = resource->clone();
      if (made == nullptr) refuse("\"" + name + "\": clone() gave null");
      found = resources_.emplace(name, Shared{made, 0}).first;
    }
    ++found->second.users;
    return found->second.resource;
  });
}

int32_t Registry::releasePluginResource(const char* key) noexcept {
  return guarded(reporter_, "IPluginRegistry::releasePluginResource", -1, [&] {
    const std::lock_guard lock(mutex_);
    const auto found = resources_.find(name_of(key, "the key"));
    if (found == resources_.end()) refuse("\"" + name_of(key) + "\" was never acquired");
    if (--found->second.users == 0) {
      found->second.resource->release();
      resources_.erase(found);
    }
    return 0;
  });
}

}  // namespace
}  // namespace tenon::trt

// As long as the process: creators of static lifetime are deregistered at its end.
nvinfer1::IPluginRegistry* getPluginRegistry() noexcept {
  static auto* registry = new tenon::trt::Registry;
  return registry;
}
