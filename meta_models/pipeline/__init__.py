"""From a table to a finished run folder. The one room that sees training, analysis and inference."""
