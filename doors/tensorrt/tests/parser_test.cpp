// ONNX models through the door: layers to walk, refits by layer and role and from models, errors.
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <map>

#include "NvOnnxConfig.h"
#include "NvOnnxParser.h"
#include "door.h"
#include "tenon/arrays.h"
#include "tenon/build.h"
#include "tenon/context.h"
#include "tenon/onnx_model.h"

namespace door {
namespace {

const std::string mnist = "tests/data/mnist/";

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Parsed : Bench {
  Owned<nvonnxparser::IParser> parser{nvonnxparser::createParser(*network, log)};
  Owned<ICudaEngine> engine_of(const std::string& file) {
    EXPECT_TRUE(parser->parseFromFile(file.c_str(), 0));
    IOptimizationProfile* profile = builder->createOptimizationProfile();
    for (const auto select : {OptProfileSelector::kMIN, OptProfileSelector::kOPT})
      profile->setDimensions("input", select, Dims4{1, 1, 28, 28});
    profile->setDimensions("input", OptProfileSelector::kMAX, Dims4{8, 1, 28, 28});
    if (network->getInput(0)->getDimensions().d[0] < 0) config->addOptimizationProfile(profile);
    config->setFlag(BuilderFlag::kREFIT);
    return engine();
  }
};

// One image through an engine whose batch may vary.
std::vector<float> answer(ICudaEngine& engine, const std::vector<float>& image) {
  std::vector<float> made(10, NAN);
  const Owned<IExecutionContext> context(engine.createExecutionContext());
  const char* input = engine.getIOTensorName(0);
  EXPECT_TRUE(context->setInputShape(input, Dims4{1, 1, 28, 28}));
  EXPECT_TRUE(context->setInputTensorAddress(input, image.data()));
  EXPECT_TRUE(context->setTensorAddress(engine.getIOTensorName(1), made.data()));
  EXPECT_TRUE(context->enqueueV3(nullptr));
  return made;
}

// The same in Tenon's own words, with other weights.
std::vector<float> tenons(const std::string& file, const std::string& weights,
                          const std::vector<float>& image) {
  tenon::Engine engine = tenon::build(tenon::load_onnx(file), {.tactics = tenon::Tactics::first});
  engine.refit(weights);
  auto outputs = tenon::Context(engine).run({{"input", tenon::TensorView(image, {1, 1, 28, 28})}});
  const auto values = std::as_const(outputs["output"]).as<float>();
  return {values.begin(), values.end()};
}

Weights as_weights(const tenon::Tensor& tensor) {
  return {DataType::kFLOAT, tensor.data(), tenon::element_count(tensor.shape())};
}

const std::vector<float> image = numbers(28 * 28, 3);

TEST(Parsers, make_layers_of_their_classes_with_the_models_weights) {
  Parsed parsed;
  ASSERT_TRUE(parsed.parser->parseFromFile((mnist + "lenet.onnx").c_str(), 0));
  INetworkDefinition& net = *parsed.network;
  ASSERT_EQ(net.getNbInputs(), 1);
  EXPECT_EQ(net.getInput(0)->getDimensions().d[0], -1);
  EXPECT_STREQ(net.getInput(0)->getDimensionName(0), "n");
  EXPECT_EQ(net.getInput(0)->getDimensionName(1), nullptr);
  ASSERT_EQ(net.getNbOutputs(), 1);
  EXPECT_STREQ(net.getOutput(0)->getName(), "output");
  ILayer* first = net.getLayer(0);
  ASSERT_EQ(first->getType(), LayerType::kCONVOLUTION);
  EXPECT_STREQ(first->getName(), "/conv1/Conv");
  const Weights kernel = static_cast<IConvolutionLayer*>(first)->getKernelWeights();
  const auto own = tenon::read_arrays(mnist + "lenet.onnx");
  ASSERT_EQ(kernel.count, tenon::element_count(own.at("conv1.weight").shape()));
  EXPECT_EQ(
      std::memcmp(kernel.values, own.at("conv1.weight").data(), own.at("conv1.weight").bytes()), 0);
  ILayer* last = net.getLayer(net.getNbLayers() - 1);
  EXPECT_EQ(last->getOutput(0), net.getOutput(0));
  EXPECT_EQ(parsed.parser->getLayerOutputTensor("/conv1/Conv", 0), first->getOutput(0));
  EXPECT_EQ(parsed.parser->getLayerOutputTensor("nobody", 0), nullptr);
  EXPECT_EQ(parsed.parser->getNbErrors(), 0);
  EXPECT_TRUE(parsed.log.errors.empty());
}

// A node's operand that is a weight, by the layer and role that it has in the network.
std::map<std::pair<std::string, WeightsRole>, std::string> places(const std::string& file) {
  std::map<std::pair<std::string, WeightsRole>, std::string> found;
  const tenon::OnnxModel model = tenon::open_onnx(file);
  for (const tenon::OnnxNode& node : model.graph().nodes) {
    for (size_t i = 1; i < node.inputs.size(); ++i) {
      const std::string& name = node.inputs[i];
      if (node.op == "Conv")
        found[{node.name, i == 1 ? WeightsRole::kKERNEL : WeightsRole::kBIAS}] = name;
      else
        found[{name, WeightsRole::kCONSTANT}] = name;
    }
  }
  return found;
}

TEST(Parsers, refits_by_layer_and_role_have_the_bits_of_tenons_own) {
  Parsed parsed;
  const std::string file = mnist + "lenet.onnx", checkpoint = mnist + "lenet_b.safetensors";
  const auto engine = parsed.engine_of(file);
  ASSERT_TRUE(engine);
  const auto weights = tenon::read_arrays(checkpoint);
  const auto where = places(file);
  const Owned<IRefitter> refitter(createInferRefitter(*engine, parsed.log));
  std::vector<const char*> layers(8);
  std::vector<WeightsRole> roles(8);
  ASSERT_EQ(refitter->getAll(8, layers.data(), roles.data()), 8);
  for (size_t i = 0; i < layers.size(); ++i) {
    const tenon::Tensor& value = weights.at(where.at({layers[i], roles[i]}));
    EXPECT_TRUE(refitter->setWeights(layers[i], roles[i], as_weights(value))) << layers[i];
  }
  EXPECT_TRUE(refitter->refitCudaEngine());
  EXPECT_EQ(answer(*engine, image), tenons(file, checkpoint, image));
  EXPECT_TRUE(parsed.log.errors.empty());
}

TEST(ParserRefitters, take_weights_from_a_model_or_leave_all_as_it_is) {
  Parsed parsed;
  const std::string file = mnist + "lenet.onnx";
  const auto engine = parsed.engine_of(file);
  ASSERT_TRUE(engine);
  const std::vector<float> before = answer(*engine, image);
  const Owned<IRefitter> refitter(createInferRefitter(*engine, parsed.log));
  const Owned<nvonnxparser::IParserRefitter> model(
      nvonnxparser::createParserRefitter(*refitter, parsed.log));

  EXPECT_FALSE(model->refitFromFile((mnist + "mnist-8-simplified.onnx").c_str()));
  ASSERT_EQ(model->getNbErrors(), 1);
  EXPECT_EQ(model->getError(0)->code(), nvonnxparser::ErrorCode::kREFIT_FAILED);
  EXPECT_NE(std::string(model->getError(0)->desc()).find("\"conv1.weight\""), std::string::npos);
  EXPECT_EQ(parsed.log.errors.size(), 1U);
  EXPECT_EQ(refitter->getNamedWeights("conv1.weight").values, nullptr);  // which is an error too
  EXPECT_TRUE(refitter->refitCudaEngine());
  EXPECT_EQ(answer(*engine, image), before);

  const std::string bytes = bytes_of(file);
  const auto trained = tenon::read_arrays(mnist + "lenet_a.safetensors");
  EXPECT_FALSE(model->refitModelProto());
  ASSERT_TRUE(model->loadModelProto(bytes.data(), bytes.size()));
  EXPECT_FALSE(model->loadInitializer("conv9.weight", bytes.data(), 4));
  EXPECT_FALSE(model->loadInitializer("conv1.bias", bytes.data(), 4));
  for (const auto& [name, value] : trained)
    EXPECT_TRUE(model->loadInitializer(name.c_str(), value.data(), value.bytes()));
  EXPECT_TRUE(model->refitModelProto());
  EXPECT_TRUE(refitter->refitCudaEngine());
  EXPECT_EQ(answer(*engine, image), tenons(file, mnist + "lenet_a.safetensors", image));

  EXPECT_TRUE(model->refitFromBytes(bytes.data(), bytes.size()));
  EXPECT_EQ(model->getNbErrors(), 0);
  EXPECT_TRUE(refitter->refitCudaEngine());
  EXPECT_EQ(answer(*engine, image), before);
}

TEST(Parsers, take_initializers_of_the_program) {
  Parsed parsed;
  const std::string bytes = bytes_of(mnist + "lenet.onnx");
  const std::vector<float> bias(10, 5.F);
  EXPECT_FALSE(parsed.parser->parseModelProto());
  ASSERT_TRUE(parsed.parser->loadModelProto(bytes.data(), bytes.size(), nullptr));
  EXPECT_FALSE(parsed.parser->loadModelProto(bytes.data(), bytes.size(), nullptr));
  EXPECT_TRUE(parsed.parser->loadInitializer("fc2.bias", bias.data(), 40));
  ASSERT_TRUE(parsed.parser->parseModelProto());
  int found = 0;
  for (int32_t i = 0; i < parsed.network->getNbLayers(); ++i) {
    ILayer* layer = parsed.network->getLayer(i);
    if (layer->getName() != std::string("fc2.bias")) continue;
    const Weights weights = static_cast<IConstantLayer*>(layer)->getWeights();
    EXPECT_EQ(static_cast<const float*>(weights.values)[9], 5.F);
    ++found;
  }
  EXPECT_EQ(found, 1);
}

TEST(Parsers, say_what_is_wrong_and_add_nothing) {
  Parsed parsed;
  nvonnxparser::IParser& parser = *parsed.parser;
  EXPECT_FALSE(parser.parseFromFile("nowhere.onnx", 0));
  ASSERT_EQ(parser.getNbErrors(), 1);
  EXPECT_EQ(parser.getError(0)->code(), nvonnxparser::ErrorCode::kMODEL_DESERIALIZE_FAILED);
  EXPECT_EQ(parser.getError(0)->node(), -1);
  EXPECT_EQ(parser.getError(1), nullptr);
  const std::string noise = "this is no model";
  EXPECT_FALSE(parser.parse(noise.data(), noise.size()));
  ASSERT_EQ(parser.getNbErrors(), 1);
  EXPECT_FALSE(parser.parse(nullptr, 0));
  EXPECT_FALSE(parser.supportsModelV2(noise.data(), noise.size()));
  parser.clearErrors();
  EXPECT_EQ(parser.getNbErrors(), 0);
  EXPECT_EQ(parsed.log.errors.size(), 4U);
  EXPECT_EQ(parsed.network->getNbLayers(), 0);
  EXPECT_EQ(parsed.network->getNbInputs(), 0);
  EXPECT_TRUE(parser.supportsOperator("Conv"));
  EXPECT_FALSE(parser.supportsOperator("Convolve"));
  EXPECT_EQ(createNvOnnxParser_INTERNAL(parsed.network.get(), &parsed.log, 7), nullptr);
  EXPECT_EQ(createNvOnnxParser_INTERNAL(nullptr, &parsed.log, NV_ONNX_PARSER_VERSION), nullptr);
}

TEST(Parsers, add_nothing_of_a_model_that_does_not_fit_the_network) {
  Parsed parsed;
  const std::string file = mnist + "lenet.onnx";
  ASSERT_TRUE(parsed.parser->parseFromFile(file.c_str(), 0));
  const int32_t layers = parsed.network->getNbLayers();
  EXPECT_FALSE(parsed.parser->parseFromFile(file.c_str(), 0));
  ASSERT_EQ(parsed.parser->getNbErrors(), 1);
  EXPECT_STREQ(parsed.parser->getError(0)->desc(), "there is an input \"input\" already");
  EXPECT_EQ(parsed.network->getNbLayers(), layers);
  EXPECT_EQ(parsed.network->getNbInputs(), 1);
  EXPECT_EQ(parsed.network->getNbOutputs(), 1);
  EXPECT_EQ(parsed.network->getOutput(0)->getDimensions().d[1], 10);
}

TEST(Parsers, keep_their_flags) {
  Parsed parsed;
  using nvonnxparser::OnnxParserFlag;
  EXPECT_TRUE(parsed.parser->getFlag(OnnxParserFlag::kNATIVE_INSTANCENORM));
  parsed.parser->setFlag(OnnxParserFlag::kADJUST_FOR_DLA);
  EXPECT_EQ(parsed.log.warnings.size(), 1U);
  EXPECT_EQ(parsed.parser->getFlags(), 17U);
  parsed.parser->setFlags(1U << 9);
  EXPECT_EQ(parsed.log.errors.size(), 1U);
  EXPECT_EQ(parsed.parser->getFlags(), 17U);
  const Owned<nvonnxparser::IOnnxConfig> config(nvonnxparser::createONNXConfig());
  config->setModelFileName("m.onnx");
  config->addVerbosity();
  EXPECT_STREQ(config->getModelFileName(), "m.onnx");
  EXPECT_EQ(config->getVerbosityLevel(), 3);
}

}  // namespace
}  // namespace door
