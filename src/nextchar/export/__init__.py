"""A model in other forms: a page that writes in the browser."""
