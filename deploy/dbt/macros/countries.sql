{#-
    A row per entry of the copied document: its code, the entry itself, and a hash that tells whether it has changed. Pages
    of an API that shift while they are read may bring an entry twice; it is here once.
-#}
{%- macro country_entries() -%}
select country_code, data, md5_hash
from (
    select
        {{ json_text('entry.value', 'cca3') }} as country_code,
        entry.value as data,
        md5(cast(entry.value as varchar)) as md5_hash
    from {{ ref('countries_copy') }} as copied
    {{ json_entries('copied.data', 'entry') }}
) as found
qualify row_number() over (partition by country_code, md5_hash order by country_code) = 1
{%- endmacro -%}

{#- The countries of one continent; one that lies on two is in the tables of both. -#}
{%- macro countries_in(continent) -%}
select countries.*
from {{ ref('countries') }} as countries
inner join {{ ref('country_continents') }} as lies
    on countries.country_code = lies.country_code and lies.continent = '{{ continent }}'
{%- endmacro -%}
