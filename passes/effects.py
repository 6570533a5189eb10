"""Effects in regions: whether there are any, and the same statements without them."""

from __future__ import annotations

from dataclasses import replace

from ..compiler.ir import Assert, Block, If, Loop, Show, Stmt, all_stmts, regions


def has_effects(block: Block) -> bool:
    return any(isinstance(s.op, Assert | Show) for s in all_stmts(block))


def silent(s: Stmt) -> Stmt:
    """The statement without the asserts and shows inside it, for where they have run already."""
    if not any(map(has_effects, regions(s.op))):
        return s

    def block(b: Block) -> Block:
        return Block(tuple(silent(t) for t in b.stmts if not isinstance(t.op, Assert | Show)), b.results)

    op = s.op
    if isinstance(op, Loop):
        op = replace(op, body=block(op.body), head=None if op.head is None else block(op.head))
    elif isinstance(op, If):
        op = If(op.cond, block(op.then), block(op.orelse))
    return Stmt(s.vars, op, s.prov)
