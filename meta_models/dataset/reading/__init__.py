"""From files to rows: which files make up a table, text as Parquet, and streamed reading in bounded memory."""
