select
    SYMBOL as symbol,
    TIMESTAMP as calculated_at,
    RSI as rsi,
    MACD as macd,
    MACD_SIGNAL as macd_signal,
    MACD_HISTOGRAM as macd_histogram,
    SMA_20 as sma_20,
    SMA_50 as sma_50,
    RSI_SIGNAL as rsi_signal,
    MACD_SIGNAL_TYPE as macd_signal_type,
    SMA_TREND as sma_trend,
    _LOADED_AT as loaded_at
from {{ source('analytics', 'TECHNICAL_INDICATORS') }}
-- a table that is appended to may have several rows of one moment: the latest counts, as in the daemon
qualify
    row_number() over (
        partition by SYMBOL, TIMESTAMP order by _OBJECT_MODIFIED desc, _OBJECT_KEY desc, _OBJECT_ROW desc
    )
    = 1
