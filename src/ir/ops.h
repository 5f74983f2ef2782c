// The closed list of ops; the only file that names them all.
#pragma once

#include "ir/ops/attention.h"
#include "ir/ops/batch_norm.h"
#include "ir/ops/bind.h"
#include "ir/ops/bit_cast.h"
#include "ir/ops/cast.h"
#include "ir/ops/col2im.h"
#include "ir/ops/concat.h"
#include "ir/ops/conv.h"
#include "ir/ops/cumulate.h"
#include "ir/ops/det.h"
#include "ir/ops/dft.h"
#include "ir/ops/gather.h"
#include "ir/ops/grid_sample.h"
#include "ir/ops/if.h"
#include "ir/ops/layer_norm.h"
#include "ir/ops/loop.h"
#include "ir/ops/matmul.h"
#include "ir/ops/non_max_suppression.h"
#include "ir/ops/non_zero.h"
#include "ir/ops/optional.h"
#include "ir/ops/pointwise.h"
#include "ir/ops/pool.h"
#include "ir/ops/range.h"
#include "ir/ops/recurrent.h"
#include "ir/ops/reduce.h"
#include "ir/ops/reorder.h"
#include "ir/ops/repeat.h"
#include "ir/ops/reshape.h"
#include "ir/ops/resize.h"
#include "ir/ops/roi.h"
#include "ir/ops/scatter.h"
#include "ir/ops/sequence.h"
#include "ir/ops/shape.h"
#include "ir/ops/slice.h"
#include "ir/ops/softmax.h"
#include "ir/ops/string.h"
#include "ir/ops/top_k.h"
#include "ir/ops/transpose.h"
#include "ir/ops/unique.h"
#include "ir/ops/winograd_filter.h"

namespace tenon::ir {

template <class... Ops>
struct TypeList {};

using OpList =
    TypeList<Attention, AveragePool, BatchNorm, Bind, BitCast, Cast, Col2Im, Concat,
             ConcatFromSequence, Conv, Cumulate, Det, Dft, Expand, Gather, GridSample, If,
             LayerNorm, Loop, MatMul, MaxPool, MaxRoiPool, NonMaxSuppression, NonZero, NumberText,
             Optional, OptionalGetElement, OptionalHasElement, Pointwise, Range, Recurrent, Reduce,
             RegexFullMatch, Reorder, Reshape, Resize, RoiAlign, RowMaps, Scatter, SequenceAt,
             SequenceConstruct, SequenceErase, SequenceInsert, SequenceLength, ShapeOf, Slice,
             Softmax, StringCase, StringConcat, StringEqual, StringIndex, StringRank, Strings,
             StringSplit, TextNumber, Tile, TopK, Transpose, Unique, WinogradFilter>;

}  // namespace tenon::ir
