"""Routines that compiled functions call, as LLVM text: memory, polling, sorting, integer helpers.

They are put into a module only if its text mentions them.  Chunks of the arena begin with a header of
64 bytes: the previous chunk and the end of this one.  Heap blocks have one too: next and previous.
"""

from __future__ import annotations

import re

# Offsets in `dv_context`, see abi.h.
CANCEL, CODE, SITE, VALUES = 0, 4, 8, 16
CHUNK, TOP, END, SPARE, HEAP, POLL, LAST, SHOW = 48, 56, 64, 72, 80, 88, 96, 104
HEADER = 64


def _field(reg: str, offset: int) -> str:
    return f"  %{reg} = getelementptr i8, ptr %ctx, i64 {offset}"


_CONTEXT = "\n".join([
    _field("chunk.p", CHUNK), _field("top.p", TOP), _field("end.p", END), _field("spare.p", SPARE),
])

_MEMORY = {
    # Saturating product of sizes; a negative size counts as 0.
    "dv_mul": """
define internal i64 @dv_mul(i64 %a, i64 %n) alwaysinline nounwind memory(none) {
  %m = call i64 @llvm.smax.i64(i64 %n, i64 0)
  %r = call {i64, i1} @llvm.umul.with.overflow.i64(i64 %a, i64 %m)
  %v = extractvalue {i64, i1} %r, 0
  %o = extractvalue {i64, i1} %r, 1
  %big = icmp slt i64 %v, 0
  %bad = or i1 %o, %big
  %s = select i1 %bad, i64 9223372036854775807, i64 %v
  ret i64 %s
}""",
    "dv_alloc": f"""
define internal noalias ptr @dv_alloc(ptr %ctx, i64 %bytes) noinline nounwind {{
{_CONTEXT}
  %huge = icmp ugt i64 %bytes, 4611686018427387904
  br i1 %huge, label %none, label %sane
sane:
  %plus = add i64 %bytes, 127
  %size = and i64 %plus, -64
  %top = load ptr, ptr %top.p
  %end = load ptr, ptr %end.p
  %top.i = ptrtoint ptr %top to i64
  %end.i = ptrtoint ptr %end to i64
  %room = sub i64 %end.i, %top.i
  %fits = icmp ule i64 %size, %room
  br i1 %fits, label %bump, label %slow
bump:
  %next = getelementptr i8, ptr %top, i64 %size
  store ptr %next, ptr %top.p
  ret ptr %top
slow:
  %chunk = load ptr, ptr %chunk.p
  %has = icmp ne ptr %chunk, null
  br i1 %has, label %twice, label %choose
twice:
  %chunk.i = ptrtoint ptr %chunk to i64
  %old = sub i64 %end.i, %chunk.i
  %double = shl i64 %old, 1
  %capped = call i64 @llvm.umin.i64(i64 %double, i64 67108864)
  br label %choose
choose:
  %least = phi i64 [ 262144, %slow ], [ %capped, %twice ]
  %need = add i64 %size, 192
  %wanted = call i64 @llvm.umax.i64(i64 %least, i64 %need)
  %spare = load ptr, ptr %spare.p
  %nospare = icmp eq ptr %spare, null
  br i1 %nospare, label %fresh, label %again
again:
  %spare.end.p = getelementptr i8, ptr %spare, i64 8
  %spare.end = load ptr, ptr %spare.end.p
  %spare.end.i = ptrtoint ptr %spare.end to i64
  %spare.i = ptrtoint ptr %spare to i64
  %spare.size = sub i64 %spare.end.i, %spare.i
  %enough = icmp uge i64 %spare.size, %need
  br i1 %enough, label %reuse, label %fresh
reuse:
  store ptr null, ptr %spare.p
  br label %enter
fresh:
  %got = call ptr @malloc(i64 %wanted)
  %failed = icmp eq ptr %got, null
  br i1 %failed, label %none, label %label
label:
  %got.end = getelementptr i8, ptr %got, i64 %wanted
  %got.end.p = getelementptr i8, ptr %got, i64 8
  store ptr %got.end, ptr %got.end.p
  br label %enter
enter:
  %new = phi ptr [ %spare, %reuse ], [ %got, %label ]
  %new.end = phi ptr [ %spare.end, %reuse ], [ %got.end, %label ]
  store ptr %chunk, ptr %new
  store ptr %new, ptr %chunk.p
  store ptr %new.end, ptr %end.p
  %new.i = ptrtoint ptr %new to i64
  %first.a = add i64 %new.i, 127
  %first.i = and i64 %first.a, -64
  %skip = sub i64 %first.i, %new.i
  %first = getelementptr i8, ptr %new, i64 %skip
  %after = getelementptr i8, ptr %first, i64 %size
  store ptr %after, ptr %top.p
  ret ptr %first
none:
  ret ptr null
}}""",
    # Back to a mark: (chunk, top).  The largest chunk that is given back stays as the spare one.
    "dv_release": f"""
define internal void @dv_release(ptr %ctx, ptr %chunk, ptr %top) noinline nounwind {{
{_CONTEXT}
  br label %head
head:
  %now = load ptr, ptr %chunk.p
  %done = icmp eq ptr %now, %chunk
  br i1 %done, label %exit, label %drop
drop:
  %prev = load ptr, ptr %now
  store ptr %prev, ptr %chunk.p
  %end = call i64 @dv_chunk_size(ptr %now)
  %spare = load ptr, ptr %spare.p
  %nospare = icmp eq ptr %spare, null
  br i1 %nospare, label %keep, label %compare
compare:
  %size = call i64 @dv_chunk_size(ptr %spare)
  %larger = icmp ugt i64 %end, %size
  br i1 %larger, label %replace, label %discard
replace:
  call void @free(ptr %spare)
  br label %keep
keep:
  store ptr %now, ptr %spare.p
  br label %head
discard:
  call void @free(ptr %now)
  br label %head
exit:
  store ptr %top, ptr %top.p
  %none = icmp eq ptr %chunk, null
  br i1 %none, label %empty, label %some
empty:
  store ptr null, ptr %end.p
  ret void
some:
  %last.p = getelementptr i8, ptr %chunk, i64 8
  %last = load ptr, ptr %last.p
  store ptr %last, ptr %end.p
  ret void
}}""",
    "dv_chunk_size": """
define internal i64 @dv_chunk_size(ptr %chunk) alwaysinline nounwind {
  %end.p = getelementptr i8, ptr %chunk, i64 8
  %end = load ptr, ptr %end.p
  %e = ptrtoint ptr %end to i64
  %c = ptrtoint ptr %chunk to i64
  %size = sub i64 %e, %c
  ret i64 %size
}""",
    # At the end of an entry: the arena is empty, one chunk of at most 64 MiB stays.
    "dv_leave": f"""
define internal void @dv_leave(ptr %ctx) noinline nounwind {{
{_field("spare.p", SPARE)}
  call void @dv_release(ptr %ctx, ptr null, ptr null)
  %spare = load ptr, ptr %spare.p
  %none = icmp eq ptr %spare, null
  br i1 %none, label %exit, label %look
look:
  %size = call i64 @dv_chunk_size(ptr %spare)
  %large = icmp ugt i64 %size, 67108864
  br i1 %large, label %drop, label %exit
drop:
  call void @free(ptr %spare)
  store ptr null, ptr %spare.p
  br label %exit
exit:
  ret void
}}""",
    "dv_heap_alloc": f"""
define internal noalias ptr @dv_heap_alloc(ptr %ctx, i64 %bytes) noinline nounwind {{
{_field("heap.p", HEAP)}
  %huge = icmp ugt i64 %bytes, 4611686018427387904
  br i1 %huge, label %none, label %sane
sane:
  %size = add i64 %bytes, {HEADER}
  %block = call ptr @malloc(i64 %size)
  %failed = icmp eq ptr %block, null
  br i1 %failed, label %none, label %link
link:
  %first = load ptr, ptr %heap.p
  store ptr %first, ptr %block
  %back.p = getelementptr i8, ptr %block, i64 8
  store ptr null, ptr %back.p
  store ptr %block, ptr %heap.p
  %empty = icmp eq ptr %first, null
  br i1 %empty, label %exit, label %chain
chain:
  %first.back.p = getelementptr i8, ptr %first, i64 8
  store ptr %block, ptr %first.back.p
  br label %exit
exit:
  %data = getelementptr i8, ptr %block, i64 {HEADER}
  ret ptr %data
none:
  ret ptr null
}}""",
    # Takes a block out of the list: it belongs to someone else now.
    "dv_heap_detach": f"""
define internal void @dv_heap_detach(ptr %ctx, ptr %data) noinline nounwind {{
{_field("heap.p", HEAP)}
  %block = getelementptr i8, ptr %data, i64 -{HEADER}
  %back.p = getelementptr i8, ptr %block, i64 8
  %next = load ptr, ptr %block
  %back = load ptr, ptr %back.p
  %first = icmp eq ptr %back, null
  %from = select i1 %first, ptr %heap.p, ptr %back
  store ptr %next, ptr %from
  %last = icmp eq ptr %next, null
  br i1 %last, label %exit, label %chain
chain:
  %next.back.p = getelementptr i8, ptr %next, i64 8
  store ptr %back, ptr %next.back.p
  br label %exit
exit:
  ret void
}}""",
    "dv_heap_free": f"""
define internal void @dv_heap_free(ptr %ctx, ptr %data) noinline nounwind {{
  %none = icmp eq ptr %data, null
  br i1 %none, label %exit, label %some
some:
  call void @dv_heap_detach(ptr %ctx, ptr %data)
  %block = getelementptr i8, ptr %data, i64 -{HEADER}
  call void @free(ptr %block)
  br label %exit
exit:
  ret void
}}""",
    "dv_heap_clear": f"""
define internal void @dv_heap_clear(ptr %ctx) noinline nounwind {{
{_field("heap.p", HEAP)}
  br label %head
head:
  %block = load ptr, ptr %heap.p
  %done = icmp eq ptr %block, null
  br i1 %done, label %exit, label %drop
drop:
  %next = load ptr, ptr %block
  store ptr %next, ptr %heap.p
  call void @free(ptr %block)
  br label %head
exit:
  ret void
}}""",
    # Not 0 if the function should stop; asks the host some ten times a second.
    "dv_poll": f"""
define internal i32 @dv_poll(ptr %ctx) noinline nounwind memory(argmem: readwrite, inaccessiblemem: readwrite) {{
  %flag = load volatile i32, ptr %ctx
  %set = icmp ne i32 %flag, 0
  br i1 %set, label %stop, label %look
look:
{_field("last.p", LAST)}
  %now = call i64 @llvm.readcyclecounter()
  %last = load i64, ptr %last.p
  %passed = sub i64 %now, %last
  %due = icmp ugt i64 %passed, 200000000
  br i1 %due, label %ask, label %go
ask:
  store i64 %now, ptr %last.p
{_field("poll.p", POLL)}
  %poll = load ptr, ptr %poll.p
  %deaf = icmp eq ptr %poll, null
  br i1 %deaf, label %go, label %call
call:
  %answer = call i32 %poll(ptr %ctx)
  ret i32 %answer
go:
  ret i32 0
stop:
  ret i32 1
}}""",
}

