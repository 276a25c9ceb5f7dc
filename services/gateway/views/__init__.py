"""What the API shows: the shared models, without what only Tocsin itself needs (validators, fingerprints)."""
