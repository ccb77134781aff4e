{{ countries_in('Oceania') }}
