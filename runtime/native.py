"""Native functions: compile a core function, load it, call it with NumPy arrays.

    f = compile_native(fn)
    results = f([x, 3])          # like `interpret.run`: fresh arrays and NumPy scalars

    f = native_cached(key, lambda: fn)       # object code from the disk if `key` was compiled before

A call takes a context from a pool, so any number of threads may be inside a function; the GIL is
released meanwhile, and `Ctrl-C` stops the function at its next look at the cancel flag.
"""

from __future__ import annotations

import contextlib
import ctypes
import struct
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..compiler import llvm
from ..compiler.abi import HEADER, Context, Signature, signature
from ..compiler.errors import InternalError, Source, TypeError
from ..compiler.frames import Interrupted
from ..compiler.interpret_values import fill_message, site_error
from ..compiler.lock import locked
from ..compiler.primitives_eval import DTYPES
from ..compiler.site import Site, compile_shape
from .cache import Cache
from .glue import call, poll_address

if TYPE_CHECKING:
    from ..compiler import ir

_FORMAT = {"f64": "d", "f32": "f4x", "i64": "q", "i32": "i4x", "bool": "?7x"}
_SMALL = 1 << 20  # results of the function's own memory up to this size are copied


def compile_native(
    fn: ir.Function, *, write: Callable[[str], object] | None = None, level: int = 2
) -> NativeFunction:
    """The machine code of a core function without calls and derivatives, ready to call."""
    sig, code = compile_object(fn, level=level)
    return NativeFunction(sig, code, write=write)


def native_cached(
    key: bytes,
    make: Callable[[], ir.Function],
    *,
    write: Callable[[str], object] | None = None,
    sources: Sequence[Source] = (),
    level: int = 2,
    cache: Cache | None = None,
) -> NativeFunction:
    """The function of this key from the cache, otherwise of what `make` gives, which is then cached.

    `key` stands for all that the function depends on, apart from versions and the processor.
    `sources` are the texts that the spans of errors point into.
    """
    cache = cache or Cache.default()
    key = key + bytes([level])
    found = cache.get(key)
    if found is not None:
        manifest, code = found
        # An entry that is whole but of another make is as good as none.
        with contextlib.suppress(Exception):
            return NativeFunction(Signature.from_json(manifest, sources), code, write=write)
    sig, code = compile_object(make(), level=level)
    cache.put(key, sig.to_json(), code)
    return NativeFunction(sig, code, write=write)


@locked
def compile_object(fn: ir.Function, *, level: int = 2) -> tuple[Signature, bytes]:
    """The signature and the object code of a core function."""
    from ..compiler.llvm_emit import emit_module, symbol
    from ..compiler.lower import lower
    from ..compiler.lower_shapes import shape_program

    loops = lower(fn)
    text = emit_module([loops], inline=llvm.has_fma())
    shapes = [shape_program(fn, r.type.shape) for r in fn.body.results]
    return signature(loops, symbol(fn.name), shapes), llvm.compile_text(text, level)


