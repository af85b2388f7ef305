"""The page of a forecaster and its JSON: document.py and data.py compute, page.py shows."""
