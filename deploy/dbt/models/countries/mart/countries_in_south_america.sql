{{ countries_in('South America') }}
