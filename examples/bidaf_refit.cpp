// Questions about a text, as strings, to an unmodified BiDAF model, before and after refits.
//
//   bidaf_refit [FOLDER]     FOLDER (tests/data/bidaf) has bidaf.onnx
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tenon/build.h"
#include "tenon/context.h"
#include "tenon/onnx.h"
#include "tenon/refitter.h"

namespace {

using Words = std::vector<std::string>;

constexpr int64_t characters = 16;
const Words text{"A", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog", "."};
const Words question{"What", "color", "is", "the", "fox", "?"};

tenon::Tensor words_of(Words tokens) {
  for (std::string& token : tokens)
    for (char& c : token)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return {tokens, {static_cast<int64_t>(tokens.size()), 1}};
}

tenon::Tensor characters_of(const Words& tokens) {
  Words letters;
  for (const std::string& token : tokens)
    for (size_t i = 0; i < characters; ++i)
      letters.push_back(i < token.size() ? token.substr(i, 1) : std::string());
  return {letters, {static_cast<int64_t>(tokens.size()), 1, 1, characters}};
}

void show(const tenon::Engine& engine, const char* what) {
  const tenon::Tensor inputs[] = {words_of(text), characters_of(text), words_of(question),
                                  characters_of(question)};
  tenon::Outputs made = tenon::Context(engine).run({{"context_word", inputs[0]},
                                                    {"context_char", inputs[1]},
                                                    {"query_word", inputs[2]},
                                                    {"query_char", inputs[3]}});
  const int first = made["start_pos"].as<int>()[0], last = made["end_pos"].as<int>()[0];
  std::printf("%s", what);
  for (int i = 0; i < static_cast<int>(text.size()); ++i)
    std::printf(i >= first && i <= last ? " [%s]" : " %s", text[static_cast<size_t>(i)].c_str());
  std::printf("\n");
}

double refit_ms(tenon::Engine& engine, const std::map<std::string, tenon::Tensor>& weights) {
  const auto start = std::chrono::steady_clock::now();
  tenon::Refitter refitter(engine);
  for (const auto& [name, tensor] : weights) refitter.set(name, tensor);
  refitter.commit();
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
  return taken.count();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::filesystem::path folder = argc > 1 ? argv[1] : "tests/data/bidaf";
    tenon::Engine engine = tenon::build(tenon::load_onnx(folder / "bidaf.onnx"));
    std::map<std::string, tenon::Tensor> trained, ones;
    for (const char* name : {"Parameter576_B_0", "W_0"}) {
      const tenon::Tensor value = engine.read_weight(name);
      trained.emplace(name, value);
      tenon::Tensor one(value.dtype(), value.shape());
      for (float& each : one.as<float>()) each = 1.0F;
      ones.emplace(name, one);
    }
    refit_ms(engine, ones);
    show(engine, "with ones in two weights:  ");
    const double first = refit_ms(engine, trained), second = refit_ms(engine, trained);
    show(engine, "with the trained values:   ");
    std::printf("refits took %.2f and %.2f ms\n", first, second);
    engine.save("bidaf.tenon");
    tenon::Engine loaded = tenon::Engine::load("bidaf.tenon");
    std::filesystem::remove("bidaf.tenon");
    refit_ms(loaded, ones);
    refit_ms(loaded, trained);
    show(loaded, "saved, loaded, refitted:   ");
  } catch (const tenon::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
