"""The cache on disk: what is written is read back, what is damaged is as if it weren't there."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from derivant.compiler.errors import Source
from derivant.runtime import sources, store


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DERIVANT_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def files(cache: Path) -> list[Path]:
    return sorted(p for p in cache.rglob("*") if p.is_file())


def test_json(cache: Path) -> None:
    assert store.read_json("a") is None
    store.write_json("a", {"x": [1, 2.5, "θ"]})
    assert store.read_json("a") == {"x": [1, 2.5, "θ"]} and store.read_json("b") is None
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"label": "a"}', b"\xff\xfe", b"[" * 100_000, b"null", b"1"])
def test_damaged_entries_are_absent(cache: Path, damage: bytes) -> None:
    store.write_json("a", [1])
    files(cache)[0].write_bytes(damage)
    assert store.read_json("a") is None
    store.write_json("a", [2])
    assert store.read_json("a") == [2]


def test_a_changed_value_is_absent(cache: Path) -> None:
    store.write_json("a", [1])
    path = files(cache)[0]
    path.write_bytes(path.read_bytes().replace(b"[1]", b"[7]"))
    assert store.read_json("a") is None


def test_objects(cache: Path) -> None:
    store.write_object("f", {"n": 1}, b"code")
    found = store.read_object("f")
    assert found is not None and found[1] == b"code" and found[0]["n"] == 1
    code = next(p for p in files(cache) if p.suffix == ".o")
    code.write_bytes(b"cod")
    assert store.read_object("f") is None
    code.unlink()
    assert store.read_object("f") is None


def test_nonsense_in_a_manifest_is_not_loaded() -> None:
    assert store.load({"abi": {}}, b"code", [], print) is None
    assert store.load({}, b"", [], print) is None


def test_the_oldest_goes_first(cache: Path) -> None:
    for k in range(4):
        store.write_json(str(k), "x" * 1000)
        os.utime(max(files(cache), key=lambda p: p.stat().st_mtime_ns), (k, k))
    store.prune(2500)
    assert [store.read_json(str(k)) is not None for k in range(4)] == [False, False, True, True]


def test_no_place_for_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("/proc/nowhere", "", "/dev/null/x"):
        monkeypatch.setenv("DERIVANT_CACHE_DIR", place)
        store.write_json("a", [1])
        assert store.read_json("a") is None
        store.prune()


def test_writers_at_the_same_time(cache: Path) -> None:
    code = "import sys; from derivant.runtime import store\nfor k in range(200): store.write_json('a', [int(sys.argv[1])] * 50)"
    writers = [subprocess.Popen([sys.executable, "-c", code, str(k)]) for k in range(2)]
    seen = set()
    while any(w.poll() is None for w in writers):
        found = store.read_json("a")
        assert found is None or len(set(found)) == 1
        seen.add(str(found))
    assert all(w.returncode == 0 for w in writers) and store.read_json("a") is not None
    assert all(p.suffix == ".json" for p in files(cache))


def test_fingerprints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = Source("p.dv", "import lib\nfrom other.deep import f\ndef g(x) = x\n")
    first = sources.fingerprint(program, str(tmp_path))
    assert sources.fingerprint(program, str(tmp_path)) == first
    (tmp_path / "lib.dv").write_text("import third\n")
    second = sources.fingerprint(program, str(tmp_path))
    assert second != first
    (tmp_path / "third.dv").write_text("import lib\n")
    third = sources.fingerprint(program, str(tmp_path))
    assert third not in (first, second)
    (tmp_path / "path" / "other").mkdir(parents=True)
    (tmp_path / "path" / "other" / "deep.dv").write_text("def f(x) = x\n")
    assert sources.fingerprint(program, str(tmp_path)) == third
    monkeypatch.setenv("DERIVANT_PATH", str(tmp_path / "path"))
    assert sources.fingerprint(program, str(tmp_path)) != third
    assert sources.fingerprint(Source("p.dv", program.text + " "), str(tmp_path)) != first
    assert {Path(s.name).name for s in sources.all_sources(program, str(tmp_path))} == {"p.dv", "lib.dv", "third.dv", "deep.dv"}
