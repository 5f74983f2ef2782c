"""cuda.bindings on the host."""

__version__ = "12.9.0"
