; Results, and the call as a whole.

define internal ptr @array(i64 %kind, i64 %rank, ptr %sizes) {
  %type = load ptr, ptr @dv_fast_host
  %newat = getelementptr %host, ptr @dv_fast_host, i64 0, i32 1
  %new = load ptr, ptr %newat
  %dtypeat = getelementptr %host, ptr @dv_fast_host, i64 0, i32 6, i64 %kind
  %dtype = load ptr, ptr %dtypeat
  call void @Py_IncRef(ptr %dtype)
  %rank4 = trunc i64 %rank to i32
  %a = call ptr %new(ptr %type, ptr %dtype, i32 %rank4, ptr %sizes, ptr null, ptr null, i32 0, ptr null)
  ret ptr %a
}

; New arrays for the results whose sizes are known; null if there is no room.   rank, slot, kind, sizes   -1
define internal ptr @allocate(ptr %call, ptr %start) {
entry:
  %sizes = alloca [32 x i64]
  %resultsat = getelementptr %call, ptr %call, i64 0, i32 2
  %arrays = load ptr, ptr %resultsat
  br label %head
head:
  %pc = phi ptr [%start, %entry], [%at, %placed]
  %out = phi ptr [%arrays, %entry], [%out1, %placed]
  %rank = call i64 @word(ptr %pc, i64 0)
  %done = icmp slt i64 %rank, 0
  br i1 %done, label %yes, label %one
one:
  %slot = call i64 @word(ptr %pc, i64 1)
  %kind = call i64 @word(ptr %pc, i64 2)
  %first = getelementptr i64, ptr %pc, i64 3
  br label %axis
axis:
  %k = phi i64 [0, %one], [%k1, %sized]
  %at = phi ptr [%first, %one], [%rest, %sized]
  %more = icmp slt i64 %k, %rank
  br i1 %more, label %next, label %make
next:
  %to = getelementptr i64, ptr %sizes, i64 %k
  %rest = call ptr @size(ptr %call, ptr %at, ptr %to)
  %over = icmp eq ptr %rest, null
  br i1 %over, label %no, label %sized
sized:
  %n = load i64, ptr %to
  %n0 = call i64 @llvm.smax.i64(i64 %n, i64 0)
  store i64 %n0, ptr %to
  %k1 = add i64 %k, 1
  br label %axis
make:
  %a = call ptr @array(i64 %kind, i64 %rank, ptr %sizes)
  %none = icmp eq ptr %a, null
  br i1 %none, label %failed, label %placed
placed:
  store ptr %a, ptr %out
  %out1 = getelementptr ptr, ptr %out, i64 1
  call void @place(ptr %call, i64 %slot, ptr %a)
  br label %head
failed:
  call void @PyErr_Clear()
  br label %no
yes:
  ret ptr %out
no:
  ret ptr null
}

; The arrays of the results that the function has allocated: small ones are copied, `adopt` takes over the
; others.  False after an exception.   result, slot, kind, rank   -1
define internal i1 @own(ptr %call, ptr %start, ptr %adopt, ptr %arrays) {
entry:
  %slots = load ptr, ptr %call
  br label %head
head:
  %pc = phi ptr [%start, %entry], [%rest, %next]
  %out = phi ptr [%arrays, %entry], [%out1, %next]
  %good = phi i1 [1, %entry], [%still, %next]
  %k = call i64 @word(ptr %pc, i64 0)
  %done = icmp slt i64 %k, 0
  br i1 %done, label %end, label %one
one:
  %slot = call i64 @word(ptr %pc, i64 1)
  %kind = call i64 @word(ptr %pc, i64 2)
  %rank = call i64 @word(ptr %pc, i64 3)
  %place = getelementptr i64, ptr %slots, i64 %slot
  %sizes = getelementptr i64, ptr %place, i64 1
  %widthat = getelementptr [5 x i64], ptr @widths, i64 0, i64 %kind
  %width = load i64, ptr %widthat
  br label %axis
axis:
  %j = phi i64 [0, %one], [%j1, %times]
  %bytes = phi i64 [%width, %one], [%more_bytes, %times]
  %more = icmp slt i64 %j, %rank
  br i1 %more, label %times, label %choose
times:
  %n = call i64 @word(ptr %sizes, i64 %j)
  %more_bytes = mul i64 %bytes, %n
  %j1 = add i64 %j, 1
  br label %axis
choose:
  %small = icmp sle i64 %bytes, 1048576
  br i1 %small, label %copy, label %take
copy:
  %copied = call ptr @array(i64 %kind, i64 %rank, ptr %sizes)
  %data = load ptr, ptr %place
  %failed = icmp eq ptr %copied, null
  br i1 %failed, label %free, label %fill
fill:
  %toat = getelementptr %array, ptr %copied, i64 0, i32 1
  %to = load ptr, ptr %toat
  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %data, i64 %bytes, i1 0)
  br label %free
