"""DuckDB macros that rewritten statements call. They are in the `memory` database, which every session can access.

Names start with `sf_`; only `call` builds calls of macros.
"""

from __future__ import annotations

from sqlglot import exp

# In upper case, as sqlglot writes the names of functions.
SCHEMA = "MEMORY.MAIN"

# Text -> its timestamp, with any offset or none; NULL if its format is none of those that AUTO detects
# (sql-reference/date-time-input-output). A whole number is an epoch in seconds, milliseconds, micro- or nanoseconds.
_INSTANTS = r"""
sf_epoch(n) := make_timestamp(CAST(
    CASE WHEN abs(n) < 31536000000 THEN n * 1000000::HUGEINT WHEN abs(n) < 31536000000000 THEN n * 1000::HUGEINT
         WHEN abs(n) < 31536000000000000 THEN n ELSE n // 1000 END AS BIGINT));
sf_scaled_epoch(n, scale) := make_timestamp(CAST(n * power(10, 6 - scale) AS BIGINT));
sf_zone(t) := regexp_extract(t, ':\d{1,2}(?:\.\d*)?\s*(Z|UTC|GMT|[+-]\d{1,2}(?::?\d{2})?)(?: \d{4})?\s*$', 1);
sf_without_zone(t) := regexp_replace(trim(t),
    '(:\d{1,2}(?:\.\d*)?)\s*(?:Z|UTC|GMT|[+-]\d{1,2}(?::?\d{2})?)((?: \d{4})?)$', '\1\2');
sf_offset_minutes(z) := CASE WHEN z IN ('', 'Z', 'UTC', 'GMT') THEN 0 ELSE
    (CASE WHEN z[1] = '-' THEN -1 ELSE 1 END) * (TRY_CAST(regexp_extract(z, '^[+-](\d{1,2})', 1) AS INTEGER) * 60
    + COALESCE(TRY_CAST(regexp_extract(z, '^[+-]\d{1,2}:?(\d{2})$', 1) AS INTEGER), 0)) END;
sf_wall_of(t) := CASE
    WHEN regexp_full_match(t, '-?\d+') THEN sf_epoch(TRY_CAST(t AS HUGEINT))
    WHEN regexp_full_match(t, '\d{4}-\d{1,2}-\d{1,2}(?:[T ]\s*\d{1,2}:\d{1,2}(?::\d{1,2}(?:\.\d*)?)?)?')
        THEN TRY_CAST(t AS TIMESTAMP)
    WHEN regexp_full_match(t, '\d{4}-\d{1,2}-\d{1,2}[T ]\d{1,2}') THEN TRY_CAST(t || ':00' AS TIMESTAMP)
    ELSE try_strptime(t, ['%d-%b-%Y', '%d-%B-%Y', '%m/%d/%Y', '%d-%b-%Y %H:%M:%S', '%d-%b-%Y %H:%M:%S.%f',
        '%m/%d/%Y %H:%M:%S', '%m/%d/%Y %H:%M:%S.%f', '%m/%d/%Y %H:%M', '%a, %d %b %Y %H:%M:%S',
        '%a, %d %b %Y %I:%M:%S %p', '%d %b %Y %H:%M:%S', '%a %b %d %H:%M:%S %Y'])
    END;
sf_wall(t) := sf_wall_of(sf_without_zone(t));
sf_instant(t) := CASE WHEN sf_zone(t) = '' THEN CAST(sf_wall(t) AS TIMESTAMPTZ)
    ELSE timezone('UTC', sf_wall(t) - to_minutes(CAST(sf_offset_minutes(sf_zone(t)) AS INTEGER))) END;
sf_clock(t) := CASE WHEN regexp_full_match(trim(t), '\d{1,2}:\d{1,2}(?::\d{1,2}(?:\.\d*)?)?')
    THEN TRY_CAST(CASE WHEN regexp_full_match(trim(t), '\d{1,2}:\d{1,2}') THEN trim(t) || ':00'
        ELSE trim(t) END AS TIME)
    WHEN regexp_full_match(t, '\d+') THEN CAST(sf_epoch(TRY_CAST(t AS HUGEINT)) AS TIME)
    ELSE CAST(sf_wall(t) AS TIME) END;
sf_refused(kind, t) := error(kind || ' ''' || t || ''' is not recognized');
sf_ntz(t) := CASE WHEN t IS NULL THEN NULL ELSE COALESCE(sf_wall(t), sf_refused('Timestamp', t)) END;
sf_ltz(t) := CASE WHEN t IS NULL THEN NULL ELSE COALESCE(sf_instant(t), sf_refused('Timestamp', t)) END;
sf_date(t) := CASE WHEN t IS NULL THEN NULL ELSE COALESCE(CAST(sf_wall(t) AS DATE), sf_refused('Date', t)) END;
sf_time(t) := CASE WHEN t IS NULL THEN NULL ELSE COALESCE(sf_clock(t), sf_refused('Time', t)) END;
sf_try_ntz(t) := sf_wall(t);
sf_try_ltz(t) := sf_instant(t);
sf_try_date(t) := CAST(sf_wall(t) AS DATE);
sf_try_time(t) := sf_clock(t);
sf_with_offset(t, wall, x) := t || ' ' || CASE WHEN wall < timezone('UTC', x) THEN '-' ELSE '+' END
    || strftime(TIMESTAMP '1970-01-01' + to_seconds(CAST(abs(epoch(wall) - epoch(x)) AS BIGINT)), '%H%M');
sf_zone_text(x, separator) := (CASE WHEN timezone_hour(x) * 60 + timezone_minute(x) < 0 THEN '-' ELSE '+' END)
    || lpad(CAST(abs(timezone_hour(x)) AS VARCHAR), 2, '0') || separator
    || lpad(CAST(abs(timezone_minute(x)) AS VARCHAR), 2, '0');
"""