class NativeFunction:
    """A loaded function; `write` receives the lines of `show`, standard output by default."""

    def __init__(self, sig: Signature, code: bytes, *, write: Callable[[str], object] | None = None) -> None:
        self.signature = sig
        self.code = code
        self.write = write or print
        self._library = llvm.Library(code, (sig.symbol,))
        self.entry = self._library.addresses[sig.symbol]
        self._call = call()
        self._dtypes = [np.dtype(DTYPES[p.kind]) for p in sig.params]
        self._fresh = [
            (np.dtype(DTYPES[r.kind]), compile_shape(r.shape)) if r.rank and r.shape is not None else None
            for r in sig.results
        ]
        inputs = "".join("q" * (1 + 2 * p.rank) if p.rank else _FORMAT[p.kind] for p in sig.params)
        pointers = "".join("q" * (1 + 2 * r.rank) if r.rank else "8x" for r in sig.results)
        values = "".join("q" * (1 + 2 * r.rank) if r.rank else _FORMAT[r.kind] for r in sig.results)
        self._pack = struct.Struct("=" + inputs + pointers)
        self._unpack = struct.Struct("=" + values)
        self._offset = struct.calcsize("=" + inputs)

    def __repr__(self) -> str:
        return f"<native {self.signature.name}>"

    def __call__(self, args: Sequence[Any]) -> list[Any]:
        sig = self.signature
        if len(args) != len(sig.params):
            raise TypeError("DV0606", f"{sig.name} takes {len(sig.params)} arguments, {len(args)} were given")
        given: list[Any] = []
        slots: list[Any] = []
        for p, dtype, a in zip(sig.params, self._dtypes, args, strict=True):
            if p.rank == 0:
                a = _scalar(p.name, dtype, a)
                slots.append(a)
            else:
                a = _array(p.name, p.rank, dtype, a)
                slots += (_address(a), *a.shape, *a.strides)
            given.append(a)
        shapes = [a.shape if p.rank else () for p, a in zip(sig.params, given, strict=True)]
        outs: list[Any] = []
        for r, fresh in zip(sig.results, self._fresh, strict=True):
            if r.rank == 0:
                outs.append(None)
            elif fresh is None:
                outs.append(None)
                slots += (0,) * (1 + 2 * r.rank)
            else:
                out = self._empty(fresh[1](shapes, given), fresh[0], r.site)
                outs.append(out)
                slots += (_address(out), *out.shape, *out.strides)
        frame = _take(self._pack.size)
        try:
            self._pack.pack_into(frame.slots, 0, *slots)
            context = frame.context
            frame.owner = self
            code = self._call(self.entry, frame.context_address, frame.slots_address)
            if frame.pending is not None:
                raise frame.pending
            if code:
                raise self.error(context)
            return self._results(self._unpack.unpack_from(frame.slots, self._offset), outs)
        except KeyboardInterrupt:
            raise Interrupted from None
        finally:
            _give(frame)

    def _empty(self, shape: tuple[int, ...], dtype: Any, site: int) -> Any:
        try:
            return np.empty(shape, dtype)
        except (MemoryError, ValueError):
            raise site_error(self.signature.sites[site], shape) from None

    def _results(self, values: Sequence[Any], outs: list[Any]) -> list[Any]:
        results: list[Any] = []
        k = 0
        for r, out in zip(self.signature.results, outs, strict=True):
            if r.rank == 0:
                results.append(DTYPES[r.kind](values[k]))
                k += 1
                continue
            if out is None:
                out = _adopt(values[k], tuple(values[k + 1 : k + 1 + r.rank]), np.dtype(DTYPES[r.kind]))
            results.append(out)
            k += 1 + 2 * r.rank
        return results

    def adopt(self, k: int, address: int) -> Any:
        """The array of a result that the function has allocated and left in the slots at an address."""
        r = self.signature.results[k]
        words = (ctypes.c_int64 * (1 + r.rank)).from_address(address)
        return _adopt(words[0], tuple(words[1:]), np.dtype(DTYPES[r.kind]))

    def error(self, context: Context) -> Exception:
        """The error that the function has left in its context."""
        try:
            site = self.signature.sites[context.site]
        except IndexError:
            return InternalError("DV0999", f"{self.signature.name} failed at an unknown place")
        return site_error(site, [_value(k, v) for k, v in zip(site.kinds, context.values, strict=False)])

    def shown(self, site: Site, address: int) -> None:
        """Writes a line of `show`, whose values stand at `address`."""
        values: list[Any] = []
        for kind in site.kinds:
            if not kind.endswith("]"):
                values.append(_value(kind, ctypes.c_int64.from_address(address).value))
                address += 8
                continue
            kind, rank = kind[:-1].split("[")
            words = (ctypes.c_int64 * (1 + int(rank))).from_address(address)
            values.append(_view(words[0], tuple(words[1:]), np.dtype(DTYPES[kind])).copy())
            address += 8 * len(words)
        self.write(fill_message(site.message, values))


# ---------------------------------------------------------------- arguments and results


def _scalar(name: str, dtype: Any, value: Any) -> Any:
    if type(value) in (float, int, bool):
        return dtype.type(value).item()
    a = np.asarray(value, dtype=dtype)
    if a.ndim:
        raise TypeError("DV0607", f"{name} has 0 axes, the argument has {a.ndim}")
    return a.item()


