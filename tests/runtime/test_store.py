"""The cache on disk: what is written is read back, what is damaged is as if it weren't there."""

from __future__ import annotations

import stat
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


@pytest.mark.parametrize("damage", [b"", b"{", b"derivant object 2\n", b"\xff\xfe" * 100])
def test_damaged_entries_are_absent(cache: Path, damage: bytes) -> None:
    store.write_json("a", [1])
    for path in files(cache):
        path.write_bytes(damage)
    assert store.read_json("a") is None
    store.write_json("a", [2])
    assert store.read_json("a") == [2]


def test_objects() -> None:
    store.write_object("f", {"n": 1}, b"code")
    found = store.read_object("f")
    assert found is not None and found[1] == b"code" and found[0]["n"] == 1
    assert store.read_json("f") is None and store.read_object("g") is None


def test_nonsense_in_a_manifest_is_not_loaded() -> None:
    assert store.load({"abi": {}}, b"code", [], print) is None
    assert store.load({}, b"", [], print) is None


def test_no_place_for_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("/proc/nowhere", "/dev/null/x"):
        monkeypatch.setenv("DERIVANT_CACHE_DIR", place)
        store.write_json("a", [1])
        assert store.read_json("a") is None


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