_SCALARS = r"""
sf_boolean(t) := CASE WHEN lower(t) IN ('true', 't', 'yes', 'y', 'on', '1') THEN TRUE
    WHEN lower(t) IN ('false', 'f', 'no', 'n', 'off', '0') THEN FALSE
    WHEN t IS NULL THEN NULL ELSE sf_refused('Boolean value', t) END;
sf_try_boolean(t) := CASE WHEN lower(t) IN ('true', 't', 'yes', 'y', 'on', '1') THEN TRUE
    WHEN lower(t) IN ('false', 'f', 'no', 'n', 'off', '0') THEN FALSE ELSE NULL END;
sf_float_text(x) := CASE WHEN isnan(CAST(x AS DOUBLE)) THEN 'NaN'
    ELSE regexp_replace(CAST(x AS VARCHAR), '\.0$', '') END;
sf_is_hex(t) := regexp_full_match(t, '(?:[0-9A-Fa-f]{2})*');
sf_unhex(t) := CASE WHEN sf_is_hex(t) THEN unhex(t) WHEN t IS NULL THEN NULL
    ELSE error('The following string is not a legal hex-encoded value: ''' || t || '''') END;
sf_try_unhex(t) := CASE WHEN sf_is_hex(t) THEN unhex(t) ELSE NULL END;
sf_is_base64(t) := regexp_full_match(t, '(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?');
sf_try_base64(t) := CASE WHEN sf_is_base64(t) THEN from_base64(t) ELSE NULL END;
sf_base64(t) := CASE WHEN sf_is_base64(t) THEN from_base64(t) WHEN t IS NULL THEN NULL
    ELSE error('The following string is not a legal base64-encoded value: ''' || t || '''') END;
sf_bytes(x, first, number) := unhex(substr(hex(x), 2 * first - 1, 2 * number));
sf_last_bytes(x, n) := unhex(right(hex(x), 2 * n));
sf_fit_text(t, n) := CASE WHEN length(t) > n
    THEN error('String ''' || t || ''' is too long and would be truncated') ELSE t END;
sf_try_fit_text(t, n) := CASE WHEN length(t) > n THEN NULL ELSE t END;
sf_fit_binary(b, n) := CASE WHEN octet_length(b) > n
    THEN error('Binary value ''' || hex(b) || ''' is too long and would be truncated') ELSE b END;
sf_getbit(x, n) := CASE WHEN n < 64 THEN (CAST(x AS BIGINT) >> n) & 1 WHEN x < 0 THEN 1 ELSE 0 END;
sf_signed(n) := CAST(CASE WHEN n > 9223372036854775807 THEN CAST(n AS HUGEINT) - 18446744073709551616
    ELSE n END AS BIGINT);
sf_limit(n, size) := CASE WHEN size > 134217728
    THEN error('String of ' || size || ' characters is too long and would be truncated') ELSE n END;
sf_too_long() := error('String of more than 134217728 characters is too long and would be truncated');
sf_many_replaced(t, a, b) := (length(t) + 1) * length(b) > 134217728 AND length(t)
    + (length(t) - length(replace(t, a, ''))) // greatest(length(a), 1) * (length(b) - length(a)) > 134217728;
sf_many_matches(t, p, b) := (length(t) + 1) * (2 * length(b) + 1) > 134217728 AND length(b)
    * length(regexp_extract_all(t, p)) + length(t) * (1 + length(b) - length(replace(b, chr(92), ''))) > 134217728;
sf_room_to_replace(t, a, b) := list_transform([t], lambda x:
    CASE WHEN sf_many_replaced(x, a, b) THEN sf_too_long() ELSE x END)[1];
sf_room_for_matches(t, p, b) := list_transform([t], lambda x:
    CASE WHEN sf_many_matches(x, p, b) THEN sf_too_long() ELSE x END)[1];
sf_replaced(t, a, b) := list_transform([{'t': t, 'a': a, 'b': b}], lambda x:
    CASE WHEN sf_many_replaced(x.t, x.a, x.b) THEN sf_too_long() ELSE replace(x.t, x.a, x.b) END)[1];
sf_matches_replaced(t, p, b) := list_transform([{'t': t, 'p': p, 'b': b}], lambda x: CASE
    WHEN sf_many_matches(x.t, x.p, x.b) THEN sf_too_long() ELSE regexp_replace(x.t, x.p, x.b, 'g') END)[1];
sf_undefined(call) := error('Invalid floating point operation: ' || call);
sf_root_of(x) := CASE WHEN x < 0 THEN sf_undefined('sqrt(' || sf_float_text(x) || ')') ELSE x END;
sf_logarithm_of(x) := CASE WHEN x <= 0 THEN sf_undefined('log(e,' || sf_float_text(x) || ')') ELSE x END;
sf_logarithm(b, x) := CASE WHEN b <= 0 OR b = 1 OR x <= 0
    THEN sf_undefined('log(' || sf_float_text(b) || ',' || sf_float_text(x) || ')') ELSE log(b, x) END;
sf_power(x, y) := CASE
    WHEN isfinite(CAST(x AS DOUBLE)) AND isfinite(CAST(y AS DOUBLE)) AND NOT isfinite(power(x, y))
    THEN sf_undefined('pow(' || sf_float_text(x) || ',' || sf_float_text(y) || ')') ELSE power(x, y) END;
sf_width_bucket(x, low, high, n) := CASE WHEN x < low THEN 0 WHEN x >= high THEN n + 1
    ELSE CAST(floor((x - low) * n / (high - low)) AS BIGINT) + 1 END;
sf_translate(t, source, target) := list_aggregate(list_transform(string_split(t, ''), lambda c:
    CASE WHEN strpos(source, c) = 0 THEN c ELSE substr(target, strpos(source, c), 1) END), 'string_agg', '');
sf_months_between(a, b) := round(CASE
    WHEN day(a) = day(b)
        OR (CAST(a AS DATE) = last_day(CAST(a AS DATE)) AND CAST(b AS DATE) = last_day(CAST(b AS DATE)))
    THEN 12 * (year(a) - year(b)) + month(a) - month(b)
    ELSE 12 * (year(a) - year(b)) + month(a) - month(b)
        + (epoch(CAST(a AS TIMESTAMP)) - epoch(date_trunc('month', CAST(a AS TIMESTAMP)))
        - epoch(CAST(b AS TIMESTAMP)) + epoch(date_trunc('month', CAST(b AS TIMESTAMP)))) / 86400 / 31 END, 6);
sf_replace_one(pieces, found, p, r, n) := list_aggregate(list_transform(pieces, lambda s, i:
    s || CASE WHEN i > len(found) THEN '' WHEN i = n THEN regexp_replace(found[i], p, r)
        ELSE found[i] END), 'string_agg', '');
sf_replace(t, p, r, first, n) := substr(t, 1, first - 1) || CASE WHEN n = 0
    THEN regexp_replace(substr(t, first), p, r, 'g')
    ELSE sf_replace_one(string_split_regex(substr(t, first), p), regexp_extract_all(substr(t, first), p), p, r, n) END;
sf_occurrences(t, p, first) := regexp_extract_all(substr(t, first), p);
"""

