// A stream of a GPU, and what waits for it on the host.
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "cuda/device.h"

namespace tenon::cuda {

/// What the host does when the stream has come so far: bytes are brought to where they were wanted,
/// data errors told, owners let go.
struct Turn {
  struct Back {
    void* to;
    const void* from;  ///< pinned
    size_t bytes;
  };
  struct Failable {
    uint32_t* word;  ///< pinned; not 0: it failed
    kernel::RunState* state;
    const ir::Node* node;
    const char* sentence;
  };

  std::vector<kernel::Buffer> pinned;  ///< staging of this turn, and the words
  size_t used = 0;                     ///< of the last block
  std::vector<Back> back;
  std::vector<Failable> failables;
  std::vector<std::shared_ptr<const void>> kept;

  bool empty() const { return pinned.empty() && kept.empty() && failables.empty(); }
  /// All but letting the owners go: calls no function of the driver.
  void tell() const noexcept;
};

/// A CUDA graph. The words of its launches are its own, and zero between replays.
class Graph final : public kernel::StepList {
 public:
  explicit Graph(std::shared_ptr<Device> device) : device_(std::move(device)) {}
  ~Graph() override;

  GraphRunHandle run = nullptr;
  std::vector<Turn::Failable> failables;  ///< without a state
  kernel::Buffer words;

 private:
  std::shared_ptr<Device> device_;
};

/// How many turns of a queue the driver's thread has taken, and the reaper has not ended.
class OpenTurns;

/// Of a launch.
struct Grid {
  unsigned blocks = 0, threads = 0;
  size_t shared = 0;  ///< bytes
};

class Queue final : public kernel::Queue {
 public:
  explicit Queue(std::shared_ptr<Device> device);
  ~Queue() override;

  Device& device() const { return *device_; }
  StreamHandle stream() const { return stream_; }

  // With the device's context current:
  void copy(void* to, const void* from, size_t bytes, kernel::CopyKind kind);
  void launch(FunctionHandle function, Grid grid, void** arguments) noexcept;
  /// The word in which a launch reports a data error.
  uint32_t* failure_word(const kernel::Launch& launch, const char* sentence);
  void keep(std::shared_ptr<const void> owner);
  void begin_capture();
  kernel::StepListPtr end_capture();
  void replay(const Graph& graph, kernel::RunState& state);
  /// Lets the host take its turn behind what is queued.
  void hand_over();
  void synchronize();
  /// Throws what the last launches met.
  void check_launches();
  void fail_launch(std::exception_ptr error) noexcept {
    if (!error_) error_ = std::move(error);
  }

 private:
  void refuse_while_capturing() const;
  void* stage(size_t bytes);
  /// To the device, by way of blocks of ours: at most as much as is staged at once.
  void send(std::byte* to, const std::byte* from, size_t bytes);
  void check(Result result, const char* what) const { device_->driver().check(result, what); }

  std::shared_ptr<Device> device_;
  StreamHandle stream_ = nullptr;
  std::shared_ptr<Graph> captured_;  // while it is made
  std::unique_ptr<Turn> turn_ = std::make_unique<Turn>();
  std::shared_ptr<OpenTurns> open_;
  std::exception_ptr error_;
};

}  // namespace tenon::cuda
