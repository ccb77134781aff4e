select
    SYMBOL as symbol,
    TIMESTAMP as priced_at,
    cast(TIMESTAMP as date) as bar_date,
    OPEN_PRICE as open_price,
    HIGH_PRICE as high_price,
    LOW_PRICE as low_price,
    CLOSE_PRICE as close_price,
    VOLUME as volume,
    SOURCE as source,
    _OBJECT_KEY as object_key,
    _OBJECT_ROW as object_row,
    _OBJECT_MODIFIED as object_modified,
    _LOADED_AT as loaded_at
from {{ source('market_data', 'PRICE_DATA') }}
