; The short way from Python into a compiled function: one routine for all functions, told by a plan what
; to read, what to check, what to allocate and what to build.  `fastcall.py` writes plans and describes
; them.  Whatever is not exactly as planned goes, unchanged, to the callable behind: the long way, which
; alone converts and complains.

%object  = type { i64, ptr }                                       ; reference count, type
%tuple   = type { %object, i64, [0 x ptr] }                        ; size, items
%bytes   = type { %object, i64, i64, [0 x i64] }                   ; size, hash, the bytes
%array   = type { %object, ptr, i32, ptr, ptr, ptr, ptr, i32 }     ; data, rank, sizes, strides, base, dtype, flags
%dtype   = type { %object, ptr, i8, i8, i8, i8, i32 }              ; type, kind, letter, byte order, flags, number
%context = type { i32, i32, i32, i32, [4 x i64], ptr, ptr, ptr, ptr, ptr, ptr, i64, ptr, ptr }   ; see abi.h

; What is only known in a process: NumPy's array type, its routines, `poll`; by kind of scalar (f64 i64 i32
; f32 bool) NumPy's scalar type, its dtype and the dtype's number.
%host = type { ptr, ptr, ptr, ptr, ptr, [5 x ptr], [5 x ptr], [5 x i64] }
@dv_fast_host = global %host zeroinitializer

; A call under way: slots, arrays that are held until the end (a null behind the last), results that are arrays.
%call = type { ptr, ptr, ptr }

@idle = internal global ptr null                ; contexts for the next calls, linked by `host`; the GIL guards them
@integers = internal constant [3 x i8] c"LL\00"

@PyFloat_Type = external global i8
@PyLong_Type = external global i8
@PyTuple_Type = external global i8
@PyDict_Type = external global i8
@_Py_TrueStruct = external global i8
@_Py_FalseStruct = external global i8
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)
declare ptr @PyFloat_FromDouble(double)
declare ptr @PyLong_FromLongLong(i64)
declare i64 @PyLong_AsLongLongAndOverflow(ptr, ptr)
declare ptr @PyBool_FromLong(i64)
declare ptr @PyTuple_New(i64)
declare i64 @PyDict_Size(ptr)
declare ptr @PyDict_GetItemWithError(ptr, ptr)
declare ptr @PyType_GenericAlloc(ptr, i64)
declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)
declare ptr @PyObject_CallFunction(ptr, ptr, ...)
declare ptr @PyErr_Occurred()
declare void @PyErr_Clear()
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare ptr @calloc(i64, i64)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare {i64, i1} @llvm.sadd.with.overflow.i64(i64, i64)
declare {i64, i1} @llvm.ssub.with.overflow.i64(i64, i64)
declare {i64, i1} @llvm.smul.with.overflow.i64(i64, i64)
declare i64 @llvm.smax.i64(i64, i64)
declare i64 @llvm.smin.i64(i64, i64)

define internal i64 @word(ptr %pc, i64 %k) alwaysinline {
  %at = getelementptr i64, ptr %pc, i64 %k
  %v = load i64, ptr %at
  ret i64 %v
}

define internal ptr @pointer(ptr %pc, i64 %k) alwaysinline {
  %at = getelementptr i64, ptr %pc, i64 %k
  %v = load ptr, ptr %at
  ret ptr %v
}

define internal ptr @item(ptr %tuple, i64 %k) alwaysinline {
  %at = getelementptr %tuple, ptr %tuple, i64 0, i32 2, i64 %k
  %v = load ptr, ptr %at
  ret ptr %v
}

define internal i1 @is(ptr %obj, ptr %type) alwaysinline {
  %at = getelementptr %object, ptr %obj, i64 0, i32 1
  %found = load ptr, ptr %at
  %same = icmp eq ptr %found, %type
  ret i1 %same
}

define internal i1 @tuple_of(ptr %obj, i64 %count) alwaysinline {
  %exact = call i1 @is(ptr %obj, ptr @PyTuple_Type)
  br i1 %exact, label %tuple, label %no
tuple:
  %at = getelementptr %tuple, ptr %obj, i64 0, i32 1
  %size = load i64, ptr %at
  %same = icmp eq i64 %size, %count
  ret i1 %same
no:
  ret i1 0
}

; ---------------------------------------------------------------- arguments

