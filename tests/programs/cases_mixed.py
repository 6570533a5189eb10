"""References of the programs in mixed/: combinations of features."""

from __future__ import annotations

import numpy as np

from .cases import case

V = np.array([0.3, -0.7, 1.2])
W = np.array([1.0, 2.0, 3.0])
M = np.arange(6.0).reshape(2, 3) / 3 + 0.1


def mixed(name: str, args: list[object], wanted: object) -> None:
    case(f"mixed/{name}", "main", lambda r: args, derivatives=True)(lambda np, *args: wanted)


mixed("sum_payload_array", [V], 2 * V @ V + 3 * V[0])
mixed("grad_sum_payload", [V], 4 * V + np.array([3, 0, 0]))
mixed("grad_wrt_sum", [2.0], 32.0)
mixed("record_state_into", [V], (V.sum() + np.sum(np.cumsum(V) ** 2), np.cumsum(V), np.cumsum(V).sum()))
mixed("jacobian_record", [2.0, np.array([3.0, 5.0])], (np.array([3.0, 5.0]), 2 * np.eye(2)))
mixed("hof_grad", [4.0], (1.0, np.array([1.75, 1.75])))
mixed("array_of_records_update", [V], (5 + V[1] + V[2], 0 + 56 + 9 * 2))
mixed("structured_cotangent", [V, 1.5], (2 * 1.5 + 2 * V * V, 2 * V.sum() + 9.0))
mixed("nested_comp_filter", [M], sum(M[i][M[i] > 0.5].sum() * (M[i] > 1).sum() for i in range(2)))
mixed("reduce_record", [V], (3, V.mean(), V.var()))
mixed("prime_array_result", [0.7, M], M * np.cos(0.7 * M))
mixed("grad_through_while", [2.0], 8 * 2.0**7)
mixed("hessian_two", [np.array([1.0, 2.0]), 3.0], np.array([[0, 3.0], [3, 0]]))
mixed("grad_accumulate_op", [V, np.array([0, 1, 0])], np.array([0, 2 * V[1], 2 * V[2]]))
mixed("grad_sort", [V], np.array([1.0, 0.0, 2.0]))
mixed("into_accumulate", [V, np.array([0, 1, 0])], (np.array([V[0] + V[2], V[1]]), V.sum()))
mixed("for_reduce_mode", [V], (V.max(), V.sum()))
mixed("closure_capture_grad", [V, 2.0], 3 * V[0] ** 2)
mixed("i32", [np.array([1, 2, 3], np.int32)], (6, 2))
mixed("nan_max_grad", [np.array([1.0, 1.0, 0.0])], np.array([1.0, 0, 0]))
mixed("tuple_array_concat", [V], (np.concatenate([V, 2 * V]), np.array([1] * 3 + [2] * 3)))
mixed("zip_grad", [V, W], 2 * V * W)
mixed("matrix_pow", [np.array([[1.0, 1.0], [0, 1.0]]), 5], np.array([[1.0, 5.0], [0, 1.0]]))
mixed("map_leaves_grad", [V], 2 * V)
mixed("shape_tuple", [M], np.full((2, 3), 2.0))
mixed("value_grad_hvp", [V], 0.0)
mixed("fn_of_size", [V], np.array([(V[0] + V[1]) / 2, (V[1] + V[2]) / 2]))
mixed("jvp_int_param", [V, 1], 2 * V[1] ** 2)
mixed("grad_eigh", [np.array([[2.0, 0.0], [0.0, 1.0]])], np.array([[1.0, 0], [0, 0]]))
mixed("mutual_generic", [1.0], (8.0, np.array([2.0, 2.0])))
mixed("existential_grad", [V], np.where(V > 0, 4 * V, 0))


SQUARE = np.arange(9.0).reshape(3, 3) / 5 - 0.4
mixed("plus_of_outs", [SQUARE], SQUARE @ SQUARE + SQUARE.sum(axis=0))
