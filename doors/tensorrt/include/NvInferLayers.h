// What networks are made of: tensors, and layers with their parameters.
#ifndef NV_INFER_LAYERS_H
#define NV_INFER_LAYERS_H

#include "NvInferEnums.h"

namespace nvinfer1 {

/// Output axis i is input axis order[i].
struct Permutation {
  int32_t order[Dims::MAX_DIMS];
};

/// A value of a network; the network's.
class ITensor : public INoCopy {
 public:
  virtual void setName(char const* name) noexcept = 0;
  virtual char const* getName() const noexcept = 0;
  virtual void setDimensions(Dims const& dimensions) noexcept = 0;
  /// Right after any change; -1 where an extent, nbDims -1 where even the rank is unknown.
  virtual Dims getDimensions() const noexcept = 0;
  virtual void setType(DataType type) noexcept = 0;
  virtual DataType getType() const noexcept = 0;
  virtual bool isNetworkInput() const noexcept = 0;
  virtual bool isNetworkOutput() const noexcept = 0;
  /// Of an input: axes of one name have one extent. nullptr is none.
  virtual void setDimensionName(int32_t index, char const* name) noexcept = 0;
  virtual char const* getDimensionName(int32_t index) const noexcept = 0;
  virtual TensorLocation getLocation() const noexcept = 0;
  /// A mask of 1 << format; linear is what there is.
  virtual void setAllowedFormats(TensorFormats formats) noexcept = 0;
  virtual TensorFormats getAllowedFormats() const noexcept = 0;
  virtual bool isShapeTensor() const noexcept = 0;
  virtual bool isExecutionTensor() const noexcept = 0;
  /// Kept, and without effect: there is no calibration.
  virtual bool setDynamicRange(float min, float max) noexcept = 0;
  virtual bool dynamicRangeIsSet() const noexcept = 0;
  virtual void resetDynamicRange() noexcept = 0;
  virtual float getDynamicRangeMin() const noexcept = 0;
  virtual float getDynamicRangeMax() const noexcept = 0;
  /// Without effect: every network has its batch axis.
  virtual void setBroadcastAcrossBatch(bool broadcastAcrossBatch) noexcept = 0;
  virtual bool getBroadcastAcrossBatch() const noexcept = 0;
  virtual void setLocation(TensorLocation location) noexcept = 0;
  ~ITensor() noexcept override = default;
};

/// Base of all layers; the network's.
class ILayer : public INoCopy {
 public:
  virtual LayerType getType() const noexcept = 0;
  virtual void setName(char const* name) noexcept = 0;
  virtual char const* getName() const noexcept = 0;
  virtual int32_t getNbInputs() const noexcept = 0;
  virtual ITensor* getInput(int32_t index) const noexcept = 0;
  virtual int32_t getNbOutputs() const noexcept = 0;
  virtual ITensor* getOutput(int32_t index) const noexcept = 0;
  virtual void setInput(int32_t index, ITensor& tensor) noexcept = 0;
  virtual DataType getOutputType(int32_t index) const noexcept = 0;
  virtual void setMetadata(char const* metadata) noexcept = 0;
  virtual char const* getMetadata() const noexcept = 0;
  /// Kept, and without effect: layers compute in the types of their inputs.
  virtual void setPrecision(DataType dataType) noexcept = 0;
  virtual DataType getPrecision() const noexcept = 0;
  virtual bool precisionIsSet() const noexcept = 0;
  virtual void resetPrecision() noexcept = 0;
  /// A cast behind the layer.
  virtual void setOutputType(int32_t index, DataType dataType) noexcept = 0;
  virtual bool outputTypeIsSet(int32_t index) const noexcept = 0;
  virtual void resetOutputType(int32_t index) noexcept = 0;
  /// 1 alone: an engine has one device.
  virtual bool setNbRanks(int32_t nbRanks) noexcept = 0;
  virtual int32_t getNbRanks() const noexcept = 0;
  ~ILayer() noexcept override = default;
};

/// Correlation of [n, c, h, w] (or [n, c, d, h, w]) with a kernel [o, c / groups, k…].
class IConvolutionLayer : public ILayer {
 public:
  virtual void setNbOutputMaps(int64_t value) noexcept = 0;
  virtual int64_t getNbOutputMaps() const noexcept = 0;
  virtual void setNbGroups(int64_t value) noexcept = 0;
  virtual int64_t getNbGroups() const noexcept = 0;
  virtual void setKernelWeights(Weights value) noexcept = 0;
  virtual Weights getKernelWeights() const noexcept = 0;
  virtual void setBiasWeights(Weights value) noexcept = 0;
  virtual Weights getBiasWeights() const noexcept = 0;
  virtual void setPrePadding(Dims const& value) noexcept = 0;
  virtual Dims getPrePadding() const noexcept = 0;
  virtual void setPostPadding(Dims const& value) noexcept = 0;
  virtual Dims getPostPadding() const noexcept = 0;
  virtual void setPaddingNd(Dims const& value) noexcept = 0;
  virtual Dims getPaddingNd() const noexcept = 0;
  virtual void setPaddingMode(PaddingMode value) noexcept = 0;
  virtual PaddingMode getPaddingMode() const noexcept = 0;
  virtual void setKernelSizeNd(Dims const& value) noexcept = 0;
  virtual Dims getKernelSizeNd() const noexcept = 0;
  virtual void setStrideNd(Dims const& value) noexcept = 0;
  virtual Dims getStrideNd() const noexcept = 0;
  virtual void setDilationNd(Dims const& value) noexcept = 0;
  virtual Dims getDilationNd() const noexcept = 0;
};

/// A function of each element.
class IActivationLayer : public ILayer {
 public:
  virtual void setActivationType(ActivationType value) noexcept = 0;
  virtual ActivationType getActivationType() const noexcept = 0;
  virtual void setAlpha(float value) noexcept = 0;
  virtual float getAlpha() const noexcept = 0;
  virtual void setBeta(float value) noexcept = 0;
  virtual float getBeta() const noexcept = 0;
};

/// Greatest or mean value of each window; strides are 1 unless set.
class IPoolingLayer : public ILayer {
 public:
  virtual void setPoolingType(PoolingType value) noexcept = 0;
  virtual PoolingType getPoolingType() const noexcept = 0;
  virtual void setBlendFactor(float value) noexcept = 0;
  virtual float getBlendFactor() const noexcept = 0;
  virtual void setAverageCountExcludesPadding(bool value) noexcept = 0;
  virtual bool getAverageCountExcludesPadding() const noexcept = 0;
  virtual void setPrePadding(Dims const& value) noexcept = 0;
  virtual Dims getPrePadding() const noexcept = 0;
  virtual void setPostPadding(Dims const& value) noexcept = 0;
  virtual Dims getPostPadding() const noexcept = 0;
  virtual void setPaddingNd(Dims const& value) noexcept = 0;
  virtual Dims getPaddingNd() const noexcept = 0;
  virtual void setPaddingMode(PaddingMode value) noexcept = 0;
  virtual PaddingMode getPaddingMode() const noexcept = 0;
  virtual void setWindowSizeNd(Dims const& value) noexcept = 0;
  virtual Dims getWindowSizeNd() const noexcept = 0;
  virtual void setStrideNd(Dims const& value) noexcept = 0;
  virtual Dims getStrideNd() const noexcept = 0;
};

/// (x * scale + shift) ^ power; empty weights are 1, 0 and 1.
class IScaleLayer : public ILayer {
 public:
  virtual void setMode(ScaleMode value) noexcept = 0;
  virtual ScaleMode getMode() const noexcept = 0;
  virtual void setShift(Weights value) noexcept = 0;
  virtual Weights getShift() const noexcept = 0;
  virtual void setScale(Weights value) noexcept = 0;
  virtual Weights getScale() const noexcept = 0;
  virtual void setPower(Weights value) noexcept = 0;
  virtual Weights getPower() const noexcept = 0;
  virtual void setChannelAxis(int32_t value) noexcept = 0;
  virtual int32_t getChannelAxis() const noexcept = 0;
};

/// Normalised exponential along the one axis of the mask.
class ISoftMaxLayer : public ILayer {
 public:
  virtual void setAxes(uint32_t value) noexcept = 0;
  virtual uint32_t getAxes() const noexcept = 0;
};

/// Joins along an axis.
class IConcatenationLayer : public ILayer {
 public:
  virtual void setAxis(int32_t value) noexcept = 0;
  virtual int32_t getAxis() const noexcept = 0;
};

/// A function of two elements; extents are equal or 1.
class IElementWiseLayer : public ILayer {
 public:
  virtual void setOperation(ElementWiseOperation value) noexcept = 0;
  virtual ElementWiseOperation getOperation() const noexcept = 0;
};

/// A function of each element.
class IUnaryLayer : public ILayer {
 public:
  virtual void setOperation(UnaryOperation value) noexcept = 0;
  virtual UnaryOperation getOperation() const noexcept = 0;
};

/// Transposes, reshapes, transposes.
class IShuffleLayer : public ILayer {
 public:
  virtual void setFirstTranspose(Permutation value) noexcept = 0;
  virtual Permutation getFirstTranspose() const noexcept = 0;
  virtual void setReshapeDimensions(Dims const& value) noexcept = 0;
  virtual Dims getReshapeDimensions() const noexcept = 0;
  virtual void setSecondTranspose(Permutation value) noexcept = 0;
  virtual Permutation getSecondTranspose() const noexcept = 0;
  virtual void setZeroIsPlaceholder(bool value) noexcept = 0;
  virtual bool getZeroIsPlaceholder() const noexcept = 0;
};

/// Sum, product, greatest, least or mean along the axes of the mask.
class IReduceLayer : public ILayer {
 public:
  virtual void setOperation(ReduceOperation value) noexcept = 0;
  virtual ReduceOperation getOperation() const noexcept = 0;
  virtual void setReduceAxes(uint32_t value) noexcept = 0;
  virtual uint32_t getReduceAxes() const noexcept = 0;
  virtual void setKeepDimensions(bool value) noexcept = 0;
  virtual bool getKeepDimensions() const noexcept = 0;
};

/// Product of the last two axes of each operand.
class IMatrixMultiplyLayer : public ILayer {
 public:
  virtual void setOperation(int32_t index, MatrixOperation op) noexcept = 0;
  virtual MatrixOperation getOperation(int32_t index) const noexcept = 0;
};

/// A tensor of weights.
class IConstantLayer : public ILayer {
 public:
  virtual void setWeights(Weights value) noexcept = 0;
  virtual Weights getWeights() const noexcept = 0;
  virtual void setDimensions(Dims const& value) noexcept = 0;
  virtual Dims getDimensions() const noexcept = 0;
};

/// Its input.
class IIdentityLayer : public ILayer {};

/// Its input in another type.
class ICastLayer : public ILayer {
 public:
  virtual void setToType(DataType value) noexcept = 0;
  virtual DataType getToType() const noexcept = 0;
};

/// Transposed convolution; the kernel is [c, o / groups, k…].
class IDeconvolutionLayer : public ILayer {
 public:
  virtual void setNbOutputMaps(int64_t value) noexcept = 0;
  virtual int64_t getNbOutputMaps() const noexcept = 0;
  virtual void setNbGroups(int64_t value) noexcept = 0;
  virtual int64_t getNbGroups() const noexcept = 0;
  virtual void setKernelWeights(Weights value) noexcept = 0;
  virtual Weights getKernelWeights() const noexcept = 0;
  virtual void setBiasWeights(Weights value) noexcept = 0;
  virtual Weights getBiasWeights() const noexcept = 0;
  virtual void setPrePadding(Dims const& value) noexcept = 0;
  virtual Dims getPrePadding() const noexcept = 0;
  virtual void setPostPadding(Dims const& value) noexcept = 0;
  virtual Dims getPostPadding() const noexcept = 0;
  virtual void setPaddingNd(Dims const& value) noexcept = 0;
  virtual Dims getPaddingNd() const noexcept = 0;
  virtual void setPaddingMode(PaddingMode value) noexcept = 0;
  virtual PaddingMode getPaddingMode() const noexcept = 0;
  virtual void setKernelSizeNd(Dims const& value) noexcept = 0;
  virtual Dims getKernelSizeNd() const noexcept = 0;
  virtual void setStrideNd(Dims const& value) noexcept = 0;
  virtual Dims getStrideNd() const noexcept = 0;
  virtual void setDilationNd(Dims const& value) noexcept = 0;
  virtual Dims getDilationNd() const noexcept = 0;
};

/// x / (k + alpha / window * sum of squares over near channels) ^ beta.
class ILRNLayer : public ILayer {
 public:
  virtual void setWindowSize(int64_t value) noexcept = 0;
  virtual int64_t getWindowSize() const noexcept = 0;
  virtual void setAlpha(float value) noexcept = 0;
  virtual float getAlpha() const noexcept = 0;
  virtual void setBeta(float value) noexcept = 0;
  virtual float getBeta() const noexcept = 0;
  virtual void setK(float value) noexcept = 0;
  virtual float getK() const noexcept = 0;
};

/// Zeros around the last two axes; what is negative is cut off.
class IPaddingLayer : public ILayer {
 public:
  virtual void setPrePaddingNd(Dims const& value) noexcept = 0;
  virtual Dims getPrePaddingNd() const noexcept = 0;
  virtual void setPostPaddingNd(Dims const& value) noexcept = 0;
  virtual Dims getPostPaddingNd() const noexcept = 0;
};

/// The k greatest or least along the one axis of the mask, sorted, and where they were.
class ITopKLayer : public ILayer {
 public:
  virtual void setOperation(TopKOperation value) noexcept = 0;
  virtual TopKOperation getOperation() const noexcept = 0;
  virtual void setK(int32_t value) noexcept = 0;
  virtual int32_t getK() const noexcept = 0;
  virtual void setReduceAxes(uint32_t value) noexcept = 0;
  virtual uint32_t getReduceAxes() const noexcept = 0;
  virtual bool setIndicesType(DataType value) noexcept = 0;
  virtual DataType getIndicesType() const noexcept = 0;
};

/// Slices of the data that indices name.
class IGatherLayer : public ILayer {
 public:
  virtual void setGatherAxis(int32_t value) noexcept = 0;
  virtual int32_t getGatherAxis() const noexcept = 0;
  virtual void setNbElementWiseDims(int32_t value) noexcept = 0;
  virtual int32_t getNbElementWiseDims() const noexcept = 0;
  virtual void setMode(GatherMode value) noexcept = 0;
  virtual GatherMode getMode() const noexcept = 0;
};

/// The data with updates at the places that indices name.
class IScatterLayer : public ILayer {
 public:
  virtual void setMode(ScatterMode value) noexcept = 0;
  virtual ScatterMode getMode() const noexcept = 0;
  virtual void setAxis(int32_t value) noexcept = 0;
  virtual int32_t getAxis() const noexcept = 0;
};

/// Softmax over the first elements of each row.
class IRaggedSoftMaxLayer : public ILayer {};

/// Elements start + i * stride of each axis; `size` of them.
class ISliceLayer : public ILayer {
 public:
  virtual void setStart(Dims const& value) noexcept = 0;
  virtual Dims getStart() const noexcept = 0;
  virtual void setSize(Dims const& value) noexcept = 0;
  virtual Dims getSize() const noexcept = 0;
  virtual void setStride(Dims const& value) noexcept = 0;
  virtual Dims getStride() const noexcept = 0;
  virtual void setAxes(Dims const& value) noexcept = 0;
  virtual Dims getAxes() const noexcept = 0;
  virtual void setMode(SampleMode value) noexcept = 0;
  virtual SampleMode getMode() const noexcept = 0;
};

/// The extents of its input, int64.
class IShapeLayer : public ILayer {};

/// x where it is positive, else slope * x.
class IParametricReLULayer : public ILayer {};

/// Interpolates to other extents.
class IResizeLayer : public ILayer {
 public:
  virtual void setOutputDimensions(Dims const& value) noexcept = 0;
  virtual Dims getOutputDimensions() const noexcept = 0;
  virtual void setResizeMode(InterpolationMode value) noexcept = 0;
  virtual InterpolationMode getResizeMode() const noexcept = 0;
  virtual void setCoordinateTransformation(ResizeCoordinateTransformation value) noexcept = 0;
  virtual ResizeCoordinateTransformation getCoordinateTransformation() const noexcept = 0;
  virtual void setSelectorForSinglePixel(ResizeSelector value) noexcept = 0;
  virtual ResizeSelector getSelectorForSinglePixel() const noexcept = 0;
  virtual void setNearestRounding(ResizeRoundMode value) noexcept = 0;
  virtual ResizeRoundMode getNearestRounding() const noexcept = 0;
  virtual void setCubicCoeff(float value) noexcept = 0;
  virtual float getCubicCoeff() const noexcept = 0;
  virtual void setExcludeOutside(bool value) noexcept = 0;
  virtual bool getExcludeOutside() const noexcept = 0;
  virtual void setScales(float const* scales, int32_t nbScales) noexcept = 0;
  /// The number of scales; -1 where none are set.
  virtual int32_t getScales(int32_t size, float* scales) const noexcept = 0;
};

/// Elements of the second input where the first is true, else of the third.
class ISelectLayer : public ILayer {};

/// alpha + sum of beta[i] * index[i].
class IFillLayer : public ILayer {
 public:
  virtual void setDimensions(Dims const& value) noexcept = 0;
  virtual Dims getDimensions() const noexcept = 0;
  virtual void setOperation(FillOperation value) noexcept = 0;
  virtual FillOperation getOperation() const noexcept = 0;
  virtual void setAlpha(double value) noexcept = 0;
  virtual double getAlpha() const noexcept = 0;
  virtual void setBeta(double value) noexcept = 0;
  virtual double getBeta() const noexcept = 0;
  virtual void setAlphaInt64(int64_t value) noexcept = 0;
  virtual int64_t getAlphaInt64() const noexcept = 0;
  virtual void setBetaInt64(int64_t value) noexcept = 0;
  virtual int64_t getBetaInt64() const noexcept = 0;
  virtual void setToType(DataType value) noexcept = 0;
  virtual DataType getToType() const noexcept = 0;
  virtual bool isAlphaBetaInt64() const noexcept = 0;
};

/// x / scale, rounded to the type and kept inside it.
class IQuantizeLayer : public ILayer {
 public:
  virtual void setAxis(int32_t value) noexcept = 0;
  virtual int32_t getAxis() const noexcept = 0;
  virtual bool setBlockShape(Dims const& value) noexcept = 0;
  virtual Dims getBlockShape() const noexcept = 0;
  virtual void setToType(DataType value) noexcept = 0;
  virtual DataType getToType() const noexcept = 0;
};

/// x * scale.
class IDequantizeLayer : public ILayer {
 public:
  virtual void setAxis(int32_t value) noexcept = 0;
  virtual int32_t getAxis() const noexcept = 0;
  virtual bool setBlockShape(Dims const& value) noexcept = 0;
  virtual Dims getBlockShape() const noexcept = 0;
  virtual void setToType(DataType value) noexcept = 0;
  virtual DataType getToType() const noexcept = 0;
};

/// A sum of products, as its equation says.
class IEinsumLayer : public ILayer {
 public:
  virtual bool setEquation(char const* value) noexcept = 0;
  virtual char const* getEquation() const noexcept = 0;
};

/// Fails a run where its input is false.
class IAssertionLayer : public ILayer {
 public:
  virtual void setMessage(char const* value) noexcept = 0;
  virtual char const* getMessage() const noexcept = 0;
};

/// Rows of `depth` elements, one of which is the other value.
class IOneHotLayer : public ILayer {
 public:
  virtual void setAxis(int32_t value) noexcept = 0;
  virtual int32_t getAxis() const noexcept = 0;
};

/// Where the elements that are not zero lie: [rank, n].
class INonZeroLayer : public ILayer {
 public:
  virtual bool setIndicesType(DataType value) noexcept = 0;
  virtual DataType getIndicesType() const noexcept = 0;
};

/// Interpolates at the points of a grid.
class IGridSampleLayer : public ILayer {
 public:
  virtual void setInterpolationMode(InterpolationMode value) noexcept = 0;
  virtual InterpolationMode getInterpolationMode() const noexcept = 0;
  virtual void setAlignCorners(bool value) noexcept = 0;
  virtual bool getAlignCorners() const noexcept = 0;
  virtual bool setSampleMode(SampleMode value) noexcept = 0;
  virtual SampleMode getSampleMode() const noexcept = 0;
};

/// Boxes that do not overlap better ones: [m, 3], and m.
class INMSLayer : public ILayer {
 public:
  virtual void setBoundingBoxFormat(BoundingBoxFormat value) noexcept = 0;
  virtual BoundingBoxFormat getBoundingBoxFormat() const noexcept = 0;
  virtual void setTopKBoxLimit(int32_t value) noexcept = 0;
  virtual int32_t getTopKBoxLimit() const noexcept = 0;
  virtual bool setIndicesType(DataType value) noexcept = 0;
  virtual DataType getIndicesType() const noexcept = 0;
};

/// Each sequence backwards, to its own length.
class IReverseSequenceLayer : public ILayer {
 public:
  virtual void setBatchAxis(int32_t value) noexcept = 0;
  virtual int32_t getBatchAxis() const noexcept = 0;
  virtual void setSequenceAxis(int32_t value) noexcept = 0;
  virtual int32_t getSequenceAxis() const noexcept = 0;
};

/// (x - mean) / sqrt(variance + epsilon) * scale + bias over the axes of the mask.
class INormalizationLayer : public ILayer {
 public:
  virtual void setEpsilon(float value) noexcept = 0;
  virtual float getEpsilon() const noexcept = 0;
  virtual void setAxes(uint32_t value) noexcept = 0;
  virtual uint32_t getAxes() const noexcept = 0;
  virtual void setNbGroups(int64_t value) noexcept = 0;
  virtual int64_t getNbGroups() const noexcept = 0;
  virtual void setComputePrecision(DataType value) noexcept = 0;
  virtual DataType getComputePrecision() const noexcept = 0;
  virtual bool isV2() const noexcept = 0;
};

/// Without the axes of 1 that its second input names.
class ISqueezeLayer : public ILayer {};

/// With axes of 1 where its second input says.
class IUnsqueezeLayer : public ILayer {};

/// Running sums along an axis.
class ICumulativeLayer : public ILayer {
 public:
  virtual bool setOperation(CumulativeOperation value) noexcept = 0;
  virtual CumulativeOperation getOperation() const noexcept = 0;
  virtual void setExclusive(bool value) noexcept = 0;
  virtual bool getExclusive() const noexcept = 0;
  virtual void setReverse(bool value) noexcept = 0;
  virtual bool getReverse() const noexcept = 0;
};

class ILoop;
class IIfConditional;

/// Between a loop's inside and what is around it.
class ILoopBoundaryLayer : public ILayer {
 public:
  virtual ILoop* getLoop() const noexcept = 0;
};

/// Ends a loop: after a count of turns, or before a turn whose condition is false.
class ITripLimitLayer : public ILoopBoundaryLayer {
 public:
  virtual TripLimit getTripLimit() const noexcept = 0;
};

/// A value that each turn hands to the next: input 0 before the first turn, then input 1.
class IRecurrenceLayer : public ILoopBoundaryLayer {};

/// The slice of a tensor that belongs to the turn.
class IIteratorLayer : public ILoopBoundaryLayer {
 public:
  virtual void setAxis(int32_t axis) noexcept = 0;
  virtual int32_t getAxis() const noexcept = 0;
  virtual void setReverse(bool reverse) noexcept = 0;
  virtual bool getReverse() const noexcept = 0;
};

/// What a loop gives: the last turn's value, or those of all turns along a new axis.
class ILoopOutputLayer : public ILoopBoundaryLayer {
 public:
  virtual LoopOutput getLoopOutput() const noexcept = 0;
  virtual void setAxis(int32_t axis) noexcept = 0;
  virtual int32_t getAxis() const noexcept = 0;
};

/// A loop; what depends on its recurrences and iterators is inside. The network's.
class ILoop : public INoCopy {
 public:
  virtual IRecurrenceLayer* addRecurrence(ITensor& initialValue) noexcept = 0;
  virtual ITripLimitLayer* addTripLimit(ITensor& tensor, TripLimit limit) noexcept = 0;
  virtual IIteratorLayer* addIterator(ITensor& tensor, int32_t axis = 0,
                                      bool reverse = false) noexcept = 0;
  virtual ILoopOutputLayer* addLoopOutput(ITensor& tensor, LoopOutput outputKind,
                                          int32_t axis = 0) noexcept = 0;
  virtual void setName(char const* name) noexcept = 0;
  virtual char const* getName() const noexcept = 0;
  ~ILoop() noexcept override = default;
};

class IIfConditionalBoundaryLayer : public ILayer {
 public:
  virtual IIfConditional* getConditional() const noexcept = 0;
};
class IConditionLayer : public IIfConditionalBoundaryLayer {};
class IIfConditionalInputLayer : public IIfConditionalBoundaryLayer {};
class IIfConditionalOutputLayer : public IIfConditionalBoundaryLayer {};

/// Two branches, of which one runs; what depends on its inputs is inside. The network's.
class IIfConditional : public INoCopy {
 public:
  virtual IConditionLayer* setCondition(ITensor& condition) noexcept = 0;
  virtual IIfConditionalOutputLayer* addOutput(ITensor& trueSubgraphOutput,
                                               ITensor& falseSubgraphOutput) noexcept = 0;
  virtual IIfConditionalInputLayer* addInput(ITensor& input) noexcept = 0;
  virtual void setName(char const* name) noexcept = 0;
  virtual char const* getName() const noexcept = 0;
  ~IIfConditional() noexcept override = default;
};

class IAttention;
class IAttentionBoundaryLayer : public ILayer {
 public:
  virtual IAttention* getAttention() const noexcept = 0;
};
class IAttentionInputLayer : public IAttentionBoundaryLayer {};
class IAttentionOutputLayer : public IAttentionBoundaryLayer {};

/// softmax(q k^T + mask) v over [b, h, s, d], without a scale. The network's. Forms of packed
/// sequences and quantised scores are refused.
class IAttention : public INoCopy {
 public:
  virtual bool setNormalizationOperation(AttentionNormalizationOp op) noexcept = 0;
  virtual AttentionNormalizationOp getNormalizationOperation() const noexcept = 0;
  /// Added to the scores; of kBOOL: where it is false, a score counts nothing.
  virtual bool setMask(ITensor& mask) noexcept = 0;
  virtual ITensor* getMask() noexcept = 0;
  virtual bool setCausal(bool isCausal) noexcept = 0;
  virtual bool getCausal() const noexcept = 0;
  virtual bool setCausalKind(CausalMaskKind kind) noexcept = 0;
  virtual CausalMaskKind getCausalKind() const noexcept = 0;
  virtual bool setDecomposable(bool decomposable) noexcept = 0;
  virtual bool getDecomposable() const noexcept = 0;
  /// Query, key and value.
  virtual bool setInput(int32_t index, ITensor& input) noexcept = 0;
  virtual int32_t getNbInputs() const noexcept = 0;
  virtual ITensor* getInput(int32_t index) const noexcept = 0;
  virtual int32_t getNbOutputs() const noexcept = 0;
  virtual ITensor* getOutput(int32_t index) const noexcept = 0;
  virtual bool setName(char const* name) noexcept = 0;
  virtual char const* getName() const noexcept = 0;
  virtual bool setNormalizationQuantizeScale(ITensor& tensor) noexcept = 0;
  virtual ITensor* getNormalizationQuantizeScale() const noexcept = 0;
  virtual bool setNormalizationQuantizeToType(DataType type) noexcept = 0;
  virtual DataType getNormalizationQuantizeToType() const noexcept = 0;
  virtual bool setMetadata(char const* metadata) noexcept = 0;
  virtual char const* getMetadata() const noexcept = 0;
  virtual bool setNbRanks(int32_t nbRanks) noexcept = 0;
  virtual int32_t getNbRanks() const noexcept = 0;
  virtual bool setQueryForm(AttentionIOForm form) noexcept = 0;
  virtual AttentionIOForm getQueryForm() const noexcept = 0;
  virtual bool setKeyValueForm(AttentionIOForm form) noexcept = 0;
  virtual AttentionIOForm getKeyValueForm() const noexcept = 0;
  virtual bool setQueryLengths(ITensor& lengths) noexcept = 0;
  virtual ITensor* getQueryLengths() const noexcept = 0;
  virtual bool setKeyValueLengths(ITensor& lengths) noexcept = 0;
  virtual ITensor* getKeyValueLengths() const noexcept = 0;
  ~IAttention() noexcept override = default;
};

/// Pairs of elements turned by the angles of their place: input 3, if set, says which places.
class IRotaryEmbeddingLayer : public ILayer {
 public:
  virtual void setInterleaved(bool interleaved) noexcept = 0;
  virtual bool getInterleaved() const noexcept = 0;
  /// The number of leading elements that turn; 0 is all.
  virtual bool setRotaryEmbeddingDim(int32_t rotaryEmbeddingDim) noexcept = 0;
  virtual int32_t getRotaryEmbeddingDim() const noexcept = 0;
};

/// The cache with the update at the places that the write indices begin.
class IKVCacheUpdateLayer : public ILayer {
 public:
  virtual bool setCacheMode(KVCacheMode cacheMode) noexcept = 0;
  virtual KVCacheMode getCacheMode() const noexcept = 0;
  virtual bool setUpdateForm(AttentionIOForm form) noexcept = 0;
  virtual AttentionIOForm getUpdateForm() const noexcept = 0;
  virtual bool setUpdateLengths(ITensor& lengths) noexcept = 0;
  virtual ITensor* getUpdateLengths() const noexcept = 0;
};

// What Tenon does not have, so that programs which name it compile: their `add…` give nullptr.

class IDynamicQuantizeLayer : public ILayer {
 public:
  virtual void setToType(DataType toType) noexcept = 0;
  virtual DataType getToType() const noexcept = 0;
  virtual void setScaleType(DataType scaleType) noexcept = 0;
  virtual DataType getScaleType() const noexcept = 0;
  virtual void setAxis(int32_t axis) noexcept = 0;
  virtual int32_t getAxis() const noexcept = 0;
  virtual void setBlockSize(int32_t size) noexcept = 0;
  virtual int32_t getBlockSize() const noexcept = 0;
  virtual void setBlockShape(Dims const& blockShape) noexcept = 0;
  virtual Dims getBlockShape() const noexcept = 0;
};

class IMoELayer : public ILayer {
 public:
  virtual void setGatedWeights(ITensor& fcGateWeights, ITensor& fcUpWeights, ITensor& fcDownWeights,
                               MoEActType activationType) noexcept = 0;
  virtual void setGatedBiases(ITensor& fcGateBiases, ITensor& fcUpBiases,
                              ITensor& fcDownBiases) noexcept = 0;
  virtual void setActivationType(MoEActType activationType) noexcept = 0;
  virtual MoEActType getActivationType() const noexcept = 0;
  virtual void setQuantizationStatic(ITensor& fcDownActivationScale,
                                     DataType dataType) noexcept = 0;
  virtual void setQuantizationDynamicDblQ(ITensor& fcDownActivationDblQScale, DataType dataType,
                                          Dims const& blockShape,
                                          DataType dynQOutputScaleType) noexcept = 0;
  virtual void setQuantizationToType(DataType type) noexcept = 0;
  virtual DataType getQuantizationToType() const noexcept = 0;
  virtual void setQuantizationBlockShape(Dims const& blockShape) noexcept = 0;
  virtual Dims getQuantizationBlockShape() const noexcept = 0;
  virtual void setDynQOutputScaleType(DataType type) noexcept = 0;
  virtual DataType getDynQOutputScaleType() const noexcept = 0;
  virtual void setSwigluParams(float limit, float alpha, float beta) noexcept = 0;
  virtual void setSwigluParamLimit(float limit) noexcept = 0;
  virtual float getSwigluParamLimit() const noexcept = 0;
  virtual void setSwigluParamAlpha(float alpha) noexcept = 0;
  virtual float getSwigluParamAlpha() const noexcept = 0;
  virtual void setSwigluParamBeta(float beta) noexcept = 0;
  virtual float getSwigluParamBeta() const noexcept = 0;
};

class IDistCollectiveLayer : public ILayer {};

class IPluginV2Layer : public ILayer {
 public:
  virtual IPluginV2& getPlugin() noexcept = 0;
};

class IPluginV3Layer : public ILayer {
 public:
  virtual IPluginV3& getPlugin() noexcept = 0;
};

}  // namespace nvinfer1

#endif
