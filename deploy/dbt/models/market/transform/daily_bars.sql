{{
    config(
        materialized="incremental",
        incremental_strategy="merge",
        unique_key=["symbol", "bar_date"],
        on_schema_change="append_new_columns",
        post_hook="{{ forget_vanished_days() }}",
    )
}}

with

days as (
    select symbol, bar_date, count(*) as source_rows, max(loaded_at) as loaded_at
    from {{ ref('stg_prices') }}
    group by symbol, bar_date
),

stale as (
    select days.symbol, days.bar_date, days.source_rows, days.loaded_at
    from days
    {% if is_incremental() %}
    left join {{ this }} as built on built.symbol = days.symbol and built.bar_date = days.bar_date
    where
        -- whatever the day, however late its rows: new ones, fewer or more of them, or later ones
        built.loaded_at is null
        or built.source_rows <> days.source_rows
        or built.loaded_at <> days.loaded_at
        -- a commit that took long shows later than one with a later time, so the last hours are always made again
        or days.loaded_at >= (
            select {{ dbt.dateadd('hour', -var('daily_bars_lookback_hours'), 'max(loaded_at)') }} from {{ this }}
        )
    {% endif %}
),

-- a table that is appended to may have several rows of one moment: the latest counts, as in the daemon
prices as (
    select prices.*
    from {{ ref('stg_prices') }} as prices
    inner join stale on stale.symbol = prices.symbol and stale.bar_date = prices.bar_date
    qualify
        row_number() over (
            partition by prices.symbol, prices.priced_at
            order by prices.object_modified desc, prices.object_key desc, prices.object_row desc
        )
        = 1
),

bars as (
    select
        symbol,
        bar_date,
        min_by(open_price, priced_at) as open_price,
        max(high_price) as high_price,
        min(low_price) as low_price,
        max_by(close_price, priced_at) as close_price,
        cast(sum(volume) as numeric(38, 8)) as volume,
        min(priced_at) as first_at,
        max(priced_at) as last_at
    from prices
    group by symbol, bar_date
)

select
    bars.symbol,
    bars.bar_date,
    bars.open_price,
    bars.high_price,
    bars.low_price,
    bars.close_price,
    bars.volume,
    bars.first_at,
    bars.last_at,
    stale.source_rows,
    stale.loaded_at
from bars
inner join stale on stale.symbol = bars.symbol and stale.bar_date = bars.bar_date
