{#- A restated object may lack a day that it had: its bar goes. A merge alone would keep it for ever. -#}
{%- macro forget_vanished_days() -%}
    {%- if is_incremental() -%}
    delete from {{ this }}
    where (symbol, bar_date) not in (select symbol, bar_date from {{ ref('stg_prices') }})
    {%- endif -%}
{%- endmacro -%}
