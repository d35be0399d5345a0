"""What an analysis is, what it is given and what it hands back."""
