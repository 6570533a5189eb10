"""Derivant: a symbolic-numeric compiler for differentiable programs."""

__version__ = "0.1.0"
