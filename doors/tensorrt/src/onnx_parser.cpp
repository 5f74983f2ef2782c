// Parsers: a model is looked at first, and becomes layers when nothing is wrong with it.
#include <algorithm>

#include "onnx_errors.h"
#include "onnx_import.h"

namespace tenon::trt {
namespace {

using nvonnxparser::OnnxParserFlag;
using Code = OnnxError::Code;

/// A run of nodes that are all supported, or all not.
struct Subgraph {
  std::vector<int64_t> nodes;
  bool supported = true;
};

class ParserImpl final : public nvonnxparser::IParser {
 public:
  ParserImpl(NetworkImpl& network, nvinfer1::ILogger* logger)
      : network_(network), errors_(logger) {}

  bool parse(const void* model, size_t size, const char* path) noexcept override {
    return errors_.guarded("IParser::parse", Code::kMODEL_DESERIALIZE_FAILED,
                           [&] { return import("IParser::parse", OnnxSource(model, size, path)); });
  }
  bool parseWithWeightDescriptors(const void* model, size_t size) noexcept override {
    return parse(model, size, nullptr);
  }
  bool parseFromFile(const char* file, int) noexcept override {
    return errors_.guarded("IParser::parseFromFile", Code::kMODEL_DESERIALIZE_FAILED,
                           [&] { return import("IParser::parseFromFile", OnnxSource(file)); });
  }
  bool loadModelProto(const void* model, size_t size, const char* path) noexcept override {
    return errors_.guarded("IParser::loadModelProto", Code::kMODEL_DESERIALIZE_FAILED, [&] {
      if (source_) refuse("a model is loaded already; make another parser");
      OnnxSource source(model, size, path);
      source.open();
      source_ = std::move(source);
      return true;
    });
  }
  bool loadInitializer(const char* name, const void* data, size_t size) noexcept override {
    return errors_.guarded("IParser::loadInitializer", Code::kINVALID_VALUE, [&] {
      loaded().give(name, data, size);
      return true;
    });
  }
  bool parseModelProto() noexcept override {
    return errors_.guarded("IParser::parseModelProto", Code::kINVALID_GRAPH,
                           [&] { return import("IParser::parseModelProto", loaded()); });
  }

  bool supportsModelV2(const void* model, size_t size, const char* path) noexcept override {
    subgraphs_.clear();
    return errors_.guarded("IParser::supportsModelV2", Code::kMODEL_DESERIALIZE_FAILED, [&] {
      const OnnxModel opened = OnnxSource(model, size, path).open();
      return divide("IParser::supportsModelV2", opened);
    });
  }
  bool supportsModel(const void* model, size_t size, SubGraphCollection_t& collection,
                     const char* path) noexcept override {
    const bool all = supportsModelV2(model, size, path);
    collection.clear();
    for (const Subgraph& each : subgraphs_)
      collection.emplace_back(std::vector<size_t>(each.nodes.begin(), each.nodes.end()),
                              each.supported);
    return all;
  }
  int64_t getNbSubgraphs() noexcept override { return static_cast<int64_t>(subgraphs_.size()); }
  bool isSubgraphSupported(const int64_t i) noexcept override {
    return i >= 0 && index(i) < subgraphs_.size() && subgraphs_[index(i)].supported;
  }
  int64_t* getSubgraphNodes(const int64_t i, int64_t& length) noexcept override {
    length = 0;
    if (i < 0 || index(i) >= subgraphs_.size()) return nullptr;
    length = static_cast<int64_t>(subgraphs_[index(i)].nodes.size());
    return subgraphs_[index(i)].nodes.data();
  }
  bool supportsOperator(const char* op) const noexcept override {
    if (op == nullptr) return false;
    const std::vector<std::string> known = onnx_operators();
    return std::ranges::binary_search(known, std::string(op));
  }

  int getNbErrors() const noexcept override { return errors_.count(); }
  const nvonnxparser::IParserError* getError(int i) const noexcept override {
    return errors_.at(i);
  }
  void clearErrors() noexcept override { errors_.clear(); }
  const char* const* getUsedVCPluginLibraries(int64_t& count) const noexcept override {
    count = 0;
    return nullptr;
  }