_VALUES = r"""
sf_text(j) := (j ->> '$');
sf_parse_json(t) := CASE WHEN trim(t, chr(9) || chr(10) || chr(13) || ' ') = '' THEN NULL
    WHEN lower(trim(t)) IN ('null', 'true', 'false') THEN CAST(lower(trim(t)) AS JSON)
    WHEN regexp_full_match(trim(t), '-?\d+(\.\d+)?[eE][+-]?\d+') THEN CAST(trim(t) AS JSON)
    ELSE json(t) END;
sf_element(j, i) := json_extract(j, '$[' || CAST(i AS VARCHAR) || ']');
sf_typeof(j) := CASE json_type(j) WHEN 'NULL' THEN 'NULL_VALUE' WHEN 'UBIGINT' THEN 'INTEGER'
    WHEN 'BIGINT' THEN 'INTEGER' WHEN 'HUGEINT' THEN 'INTEGER' WHEN 'UHUGEINT' THEN 'INTEGER'
    WHEN 'DOUBLE' THEN CASE WHEN contains(lower(CAST(j AS VARCHAR)), 'e') THEN 'DOUBLE' ELSE 'DECIMAL' END
    ELSE json_type(j) END;
sf_as_text(j) := CASE WHEN json_type(j) = 'VARCHAR' THEN j ->> '$' END;
sf_as_integer(j) := CASE WHEN sf_typeof(j) = 'INTEGER' THEN TRY_CAST(j ->> '$' AS BIGINT) END;
sf_as_number(j) := CASE WHEN sf_typeof(j) IN ('INTEGER', 'DECIMAL', 'DOUBLE') THEN TRY_CAST(j ->> '$' AS DOUBLE) END;
sf_as_boolean(j) := CASE WHEN json_type(j) = 'BOOLEAN' THEN TRY_CAST(j ->> '$' AS BOOLEAN) END;
sf_as_array(j) := CASE WHEN json_type(j) = 'ARRAY' THEN j END;
sf_as_object(j) := CASE WHEN json_type(j) = 'OBJECT' THEN j END;
sf_list(j) := CAST(j AS JSON[]);
sf_to_array(j) := CASE WHEN json_type(j) = 'ARRAY' THEN j WHEN j IS NULL THEN NULL ELSE to_json([j]) END;
sf_array_size(j) := CASE WHEN json_type(j) = 'ARRAY' THEN json_array_length(j) END;
sf_array_append(a, v) := to_json(list_append(sf_list(a), v));
sf_array_prepend(a, v) := to_json(list_prepend(v, sf_list(a)));
sf_array_cat(a, b) := CASE WHEN a IS NULL OR b IS NULL THEN NULL ELSE to_json(list_concat(sf_list(a), sf_list(b))) END;
sf_array_compact(a) := to_json(list_filter(sf_list(a), lambda x: x IS NOT NULL AND json_type(x) <> 'NULL'));
sf_array_distinct(a) := to_json(list_filter(sf_list(a), lambda x, i: list_position(sf_list(a), x) = i));
sf_array_insert(a, p, v) := to_json(list_concat(list_append(list_concat(
    list_slice(sf_list(a), 1, CASE WHEN p < 0 THEN json_array_length(a) + p ELSE p END),
    list_transform(range(greatest(p - CAST(json_array_length(a) AS BIGINT), 0)), lambda i: CAST(NULL AS JSON))), v),
    list_slice(sf_list(a), CASE WHEN p < 0 THEN json_array_length(a) + p ELSE p END + 1, json_array_length(a))));
sf_array_slice(a, first, last) := to_json(list_slice(sf_list(a),
    CASE WHEN first < 0 THEN greatest(CAST(json_array_length(a) AS BIGINT) + first, 0) ELSE first END + 1,
    CASE WHEN last < 0 THEN json_array_length(a) + last ELSE last END));
sf_is_number(j) := COALESCE(json_type(j) IN ('UBIGINT', 'BIGINT', 'HUGEINT', 'UHUGEINT', 'DOUBLE'), FALSE);
sf_are_equal(x, v) := COALESCE(CASE WHEN sf_is_number(x) AND sf_is_number(v)
    THEN CAST(x ->> '$' AS DOUBLE) = CAST(v ->> '$' AS DOUBLE) ELSE x = v END, FALSE);
sf_array_remove(a, v) := CASE WHEN v IS NOT NULL
    THEN to_json(list_filter(sf_list(a), lambda x: NOT sf_are_equal(x, v))) END;
sf_array_remove_at(a, p) := to_json(list_filter(sf_list(a), lambda x, i:
    i <> CASE WHEN p < 0 THEN json_array_length(a) + p ELSE p END + 1));
sf_array_reverse(a) := to_json(list_reverse(sf_list(a)));
sf_array_contains(v, a) := list_contains(sf_list(a), v);
sf_array_position(v, a) := CASE WHEN list_contains(sf_list(a), v) THEN list_position(sf_list(a), v) - 1 END;
sf_array_to_string(a, s) := CASE WHEN s IS NOT NULL
    THEN array_to_string(list_transform(sf_list(a), lambda x: COALESCE(x ->> '$', '')), s) END;
sf_times(l, x) := len(list_filter(l, lambda y: y IS NOT DISTINCT FROM x));
sf_array_intersection(a, b) := CASE WHEN b IS NOT NULL THEN to_json(list_filter(sf_list(a), lambda x, i:
    sf_times(list_slice(sf_list(a), 1, i), x) <= sf_times(sf_list(b), x))) END;
sf_array_except(a, b) := CASE WHEN b IS NOT NULL THEN to_json(list_filter(sf_list(a), lambda x, i:
    sf_times(list_slice(sf_list(a), 1, i), x) > sf_times(sf_list(b), x))) END;
sf_has_null(a) := list_count(sf_list(a)) < json_array_length(a);
sf_arrays_overlap(a, b) := list_has_any(sf_list(a), sf_list(b)) OR (sf_has_null(a) AND sf_has_null(b));
sf_kind_rank(v) := CASE json_type(v) WHEN 'VARCHAR' THEN 2 WHEN 'BOOLEAN' THEN 3 WHEN 'ARRAY' THEN 4
    WHEN 'OBJECT' THEN 5 ELSE 1 END;
sf_variant_order(v) := CASE WHEN json_type(v) <> 'NULL' THEN {
    'kind': sf_kind_rank(v),
    'number': CASE WHEN sf_kind_rank(v) = 1 THEN CAST(v ->> '$' AS DOUBLE) ELSE 0 END,
    'exact': CASE WHEN sf_kind_rank(v) = 1 THEN COALESCE(TRY_CAST(v ->> '$' AS DECIMAL(38, 9)), 0) ELSE 0 END,
    'text': CASE WHEN sf_kind_rank(v) = 1 THEN '' ELSE v ->> '$' END} END;
sf_variants_in_order(l) := list_sort(list_transform(list_filter(l, lambda x: x IS NOT NULL),
    lambda x: {'o': sf_variant_order(x), 'v': x}));
sf_variant_greatest_of_all(l) := list_last(sf_variants_in_order(l)).v;
sf_variant_least_of_all(l) := list_first(sf_variants_in_order(l)).v;
sf_variant_greatest(l) := CASE WHEN list_count(l) = len(l) THEN sf_variant_greatest_of_all(l) END;
sf_variant_least(l) := CASE WHEN list_count(l) = len(l) THEN sf_variant_least_of_all(l) END;
sf_sorted(a) := list_transform(list_sort(list_transform(list_filter(sf_list(a),
    lambda x: x IS NOT NULL AND json_type(x) <> 'NULL'),
    lambda x: {'n': TRY_CAST(x ->> '$' AS DOUBLE), 't': x ->> '$', 'v': x})), lambda s: s.v);
sf_nulls(a) := list_filter(sf_list(a), lambda x: x IS NULL OR json_type(x) = 'NULL');
sf_in_order(a, is_up) := CASE WHEN is_up THEN sf_sorted(a) ELSE list_reverse(sf_sorted(a)) END;
sf_array_sort(a, is_up, nulls_first) := to_json(CASE WHEN nulls_first
    THEN list_concat(sf_nulls(a), sf_in_order(a, is_up)) ELSE list_concat(sf_in_order(a, is_up), sf_nulls(a)) END);
sf_array_min(a) := list_first(sf_sorted(a));
sf_array_max(a) := list_last(sf_sorted(a));
sf_last_of_range(first, last, step) := CASE WHEN abs(CAST(last AS DOUBLE) - first) > 67108864.0 * greatest(abs(step), 1)
    THEN error('Array of more than 67108864 elements is too large') ELSE last END;
sf_array_range(first, last, step) := to_json(range(first, sf_last_of_range(first, last, step), step));
sf_array_flatten(a) := CASE WHEN NOT sf_has_null(a) THEN to_json(flatten(CAST(a AS JSON[][]))) END;
sf_object_keys(o) := CASE WHEN json_type(o) = 'OBJECT' THEN to_json(json_keys(o)) END;
sf_member(o, k) := json_extract(o, '$."' || k || '"');
sf_object_of(o, ks) := (SELECT COALESCE(json_group_object(k, sf_member(o, k)), '{}'::JSON)
    FROM (SELECT unnest(ks) AS k));
sf_texts_of(a) := list_transform(sf_list(a), lambda x: x ->> '$');
sf_object_delete(o, ks) := sf_object_of(o, list_filter(json_keys(o), lambda k: NOT list_contains(ks, k)));
sf_object_pick(o, ks) := sf_object_of(o, list_filter(json_keys(o), lambda k: list_contains(ks, k)));
sf_object_insert(o, k, v, is_update) := CASE
    WHEN v IS NULL THEN sf_object_delete(o, [k])
    WHEN list_contains(json_keys(o), k) AND NOT is_update
        THEN error('Duplicate field key ''' || k || '''')
    ELSE json_merge_patch(o, json_object(k, v)) END;
sf_get_ignore_case(o, k) := COALESCE(sf_member(o, k), sf_member(o,
    list_first(list_filter(json_keys(o), lambda x: lower(x) = lower(k)))));
"""


