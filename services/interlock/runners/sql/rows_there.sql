-- Which of the rows $1 (texts of records) are in the table: told apart by all their columns, equal ones by counting, so
-- that a table needs no key for it.
with wanted as (
    select line, row_number() over (partition by line) as n from unnest($1::text[]) as line
),
there as (
    select tableoid as t, ctid as c, (r.*)::text as line, row_number() over (partition by (r.*)::text) as n
    from {relation} as r
)
select count(*) from wanted join there using (line, n)
