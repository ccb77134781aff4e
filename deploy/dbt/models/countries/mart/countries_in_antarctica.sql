{{ countries_in('Antarctica') }}
