{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='country_code',
        post_hook="delete from {{ this }} where country_code not in (select country_code from ({{ country_entries() }}) as entries)",
    )
}}

-- Only what is new or has changed is written, so INSERT_DTS says since when an entry is as it is.
select
    entries.country_code,
    entries.data,
    entries.md5_hash,
    {{ build_started() }} as insert_dts
from ({{ country_entries() }}) as entries
{% if is_incremental() %}
left join {{ this }} as present
    on entries.country_code = present.country_code and entries.md5_hash = present.md5_hash
where present.country_code is null
{% endif %}
