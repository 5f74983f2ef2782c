"""pycuda.tools on the host."""

from tenon.trt._cuda.pycuda import Context, Device


def get_default_device(default: int = 0) -> Device:
    return Device(default)


def make_default_context(ctx_maker: object = None) -> Context:
    return Context()


def clear_context_caches() -> None:
    pass