def _statements() -> list[str]:
    bodies = (definition for text in (_INSTANTS, _SCALARS, _VALUES) for definition in text.split(";\n"))
    created = []
    for definition in bodies:
        head, _, body = definition.strip().partition(" := ")
        if body:
            created.append(f"CREATE OR REPLACE MACRO {SCHEMA}.{head} AS ({_qualified(body)})")
    return created


def _qualified(body: str) -> str:
    return body.replace("sf_", f"{SCHEMA}.sf_")


# In the place of fakesnow's table function, whose window function leaves the elements in any order, takes keys with `/`
# and `$` for paths, and fails for a value that has no elements.
FLATTEN = r"""
CREATE OR REPLACE MACRO memory._fs_flatten(input) AS TABLE SELECT unnest(CASE json_type(to_json(input))
    WHEN 'OBJECT' THEN list_transform(list_zip(json_keys(to_json(input)), to_json(input) -> '$.*'),
        lambda e: struct_pack("SEQ" := CAST(hash(to_json(input)) AS UBIGINT), "KEY" := e[1], "PATH" := e[1],
            "INDEX" := CAST(NULL AS BIGINT), "VALUE" := e[2], "THIS" := to_json(input)))
    WHEN 'ARRAY' THEN list_transform(CAST(to_json(input) AS JSON[]),
        lambda e, i: struct_pack("SEQ" := CAST(hash(to_json(input)) AS UBIGINT), "KEY" := CAST(NULL AS VARCHAR),
            "PATH" := '[' || (i - 1) || ']', "INDEX" := CAST(i - 1 AS BIGINT), "VALUE" := e,
            "THIS" := to_json(input))) END, recursive := true)
"""

STATEMENTS = ";\n".join(_statements())
NAMES = frozenset(statement.split("(")[0].rpartition(".")[2] for statement in _statements())


def call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    """Return a call of the macro `sf_<name>`."""
    assert f"sf_{name}" in NAMES, name  # noqa: S101  # a misspelt name would only fail in DuckDB
    return exp.Anonymous(this=f"{SCHEMA}.sf_{name}", expressions=list(arguments))
