"""Optimizer hints: known ones are dropped (a query may not set its own time limit), others refused."""

import re
from collections.abc import Iterator
from typing import Final

from sqlglot import exp

from sql_guard.calls import function_name
from sql_guard.verdict import Refusal

_NAMES: Final = """
bka no_bka bnl no_bnl derived_condition_pushdown no_derived_condition_pushdown group_index no_group_index
hash_join no_hash_join index no_index index_merge no_index_merge join_fixed_order join_index no_join_index
join_order join_prefix join_suffix max_execution_time merge no_merge mrr no_mrr no_icp no_range_optimization
order_index no_order_index qb_name semijoin no_semijoin skip_scan no_skip_scan subquery
"""
_KNOWN: Final = frozenset(_NAMES.split())
"""https://dev.mysql.com/doc/refman/8.4/en/optimizer-hints.html without SET_VAR and RESOURCE_GROUP."""


def check_hints(tree: exp.Expr) -> None:
    """Refuses a hint that does more than guide the optimizer, and takes the others out of the tree."""
    for select in list(tree.find_all(exp.Select)):
        hint = select.args.get("hint")
        if hint is None:
            continue
        for name in (name for item in hint.expressions for name in _names(item)):
            if name.lower() not in _KNOWN:
                raise Refusal("hint_not_allowed", f"optimizer hint {name} is not allowed")
        select.set("hint", None)


def _names(item: object) -> Iterator[str]:
    if isinstance(item, exp.Anonymous):
        yield function_name(item)
    elif isinstance(item, exp.Expr):
        yield item.name
    else:
        # What sqlglot cannot parse (`INDEX(t i1)` without a comma) it keeps as text.
        yield from re.findall(r"(\w+)\s*\(", str(item)) or (str(item),)
