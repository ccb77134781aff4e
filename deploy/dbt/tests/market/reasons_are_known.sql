-- A code that quarantine_codes lacks would leave its rows out of quarantine_by_reason.
select quarantine.quarantine_id, quarantine.quarantined_at, quarantine.reasons
from {{ ref('stg_quarantine') }} as quarantine
left join {{ ref('quarantine_codes') }} as codes
    on contains(',' || quarantine.reasons || ',', ',' || codes.reason || ',')
group by quarantine.quarantine_id, quarantine.quarantined_at, quarantine.reasons
having count(codes.reason) < 1 + length(quarantine.reasons) - length(replace(quarantine.reasons, ',', ''))
