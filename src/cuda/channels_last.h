// The layout of convolutions on tensor cores: [n, spatial…, c], channels in blocks of 8.
#pragma once

#include <optional>

#include "kernel/axes.h"

namespace tenon::cuda {

/// Channels of a block: 16 bytes of f16, what a thread loads at once.
inline constexpr int channel_block = 8;

ir::Layout channels_last(size_t rank);
/// How many channels are stored; those behind the tensor's own are 0.
inline int64_t padded_channels(int64_t channels) {
  return (channels + channel_block - 1) / channel_block * channel_block;
}

/// In elements, by logical axis, of an operand that is plain or channels last without padding;
/// nothing for others.
std::optional<kernel::Strides> logical_strides(const kernel::Operand& operand);
/// The refusal of kernels that go by logical strides.
const char* refuse_without_strides(const kernel::Call& call);
/// The wish of such kernels.
inline kernel::Layouts follow_layout(const kernel::Call&) { return {.follow = true}; }

}  // namespace tenon::cuda