; Reads an argument into its slots.  The place in the plan behind it, or null if it is not as planned.
define internal ptr @read(ptr %call, ptr %pc, ptr %obj) {
  %op = call i64 @word(ptr %pc, i64 0)
  %first = call i64 @word(ptr %pc, i64 1)
  switch i64 %op, label %scalar [i64 5, label %array  i64 6, label %tuple  i64 7, label %record]
scalar:
  %rest = call ptr @read_scalar(ptr %call, ptr %pc, ptr %obj)
  ret ptr %rest
array:
  %behind = call ptr @read_array(ptr %call, ptr %pc, ptr %obj)
  ret ptr %behind
tuple:
  %fits = call i1 @tuple_of(ptr %obj, i64 %first)
  %items = getelementptr i64, ptr %pc, i64 2
  br i1 %fits, label %all, label %no
all:
  %end = call ptr @read_items(ptr %call, ptr %items, ptr %obj, i64 %first)
  ret ptr %end
record:
  %done = call ptr @read_record(ptr %call, ptr %pc, ptr %obj)
  ret ptr %done
no:
  ret ptr null
}

define internal ptr @read_items(ptr %call, ptr %start, ptr %tuple, i64 %count) {
entry:
  br label %head
head:
  %k = phi i64 [0, %entry], [%after, %next]
  %pc = phi ptr [%start, %entry], [%rest, %next]
  %more = icmp slt i64 %k, %count
  br i1 %more, label %one, label %end
one:
  %obj = call ptr @item(ptr %tuple, i64 %k)
  %rest = call ptr @read(ptr %call, ptr %pc, ptr %obj)
  %failed = icmp eq ptr %rest, null
  br i1 %failed, label %no, label %next
next:
  %after = add i64 %k, 1
  br label %head
end:
  ret ptr %pc
no:
  ret ptr null
}

; kind, slot, whether a Python int is taken too
define internal ptr @read_scalar(ptr %call, ptr %pc, ptr %obj) {
  %kind = call i64 @word(ptr %pc, i64 0)
  %slot = call i64 @word(ptr %pc, i64 1)
  %wide = call i64 @word(ptr %pc, i64 2)
  %rest = getelementptr i64, ptr %pc, i64 3
  %slots = load ptr, ptr %call
  %place = getelementptr i64, ptr %slots, i64 %slot
  %inside = getelementptr i8, ptr %obj, i64 16
  %float = call i1 @is(ptr %obj, ptr @PyFloat_Type)
  %f64 = icmp eq i64 %kind, 0
  %usual = and i1 %float, %f64
  br i1 %usual, label %long, label %other
other:
  %nps = getelementptr %host, ptr @dv_fast_host, i64 0, i32 5, i64 %kind
  %np = load ptr, ptr %nps
  %numpy = call i1 @is(ptr %obj, ptr %np)
  br i1 %numpy, label %native, label %python
native:
  switch i64 %kind, label %long [i64 2, label %small  i64 3, label %small  i64 4, label %byte]
long:
  %v8 = load i64, ptr %inside
  store i64 %v8, ptr %place
  ret ptr %rest
small:
  %v4 = load i32, ptr %inside
  %s4 = sext i32 %v4 to i64
  store i64 %s4, ptr %place
  ret ptr %rest
byte:
  %v1 = load i8, ptr %inside
  %z1 = zext i8 %v1 to i64
  store i64 %z1, ptr %place
  ret ptr %rest
python:
  %bool = icmp eq i64 %kind, 4
  br i1 %bool, label %truth, label %number
truth:
  %true = icmp eq ptr %obj, @_Py_TrueStruct
  %false = icmp eq ptr %obj, @_Py_FalseStruct
  %z = zext i1 %true to i64
  store i64 %z, ptr %place
  %either = or i1 %true, %false
  br i1 %either, label %yes, label %no
number:
  %int = call i1 @is(ptr %obj, ptr @PyLong_Type)
  %taken = icmp ne i64 %wide, 0
  %good = and i1 %int, %taken
  br i1 %good, label %integer, label %no
integer:
  %over = alloca i32
  %n = call i64 @PyLong_AsLongLongAndOverflow(ptr %obj, ptr %over)
  %beyond = load i32, ptr %over
  %range = icmp eq i32 %beyond, 0
  br i1 %range, label %fits, label %no
fits:
  switch i64 %kind, label %no [i64 0, label %convert  i64 1, label %keep  i64 2, label %narrow]
convert:
  %d = sitofp i64 %n to double
  store double %d, ptr %place
  ret ptr %rest
narrow:
  %low = trunc i64 %n to i32
  %again = sext i32 %low to i64
  %same = icmp eq i64 %again, %n
  br i1 %same, label %keep, label %no
keep:
  store i64 %n, ptr %place
  ret ptr %rest
yes:
  ret ptr %rest
no:
  ret ptr null
}

