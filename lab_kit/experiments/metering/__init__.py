"""What lab 13 measures: usage from a caller's ear to the last digit of an invoice."""