free:
  %block = getelementptr i8, ptr %data, i64 -64
  call void @free(ptr %block)
  br label %next
take:
  %address = ptrtoint ptr %place to i64
  %taken = call ptr (ptr, ptr, ...) @PyObject_CallFunction(ptr %adopt, ptr @integers, i64 %k, i64 %address)
  br label %next
next:
  %a = phi ptr [%copied, %free], [%taken, %take]
  store ptr %a, ptr %out
  %there = icmp ne ptr %a, null
  %step = zext i1 %there to i64
  %out1 = getelementptr ptr, ptr %out, i64 %step
  %still = and i1 %good, %there
  %rest = getelementptr i64, ptr %pc, i64 4
  br label %head
end:
  ret i1 %good
}

; Builds a value; `%at` holds the place in the plan.  Null after an exception.
define internal ptr @build(ptr %call, ptr %at) {
entry:
  %pc = load ptr, ptr %at
  %op = call i64 @word(ptr %pc, i64 0)
  %first = call i64 @word(ptr %pc, i64 1)
  %pc2 = getelementptr i64, ptr %pc, i64 2
  store ptr %pc2, ptr %at
  %slots = load ptr, ptr %call
  %place = getelementptr i64, ptr %slots, i64 %first
  switch i64 %op, label %f64 [i64 1, label %i64  i64 2, label %i32  i64 3, label %f32  i64 4, label %bool
                              i64 5, label %array  i64 6, label %tuple  i64 7, label %record
                              i64 8, label %object]
f64:
  %d = load double, ptr %place
  %float = call ptr @PyFloat_FromDouble(double %d)
  ret ptr %float
i64:
  %n = load i64, ptr %place
  %int = call ptr @PyLong_FromLongLong(i64 %n)
  ret ptr %int
i32:
  %n4 = load i32, ptr %place
  %s4 = sext i32 %n4 to i64
  %int4 = call ptr @PyLong_FromLongLong(i64 %s4)
  ret ptr %int4
f32:
  %scalarat = getelementptr %host, ptr @dv_fast_host, i64 0, i32 3
  %scalar = load ptr, ptr %scalarat
  %dtypeat = getelementptr %host, ptr @dv_fast_host, i64 0, i32 6, i64 3
  %dtype = load ptr, ptr %dtypeat
  %single = call ptr %scalar(ptr %place, ptr %dtype, ptr null)
  ret ptr %single
bool:
  %b = load i8, ptr %place
  %b1 = and i8 %b, 1
  %b8 = zext i8 %b1 to i64
  %truth = call ptr @PyBool_FromLong(i64 %b8)
  ret ptr %truth
array:
  %resultsat = getelementptr %call, ptr %call, i64 0, i32 2
  %arrays = load ptr, ptr %resultsat
  %a = call ptr @pointer(ptr %arrays, i64 %first)
  call void @Py_IncRef(ptr %a)
  ret ptr %a
tuple:
  %items = call ptr @build_items(ptr %call, ptr %at, i64 %first)
  ret ptr %items
object:
  %parts_count = call i64 @word(ptr %pc, i64 2)
  %pc4 = getelementptr i64, ptr %pc, i64 3
  store ptr %pc4, ptr %at
  %callable = inttoptr i64 %first to ptr
  %parts = call ptr @build_items(ptr %call, ptr %at, i64 %parts_count)
  %lacking = icmp eq ptr %parts, null
  br i1 %lacking, label %no, label %make
make:
  %made = call ptr @PyObject_Call(ptr %callable, ptr %parts, ptr null)
  call void @Py_DecRef(ptr %parts)
  ret ptr %made
record:
  %count = call i64 @word(ptr %pc, i64 2)
  %pc3 = getelementptr i64, ptr %pc, i64 3
  store ptr %pc3, ptr %at
  %class = inttoptr i64 %first to ptr
  %values = call ptr @build_items(ptr %call, ptr %at, i64 %count)
  %bad = icmp eq ptr %values, null
  br i1 %bad, label %no, label %new
new:
  %r = call ptr @PyType_GenericAlloc(ptr %class, i64 0)
  %none = icmp eq ptr %r, null
  br i1 %none, label %drop, label %fill
fill:
  %inside = getelementptr i8, ptr %r, i64 16
  store ptr %values, ptr %inside
  ret ptr %r
drop:
  call void @Py_DecRef(ptr %values)
  br label %no
no:
  ret ptr null
}

