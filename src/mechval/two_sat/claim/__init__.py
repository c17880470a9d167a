"""The claim validated: main interpretations, variants, rivals, better ones."""
