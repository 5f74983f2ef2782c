"""TensorRT's package of libraries: there are none here."""

from tenon.trt import __version__  # noqa: F401