# A bottom-up merge sort of positions; `before` says whether the right one must come before the left.
_SORT = """
define internal void @dv_sort_{kind}(ptr %v, i64 %n, ptr %out, ptr %tmp) noinline nounwind {{
start:
  %any = icmp sgt i64 %n, 0
  br i1 %any, label %init, label %exit
init:
  %k = phi i64 [ 0, %start ], [ %k1, %init ]
  %k.p = getelementptr i64, ptr %out, i64 %k
  store i64 %k, ptr %k.p
  %k1 = add i64 %k, 1
  %more = icmp slt i64 %k1, %n
  br i1 %more, label %init, label %widths
widths:
  %w = phi i64 [ 1, %init ], [ %w2, %swapped ]
  %src = phi ptr [ %out, %init ], [ %dst, %swapped ]
  %dst = phi ptr [ %tmp, %init ], [ %src, %swapped ]
  %wide = icmp slt i64 %w, %n
  br i1 %wide, label %runs, label %finish
runs:
  %lo = phi i64 [ 0, %widths ], [ %hi, %run.done ]
  %mid0 = add i64 %lo, %w
  %mid = call i64 @llvm.smin.i64(i64 %mid0, i64 %n)
  %hi0 = add i64 %mid, %w
  %hi = call i64 @llvm.smin.i64(i64 %hi0, i64 %n)
  br label %merge
merge:
  %a = phi i64 [ %lo, %runs ], [ %a2, %step ]
  %b = phi i64 [ %mid, %runs ], [ %b2, %step ]
  %c = phi i64 [ %lo, %runs ], [ %c2, %step ]
  %end = icmp sge i64 %c, %hi
  br i1 %end, label %run.done, label %pick
pick:
  %noa = icmp sge i64 %a, %mid
  br i1 %noa, label %right, label %b.left
b.left:
  %nob = icmp sge i64 %b, %hi
  br i1 %nob, label %left, label %both
both:
  %pa = getelementptr i64, ptr %src, i64 %a
  %ia = load i64, ptr %pa
  %pb = getelementptr i64, ptr %src, i64 %b
  %ib = load i64, ptr %pb
  %va = getelementptr {mem}, ptr %v, i64 %ia
  %x = load {mem}, ptr %va
  %vb = getelementptr {mem}, ptr %v, i64 %ib
  %y = load {mem}, ptr %vb
{before}
  br i1 %before, label %right, label %left
right:
  br label %step
left:
  br label %step
step:
  %at = phi i64 [ %b, %right ], [ %a, %left ]
  %db = phi i64 [ 1, %right ], [ 0, %left ]
  %da = phi i64 [ 0, %right ], [ 1, %left ]
  %from = getelementptr i64, ptr %src, i64 %at
  %val = load i64, ptr %from
  %to = getelementptr i64, ptr %dst, i64 %c
  store i64 %val, ptr %to
  %a2 = add i64 %a, %da
  %b2 = add i64 %b, %db
  %c2 = add i64 %c, 1
  br label %merge
run.done:
  %last = icmp sge i64 %hi, %n
  br i1 %last, label %swapped, label %runs
swapped:
  %w2 = shl i64 %w, 1
  br label %widths
finish:
  %there = icmp eq ptr %src, %out
  br i1 %there, label %exit, label %back
back:
  %bytes = shl i64 %n, 3
  call void @llvm.memcpy.p0.p0.i64(ptr %out, ptr %src, i64 %bytes, i1 false)
  br label %exit
exit:
  ret void
}}"""

