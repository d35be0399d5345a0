"""What is done with finished run folders: comparison, tracking, reproduction, quality gates, evidence."""
