"""What is known of the rows before a fit, and what each counts."""
