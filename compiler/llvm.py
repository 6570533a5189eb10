"""LLVM text to object code, and object code to addresses."""

from __future__ import annotations

import ctypes
import ctypes.util
import itertools
import weakref
from functools import cache
from typing import Any

from .errors import InternalError
from .lock import dispose, lock, locked, tidy

# Programs with more loops than this are compiled without vector code, or without interleaving: each
# costs half of the time that is left.
_VECTORS, _INTERLEAVED = 600, 100

_names = itertools.count()


@locked
@cache
def _llvm() -> Any:
    """llvmlite's binding, initialised once."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    libm = ctypes.util.find_library("m")
    if libm is not None:
        ctypes.CDLL(libm, mode=ctypes.RTLD_GLOBAL)
    return llvm


@locked
@cache
def cpu() -> tuple[str, str]:
    """The name and the features of this machine's processor."""
    llvm = _llvm()
    try:
        features = llvm.get_host_cpu_features().flatten()
    except RuntimeError:
        features = ""
    return llvm.get_host_cpu_name(), features


def has_fma() -> bool:
    """Is fused multiply-add one instruction?"""
    return "+fma" in cpu()[1].split(",") or _llvm().get_process_triple().startswith("aarch64")


@locked
@cache
def versions() -> tuple[str, ...]:
    """What object code depends on, beyond its source."""
    import llvmlite

    llvm = _llvm()
    return (llvmlite.__version__, ".".join(map(str, llvm.llvm_version_info)), llvm.get_process_triple(), *cpu())


@locked
@cache
def _machine() -> Any:
    llvm = _llvm()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    name, features = cpu()
    return target.create_target_machine(cpu=name, features=features, opt=2, reloc="pic", codemodel="default")


def _optimised(text: str, level: int) -> Any:
    llvm, machine = _llvm(), _machine()
    try:
        module = llvm.parse_assembly(text)
        module.verify()
    except RuntimeError as e:
        raise InternalError("DV0999", f"LLVM refuses the code: {e}") from e
    module.triple = llvm.get_process_triple()
    module.data_layout = str(machine.target_data)
    options = llvm.create_pipeline_tuning_options(level)
    loops = text.count(" = phi i64 [")
    options.loop_vectorization = loops <= _VECTORS
    options.slp_vectorization = options.loop_interleaving = loops <= _INTERLEAVED
    options.loop_unrolling = True
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return module


@locked
def compile_text(text: str, level: int = 2) -> bytes:
    """Object code for this machine."""
    return bytes(_machine().emit_object(_optimised(text, level)))


@locked
def optimised_text(text: str, level: int = 2) -> str:
    """The optimised LLVM text, to be looked at."""
    return str(_optimised(text, level))


@locked
def assembly(text: str, level: int = 2) -> str:
    return str(_machine().emit_assembly(_optimised(text, level)))


@locked
@cache
def _jit() -> Any:
    machine = _llvm().Target.from_triple(_llvm().get_process_triple()).create_target_machine(
        cpu=cpu()[0], features=cpu()[1], opt=2, reloc="pic", codemodel="default")
    # JITLink keeps the sections of an object together; the older linker aborts the process where other
    # libraries leave it only memory more than 2 GB apart.
    return _llvm().create_lljit_compiler(machine, use_jit_link=True)


class Library:
    """Loaded object code; its code is freed with this object."""

    def __init__(self, code: bytes, symbols: tuple[str, ...]) -> None:
        llvm = _llvm()
        with lock:
            tidy()
            builder = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
            for s in symbols:
                builder.export_symbol(s)
            tracker = builder.link(_jit(), f"derivant{next(_names)}")
        weakref.finalize(self, dispose, tracker.close).atexit = False
        self.addresses: dict[str, int] = {s: tracker[s] for s in symbols}
