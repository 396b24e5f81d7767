"""What people see of a scored text: in a terminal, as lists and tables, and as a page."""