def _array(name: str, rank: int, dtype: Any, value: Any) -> Any:
    """The argument as a C-contiguous, aligned array in the machine's byte order."""
    a = np.asarray(value, dtype=dtype, order="C")
    if a.ndim != rank:
        raise TypeError("DV0607", f"{name} has {rank} axes, the argument has {a.ndim}")
    flags = a.flags
    return a if flags.c_contiguous and flags.aligned else np.array(a, order="C")


def _address_by_interface(a: Any) -> int:
    return int(a.__array_interface__["data"][0])


def _address_by_layout(a: Any) -> int:
    """NumPy's array struct begins with the object's head and the data pointer; ten times faster."""
    return int(_WORD.from_address(id(a) + _DATA).value)


_WORD = ctypes.c_int64
_DATA = object.__basicsize__
_PROBES = [np.empty(k) for k in (1, 7, 1000)]
_plain = all(_address_by_interface(a) == _address_by_layout(a) for a in _PROBES)
_address = _address_by_layout if _plain else _address_by_interface


def _value(kind: str, bits: int) -> Any:
    """A scalar from a slot."""
    return DTYPES[kind](struct.unpack_from("=" + _FORMAT[kind], struct.pack("=q", bits))[0])


class _Memory:
    """A block that a function has handed over, as NumPy sees it; freed when no array uses it."""

    def __init__(self, address: int, shape: tuple[int, ...], dtype: Any, owned: bool) -> None:
        self.__array_interface__ = {
            "data": (address, False), "shape": shape, "typestr": dtype.str, "version": 3,
        }
        if owned:
            weakref.finalize(self, _free, address - HEADER).atexit = False


def _view(address: int, shape: tuple[int, ...], dtype: Any) -> Any:
    if not all(shape):
        return np.empty(shape, dtype)
    return np.asarray(_Memory(address, shape, dtype, owned=False))


def _adopt(address: int, shape: tuple[int, ...], dtype: Any) -> Any:
    """An array in memory of the function; small ones are copied."""
    size = dtype.itemsize
    for n in shape:
        size *= n
    if size > _SMALL:
        return np.asarray(_Memory(address, shape, dtype, owned=True))
    try:
        return _view(address, shape, dtype).copy()
    finally:
        _free(address - HEADER)


# ---------------------------------------------------------------- contexts

_SHOW = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int32, ctypes.c_void_p)
_free = ctypes.CDLL(None).free
_free.argtypes = [ctypes.c_void_p]
_free.restype = None


class _Frame:
    """A context and room for slots; used by one call at a time."""

    def __init__(self, size: int) -> None:
        self.context = Context()
        self.context_address = ctypes.addressof(self.context)
        self.slots = ctypes.create_string_buffer(size)
        self.slots_address = ctypes.addressof(self.slots)
        self.size = size
        self.owner: NativeFunction | None = None
        self.pending: BaseException | None = None
        self.context.show = _SHOW_ADDRESS
        self.context.poll = poll_address()
        _frames[self.context_address] = self

    def __del__(self, free: Any = _free) -> None:
        spare = self.context.spare
        if spare:
            free(spare)


_frames: weakref.WeakValueDictionary[int, _Frame] = weakref.WeakValueDictionary()
_pool: list[_Frame] = []


def _take(size: int) -> _Frame:
    try:
        frame = _pool.pop()
    except IndexError:
        return _Frame(max(size, 512))
    if frame.size < size:
        frame.slots = ctypes.create_string_buffer(size)
        frame.slots_address, frame.size = ctypes.addressof(frame.slots), size
    return frame


def _give(frame: _Frame) -> None:
    frame.owner = frame.pending = None
    frame.context.cancel = 0
    if len(_pool) < 16:
        _pool.append(frame)


def _show(address: int, site: int, values: int) -> None:
    frame = _frames.get(address)
    if frame is None or frame.owner is None or frame.pending is not None:
        return
    try:
        frame.owner.shown(frame.owner.signature.sites[site], values)
    except BaseException as e:  # noqa: BLE001  # it goes on in the caller of the function
        frame.pending = e
        frame.context.cancel = 1


_show_callback = _SHOW(_show)
_SHOW_ADDRESS = ctypes.cast(_show_callback, ctypes.c_void_p).value