_FLOAT_BEFORE = """  %less = fcmp olt {t} %y, %x
  %xnan = fcmp uno {t} %x, %x
  %ynum = fcmp ord {t} %y, %y
  %nan.after = and i1 %xnan, %ynum
  %before = or i1 %less, %nan.after"""

_IPOW = """
define internal {t} @dv_ipow_{kind}({t} %x, {t} %n) noinline nounwind memory(none) {{
start:
  br label %head
head:
  %r = phi {t} [ 1, %start ], [ %r2, %body ]
  %b = phi {t} [ %x, %start ], [ %b2, %body ]
  %k = phi {t} [ %n, %start ], [ %k2, %body ]
  %more = icmp sgt {t} %k, 0
  br i1 %more, label %body, label %exit
body:
  %odd = trunc {t} %k to i1
  %rb = mul {t} %r, %b
  %r2 = select i1 %odd, {t} %rb, {t} %r
  %b2 = mul {t} %b, %b
  %k2 = lshr {t} %k, 1
  br label %head
exit:
  ret {t} %r
}}"""

# Rounded towards minus infinity; a divisor of 0 gives anything, and does not trap.
_FLOORDIV_INT = """
define internal {t} @dv_floordiv_{kind}({t} %a, {t} %b) alwaysinline nounwind memory(none) {{
  %zero = icmp eq {t} %b, 0
  %minus = icmp eq {t} %b, -1
  %odd = or i1 %zero, %minus
  %d = select i1 %odd, {t} 1, {t} %b
  %q = sdiv {t} %a, %d
  %r = srem {t} %a, %d
  %part = icmp ne {t} %r, 0
  %signs = xor {t} %r, %d
  %differ = icmp slt {t} %signs, 0
  %less = and i1 %part, %differ
  %one = zext i1 %less to {t}
  %down = sub {t} %q, %one
  %neg = sub {t} 0, %a
  %v = select i1 %minus, {t} %neg, {t} %down
  ret {t} %v
}}"""

