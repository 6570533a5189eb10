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
@widths = internal constant [5 x i64] [i64 8, i64 8, i64 4, i64 4, i64 1]    ; bytes of the kinds

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
declare ptr @PyFunction_GetCode(ptr)
declare ptr @PyDict_GetItemWithError(ptr, ptr)
declare ptr @PyObject_Call(ptr, ptr, ptr)
declare ptr @PyObject_GetAttr(ptr, ptr)
declare ptr @PyType_GenericAlloc(ptr, i64)
declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)
declare ptr @PyObject_CallFunction(ptr, ptr, ...)
declare ptr @PyErr_Occurred()
declare void @PyErr_Clear()
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare ptr @calloc(i64, i64)
declare void @free(ptr)
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
