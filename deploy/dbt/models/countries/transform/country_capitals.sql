select
    raw.country_code,
    {{ json_position('member') }} as place,
    {{ json_scalar('member.value') }} as capital
from {{ ref('countries_raw') }} as raw
{{ json_members('raw.data', 'capital', 'member') }}
where {{ json_scalar('member.value') }} is not null
