"""The cache on disk: sound entries, unsound entries, hostile directories, several processes."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from derivant.compiler.errors import Source, Span
from derivant.compiler.ir import Function, Prov, Var
from derivant.runtime import native
from derivant.runtime.cache import Cache, directory

from .programs import F64, c, function, size, vector

n = size("n")
x, s = vector("x", n), Var("s", F64)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def doubled() -> Function:
    return function([x], lambda b: [b.build(n, lambda i: b.prim("mul", b.index(x, i), c(2.0)))])


def never() -> Function:
    raise AssertionError("it should have been cached")


def test_round_trip(cache: Cache) -> None:
    assert cache.get(b"k") is None
    cache.put(b"k", {"a": [1, "ü"]}, b"code")
    assert cache.get(b"k") == ({"a": [1, "ü"]}, b"code")
    assert cache.get(b"other") is None
    cache.clear()
    assert cache.get(b"k") is None


def test_a_pipe_in_place_of_an_entry_does_not_wait(cache: Cache) -> None:
    os.mkfifo(cache.file(b"k"))
    assert cache.get(b"k") is None
    cache.put(b"k", {}, b"code")
    assert cache.get(b"k") == ({}, b"code")


def test_private_directory(cache: Cache) -> None:
    assert cache.path.stat().st_mode & 0o777 == 0o700


def test_directory_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DERIVANT_CACHE_DIR", str(tmp_path / "elsewhere"))
    assert directory() == tmp_path / "elsewhere"
    monkeypatch.delenv("DERIVANT_CACHE_DIR")
    assert directory().name == "derivant"


def test_cached_function_is_not_lowered_again(cache: Cache) -> None:
    first = native.native_cached(b"key", doubled, cache=cache)
    second = native.native_cached(b"key", never, cache=cache)
    for f in (first, second):
        np.testing.assert_array_equal(f([[1.0, 2.0]])[0], [2.0, 4.0])
    with pytest.raises(AssertionError):
        native.native_cached(b"key", never, cache=cache, level=1)


def test_errors_of_a_cached_function_have_spans(cache: Cache) -> None:
    source = Source("a.dv", "assert s > 0\n")

    def failing() -> Function:
        def body(b: Any) -> Any:
            with b.at(Prov((Span(source, 1, 1, 1, 13),))):
                b.assert_(b.prim("gt", s, c(0.0)), "DV0507", "s is {0}", s)
            return [s]

        return function([s], body)

    native.native_cached(b"e", failing, cache=cache)
    f = native.native_cached(b"e", never, cache=cache, sources=[source])
    with pytest.raises(AssertionError) as caught:
        f([-1.0])
    assert "s is -1.0" in str(caught.value)
    assert "a.dv:1:1" in str(caught.value)


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "magic", "length", "noise"])
def test_damaged_entries_are_compiled_again(cache: Cache, damage: str) -> None:
    native.native_cached(b"key", doubled, cache=cache)
    (path,) = cache.path.glob("*.dvo")
    data = bytearray(path.read_bytes())
    if damage == "empty":
        data = bytearray()
    elif damage == "cut":
        del data[len(data) // 2:]
    elif damage == "flipped":
        data[-5] ^= 1
    elif damage == "magic":
        data[0] ^= 1
    elif damage == "length":
        data[len(b"derivant object 2\n") + 32] ^= 255
    else:
        data = bytearray(os.urandom(500))
    path.write_bytes(data)
    f = native.native_cached(b"key", doubled, cache=cache)
    np.testing.assert_array_equal(f([[1.0]])[0], [2.0])
    native.native_cached(b"key", never, cache=cache)


def test_entries_under_another_name_are_compiled_again(cache: Cache) -> None:
    native.native_cached(b"one", doubled, cache=cache)
    (one,) = cache.path.glob("*.dvo")
    cache.file(b"two" + bytes([2])).write_bytes(one.read_bytes())
    with pytest.raises(AssertionError):
        native.native_cached(b"two", never, cache=cache)


def test_sound_entry_with_a_strange_manifest(cache: Cache) -> None:
    native.native_cached(b"key", doubled, cache=cache)
    cache.put(b"key" + bytes([2]), {"name": "f"}, b"no object code")
    f = native.native_cached(b"key", doubled, cache=cache)
    np.testing.assert_array_equal(f([[1.0]])[0], [2.0])


def test_what_is_not_ours_stays(cache: Cache) -> None:
    native.native_cached(b"key", doubled, cache=cache)
    own = [cache.path / name for name in ("notes.tmp", "model.dvo", "grammar-english.json", "data.npy")]
    for path in own:
        path.write_text("mine")
    assert cache.usage()[0] == 1
    cache.limit = 0
    cache.trim()
    cache.clear()
    assert sorted(cache.path.iterdir()) == sorted(own)


def test_places_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    for path in (tmp_path / "file", tmp_path / "file" / "below", open_to_all, Path("/proc/none")):
        cache = Cache(path)
        assert not cache.usable
        cache.put(b"k", {}, b"")
        assert cache.get(b"k") is None


def test_directory_that_vanishes(cache: Cache) -> None:
    cache.path.rmdir()
    cache.put(b"k", {}, b"")
    assert cache.get(b"k") is None


def test_least_recently_used_go_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "c", limit=10_000)
    for k in range(8):
        cache.put(bytes([k]), {}, bytes(2_000))
        os.utime(cache.file(bytes([k])), (k, k))
    cache.get(bytes([0]))
    cache.trim()
    alive = [k for k in range(8) if cache.get(bytes([k])) is not None]
    assert alive == [0, 5, 6, 7]


def _work(path: str, wrong: Any) -> None:
    cache = Cache(Path(path))
    for k in range(200):
        key = bytes([k % 5])
        cache.put(key, {"k": k % 5}, bytes([k % 5]) * 5000)
        found = cache.get(key)
        if found is None or found != ({"k": k % 5}, bytes([k % 5]) * 5000):
            wrong.value += 1


def test_several_processes(cache: Cache) -> None:
    context = multiprocessing.get_context("spawn")
    wrong = context.Value("i", 0)
    workers = [context.Process(target=_work, args=(str(cache.path), wrong)) for _ in range(3)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert wrong.value == 0
    assert not list(cache.path.glob("*.tmp"))
