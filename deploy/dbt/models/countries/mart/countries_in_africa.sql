{{ countries_in('Africa') }}
