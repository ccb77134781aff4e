"""What operators are told of trouble, and when."""