; 5, slot, kind, rank
define internal ptr @read_array(ptr %call, ptr %pc, ptr %obj) {
  %slot = call i64 @word(ptr %pc, i64 1)
  %kind = call i64 @word(ptr %pc, i64 2)
  %rank = call i64 @word(ptr %pc, i64 3)
  %rest = getelementptr i64, ptr %pc, i64 4
  %type = load ptr, ptr @dv_fast_host
  %exact = call i1 @is(ptr %obj, ptr %type)
  br i1 %exact, label %array, label %no
array:
  %dtypeat = getelementptr %array, ptr %obj, i64 0, i32 6
  %dtype = load ptr, ptr %dtypeat
  %numberat = getelementptr %dtype, ptr %dtype, i64 0, i32 6
  %number = load i32, ptr %numberat
  %number8 = sext i32 %number to i64
  %wantat = getelementptr %host, ptr @dv_fast_host, i64 0, i32 7, i64 %kind
  %want = load i64, ptr %wantat
  %same = icmp eq i64 %number8, %want
  %orderat = getelementptr %dtype, ptr %dtype, i64 0, i32 4
  %order = load i8, ptr %orderat
  %machine = icmp eq i8 %order, 61           ; "="
  %any = icmp eq i8 %order, 124              ; "|"
  %ours = or i1 %machine, %any
  %rankat = getelementptr %array, ptr %obj, i64 0, i32 2
  %found = load i32, ptr %rankat
  %found8 = sext i32 %found to i64
  %axes = icmp eq i64 %found8, %rank
  %kinds = and i1 %same, %ours
  %fits = and i1 %kinds, %axes
  br i1 %fits, label %layout, label %no
layout:
  %flagsat = getelementptr %array, ptr %obj, i64 0, i32 7
  %flags = load i32, ptr %flagsat
  %both = and i32 %flags, 257                ; contiguous and aligned
  %plain = icmp eq i32 %both, 257
  br i1 %plain, label %itself, label %strided
itself:
  call void @Py_IncRef(ptr %obj)
  br label %held
strided:
  %copyat = getelementptr %host, ptr @dv_fast_host, i64 0, i32 2
  %copy = load ptr, ptr %copyat
  %made = call ptr %copy(ptr %obj, i32 0)
  %none = icmp eq ptr %made, null
  br i1 %none, label %failed, label %held
failed:
  call void @PyErr_Clear()
  br label %no
held:
  %a = phi ptr [%obj, %itself], [%made, %strided]
  %topat = getelementptr %call, ptr %call, i64 0, i32 1
  %top = load ptr, ptr %topat
  store ptr %a, ptr %top
  %up = getelementptr ptr, ptr %top, i64 1
  store ptr %up, ptr %topat
  call void @place(ptr %call, i64 %slot, ptr %a)
  ret ptr %rest
no:
  ret ptr null
}

; Pointer, sizes and strides of an array into slots.
define internal void @place(ptr %call, i64 %slot, ptr %a) {
  %slots = load ptr, ptr %call
  %at = getelementptr i64, ptr %slots, i64 %slot
  %dataat = getelementptr %array, ptr %a, i64 0, i32 1
  %data = load ptr, ptr %dataat
  store ptr %data, ptr %at
  %rankat = getelementptr %array, ptr %a, i64 0, i32 2
  %rank4 = load i32, ptr %rankat
  %rank = sext i32 %rank4 to i64
  %sizesat = getelementptr %array, ptr %a, i64 0, i32 3
  %sizes = load ptr, ptr %sizesat
  %stridesat = getelementptr %array, ptr %a, i64 0, i32 4
  %strides = load ptr, ptr %stridesat
  %bytes = shl i64 %rank, 3
  %to = getelementptr i64, ptr %at, i64 1
  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %sizes, i64 %bytes, i1 0)
  %to2 = getelementptr i64, ptr %to, i64 %rank
  call void @llvm.memcpy.p0.p0.i64(ptr %to2, ptr %strides, i64 %bytes, i1 0)
  ret void
}