define internal ptr @build_items(ptr %call, ptr %at, i64 %count) {
entry:
  %t = call ptr @PyTuple_New(i64 %count)
  %none = icmp eq ptr %t, null
  br i1 %none, label %no, label %head
head:
  %k = phi i64 [0, %entry], [%after, %next]
  %more = icmp slt i64 %k, %count
  br i1 %more, label %one, label %end
one:
  %v = call ptr @build(ptr %call, ptr %at)
  %bad = icmp eq ptr %v, null
  br i1 %bad, label %drop, label %next
next:
  %place = getelementptr %tuple, ptr %t, i64 0, i32 2, i64 %k
  store ptr %v, ptr %place
  %after = add i64 %k, 1
  br label %head
end:
  ret ptr %t
drop:
  call void @Py_DecRef(ptr %t)
  br label %no
no:
  ret ptr null
}

define internal ptr @take_context() {
  %top = load ptr, ptr @idle
  %none = icmp eq ptr %top, null
  br i1 %none, label %new, label %old
old:
  %linkat = getelementptr %context, ptr %top, i64 0, i32 13
  %link = load ptr, ptr %linkat
  store ptr %link, ptr @idle
  ret ptr %top
new:
  %c = call ptr @calloc(i64 1, i64 120)
  %full = icmp eq ptr %c, null
  br i1 %full, label %no, label %fill
fill:
  %pollat = getelementptr %host, ptr @dv_fast_host, i64 0, i32 4
  %poll = load ptr, ptr %pollat
  %at = getelementptr %context, ptr %c, i64 0, i32 10
  store ptr %poll, ptr %at
  br label %no
no:
  ret ptr %c
}

define internal void @give_context(ptr %c) {
  %linkat = getelementptr %context, ptr %c, i64 0, i32 13
  %link = load ptr, ptr @idle
  store ptr %link, ptr %linkat
  store ptr %c, ptr @idle
  ret void
}

define internal void @drop(ptr %objects) {
entry:
  br label %head
head:
  %at = phi ptr [%objects, %entry], [%next, %one]
  %obj = load ptr, ptr %at
  %done = icmp eq ptr %obj, null
  br i1 %done, label %end, label %one
one:
  call void @Py_DecRef(ptr %obj)
  %next = getelementptr ptr, ptr %at, i64 1
  br label %head
end:
  ret void
}

; Do the names that are watched stand for what they did?
define internal i1 @unchanged(ptr %start) alwaysinline {
entry:
  br label %head
head:
  %pc = phi ptr [%start, %entry], [%rest, %next]
  %op = call i64 @word(ptr %pc, i64 0)
  %place = call ptr @pointer(ptr %pc, i64 1)
  switch i64 %op, label %yes [i64 1, label %dict  i64 2, label %function  i64 3, label %cell]
dict:
  %name = call ptr @pointer(ptr %pc, i64 2)
  %item = call ptr @PyDict_GetItemWithError(ptr %place, ptr %name)
  br label %compare
function:
  %code = call ptr @PyFunction_GetCode(ptr %place)
  br label %compare
cell:
  %at = getelementptr i8, ptr %place, i64 16
  %content = load ptr, ptr %at
  br label %compare
compare:
  %now = phi ptr [%item, %dict], [%code, %function], [%content, %cell]
  %was = call ptr @pointer(ptr %pc, i64 3)
  %rest = getelementptr i64, ptr %pc, i64 4
  %same = icmp eq ptr %now, %was
  br i1 %same, label %next, label %no
next:
  br label %head
yes:
  ret i1 1
no:
  call void @PyErr_Clear()
  ret i1 0
}

