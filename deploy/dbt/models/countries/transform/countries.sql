-- One row per country, whatever it lacks: its lists are joined from outside, never flattened in.
with continents as (
    select country_code, {{ dbt.listagg('continent', "', '", 'order by place') }} as continents
    from {{ ref('country_continents') }}
    group by country_code
),

capitals as (
    select
        country_code,
        max(case when place = 1 then capital end) as capital,
        {{ dbt.listagg('capital', "', '", 'order by place') }} as capitals
    from {{ ref('country_capitals') }}
    group by country_code
),

currencies as (
    select
        country_code,
        {{ dbt.listagg('currency_code', "', '", 'order by currency_code') }} as currency_codes,
        {{ dbt.listagg('currency_name', "', '", 'order by currency_code') }} as currencies
    from {{ ref('country_currencies') }}
    group by country_code
),

languages as (
    select country_code, {{ dbt.listagg('language_name', "', '", 'order by language_code') }} as languages
    from {{ ref('country_languages') }}
    group by country_code
)

select
    raw.country_code,
    {{ json_text('raw.data', 'cca2') }} as country_code_2,
    {{ json_text('raw.data', 'name.common') }} as common_name,
    {{ json_text('raw.data', 'name.official') }} as official_name,
    continents.continents,
    {{ json_text('raw.data', 'region') }} as region,
    {{ json_text('raw.data', 'subregion') }} as subregion,
    capitals.capital,
    capitals.capitals,
    cast({{ json_text('raw.data', 'area') }} as numeric(20, 2)) as area_km2,
    cast({{ json_text('raw.data', 'population') }} as numeric(20, 0)) as population,
    currencies.currency_codes,
    currencies.currencies,
    languages.languages,
    {{ json_text('raw.data', 'flags.png') }} as flag_png,
    {{ json_text('raw.data', 'flags.svg') }} as flag_svg,
    {{ json_text('raw.data', 'maps.googleMaps') }} as google_maps,
    {{ json_text('raw.data', 'maps.openStreetMaps') }} as open_street_maps,
    {{ json_text('raw.data', 'startOfWeek') }} as start_of_week,
    cast({{ json_text('raw.data', 'unMember') }} as boolean) as un_member,
    {{ json_text('raw.data', 'car.side') }} as driving_side,
    raw.insert_dts
from {{ ref('countries_raw') }} as raw
left join continents on raw.country_code = continents.country_code
left join capitals on raw.country_code = capitals.country_code
left join currencies on raw.country_code = currencies.country_code
left join languages on raw.country_code = languages.country_code
