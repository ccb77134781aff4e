with

closes as (
    select
        symbol,
        bar_date,
        close_price,
        row_number() over (partition by symbol order by bar_date) as day_number,
        lag(close_price) over (partition by symbol order by bar_date) as previous_close
    from {{ ref('daily_bars') }}
)

select
    symbol,
    bar_date,
    day_number,
    close_price,
    -- exact decimals up to here: the difference is the true one
    close_price - previous_close as price_change,
    case when previous_close > 0 then cast(close_price as double) / cast(previous_close as double) - 1 end
        as simple_return,
    case
        when previous_close > 0 and close_price > 0 then ln(cast(close_price as double) / cast(previous_close as double))
    end as log_return
from closes
