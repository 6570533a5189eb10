"""NumPy and JAX behind one name, so that a reference gives values and gradients."""

from __future__ import annotations

from typing import Any

import numpy
import scipy.linalg
import scipy.special


class Library:
    """`module`'s functions, and `special`, `scipy_linalg`."""

    def __init__(self, module: Any, special: Any, scipy_linalg: Any) -> None:
        self.module = module
        self.special = special
        self.scipy_linalg = scipy_linalg

    def __getattr__(self, name: str) -> Any:
        return getattr(self.module, name)


NUMPY = Library(numpy, scipy.special, scipy.linalg)


def jax_library() -> Library:
    import jax
    import jax.scipy.linalg
    import jax.scipy.special

    jax.config.update("jax_enable_x64", True)
    return Library(jax.numpy, jax.scipy.special, jax.scipy.linalg)


def arrays(value: Any, module: Any) -> Any:
    """Lists become arrays; what is given as an array stays one."""
    if isinstance(value, dict):
        return {k: arrays(v, module) for k, v in value.items()}
    if isinstance(value, tuple):
        return tuple(arrays(v, module) for v in value)
    return module.asarray(value) if isinstance(value, list | numpy.ndarray) else value


def jax_gradient(reference: Any, args: list[Any], positions: list[int]) -> Any:
    """The gradient of the reference, or of the sum of sin(result) where that is an array or a tuple."""
    import jax

    library = jax_library()
    given = list(args)
    for k in positions:
        given[k] = jax.tree_util.tree_map(lambda a: jax.numpy.asarray(a) * 1.0 if not hasattr(a, "dtype")
                                          else jax.numpy.asarray(a), given[k])

    def objective(*some: Any) -> Any:
        full = list(given)
        for k, v in zip(positions, some, strict=True):
            full[k] = v
        result = reference(library, *full)
        if isinstance(result, tuple):
            return sum(jax.numpy.sum(jax.numpy.sin(r)) for r in result)
        return jax.numpy.sum(jax.numpy.sin(result)) if jax.numpy.ndim(result) else result

    grads = jax.grad(objective, argnums=tuple(range(len(positions))))(*(given[k] for k in positions))
    return tuple(_in_order(g, args[k]) for g, k in zip(grads, positions, strict=True))


def _in_order(grad: Any, like: Any) -> Any:
    """JAX sorts the keys of a dict."""
    return {k: grad[k] for k in like} if isinstance(like, dict) else grad
