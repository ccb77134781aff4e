{{ config(materialized='json_copy') }}

{{ copy_json(source('raw', 'COUNTRIES'), stage=env_var('DBT_COUNTRIES_STAGE', '@FINANCIAL_DATA.RAW.API_STAGE/data/countries/')) }}
