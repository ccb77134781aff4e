-- Codes of the document that a later layer lacks, and codes of later layers that the document has not.
with entries as ({{ country_entries() }}),

marts as (
    {% for continent in ['africa', 'antarctica', 'asia', 'europe', 'north_america', 'oceania', 'south_america'] -%}
    select country_code from {{ ref('countries_in_' ~ continent) }}
    union
    {% endfor -%}
    select country_code from {{ ref('countries') }} where continents is null
)

select 'raw' as layer, coalesce(entries.country_code, found.country_code) as country_code
from entries full outer join {{ ref('countries_raw') }} as found on entries.country_code = found.country_code
where entries.country_code is null or found.country_code is null
union all
select 'transform' as layer, coalesce(entries.country_code, found.country_code) as country_code
from entries full outer join {{ ref('countries') }} as found on entries.country_code = found.country_code
where entries.country_code is null or found.country_code is null
union all
select 'mart' as layer, coalesce(entries.country_code, found.country_code) as country_code
from entries full outer join marts as found on entries.country_code = found.country_code
where entries.country_code is null or found.country_code is null
