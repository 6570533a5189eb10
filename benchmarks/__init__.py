"""Measurements against hand-written C++ and JAX: `python -m benchmarks`."""
