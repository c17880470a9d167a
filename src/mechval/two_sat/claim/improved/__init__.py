"""A better interpretation: literal counts at ``:``, and neurons that vote on attended clauses."""