_MOD_INT = """
define internal {t} @dv_mod_{kind}({t} %a, {t} %b) alwaysinline nounwind memory(none) {{
  %zero = icmp eq {t} %b, 0
  %minus = icmp eq {t} %b, -1
  %odd = or i1 %zero, %minus
  %d = select i1 %odd, {t} 1, {t} %b
  %r = srem {t} %a, %d
  %part = icmp ne {t} %r, 0
  %signs = xor {t} %r, %d
  %differ = icmp slt {t} %signs, 0
  %turn = and i1 %part, %differ
  %more = add {t} %r, %d
  %v = select i1 %turn, {t} %more, {t} %r
  ret {t} %v
}}"""

_FLOORDIV_FLOAT = """
define internal {t} @dv_floordiv_{kind}({t} %a, {t} %b) noinline nounwind memory(none) {{
  %plain = fdiv {t} %a, %b
  %zero = fcmp oeq {t} %b, 0.0
  br i1 %zero, label %quotient, label %some
quotient:
  ret {t} %plain
some:
  %mod = frem {t} %a, %b
  %rest = fsub {t} %a, %mod
  %div0 = fdiv {t} %rest, %b
  %part = fcmp une {t} %mod, 0.0
  %bneg = fcmp olt {t} %b, 0.0
  %mneg = fcmp olt {t} %mod, 0.0
  %differ = xor i1 %bneg, %mneg
  %less = and i1 %part, %differ
  %div1 = fsub {t} %div0, 1.0
  %div = select i1 %less, {t} %div1, {t} %div0
  %nil = fcmp oeq {t} %div, 0.0
  br i1 %nil, label %signed, label %round
signed:
  %s = call {t} @llvm.copysign.{kind}({t} 0.0, {t} %plain)
  ret {t} %s
round:
  %f = call {t} @llvm.floor.{kind}({t} %div)
  %off = fsub {t} %div, %f
  %above = fcmp ogt {t} %off, 0.5
  %f1 = fadd {t} %f, 1.0
  %v = select i1 %above, {t} %f1, {t} %f
  ret {t} %v
}}"""

