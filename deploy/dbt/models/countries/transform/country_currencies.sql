select
    raw.country_code,
    member.key as currency_code,
    {{ json_text('member.value', 'name') }} as currency_name,
    {{ json_text('member.value', 'symbol') }} as currency_symbol
from {{ ref('countries_raw') }} as raw
{{ json_members('raw.data', 'currencies', 'member') }}
