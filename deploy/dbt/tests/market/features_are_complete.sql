-- Every bar has its features, also after a correction.
select bars.symbol, bars.bar_date
from {{ ref('daily_bars') }} as bars
left join {{ ref('daily_features') }} as features
    on features.symbol = bars.symbol and features.bar_date = bars.bar_date and features.close_price = bars.close_price
where features.symbol is null
