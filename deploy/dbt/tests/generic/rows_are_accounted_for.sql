{#- Of each object, every row read is loaded, quarantined, superseded or filtered. -#}
{% test rows_are_accounted_for(model) %}
select *
from {{ model }}
where rows_read <> rows_loaded + rows_quarantined + rows_superseded + rows_filtered
{% endtest %}
