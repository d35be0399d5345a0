"""Sites, genes and bins that go wrong."""
