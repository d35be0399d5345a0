"""A simulated genome to build from."""
