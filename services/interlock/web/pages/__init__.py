"""One module a page: what it asks the API, and the document that its template and its JSON twin show."""
