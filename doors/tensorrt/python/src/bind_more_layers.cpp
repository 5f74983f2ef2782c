// The classes of layers that are not in the smallest networks, with their properties.
#include "bind_layer.h"

namespace tenon::trt::python {
namespace {

/// alpha and beta of a fill: an int where an int was given.
template <bool kAlpha>
nb::object number(const nvinfer1::IFillLayer& self) {
  if (self.isAlphaBetaInt64()) return nb::int_(kAlpha ? self.getAlphaInt64() : self.getBetaInt64());
  return nb::float_(kAlpha ? self.getAlpha() : self.getBeta());
}

template <bool kAlpha>
void set_number(nvinfer1::IFillLayer& self, nb::handle value) {
  if (PyLong_Check(value.ptr())) {
    const auto whole = nb::cast<int64_t>(value);
    kAlpha ? self.setAlphaInt64(whole) : self.setBetaInt64(whole);
  } else {
    const auto real = nb::cast<double>(value);
    kAlpha ? self.setAlpha(real) : self.setBeta(real);
  }
}

void bind_first(nb::module_& module) {
  LayerClass<nvinfer1::IDeconvolutionLayer>(module, "IDeconvolutionLayer")
      .plain("num_output_maps", &nvinfer1::IDeconvolutionLayer::getNbOutputMaps,
             &nvinfer1::IDeconvolutionLayer::setNbOutputMaps)
      .plain("num_groups", &nvinfer1::IDeconvolutionLayer::getNbGroups,
             &nvinfer1::IDeconvolutionLayer::setNbGroups)
      .weights("kernel", &nvinfer1::IDeconvolutionLayer::getKernelWeights,
               &nvinfer1::IDeconvolutionLayer::setKernelWeights)
      .weights("bias", &nvinfer1::IDeconvolutionLayer::getBiasWeights,
               &nvinfer1::IDeconvolutionLayer::setBiasWeights)
      .dims("kernel_size_nd", &nvinfer1::IDeconvolutionLayer::getKernelSizeNd,
            &nvinfer1::IDeconvolutionLayer::setKernelSizeNd)
      .dims("stride_nd", &nvinfer1::IDeconvolutionLayer::getStrideNd,
            &nvinfer1::IDeconvolutionLayer::setStrideNd)
      .dims("padding_nd", &nvinfer1::IDeconvolutionLayer::getPaddingNd,
            &nvinfer1::IDeconvolutionLayer::setPaddingNd)
      .dims("dilation_nd", &nvinfer1::IDeconvolutionLayer::getDilationNd,
            &nvinfer1::IDeconvolutionLayer::setDilationNd)
      .dims("pre_padding", &nvinfer1::IDeconvolutionLayer::getPrePadding,
            &nvinfer1::IDeconvolutionLayer::setPrePadding)
      .dims("post_padding", &nvinfer1::IDeconvolutionLayer::getPostPadding,
            &nvinfer1::IDeconvolutionLayer::setPostPadding)
      .plain("padding_mode", &nvinfer1::IDeconvolutionLayer::getPaddingMode,
             &nvinfer1::IDeconvolutionLayer::setPaddingMode);
  LayerClass<nvinfer1::ILRNLayer>(module, "ILRNLayer")
      .plain("window_size", &nvinfer1::ILRNLayer::getWindowSize,
             &nvinfer1::ILRNLayer::setWindowSize)
      .plain("alpha", &nvinfer1::ILRNLayer::getAlpha, &nvinfer1::ILRNLayer::setAlpha)
      .plain("beta", &nvinfer1::ILRNLayer::getBeta, &nvinfer1::ILRNLayer::setBeta)
      .plain("k", &nvinfer1::ILRNLayer::getK, &nvinfer1::ILRNLayer::setK);
  LayerClass<nvinfer1::IPaddingLayer>(module, "IPaddingLayer")
      .dims("pre_padding_nd", &nvinfer1::IPaddingLayer::getPrePaddingNd,
            &nvinfer1::IPaddingLayer::setPrePaddingNd)
      .dims("post_padding_nd", &nvinfer1::IPaddingLayer::getPostPaddingNd,
            &nvinfer1::IPaddingLayer::setPostPaddingNd);
  LayerClass<nvinfer1::ITopKLayer>(module, "ITopKLayer")
      .plain("op", &nvinfer1::ITopKLayer::getOperation, &nvinfer1::ITopKLayer::setOperation)
      .plain("k", &nvinfer1::ITopKLayer::getK, &nvinfer1::ITopKLayer::setK)
      .plain("axes", &nvinfer1::ITopKLayer::getReduceAxes, &nvinfer1::ITopKLayer::setReduceAxes)
      .plain("indices_type", &nvinfer1::ITopKLayer::getIndicesType,
             told(&nvinfer1::ITopKLayer::setIndicesType));
  LayerClass<nvinfer1::IGatherLayer>(module, "IGatherLayer")
      .plain("axis", &nvinfer1::IGatherLayer::getGatherAxis, &nvinfer1::IGatherLayer::setGatherAxis)
      .plain("num_elementwise_dims", &nvinfer1::IGatherLayer::getNbElementWiseDims,
             &nvinfer1::IGatherLayer::setNbElementWiseDims)
      .plain("mode", &nvinfer1::IGatherLayer::getMode, &nvinfer1::IGatherLayer::setMode);
  LayerClass<nvinfer1::IScatterLayer>(module, "IScatterLayer")
      .plain("axis", &nvinfer1::IScatterLayer::getAxis, &nvinfer1::IScatterLayer::setAxis)
      .plain("mode", &nvinfer1::IScatterLayer::getMode, &nvinfer1::IScatterLayer::setMode);
  LayerClass<nvinfer1::ISliceLayer>(module, "ISliceLayer")
      .dims("start", &nvinfer1::ISliceLayer::getStart, &nvinfer1::ISliceLayer::setStart)
      .dims("shape", &nvinfer1::ISliceLayer::getSize, &nvinfer1::ISliceLayer::setSize)
      .dims("stride", &nvinfer1::ISliceLayer::getStride, &nvinfer1::ISliceLayer::setStride)
      .dims("axes", &nvinfer1::ISliceLayer::getAxes, &nvinfer1::ISliceLayer::setAxes)
      .plain("mode", &nvinfer1::ISliceLayer::getMode, &nvinfer1::ISliceLayer::setMode);
  LayerClass<nvinfer1::IShapeLayer>(module, "IShapeLayer");
}

void bind_second(nb::module_& module) {
  LayerClass<nvinfer1::IParametricReLULayer>(module, "IParametricReLULayer");
  LayerClass<nvinfer1::IResizeLayer>(module, "IResizeLayer")
      .dims("shape", &nvinfer1::IResizeLayer::getOutputDimensions,
            &nvinfer1::IResizeLayer::setOutputDimensions)
      .plain("resize_mode", &nvinfer1::IResizeLayer::getResizeMode,
             &nvinfer1::IResizeLayer::setResizeMode)
      .plain("coordinate_transformation", &nvinfer1::IResizeLayer::getCoordinateTransformation,
             &nvinfer1::IResizeLayer::setCoordinateTransformation)
      .plain("selector_for_single_pixel", &nvinfer1::IResizeLayer::getSelectorForSinglePixel,
             &nvinfer1::IResizeLayer::setSelectorForSinglePixel)
      .plain("nearest_rounding", &nvinfer1::IResizeLayer::getNearestRounding,
             &nvinfer1::IResizeLayer::setNearestRounding)
      .plain("exclude_outside", &nvinfer1::IResizeLayer::getExcludeOutside,
             &nvinfer1::IResizeLayer::setExcludeOutside)
      .plain("cubic_coeff", &nvinfer1::IResizeLayer::getCubicCoeff,
             &nvinfer1::IResizeLayer::setCubicCoeff)
      .plain(
          "scales",
          [](const nvinfer1::IResizeLayer& self) {
            std::vector<float> made(Dims::MAX_DIMS);
            const int32_t count = self.getScales(Dims::MAX_DIMS, made.data());
            made.resize(count < 0 ? 0 : static_cast<size_t>(count));
            return made;
          },
          [](nvinfer1::IResizeLayer& self, const std::vector<float>& scales) {
            self.setScales(scales.data(), static_cast<int32_t>(scales.size()));
          });
  LayerClass<nvinfer1::ISelectLayer>(module, "ISelectLayer");
  LayerClass<nvinfer1::IFillLayer>(module, "IFillLayer")
      .dims("shape", &nvinfer1::IFillLayer::getDimensions, &nvinfer1::IFillLayer::setDimensions)
      .plain("operation", &nvinfer1::IFillLayer::getOperation, &nvinfer1::IFillLayer::setOperation)
      .plain("to_type", &nvinfer1::IFillLayer::getToType, &nvinfer1::IFillLayer::setToType)
      .plain("alpha", number<true>, set_number<true>)
      .plain("beta", number<false>, set_number<false>)
      .method("is_alpha_beta_int64", &nvinfer1::IFillLayer::isAlphaBetaInt64);
  LayerClass<nvinfer1::IQuantizeLayer>(module, "IQuantizeLayer")
      .plain("axis", &nvinfer1::IQuantizeLayer::getAxis, &nvinfer1::IQuantizeLayer::setAxis)
      .told_dims("block_shape", &nvinfer1::IQuantizeLayer::getBlockShape,
                 &nvinfer1::IQuantizeLayer::setBlockShape)
      .plain("to_type", &nvinfer1::IQuantizeLayer::getToType, &nvinfer1::IQuantizeLayer::setToType);
  LayerClass<nvinfer1::IDequantizeLayer>(module, "IDequantizeLayer")
      .plain("axis", &nvinfer1::IDequantizeLayer::getAxis, &nvinfer1::IDequantizeLayer::setAxis)
      .told_dims("block_shape", &nvinfer1::IDequantizeLayer::getBlockShape,
                 &nvinfer1::IDequantizeLayer::setBlockShape)
      .plain("to_type", &nvinfer1::IDequantizeLayer::getToType,
             &nvinfer1::IDequantizeLayer::setToType);
  LayerClass<nvinfer1::IEinsumLayer>(module, "IEinsumLayer")
      .plain(
          "equation", &nvinfer1::IEinsumLayer::getEquation,
          [](nvinfer1::IEinsumLayer& self, const char* equation) { self.setEquation(equation); });
  LayerClass<nvinfer1::IOneHotLayer>(module, "IOneHotLayer")
      .plain("axis", &nvinfer1::IOneHotLayer::getAxis, &nvinfer1::IOneHotLayer::setAxis);
}

void bind_third(nb::module_& module) {
  LayerClass<nvinfer1::INonZeroLayer>(module, "INonZeroLayer")
      .plain("indices_type", &nvinfer1::INonZeroLayer::getIndicesType,
             told(&nvinfer1::INonZeroLayer::setIndicesType));
  LayerClass<nvinfer1::IGridSampleLayer>(module, "IGridSampleLayer")
      .plain("interpolation_mode", &nvinfer1::IGridSampleLayer::getInterpolationMode,
             &nvinfer1::IGridSampleLayer::setInterpolationMode)
      .plain("align_corners", &nvinfer1::IGridSampleLayer::getAlignCorners,
             &nvinfer1::IGridSampleLayer::setAlignCorners)
      .plain("sample_mode", &nvinfer1::IGridSampleLayer::getSampleMode,
             told(&nvinfer1::IGridSampleLayer::setSampleMode));
  LayerClass<nvinfer1::INMSLayer>(module, "INMSLayer")
      .plain("bounding_box_format", &nvinfer1::INMSLayer::getBoundingBoxFormat,
             &nvinfer1::INMSLayer::setBoundingBoxFormat)
      .plain("topk_box_limit", &nvinfer1::INMSLayer::getTopKBoxLimit,
             &nvinfer1::INMSLayer::setTopKBoxLimit)
      .plain("indices_type", &nvinfer1::INMSLayer::getIndicesType,
             told(&nvinfer1::INMSLayer::setIndicesType));
  LayerClass<nvinfer1::IReverseSequenceLayer>(module, "IReverseSequenceLayer")
      .plain("batch_axis", &nvinfer1::IReverseSequenceLayer::getBatchAxis,
             &nvinfer1::IReverseSequenceLayer::setBatchAxis)
      .plain("sequence_axis", &nvinfer1::IReverseSequenceLayer::getSequenceAxis,
             &nvinfer1::IReverseSequenceLayer::setSequenceAxis);
  LayerClass<nvinfer1::INormalizationLayer>(module, "INormalizationLayer")
      .plain("epsilon", &nvinfer1::INormalizationLayer::getEpsilon,
             &nvinfer1::INormalizationLayer::setEpsilon)
      .plain("axes", &nvinfer1::INormalizationLayer::getAxes,
             &nvinfer1::INormalizationLayer::setAxes)
      .plain("num_groups", &nvinfer1::INormalizationLayer::getNbGroups,
             &nvinfer1::INormalizationLayer::setNbGroups)
      .plain("compute_precision", &nvinfer1::INormalizationLayer::getComputePrecision,
             &nvinfer1::INormalizationLayer::setComputePrecision)
      .read_only("is_v2", &nvinfer1::INormalizationLayer::isV2);
  LayerClass<nvinfer1::ISqueezeLayer>(module, "ISqueezeLayer");
  LayerClass<nvinfer1::IUnsqueezeLayer>(module, "IUnsqueezeLayer");
  LayerClass<nvinfer1::ICumulativeLayer>(module, "ICumulativeLayer")
      .plain("op", &nvinfer1::ICumulativeLayer::getOperation,
             told(&nvinfer1::ICumulativeLayer::setOperation))
      .plain("exclusive", &nvinfer1::ICumulativeLayer::getExclusive,
             &nvinfer1::ICumulativeLayer::setExclusive)
      .plain("reverse", &nvinfer1::ICumulativeLayer::getReverse,
             &nvinfer1::ICumulativeLayer::setReverse);
}

}  // namespace

void bind_more_layers(nb::module_& module) {
  bind_first(module);
  bind_second(module);
  bind_third(module);
}

}  // namespace tenon::trt::python