; 7, class, number of fields, whether a dict is taken too, names of the fields, then the fields
define internal ptr @read_record(ptr %call, ptr %pc, ptr %obj) {
entry:
  %class = call ptr @pointer(ptr %pc, i64 1)
  %count = call i64 @word(ptr %pc, i64 2)
  %dicts = call i64 @word(ptr %pc, i64 3)
  %names = getelementptr i64, ptr %pc, i64 4
  %fields = getelementptr i64, ptr %names, i64 %count
  %ours = call i1 @is(ptr %obj, ptr %class)
  br i1 %ours, label %record, label %other
record:
  %valuesat = getelementptr i8, ptr %obj, i64 16
  %values = load ptr, ptr %valuesat
  %unset = icmp eq ptr %values, null
  br i1 %unset, label %no, label %values_
values_:
  %fits = call i1 @tuple_of(ptr %values, i64 %count)
  br i1 %fits, label %all, label %no
all:
  %end = call ptr @read_items(ptr %call, ptr %fields, ptr %values, i64 %count)
  ret ptr %end
other:
  %isdict = call i1 @is(ptr %obj, ptr @PyDict_Type)
  %taken = icmp ne i64 %dicts, 0
  %good = and i1 %isdict, %taken
  br i1 %good, label %dict, label %no
dict:
  %size = call i64 @PyDict_Size(ptr %obj)
  %same = icmp eq i64 %size, %count
  br i1 %same, label %head, label %no
head:
  %k = phi i64 [0, %dict], [%after, %next]
  %at = phi ptr [%fields, %dict], [%rest, %next]
  %more = icmp slt i64 %k, %count
  br i1 %more, label %one, label %done
one:
  %name = call ptr @pointer(ptr %names, i64 %k)
  %value = call ptr @PyDict_GetItemWithError(ptr %obj, ptr %name)
  %missing = icmp eq ptr %value, null
  br i1 %missing, label %lost, label %there
there:
  call void @Py_IncRef(ptr %value)           ; a look into an inner dict may run Python code
  %rest = call ptr @read(ptr %call, ptr %at, ptr %value)
  call void @Py_DecRef(ptr %value)
  %failed = icmp eq ptr %rest, null
  br i1 %failed, label %no, label %next
next:
  %after = add i64 %k, 1
  br label %head
done:
  ret ptr %at
lost:
  call void @PyErr_Clear()
  br label %no
no:
  ret ptr null
}

; Positional and keyword arguments in the order of the parameters; false if there are others.
define internal i1 @bind(ptr %names, ptr %args, i64 %nargs, ptr %kwnames, ptr %given, i64 %expected) {
entry:
  %sizeat = getelementptr %tuple, ptr %kwnames, i64 0, i32 1
  %count = load i64, ptr %sizeat
  %total = add i64 %nargs, %count
  %enough = icmp eq i64 %total, %expected
  br i1 %enough, label %copy, label %no
copy:
  %bytes = shl i64 %nargs, 3
  call void @llvm.memcpy.p0.p0.i64(ptr %given, ptr %args, i64 %bytes, i1 0)
  br label %head
head:
  %k = phi i64 [0, %copy], [%after, %set]
  %more = icmp slt i64 %k, %count
  br i1 %more, label %one, label %yes
one:
  %name = call ptr @item(ptr %kwnames, i64 %k)
  br label %search
search:
  %j = phi i64 [%nargs, %one], [%j1, %further]
  %left = icmp slt i64 %j, %expected
  br i1 %left, label %compare, label %no
compare:
  %param = call ptr @item(ptr %names, i64 %j)
  %same = icmp eq ptr %param, %name
  br i1 %same, label %found, label %further
further:
  %j1 = add i64 %j, 1
  br label %search
found:
  %place = getelementptr ptr, ptr %given, i64 %j
  %before = load ptr, ptr %place
  %free = icmp eq ptr %before, null
  br i1 %free, label %set, label %no
set:
  %from = add i64 %nargs, %k
  %value = call ptr @pointer(ptr %args, i64 %from)
  store ptr %value, ptr %place
  %after = add i64 %k, 1
  br label %head
yes:
  ret i1 1
no:
  ret i1 0
}

; ---------------------------------------------------------------- sizes

