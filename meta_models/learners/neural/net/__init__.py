"""What a net is: its layers, its weights in files, and what it starts from."""
