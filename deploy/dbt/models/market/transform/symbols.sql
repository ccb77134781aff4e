with

named as (
    select symbol from {{ ref('daily_bars') }}
    union
    select symbol from {{ ref('symbol_reference') }}
),

described as (
    select
        named.symbol,
        coalesce(reference.name, named.symbol) as name,
        coalesce(reference.symbol_class, 'unclassified') as symbol_class,
        coalesce(reference.exchange, 'XXXX') as exchange
    from named
    left join {{ ref('symbol_reference') }} as reference on reference.symbol = named.symbol
)

select
    described.symbol,
    described.name,
    described.symbol_class,
    described.exchange,
    exchanges.calendar,
    classes.trading_days_per_year
from described
left join {{ ref('exchanges') }} as exchanges on exchanges.exchange = described.exchange
left join {{ ref('symbol_classes') }} as classes on classes.symbol_class = described.symbol_class
