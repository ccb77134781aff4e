{{ countries_in('Europe') }}
