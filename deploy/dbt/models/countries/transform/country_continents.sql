select
    raw.country_code,
    {{ json_position('member') }} as place,
    {{ json_scalar('member.value') }} as continent
from {{ ref('countries_raw') }} as raw
{{ json_members('raw.data', 'continents', 'member') }}
where {{ json_scalar('member.value') }} is not null
