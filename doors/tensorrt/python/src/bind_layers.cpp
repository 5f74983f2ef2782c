// The layers' own classes with their properties.
#include "bind_layer.h"

namespace tenon::trt::python {
namespace {

void bind_convolution(nb::module_& module) {
  using L = nvinfer1::IConvolutionLayer;
  LayerClass<L>(module, "IConvolutionLayer")
      .plain("num_output_maps", &L::getNbOutputMaps, &L::setNbOutputMaps)
      .plain("num_groups", &L::getNbGroups, &L::setNbGroups)
      .weights("kernel", &L::getKernelWeights, &L::setKernelWeights)
      .weights("bias", &L::getBiasWeights, &L::setBiasWeights)
      .dims("kernel_size_nd", &L::getKernelSizeNd, &L::setKernelSizeNd)
      .dims("stride_nd", &L::getStrideNd, &L::setStrideNd)
      .dims("padding_nd", &L::getPaddingNd, &L::setPaddingNd)
      .dims("dilation_nd", &L::getDilationNd, &L::setDilationNd)
      .dims("pre_padding", &L::getPrePadding, &L::setPrePadding)
      .dims("post_padding", &L::getPostPadding, &L::setPostPadding)
      .plain("padding_mode", &L::getPaddingMode, &L::setPaddingMode);
}

void bind_pooling(nb::module_& module) {
  using L = nvinfer1::IPoolingLayer;
  LayerClass<L>(module, "IPoolingLayer")
      .plain("type", &L::getPoolingType, &L::setPoolingType)
      .dims("window_size_nd", &L::getWindowSizeNd, &L::setWindowSizeNd)
      .dims("stride_nd", &L::getStrideNd, &L::setStrideNd)
      .dims("padding_nd", &L::getPaddingNd, &L::setPaddingNd)
      .dims("pre_padding", &L::getPrePadding, &L::setPrePadding)
      .dims("post_padding", &L::getPostPadding, &L::setPostPadding)
      .plain("padding_mode", &L::getPaddingMode, &L::setPaddingMode)
      .plain("blend_factor", &L::getBlendFactor, &L::setBlendFactor)
      .plain("average_count_excludes_padding", &L::getAverageCountExcludesPadding,
             &L::setAverageCountExcludesPadding);
}

void bind_elements(nb::module_& module) {
  using Activation = nvinfer1::IActivationLayer;
  LayerClass<Activation>(module, "IActivationLayer")
      .plain("type", &Activation::getActivationType, &Activation::setActivationType)
      .plain("alpha", &Activation::getAlpha, &Activation::setAlpha)
      .plain("beta", &Activation::getBeta, &Activation::setBeta);
  using Scale = nvinfer1::IScaleLayer;
  LayerClass<Scale>(module, "IScaleLayer")
      .plain("mode", &Scale::getMode, &Scale::setMode)
      .weights("shift", &Scale::getShift, &Scale::setShift)
      .weights("scale", &Scale::getScale, &Scale::setScale)
      .weights("power", &Scale::getPower, &Scale::setPower)
      .plain("channel_axis", &Scale::getChannelAxis, &Scale::setChannelAxis);
  using ElementWise = nvinfer1::IElementWiseLayer;
  LayerClass<ElementWise>(module, "IElementWiseLayer")
      .plain("op", &ElementWise::getOperation, &ElementWise::setOperation);
  using Unary = nvinfer1::IUnaryLayer;
  LayerClass<Unary>(module, "IUnaryLayer").plain("op", &Unary::getOperation, &Unary::setOperation);
  using Constant = nvinfer1::IConstantLayer;
  LayerClass<Constant>(module, "IConstantLayer")
      .weights("weights", &Constant::getWeights, &Constant::setWeights)
      .dims("shape", &Constant::getDimensions, &Constant::setDimensions);
  LayerClass<nvinfer1::IIdentityLayer>(module, "IIdentityLayer");
  using Cast = nvinfer1::ICastLayer;
  LayerClass<Cast>(module, "ICastLayer").plain("to_type", &Cast::getToType, &Cast::setToType);
}

void bind_axes(nb::module_& module) {
  using SoftMax = nvinfer1::ISoftMaxLayer;
  LayerClass<SoftMax>(module, "ISoftMaxLayer").plain("axes", &SoftMax::getAxes, &SoftMax::setAxes);
  using Concatenation = nvinfer1::IConcatenationLayer;
  LayerClass<Concatenation>(module, "IConcatenationLayer")
      .plain("axis", &Concatenation::getAxis, &Concatenation::setAxis);
  using Shuffle = nvinfer1::IShuffleLayer;
  LayerClass<Shuffle>(module, "IShuffleLayer")
      .permutation("first_transpose", &Shuffle::getFirstTranspose, &Shuffle::setFirstTranspose)
      .permutation("second_transpose", &Shuffle::getSecondTranspose, &Shuffle::setSecondTranspose)
      .dims("reshape_dims", &Shuffle::getReshapeDimensions, &Shuffle::setReshapeDimensions)
      .plain("zero_is_placeholder", &Shuffle::getZeroIsPlaceholder, &Shuffle::setZeroIsPlaceholder);
  using Reduce = nvinfer1::IReduceLayer;
  LayerClass<Reduce>(module, "IReduceLayer")
      .plain("op", &Reduce::getOperation, &Reduce::setOperation)
      .plain("axes", &Reduce::getReduceAxes, &Reduce::setReduceAxes)
      .plain("keep_dims", &Reduce::getKeepDimensions, &Reduce::setKeepDimensions);
  using MatrixMultiply = nvinfer1::IMatrixMultiplyLayer;
  using Operation = nvinfer1::MatrixOperation;
  LayerClass<MatrixMultiply>(module, "IMatrixMultiplyLayer")
      .plain(
          "op0", [](const MatrixMultiply& self) { return self.getOperation(0); },
          [](MatrixMultiply& self, Operation op) { self.setOperation(0, op); })
      .plain(
          "op1", [](const MatrixMultiply& self) { return self.getOperation(1); },
          [](MatrixMultiply& self, Operation op) { self.setOperation(1, op); });
}

}  // namespace

void bind_layers(nb::module_& module) {
  bind_convolution(module);
  bind_pooling(module);
  bind_elements(module);
  bind_axes(module);
}

}  // namespace tenon::trt::python
