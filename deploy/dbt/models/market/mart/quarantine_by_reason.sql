-- A row with several reasons counts for each of them.
select
    quarantine.dataset,
    cast(quarantine.quarantined_at as date) as quarantined_on,
    codes.reason,
    codes.meaning,
    codes.remedy,
    count(*) as quarantined_rows,
    count_if(quarantine.state = 'open') as open_rows
from {{ ref('stg_quarantine') }} as quarantine
inner join {{ ref('quarantine_codes') }} as codes
    on contains(',' || quarantine.reasons || ',', ',' || codes.reason || ',')
group by quarantine.dataset, cast(quarantine.quarantined_at as date), codes.reason, codes.meaning, codes.remedy
