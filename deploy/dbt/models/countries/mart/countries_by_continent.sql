-- A country that lies on two continents counts on both, so the sums are more than the world; one on none has a line too.
with counted as (
    select
        coalesce(lies.continent, 'none') as continent,
        countries.country_code,
        countries.un_member,
        countries.area_km2,
        countries.population
    from {{ ref('countries') }} as countries
    left join {{ ref('country_continents') }} as lies on countries.country_code = lies.country_code
),

currencies as (
    select counted.continent, count(distinct currencies.currency_code) as currencies
    from counted
    inner join {{ ref('country_currencies') }} as currencies on counted.country_code = currencies.country_code
    group by counted.continent
),

languages as (
    select counted.continent, count(distinct languages.language_code) as languages
    from counted
    inner join {{ ref('country_languages') }} as languages on counted.country_code = languages.country_code
    group by counted.continent
),

totals as (
    select
        continent,
        count(*) as countries,
        sum(case when un_member then 1 else 0 end) as un_members,
        sum(population) as population,
        sum(area_km2) as area_km2
    from counted
    group by continent
)

select
    totals.continent,
    totals.countries,
    totals.un_members,
    totals.population,
    totals.area_km2,
    coalesce(currencies.currencies, 0) as currencies,
    coalesce(languages.languages, 0) as languages
from totals
left join currencies on totals.continent = currencies.continent
left join languages on totals.continent = languages.continent
