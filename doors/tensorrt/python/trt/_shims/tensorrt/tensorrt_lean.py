"""TensorRT's lean runtime under the runner: tenon.trt without what builds."""

import tenon.trt as _trt

globals().update({_name: getattr(_trt, _name) for _name in _trt.lean_names()})
__version__ = _trt.__version__
tenon_version = _trt.tenon_version
