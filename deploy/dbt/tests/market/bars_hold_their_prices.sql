-- Low is the lowest and high the highest of a bar.
select symbol, bar_date, open_price, high_price, low_price, close_price
from {{ ref('daily_bars') }}
where low_price > least(open_price, close_price) or high_price < greatest(open_price, close_price)
