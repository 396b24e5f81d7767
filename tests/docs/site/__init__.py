"""The pages of docs/ as a site in two languages, that is read and searched without a server."""
