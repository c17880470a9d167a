"""What is read: sections, tables, figures."""