  void setFlags(uint32_t flags) noexcept override {
    trt::guarded(errors_.reporter(), "IParser::setFlags", [&] {
      if (flags >> kFlags != 0) refuse("unknown bits in " + std::to_string(flags));
      flags_ = flags;
    });
  }
  uint32_t getFlags() const noexcept override { return flags_; }
  void setFlag(OnnxParserFlag flag) noexcept override { change(flag, true); }
  void clearFlag(OnnxParserFlag flag) noexcept override { change(flag, false); }
  bool getFlag(OnnxParserFlag flag) const noexcept override {
    const auto bit = static_cast<uint32_t>(flag);
    return bit < kFlags && (flags_ >> bit & 1U) != 0;
  }
  const nvinfer1::ITensor* getLayerOutputTensor(const char* name, int64_t i) noexcept override {
    for (int32_t at = 0; name != nullptr && at < network_.getNbLayers(); ++at)
      if (network_.getLayer(at)->getName() == std::string(name))
        return network_.getLayer(at)->getOutput(static_cast<int32_t>(i));
    return nullptr;
  }
  bool setBuilderConfig(const nvinfer1::IBuilderConfig*) noexcept override { return true; }

 private:
  static constexpr uint32_t kFlags = nvonnxparser::EnumMax<OnnxParserFlag>();

  void change(OnnxParserFlag flag, bool on) noexcept {
    trt::guarded(errors_.reporter(), "IParser::setFlag", [&] {
      const auto bit = static_cast<uint32_t>(flag);
      if (bit >= kFlags) refuse(std::to_string(bit) + " is no OnnxParserFlag");
      if (on && flag != OnnxParserFlag::kNATIVE_INSTANCENORM)
        errors_.reporter().say(Reporter::Severity::kWARNING,
                               "IParser::setFlag: there is neither DLA nor plugin here; the flag "
                               "has no effect");
      flags_ = on ? flags_ | 1U << bit : flags_ & ~(1U << bit);
    });
  }

  OnnxSource& loaded() {
    if (!source_) refuse("no model is loaded; loadModelProto first");
    return *source_;
  }

  // Nothing is added for a model with problems.
  bool import(const char* function, const OnnxSource& source) {
    const OnnxModel model = source.open();
    if (report(function, problems_of(model))) return false;
    network_.make_explicit();
    const int32_t before = network_.getNbInputs();
    network_.all_or_nothing([&] { OnnxImport(network_, model).run(); });
    for (int32_t i = before; i < network_.getNbInputs(); ++i) {
      const nvinfer1::ITensor& input = *network_.getInput(i);
      if (input.getType() == nvinfer1::DataType::kINT64)
        errors_.reporter().say(
            Reporter::Severity::kWARNING,
            "Make sure input " + std::string(input.getName()) + " has Int64 binding.");
    }
    return true;
  }

  // What Tenon takes and the interface cannot say, and what the model itself lacks.
  static std::vector<Problem> problems_of(const OnnxModel& model) {
    std::vector<Problem> problems = model.problems();
    for (const OnnxPort& port : model.graph().inputs) {
      if (port.type != "STRING" && port.type != "UNDEFINED") continue;
      const std::string what = "input \"" + port.name + "\"";
      std::erase_if(problems, [&](const Problem& each) {
        return each.index < 0 && each.message.find(what) != std::string::npos;
      });
      problems.push_back({"input", -1, port.name, "",
                          what + " is of type " + port.type +
                              ", which no DataType is; cut the model behind it, or use Tenon's "
                              "own interface"});
    }
    return problems;
  }

  bool report(const char* function, const std::vector<Problem>& problems) {
    for (const Problem& each : problems) {
      if (each.kind == "input")
        errors_.add(function, Code::kUNSUPPORTED_NODE_DATATYPE, each.message, each);
      else
        errors_.add(function, each);
    }
    return !problems.empty();
  }

  bool divide(const char* function, const OnnxModel& model) {
    const std::vector<Problem> problems = problems_of(model);
    std::set<int64_t> lacking;
    for (const Problem& each : problems) lacking.insert(each.index);
    const auto count = static_cast<int64_t>(model.graph().nodes.size());
    for (int64_t i = 0; i < count; ++i) {
      const bool supported = !lacking.contains(i);
      if (subgraphs_.empty() || subgraphs_.back().supported != supported)
        subgraphs_.push_back({{}, supported});
      subgraphs_.back().nodes.push_back(i);
    }
    return !report(function, problems);
  }

  NetworkImpl& network_;
  OnnxErrors errors_;
  std::vector<Subgraph> subgraphs_;
  std::optional<OnnxSource> source_;
  uint32_t flags_ = 1U << static_cast<uint32_t>(OnnxParserFlag::kNATIVE_INSTANCENORM);
};

}  // namespace

nvonnxparser::IParser* new_parser(nvinfer1::INetworkDefinition& network,
                                  nvinfer1::ILogger* logger) {
  return new ParserImpl(static_cast<NetworkImpl&>(network), logger);
}

}  // namespace tenon::trt
