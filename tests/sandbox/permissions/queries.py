"""Random queries that name a table wherever SQL's grammar lets a table stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

# The secret table, in every spelling of its name.
NAMES = (
    "VICTIM.PRIV.SALARY",
    "victim.priv.salary",
    '"VICTIM"."PRIV"."SALARY"',
    "VICTIM.PRIV.SALARY AS s",
    "identifier('VICTIM.PRIV.SALARY')",
    "table('VICTIM.PRIV.SALARY')",
    "salary",
    "SALARY",
    "priv.salary",
    "VICTIM.PRIV.PEEK",
)
OWN = "OWN.PUBLIC.T"
# A query of one column V around another such query, or around a table.
_OF_TABLE = (
    "select v from {0}",
    "select * from {0}",
    "select x.v from {0} x",
    "(select v from {0})",
    "select max(v) as v from {0} group by all",
    "select v from {0} qualify row_number() over (order by v) = 1",
    "select y.v from {own} x join {0} y on true",
    "select y.v from {own} x, {0} y",
    "select y.v from {own} x left join lateral (select * from {0}) y on true",
    "select (select max(v) from {0}) as v",
    "select (select max(v) from {0}) as v from {own}",
    "select v from {own} where exists (select 1 from {0} where v > 0) union all select v from {0}",
    "select iff((select count(*) from {0}) > 0, (select min(v) from {0}), 0) as v",
    "select case when 1 in (select 1) then (select max(v) from {0}) end as v",
    "select v from {own} union all select v from {0}",
    "select v from {own} union select v from {0}",
    "select v from {0} except select v from {own}",
    "select v from {0} intersect select v from {0}",
    "select v from {0} minus select 0",
    "select column1 as v from (values ((select max(v) from {0})))",
    "select v from {0} order by (select max(v) from {0})",
    "select v from {0} limit 5",
    "select p.* from (select v, 'k' as k from {0}) pivot(max(v) for k in ('k')) as p(v)",
    "select u.v from (select v as a, v as b from {0}) unpivot(v for k in (a, b)) u",
    "select s.v from {0} s sample (100)",
    "select array_agg(v) as v from {0}",
    "select object_construct('v', (select max(v) from {0})) as v",
    "select coalesce((select max(v) from {0}), 0) as v",
    "select v from {0} where v = any (select v from {0})",
    "select v from {0} group by v having v >= (select min(v) from {0})",
    "select f.value as v from (select array_agg(v) a from {0}) q, lateral flatten(input => q.a) f",
    "select $1 as v from {0}",
    "select listagg(v, ',') as v from {0}",
    "from {0}",
)
_OF_QUERY = (
    "{0}",
    "select v from ({0}) q",
    "with salary as (select 1 as q) {0}",
    "with q as ({0}) select v from q",
    "with salary as (select v from ({0}) q) select v from salary",
    "with q as (select 1 as v), r as ({0}) select v from r",
    "with recursive q as ({0}) select v from q",
    "with q as (select 1 as n union all select n + 1 from q where n < 2) select v from ({0}) r",
    "with q as ({0}), salary as (select 2 as v) select v from q",
    "select v from ({0}) r where 1 in (with salary as (select 1 as q) select q from salary)",
    "select v from ({0}) r where exists (with salary as (select 1 as v) select v from salary)",
    "select v from ({0}) r join (with salary as (select 1 as k) select k from salary) s on true",
    "with a as (with salary as (select 1 as v) select v from salary) {0}",
    "select v from (with b as (select 1 as v) {0}) r",
    "{0} union all (with salary as (select 3 as v) select v from salary)",
    "select (with salary as (select 1 as v) select max(v) from salary) + v as v from ({0}) r",
    "select r.v from (select 1 as one) o, lateral ({0}) r",
)
_STATEMENTS = (
    ("{0}",),
    ("create or replace view OWN.PUBLIC.W as {0}", "select * from OWN.PUBLIC.W"),
    ("create or replace table OWN.PUBLIC.C as {0}", "select * from OWN.PUBLIC.C"),
    ("insert into OWN.PUBLIC.T {0}", "select * from OWN.PUBLIC.T"),
    ("insert into OWN.PUBLIC.T(v) select v from ({0}) q", "select * from OWN.PUBLIC.T"),
    ("insert overwrite into OWN.PUBLIC.T {0}", "select * from OWN.PUBLIC.T"),
    ("insert all into OWN.PUBLIC.T(v) values (v) {0}", "select * from OWN.PUBLIC.T"),
    (
        "merge into OWN.PUBLIC.T t using ({0}) q on t.v = q.v when not matched then insert (v) values (q.v)",
        "select * from OWN.PUBLIC.T",
    ),
    ("update OWN.PUBLIC.T set v = q.v from ({0}) q", "select * from OWN.PUBLIC.T"),
    ("update OWN.PUBLIC.T set v = (select max(v) from ({0}) q)", "select * from OWN.PUBLIC.T"),
    ("delete from OWN.PUBLIC.T using ({0}) q where T.v = q.v", "select * from OWN.PUBLIC.T"),
    ("set stolen = (select max(v) from ({0}) q)", "select $stolen as v"),
    ("select 1 as v ->> {0}",),
    ("{0} ->> select * from $1",),
    (
        "create or replace function OWN.PUBLIC.F() returns table (v int) as $$ {0} $$",
        "select * from table(OWN.PUBLIC.F())",
    ),
    (
        "create or replace function OWN.PUBLIC.G() returns int as $$ select max(v) from ({0}) q $$",
        "select OWN.PUBLIC.G() as v",
    ),
    ("copy into @OWN.PUBLIC.S/out from ({0}) overwrite = true",),
    ("select OWN.PUBLIC.H((select max(v) from ({0}) q)) as v",),
)


def statements(random: Random) -> tuple[str, ...]:
    """Statements to be run one after the other, the first of which names the secret table."""
    query = random.choice(_OF_TABLE).format(random.choice(NAMES), own=OWN)
    for _ in range(random.randrange(3)):
        query = random.choice(_OF_QUERY).format(query)
    first, *rest = random.choice(_STATEMENTS)
    return first.replace("{0}", query), *rest
