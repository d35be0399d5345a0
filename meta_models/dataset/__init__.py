"""Tables of splice positions: files, footers, streamed reading, the narrow part held whole, the demo table."""
