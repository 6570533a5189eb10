; Arguments into slots, and whether their sizes fit.

; Reads an argument into its slots.  The place in the plan behind it, or null if it is not as planned.
define internal ptr @read(ptr %call, ptr %pc, ptr %obj) {
  %op = call i64 @word(ptr %pc, i64 0)
  %first = call i64 @word(ptr %pc, i64 1)
  switch i64 %op, label %scalar [i64 5, label %array  i64 6, label %tuple  i64 7, label %record
                                  i64 8, label %object]
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
object:
  %there = call ptr @read_object(ptr %call, ptr %pc, ptr %obj)
  ret ptr %there
no:
  ret ptr null
}

define internal ptr @read_items(ptr %call, ptr %start, ptr %tuple, i64 %count) alwaysinline {
  %items = getelementptr %tuple, ptr %tuple, i64 0, i32 2
  %end = call ptr @read_all(ptr %call, ptr %start, ptr %items, i64 %count)
  ret ptr %end
}

define internal ptr @read_all(ptr %call, ptr %start, ptr %objects, i64 %count) {
entry:
  br label %head
head:
  %k = phi i64 [0, %entry], [%after, %next]
  %pc = phi ptr [%start, %entry], [%rest, %next]
  %more = icmp slt i64 %k, %count
  br i1 %more, label %one, label %end
one:
  %obj = call ptr @pointer(ptr %objects, i64 %k)
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
  %over = alloca i32
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

; 8, class, count, names, reads
define internal ptr @read_object(ptr %call, ptr %pc, ptr %obj) {
entry:
  %class = call ptr @pointer(ptr %pc, i64 1)
  %count = call i64 @word(ptr %pc, i64 2)
  %names = getelementptr i64, ptr %pc, i64 3
  %fields = getelementptr i64, ptr %names, i64 %count
  %same = call i1 @is(ptr %obj, ptr %class)
  br i1 %same, label %head, label %no
head:
  %k = phi i64 [0, %entry], [%after, %next]
  %at = phi ptr [%fields, %entry], [%rest, %next]
  %more = icmp slt i64 %k, %count
  br i1 %more, label %one, label %done
one:
  %name = call ptr @pointer(ptr %names, i64 %k)
  %value = call ptr @PyObject_GetAttr(ptr %obj, ptr %name)
  %missing = icmp eq ptr %value, null
  br i1 %missing, label %lost, label %there
there:
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
