{{ countries_in('Asia') }}