; A method of the tuple (plan, callable behind, what makes errors, what adopts arrays, names of the
; parameters, three that must live as long, arguments that are bound).
define ptr @dv_fast_call(ptr %self, ptr %args, i64 %nargs, ptr %kwnames) {
entry:
  %bytes = call ptr @item(ptr %self, i64 0)
  %plan = getelementptr %bytes, ptr %bytes, i64 0, i32 3
  %code = call ptr @pointer(ptr %plan, i64 0)
  %expected = call i64 @word(ptr %plan, i64 1)
  %releases = call i64 @word(ptr %plan, i64 2)
  %held_from = call i64 @word(ptr %plan, i64 3)
  %arrays_from = call i64 @word(ptr %plan, i64 4)
  %given_from = call i64 @word(ptr %plan, i64 5)
  %words = call i64 @word(ptr %plan, i64 6)
  %room = alloca i64, i64 %words, align 16
  %room_bytes = shl i64 %words, 3
  call void @llvm.memset.p0.i64(ptr %room, i8 0, i64 %room_bytes, i1 0)
  %held = getelementptr i64, ptr %room, i64 %held_from
  %arrays = getelementptr i64, ptr %room, i64 %arrays_from
  %given = getelementptr i64, ptr %room, i64 %given_from
  %call = alloca %call
  store ptr %room, ptr %call
  %heldat = getelementptr %call, ptr %call, i64 0, i32 1
  store ptr %held, ptr %heldat
  %resultsat = getelementptr %call, ptr %call, i64 0, i32 2
  store ptr %arrays, ptr %resultsat
  %at = alloca ptr
  %watch_from = call i64 @word(ptr %plan, i64 10)
  %watch = getelementptr i64, ptr %plan, i64 %watch_from
  %current = call i1 @unchanged(ptr %watch)
  br i1 %current, label %arguments, label %slow
arguments:
  %plain = icmp eq ptr %kwnames, null
  br i1 %plain, label %positional, label %keywords
positional:
  %enough = icmp eq i64 %nargs, %expected
  br i1 %enough, label %bound, label %slow
keywords:
  %names = call ptr @item(ptr %self, i64 4)
  %fits = call i1 @bind(ptr %names, ptr %args, i64 %nargs, ptr %kwnames, ptr %given, i64 %expected)
  br i1 %fits, label %bound, label %slow
bound:
  %from = phi ptr [%args, %positional], [%given, %keywords]
  %start = getelementptr i64, ptr %plan, i64 12
  %fixed = call i64 @word(ptr %plan, i64 11)
  %fixedat = call ptr @item(ptr %self, i64 8)
  %fixed_items = getelementptr %tuple, ptr %fixedat, i64 0, i32 2
  %first = call ptr @read_all(ptr %call, ptr %start, ptr %fixed_items, i64 %fixed)
  %odd = icmp eq ptr %first, null
  br i1 %odd, label %slow, label %free
free:
  %pc = call ptr @read_all(ptr %call, ptr %first, ptr %from, i64 %expected)
  %strange = icmp eq ptr %pc, null
  br i1 %strange, label %slow, label %sizes
sizes:
  %good = call i1 @fits(ptr %call, ptr %pc)
  br i1 %good, label %memory, label %slow
memory:
  %fresh_from = call i64 @word(ptr %plan, i64 7)
  %fresh = getelementptr i64, ptr %plan, i64 %fresh_from
  %own = call ptr @allocate(ptr %call, ptr %fresh)
  %cramped = icmp eq ptr %own, null
  br i1 %cramped, label %slow, label %context
context:
  %ctx = call ptr @take_context()
  %poor = icmp eq ptr %ctx, null
  br i1 %poor, label %slow, label %ready
ready:
  %releasing = icmp ne i64 %releases, 0
  br i1 %releasing, label %long, label %brief
brief:
  %code1 = call i32 %code(ptr %ctx, ptr %room)
  br label %ran
long:
  %host = getelementptr %context, ptr %ctx, i64 0, i32 13
  %state = call ptr @PyEval_SaveThread()
  store ptr %state, ptr %host
  %code2 = call i32 %code(ptr %ctx, ptr %room)
  %now = load ptr, ptr %host
  call void @PyEval_RestoreThread(ptr %now)
  br label %ran
ran:
  %error = phi i32 [%code1, %brief], [%code2, %long]
  %fine = icmp eq i32 %error, 0
  br i1 %fine, label %done, label %failed
failed:
  %pending = call ptr @PyErr_Occurred()
  %signal = icmp ne ptr %pending, null
  br i1 %signal, label %end, label %explain
explain:
  %blame = call ptr @item(ptr %self, i64 2)
  %address = ptrtoint ptr %ctx to i64
  %kind = sext i32 %error to i64
  %raised = call ptr (ptr, ptr, ...) @PyObject_CallFunction(ptr %blame, ptr @integers, i64 %kind, i64 %address)
  br label %end
done:
  %own_from = call i64 @word(ptr %plan, i64 8)
  %owned = getelementptr i64, ptr %plan, i64 %own_from
  %adopter = call ptr @item(ptr %self, i64 3)
  %all = call i1 @own(ptr %call, ptr %owned, ptr %adopter, ptr %own)
  br i1 %all, label %values, label %end
values:
  %result_from = call i64 @word(ptr %plan, i64 9)
  %result = getelementptr i64, ptr %plan, i64 %result_from
  store ptr %result, ptr %at
  %built = call ptr @build(ptr %call, ptr %at)
  br label %end
end:
  %value = phi ptr [null, %failed], [%raised, %explain], [null, %done], [%built, %values]
  call void @give_context(ptr %ctx)
  call void @drop(ptr %held)
  call void @drop(ptr %arrays)
  ret ptr %value
slow:
  call void @drop(ptr %held)
  call void @drop(ptr %arrays)
  %behind = call ptr @item(ptr %self, i64 1)
  %long_way = call ptr @PyObject_Vectorcall(ptr %behind, ptr %args, i64 %nargs, ptr %kwnames)
  ret ptr %long_way
}