; The value of a size, in postfix form, to `out`.  The place behind it, or null if it overflows.
define internal ptr @size(ptr %call, ptr %start, ptr %out) {
entry:
  %slots = load ptr, ptr %call
  %stack = alloca [16 x i64]
  %bottom = getelementptr i64, ptr %stack, i64 -1
  br label %head
head:
  %pc = phi ptr [%start, %entry], [%pc2, %push], [%pc1, %put]
  %top = phi ptr [%bottom, %entry], [%up, %push], [%down, %put]
  %op = call i64 @word(ptr %pc, i64 0)
  %pc1 = getelementptr i64, ptr %pc, i64 1
  %low = icmp slt i64 %op, 3
  br i1 %low, label %simple, label %binary
simple:
  %arg = call i64 @word(ptr %pc, i64 1)
  %pc2 = getelementptr i64, ptr %pc, i64 2
  switch i64 %op, label %end [i64 1, label %push  i64 2, label %slot]
slot:
  %found = call i64 @word(ptr %slots, i64 %arg)
  br label %push
push:
  %v = phi i64 [%arg, %simple], [%found, %slot]
  %up = getelementptr i64, ptr %top, i64 1
  store i64 %v, ptr %up
  br label %head
binary:
  %down = getelementptr i64, ptr %top, i64 -1
  %x = load i64, ptr %down
  %y = load i64, ptr %top
  switch i64 %op, label %no [i64 3, label %add  i64 4, label %sub  i64 5, label %mul  i64 6, label %div
                             i64 7, label %mod  i64 8, label %max  i64 9, label %min]
add:
  %a = call {i64, i1} @llvm.sadd.with.overflow.i64(i64 %x, i64 %y)
  br label %checked
sub:
  %s = call {i64, i1} @llvm.ssub.with.overflow.i64(i64 %x, i64 %y)
  br label %checked
mul:
  %m = call {i64, i1} @llvm.smul.with.overflow.i64(i64 %x, i64 %y)
  br label %checked
checked:
  %r = phi {i64, i1} [%a, %add], [%s, %sub], [%m, %mul]
  %value = extractvalue {i64, i1} %r, 0
  %over = extractvalue {i64, i1} %r, 1
  br i1 %over, label %no, label %put
div:
  %positive = icmp sgt i64 %y, 0             ; others are rare: the long way
  br i1 %positive, label %divide, label %no
divide:
  %q = sdiv i64 %x, %y
  %back = mul i64 %q, %y
  %less = icmp slt i64 %x, %back
  %one = zext i1 %less to i64
  %floor = sub i64 %q, %one
  br label %put
mod:
  %positive2 = icmp sgt i64 %y, 0
  br i1 %positive2, label %divide2, label %no
divide2:
  %rem = srem i64 %x, %y
  %negative = icmp slt i64 %rem, 0
  %plus = select i1 %negative, i64 %y, i64 0
  %modulo = add i64 %rem, %plus
  br label %put
max:
  %larger = call i64 @llvm.smax.i64(i64 %x, i64 %y)
  br label %put
min:
  %smaller = call i64 @llvm.smin.i64(i64 %x, i64 %y)
  br label %put
put:
  %w = phi i64 [%value, %checked], [%floor, %divide], [%modulo, %divide2], [%larger, %max], [%smaller, %min]
  store i64 %w, ptr %down
  br label %head
end:
  %result = load i64, ptr %top
  store i64 %result, ptr %out
  ret ptr %pc2
no:
  ret ptr null
}

; Do the sizes fit?   1, slot, slot   2, slot, number   3, slot, size   0
define internal i1 @fits(ptr %call, ptr %start) {
entry:
  %slots = load ptr, ptr %call
  %out = alloca i64
  br label %head
head:
  %pc = phi ptr [%start, %entry], [%pc3, %two], [%pc3, %const], [%rest, %poly]
  %op = call i64 @word(ptr %pc, i64 0)
  %done = icmp eq i64 %op, 0
  br i1 %done, label %yes, label %check
check:
  %slot = call i64 @word(ptr %pc, i64 1)
  %n = call i64 @word(ptr %slots, i64 %slot)
  %arg = call i64 @word(ptr %pc, i64 2)
  %pc2 = getelementptr i64, ptr %pc, i64 2
  %pc3 = getelementptr i64, ptr %pc, i64 3
  switch i64 %op, label %equation [i64 1, label %two  i64 2, label %const]
two:
  %other = call i64 @word(ptr %slots, i64 %arg)
  %same = icmp eq i64 %n, %other
  br i1 %same, label %head, label %no
const:
  %equal = icmp eq i64 %n, %arg
  br i1 %equal, label %head, label %no
equation:
  %rest = call ptr @size(ptr %call, ptr %pc2, ptr %out)
  %over = icmp eq ptr %rest, null
  br i1 %over, label %no, label %poly
poly:
  %value = load i64, ptr %out
  %right = icmp eq i64 %n, %value
  br i1 %right, label %head, label %no
yes:
  ret i1 1
no:
  ret i1 0
}

