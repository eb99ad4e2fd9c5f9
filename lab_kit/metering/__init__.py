"""What is used, as it is counted, priced, billed and reconciled: values in, values out."""
