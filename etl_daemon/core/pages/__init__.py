"""What a person who opens the daemon's pages is to see, as plain values; the server makes HTML of them."""