; ---------------------------------------------------------------- results

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
  %type = load ptr, ptr @dv_fast_host
  %newat = getelementptr %host, ptr @dv_fast_host, i64 0, i32 1
  %new = load ptr, ptr %newat
  %dtypeat = getelementptr %host, ptr @dv_fast_host, i64 0, i32 6, i64 %kind
  %dtype = load ptr, ptr %dtypeat
  call void @Py_IncRef(ptr %dtype)
  %rank4 = trunc i64 %rank to i32
  %a = call ptr %new(ptr %type, ptr %dtype, i32 %rank4, ptr %sizes, ptr null, ptr null, i32 0, ptr null)
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

; Takes over the arrays that the function has allocated; false after an exception.   result, slot   -1
define internal i1 @adopt(ptr %call, ptr %start, ptr %adopt, ptr %arrays) {
entry:
  %slots = load ptr, ptr %call
  br label %head
head:
  %pc = phi ptr [%start, %entry], [%rest, %one]
  %out = phi ptr [%arrays, %entry], [%out1, %one]
  %good = phi i1 [1, %entry], [%still, %one]
  %k = call i64 @word(ptr %pc, i64 0)
  %done = icmp slt i64 %k, 0
  br i1 %done, label %end, label %one
one:
  %slot = call i64 @word(ptr %pc, i64 1)
  %place = getelementptr i64, ptr %slots, i64 %slot
  %address = ptrtoint ptr %place to i64
  %a = call ptr (ptr, ptr, ...) @PyObject_CallFunction(ptr %adopt, ptr @integers, i64 %k, i64 %address)
  store ptr %a, ptr %out
  %there = icmp ne ptr %a, null
  %step = zext i1 %there to i64
  %out1 = getelementptr ptr, ptr %out, i64 %step
  %still = and i1 %good, %there
  %rest = getelementptr i64, ptr %pc, i64 2
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
                              i64 5, label %array  i64 6, label %tuple  i64 7, label %record]
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

; ---------------------------------------------------------------- the call

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

; A method of the tuple (plan, callable behind, what makes errors, what adopts arrays, bound arguments,
; names of the free parameters, whatever must live as long).
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
  %plain = icmp eq ptr %kwnames, null
  br i1 %plain, label %positional, label %keywords
positional:
  %enough = icmp eq i64 %nargs, %expected
  br i1 %enough, label %bound, label %slow
keywords:
  %names = call ptr @item(ptr %self, i64 5)
  %fits = call i1 @bind(ptr %names, ptr %args, i64 %nargs, ptr %kwnames, ptr %given, i64 %expected)
  br i1 %fits, label %bound, label %slow
bound:
  %from = phi ptr [%args, %positional], [%given, %keywords]
  %before = call ptr @item(ptr %self, i64 4)
  %boundat = getelementptr %tuple, ptr %before, i64 0, i32 1
  %count = load i64, ptr %boundat
  %start = getelementptr i64, ptr %plan, i64 10
  %after_bound = call ptr @read_items(ptr %call, ptr %start, ptr %before, i64 %count)
  %wrong = icmp eq ptr %after_bound, null
  br i1 %wrong, label %slow, label %head
head:
  %k = phi i64 [0, %bound], [%after, %next]
  %pc = phi ptr [%after_bound, %bound], [%rest, %next]
  %more = icmp slt i64 %k, %expected
  br i1 %more, label %one, label %sizes
one:
  %obj = call ptr @pointer(ptr %from, i64 %k)
  %rest = call ptr @read(ptr %call, ptr %pc, ptr %obj)
  %strange = icmp eq ptr %rest, null
  br i1 %strange, label %slow, label %next
next:
  %after = add i64 %k, 1
  br label %head
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
  %all = call i1 @adopt(ptr %call, ptr %owned, ptr %adopter, ptr %own)
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
