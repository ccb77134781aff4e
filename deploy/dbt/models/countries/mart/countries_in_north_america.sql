{{ countries_in('North America') }}
