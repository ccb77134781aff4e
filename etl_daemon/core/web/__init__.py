"""What is taken from HTTP APIs: requests and answers as values, and what follows from them."""
