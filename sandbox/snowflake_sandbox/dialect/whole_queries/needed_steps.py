"""Which of fakesnow's steps a statement needs: each walks through the whole tree, and most of them change nothing.

Knows the classes of nodes that each step can change, by the step's name; a step that is not in the table always runs.
Must not know fakesnow itself (data/adapter.py). tests/sandbox/sql/test_needed_steps.py compares with running all steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Callable

# A step runs if a node of one of its classes, or of a class derived from it, occurs in the statement.
CHANGED: dict[str, tuple[type[exp.Expr], ...]] = {
    "identifier": (exp.Table,),
    "upper_case_unquoted_identifiers": (exp.Identifier,),
    "alter_session": (exp.Alter,),
    "update_variables": (exp.Set, exp.Alias),
    "current_version": (exp.CurrentVersion,),
    "set_schema": (exp.Use,),
    "create_database": (exp.Create,),
    "extract_comment_on_table": (exp.Create, exp.Comment, exp.Alter),
    "extract_comment_on_columns": (exp.Alter,),
    "information_schema_fs": (exp.Table,),
    "information_schema_databases": (exp.Table,),
    "drop_schema_cascade": (exp.Drop,),
    "tag": (exp.Alter, exp.Command, exp.Create, exp.Drop),
    "semi_structured_types": (exp.DataType,),
    "try_parse_json": (exp.Anonymous,),
    "split": (exp.Split,),
    "trim_cast_varchar": (exp.Trim,),
    "indices_to_json_extract": (exp.Bracket,),
    "json_extract_cast_as_varchar": (exp.JSONExtract,),
    "json_extract_cased_as_varchar": (exp.JSONExtract,),
    "json_extract_precedence": (exp.JSONExtract, exp.JSONExtractScalar),
    "flatten_value_cast_as_varchar": (exp.Explode,),
    "flatten": (exp.Explode,),
    "regex_replace": (exp.RegexpReplace,),
    "regex_substr": (exp.RegexpExtract,),
    "result_scan": (exp.TableFromRows,),
    "sequence_nextval": (exp.Column,),
    "values_columns": (exp.Values,),
    "to_date": (exp.Anonymous,),
    "timestamp_offsets": (exp.Cast,),
    "to_decimal": (exp.ToNumber,),
    "to_timestamp": (exp.UnixToTime, exp.Anonymous, exp.Cast),
    "to_variant": (exp.ToVariant,),
    "object_construct": (exp.StarMap, exp.Struct, exp.JSONObject),
    "timestamp_ntz": (exp.DataType,),
    "float_to_double": (exp.DataType,),
    "integer_precision": (exp.DataType,),
    "extract_text_length": (exp.Create, exp.Alter),
    "sample": (exp.TableSample,),
    "array_size": (exp.ArraySize,),
    "random": (exp.Rand,),
    "array_agg_within_group": (exp.WithinGroup,),
    "array_agg": (exp.ArrayAgg,),
    "object_agg": (exp.ObjectAgg,),
    "array_construct_etc": (exp.ArrayConstructCompact, exp.Array, exp.ArrayConcat),
    "dateadd_date_cast": (exp.DateAdd,),
    "dateadd_string_literal_timestamp_cast": (exp.DateAdd,),
    "datediff_string_literal_timestamp_cast": (exp.DateDiff,),
    "show_databases": (exp.Show,),
    "show_functions": (exp.Show, exp.Command),
    "show_procedures": (exp.Show, exp.Command),
    "show_parameters": (exp.Show, exp.Command),
    "show_warehouses": (exp.Show,),
    "show_schemas": (exp.Show,),
    "show_tables_etc": (exp.Show,),
    "show_columns": (exp.Show,),
    "show_stages": (exp.Show,),
    "show_sequences": (exp.Show,),
    "show_keys": (exp.Show,),
    "show_users": (exp.Show,),
    "create_user": (exp.Command,),
    "haversine": (exp.Anonymous,),
    "hex_string": (exp.HexString,),
    "sha256": (exp.SHA2, exp.SHA2Digest, exp.Anonymous),
    "create_clone": (exp.Create,),
    "alias_in_join": (exp.Join,),
    "alias_in_where": (exp.Where,),
    "alter_table_strip_cluster_by": (exp.Alter, exp.Command),
    "numeric_agg_implicit_cast": (
        *(exp.Sum, exp.Avg, exp.Variance, exp.VariancePop, exp.Median),
        *(exp.Stddev, exp.StddevSamp, exp.StddevPop),
    ),
    "create_stage": (exp.Create, exp.Command),
    "create_file_format": (exp.Create, exp.Command),
    "list_stage": (exp.ListStage,),
    "put_stage": (exp.Put,),
    "create_table_as": (exp.Create,),
}
_ALL = tuple({kind: None for kinds in CHANGED.values() for kind in kinds})
_KINDS_OF_CLASSES: dict[type[exp.Expr], tuple[type[exp.Expr], ...]] = {}


def name(step: Callable[..., Any]) -> str:
    """Return a step's name; that of `lambda node: transforms.identifier(node, …)` is `identifier`."""
    names = step.__code__.co_names
    return names[1] if step.__name__ == "<lambda>" and len(names) > 1 else step.__name__


class NeededSteps:
    """A statement to which a chain of steps is applied like to a tree, without the steps that cannot change it."""

    def __init__(self, tree: exp.Expr) -> None:
        self.tree = tree
        self._kinds = _kinds(tree)

    def transform(self, step: Callable[..., exp.Expr], *arguments: Any, **options: Any) -> NeededSteps:
        """Apply a step unless the statement has no node that it can change; return this object for the next step."""
        changed = CHANGED.get(name(step))
        if changed is None or not self._kinds.isdisjoint(changed):
            self.tree = self.tree.transform(step, *arguments, **options)
            self._kinds = _kinds(self.tree)
        return self


def translated(chain: Callable[[Any, None], Any], tree: exp.Expr) -> exp.Expr:
    """Return a statement after those steps of a chain that it needs."""
    result: exp.Expr = chain(NeededSteps(tree), None).tree
    return result


def _kinds(tree: exp.Expr) -> set[type[exp.Expr]]:
    """Return those classes of the table that a statement has a node of."""
    return {kind for node in {type(node) for node in tree.walk()} for kind in _kinds_of_class(node)}


def _kinds_of_class(node: type[exp.Expr]) -> tuple[type[exp.Expr], ...]:
    kinds = _KINDS_OF_CLASSES.get(node)
    if kinds is None:
        kinds = _KINDS_OF_CLASSES[node] = tuple(kind for kind in _ALL if issubclass(node, kind))
    return kinds
