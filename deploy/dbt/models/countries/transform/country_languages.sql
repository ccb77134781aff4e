select
    raw.country_code,
    member.key as language_code,
    {{ json_scalar('member.value') }} as language_name
from {{ ref('countries_raw') }} as raw
{{ json_members('raw.data', 'languages', 'member') }}