LLVM_TYPES = {"f64": "double", "f32": "float", "i64": "i64", "i32": "i32", "bool": "i1"}
MEMORY_TYPES = LLVM_TYPES | {"bool": "i8"}


def _routines() -> dict[str, str]:
    found = dict(_MEMORY)
    for kind, t in LLVM_TYPES.items():
        mem = MEMORY_TYPES[kind]
        if kind in ("f64", "f32"):
            before = _FLOAT_BEFORE.format(t=t)
            found[f"dv_floordiv_{kind}"] = _FLOORDIV_FLOAT.format(t=t, kind=kind)
        else:
            before = f"  %before = icmp {'u' if kind == 'bool' else 's'}lt {mem} %y, %x"
        found[f"dv_sort_{kind}"] = _SORT.format(kind=kind, mem=mem, before=before)
        if kind in ("i64", "i32"):
            for name, text in (("ipow", _IPOW), ("floordiv", _FLOORDIV_INT), ("mod", _MOD_INT)):
                found[f"dv_{name}_{kind}"] = text.format(t=t, kind=kind)
    return found


ROUTINES = _routines()
_NAME = re.compile(r"@(dv_\w+)")


def needed(text: str, routines: dict[str, str]) -> list[str]:
    """The texts of the routines that a text calls, directly or not."""
    found: dict[str, str] = {}
    todo = [text]
    while todo:
        for name in dict.fromkeys(_NAME.findall(todo.pop())):
            if name in routines and name not in found:
                found[name] = routines[name]
                todo.append(routines[name])
    return list(found.values())
