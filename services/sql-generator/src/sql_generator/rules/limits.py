"""How many rows an answer has: a limit on the outermost query."""

from sqlglot import exp

from contracts.sql_generator import LimitRows

_AGGREGATES = frozenset({"count", "sum", "avg", "min", "max"})


def limited(tree: exp.Expr, rule: LimitRows) -> tuple[exp.Expr, bool]:
    """The tree with the limit, and whether it had to be set."""
    given = tree.args.get("limit")
    if rule.mode == "default" and (given is not None or _has_one_row(tree)):
        return tree, False
    if given is not None and (count := _count(given)) is not None and count <= rule.rows:
        return tree, False
    limit = exp.Limit(expression=exp.Literal.number(rule.rows))
    if isinstance(tree, exp.Select | exp.SetOperation | exp.Subquery):
        tree.set("limit", limit)
        return tree, True
    # VALUES and PIVOT have no limit of their own.
    subquery = exp.Subquery(this=tree, alias=exp.TableAlias(this=exp.to_identifier("answer")))
    return exp.Select(expressions=[exp.Star()], from_=exp.From(this=subquery), limit=limit), True


def _count(limit: exp.Expr) -> int | None:
    """The number of rows of LIMIT or FETCH, where it is written as a number."""
    count = limit.args.get("count") if isinstance(limit, exp.Fetch) else limit.args.get("expression")
    options = limit.args.get("limit_options")
    if isinstance(options, exp.LimitOptions) and (options.args.get("percent") or options.args.get("with_ties")):
        return None
    return int(count.name) if isinstance(count, exp.Literal) and count.name.isdecimal() else None


def _has_one_row(tree: exp.Expr) -> bool:
    if not isinstance(tree, exp.Select) or tree.args.get("group"):
        return False
    return bool(tree.expressions) and all(_aggregates(expression) for expression in tree.expressions)


def _aggregates(expression: exp.Expr) -> bool:
    return any(
        call.name.lower() in _AGGREGATES and not isinstance(call.parent, exp.Window | exp.Filter)
        for call in expression.find_all(exp.Anonymous)
    )
